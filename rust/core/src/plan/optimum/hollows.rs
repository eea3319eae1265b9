//! Laws and costs with more than one hollow: where to begin, and whether something lower lies beside.

use super::End;
use super::minimum::{Lanes, keep_lower};
use super::surface::{BLOCK, Point, Room, Surface};

/// Sizes that a law without a certificate is scanned at where nothing is known yet.
const SCAN: usize = 193;
/// How far from a minimum that was found, in ln N, lower ones are looked for: table costs wave nearby, laws far away.
const PROBES: [f64; 8] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4];

impl Surface {
    /// Looks at the whole range first, then descends into the two lowest hollows.
    pub(super) fn scan(&self, room: &mut Room, budget: &[f64], lanes: &mut Lanes, point: &mut Point) {
        let n = room.n;
        let mut values = vec![0.0; SCAN * BLOCK];
        for k in 0..SCAN {
            (0..n).for_each(|i| lanes.z[i] = grid_point(lanes, i, k));
            self.at(room, &lanes.z, budget, point);
            values[k * BLOCK..][..n].copy_from_slice(&point.value[..n]);
        }
        let hollows: Vec<[Option<usize>; 2]> = (0..n).map(|i| lowest(&values, i)).collect();
        let (mut best, mut other) = (self.enter_hollows(room, &hollows, 0, budget, lanes, point), Point::new());
        if hollows.iter().any(|h| h[1].is_some()) {
            let second = self.enter_hollows(room, &hollows, 1, budget, lanes, &mut other);
            keep_lower(&mut best, point, &second, &other, n);
        }
        (lanes.z, lanes.end) = (best.z, best.end);
    }

    /// Descends into one hollow of every lane that has it.
    fn enter_hollows(
        &self,
        room: &mut Room,
        hollows: &[[Option<usize>; 2]],
        which: usize,
        budget: &[f64],
        lanes: &Lanes,
        point: &mut Point,
    ) -> Lanes {
        let mut part = lanes.clone();
        for (i, hollow) in hollows.iter().enumerate() {
            let Some(k) = hollow[which] else {
                part.end[i] = Some(End::Infeasible);
                continue;
            };
            part.z[i] = grid_point(lanes, i, k);
            part.low[i] = grid_point(lanes, i, k.saturating_sub(1));
            part.high[i] = grid_point(lanes, i, (k + 1).min(SCAN - 1));
        }
        self.descend(room, budget, &mut part, point);
        self.leave_hollows(room, budget, &mut part, lanes, point);
        part
    }

    /// Where a descent ended at an end of its hollow that is no end of the range, it goes on from there.
    fn leave_hollows(&self, room: &mut Room, budget: &[f64], part: &mut Lanes, whole: &Lanes, point: &mut Point) {
        let mut left = false;
        for i in 0..room.n {
            let inside = part.z[i] > whole.low[i] && part.z[i] < whole.high[i];
            if inside && matches!(part.end[i], Some(End::Low | End::High)) {
                part.end[i] = None;
                left = true;
            }
        }
        if left {
            (part.low, part.high) = (whole.low.clone(), whole.high.clone());
            self.descend(room, budget, part, point);
        }
    }

    /// Looks for something lower around the minima that were found, and descends from there.
    pub(super) fn probe(&self, room: &mut Room, budget: &[f64], lanes: &mut Lanes, point: &mut Point) {
        let n = room.n;
        let (mut lowest, mut from) = (point.value.clone(), vec![f64::NAN; BLOCK]);
        let (mut z, mut other) = (lanes.z.clone(), Point::new());
        for offset in PROBES.into_iter().flat_map(|x| [x, -x]) {
            for (i, z) in z[..n].iter_mut().enumerate() {
                *z = (lanes.z[i] + offset).clamp(lanes.low[i], lanes.high[i]);
            }
            self.at(room, &z, budget, &mut other);
            for i in 0..n {
                if other.value[i] < lowest[i] - 1e-13 * lowest[i].abs() {
                    (lowest[i], from[i]) = (other.value[i], z[i]);
                }
            }
        }
        if from[..n].iter().all(|z| z.is_nan()) {
            return;
        }
        let mut again = lanes.clone();
        for i in (0..n).filter(|&i| !from[i].is_nan()) {
            // The probes on either side lie at half and at twice the distance.
            let offset = from[i] - lanes.z[i];
            let (near, far) = (lanes.z[i] + 0.5 * offset, lanes.z[i] + 2.0 * offset);
            again.low[i] = near.min(far).clamp(lanes.low[i], lanes.high[i]);
            again.high[i] = near.max(far).clamp(lanes.low[i], lanes.high[i]);
            (again.z[i], again.end[i]) = (from[i], None);
        }
        self.descend(room, budget, &mut again, &mut other);
        self.leave_hollows(room, budget, &mut again, lanes, &mut other);
        keep_lower(lanes, point, &again, &other, n);
    }
}

/// Size `k` of the scan of lane `i`.
fn grid_point(lanes: &Lanes, i: usize, k: usize) -> f64 {
    let share = k as f64 / (SCAN - 1) as f64;
    if k + 1 == SCAN { lanes.high[i] } else { lanes.low[i] + (lanes.high[i] - lanes.low[i]) * share }
}

/// The two lowest grid points of lane `i` that are lower than both neighbours.
fn lowest(values: &[f64], i: usize) -> [Option<usize>; 2] {
    let at = |k: usize| values[k * BLOCK + i];
    let mut best: [Option<usize>; 2] = [None, None];
    for k in 0..SCAN {
        let is_hollow = at(k).is_finite() && (k == 0 || at(k) < at(k - 1)) && (k + 1 == SCAN || at(k) <= at(k + 1));
        if !is_hollow {
            continue;
        }
        if best[0].is_none_or(|b| at(k) < at(b)) {
            best = [Some(k), best[0]];
        } else if best[1].is_none_or(|b| at(k) < at(b)) {
            best[1] = Some(k);
        }
    }
    best
}
