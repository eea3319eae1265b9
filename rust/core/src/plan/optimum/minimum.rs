//! The smallest loss along a budget, lane by lane: a Newton search for the root of the slope inside a
//! bracket, which halves where a step leaves it.
//!
//! A lane that has ended stands still, so that its result does not depend on the other lanes.

use super::End;
use super::surface::{BLOCK, Point, Room, Surface};
use crate::simd::LANES;

/// Steps at most; halving alone settles in fewer.
const STEPS: usize = 120;
/// A step this small is the last: the next would be its square.
const LAST_STEP: f64 = 1e-8;
/// Sizes that a law without a certificate is scanned at where nothing is known yet.
const SCAN: usize = 193;
/// How far from a minimum that was found, in ln N, lower ones are looked for: table costs wave nearby, laws far away.
const PROBES: [f64; 8] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4];
/// Halvings of a search for a limit.
const HALVINGS: usize = 64;

/// Lanes of a search in ln N: where it may be, where it is, how it ended.
#[derive(Debug, Clone)]
pub(super) struct Lanes {
    pub low: Vec<f64>,
    pub high: Vec<f64>,
    pub z: Vec<f64>,
    pub end: Vec<Option<End>>,
}

impl Lanes {
    pub fn new() -> Self {
        let lanes = || vec![0.0; BLOCK];
        Lanes { low: lanes(), high: lanes(), z: lanes(), end: vec![None; BLOCK] }
    }
}

/// What one lane remembers between steps.
#[derive(Debug, Clone, Copy)]
struct Memory {
    low: f64,
    high: f64,
    /// Whether the slope at each end is known to point inwards.
    inward: (bool, bool),
    step: f64,
}

impl Surface {
    /// Minimises over one box from `lanes.z`; the loss of the result is in `point`.
    pub(super) fn minimise(
        &self,
        room: &mut Room,
        which: (f64, f64),
        budget: &[f64],
        lanes: &mut Lanes,
        point: &mut Point,
    ) {
        self.bracket(room, which, budget, lanes);
        let is_known = lanes.z[..room.n].iter().all(|z| !z.is_nan());
        if self.is_convex || which.0 == which.1 {
            self.descend(room, budget, lanes, point);
        } else if is_known {
            self.descend(room, budget, lanes, point);
            self.probe(room, budget, lanes, point);
        } else {
            self.scan(room, budget, lanes, point);
        }
    }

    /// Looks for something lower around the minima that were found, and descends from there.
    fn probe(&self, room: &mut Room, budget: &[f64], lanes: &mut Lanes, point: &mut Point) {
        let n = room.n;
        let (mut lowest, mut from) = (point.value.clone(), vec![f64::NAN; BLOCK]);
        let (mut z, mut other) = (lanes.z.clone(), Point::new());
        for offset in PROBES.into_iter().flat_map(|x| [x, -x]) {
            for i in 0..n {
                z[i] = (lanes.z[i] + offset).clamp(lanes.low[i], lanes.high[i]);
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
        relabel(&mut again, lanes, n);
        keep_lower(lanes, point, &again, &other, n);
    }

    /// Sets the ends of every lane: those of the box, drawn in to where tokens and their ratio allow.
    fn bracket(&self, room: &mut Room, (low, high): (f64, f64), budget: &[f64], lanes: &mut Lanes) {
        lanes.low[..room.n].fill(low);
        lanes.high[..room.n].fill(high);
        lanes.end[..room.n].fill(None);
        let (tokens, ratio) = (self.question.tokens, self.question.ratio);
        // ln D and ln D - ln N fall as N grows: too many tokens bound it from below, too few from above.
        let (most, least) = ((tokens.1, ratio.1), (tokens.0, ratio.0));
        if most.0 < f64::INFINITY || most.1 < f64::INFINITY {
            self.draw_in(room, budget, lanes, true, |v, z| v <= most.0 && v - z <= most.1);
        }
        if least.0 > f64::NEG_INFINITY || least.1 > f64::NEG_INFINITY {
            self.draw_in(room, budget, lanes, false, |v, z| v >= least.0 && v - z >= least.1);
        }
    }

    /// Moves one end of every lane to the first size, seen from there, that is allowed.
    fn draw_in(
        &self,
        room: &mut Room,
        budget: &[f64],
        lanes: &mut Lanes,
        is_low: bool,
        allowed: impl Fn(f64, f64) -> bool,
    ) {
        let whole = room.n;
        // Where all lanes have one budget and nothing else moves, the first lanes speak for all.
        let is_uniform = self.question.over.is_empty() && budget[..whole].iter().all(|b| *b == budget[0]);
        room.n = if is_uniform { LANES } else { whole };
        let n = room.n;
        let mut tokens = vec![0.0; BLOCK];
        let (mut bad, mut good) =
            if is_low { (lanes.low.clone(), lanes.high.clone()) } else { (lanes.high.clone(), lanes.low.clone()) };
        let mut done = [false; BLOCK];
        self.tokens(room, &bad, budget, &mut tokens);
        (0..n).for_each(|i| done[i] = allowed(tokens[i], bad[i]));
        self.tokens(room, &good, budget, &mut tokens);
        for i in 0..n {
            if !done[i] && !allowed(tokens[i], good[i]) {
                lanes.end[i] = Some(End::Infeasible);
            }
        }
        let mut middle = vec![0.0; BLOCK];
        for _ in 0..HALVINGS {
            (0..n).for_each(|i| middle[i] = 0.5 * (bad[i] + good[i]));
            self.tokens(room, &middle, budget, &mut tokens);
            for i in 0..n {
                if allowed(tokens[i], middle[i]) { good[i] = middle[i] } else { bad[i] = middle[i] }
            }
        }
        let ends = if is_low { &mut lanes.low } else { &mut lanes.high };
        (0..n).filter(|&i| !done[i]).for_each(|i| ends[i] = good[i]);
        if is_uniform {
            let (end, outcome) = (ends[0], lanes.end[0]);
            ends[..whole].fill(end);
            lanes.end[..whole].fill(outcome);
        }
        room.n = whole;
    }

    /// Looks at the whole range first, then descends into the two lowest hollows.
    fn scan(&self, room: &mut Room, budget: &[f64], lanes: &mut Lanes, point: &mut Point) {
        let n = room.n;
        let mut values = vec![0.0; SCAN * BLOCK];
        let place = |lanes: &Lanes, i: usize, k: usize| {
            if k + 1 == SCAN {
                lanes.high[i]
            } else {
                lanes.low[i] + (lanes.high[i] - lanes.low[i]) * (k as f64 / (SCAN - 1) as f64)
            }
        };
        for k in 0..SCAN {
            (0..n).for_each(|i| lanes.z[i] = place(lanes, i, k));
            self.at(room, &lanes.z, budget, point);
            values[k * BLOCK..][..n].copy_from_slice(&point.value[..n]);
        }
        let hollows: Vec<[Option<usize>; 2]> = (0..n).map(|i| lowest(&values, i)).collect();
        let mut best: Option<(Lanes, Point)> = None;
        for turn in 0..2 {
            if turn == 1 && hollows.iter().all(|h| h[1].is_none()) {
                break;
            }
            let mut part = lanes.clone();
            for i in 0..n {
                match hollows[i][turn] {
                    Some(k) => {
                        part.z[i] = place(lanes, i, k);
                        part.low[i] = place(lanes, i, k.saturating_sub(1));
                        part.high[i] = place(lanes, i, (k + 1).min(SCAN - 1));
                    }
                    None if turn == 0 => part.end[i] = part.end[i].or(Some(End::Infeasible)),
                    None => {}
                }
            }
            self.descend(room, budget, &mut part, point);
            relabel(&mut part, lanes, n);
            match &mut best {
                Some((lowest, at)) => keep_lower(lowest, at, &part, point, n),
                None => best = Some((part, point.clone())),
            }
        }
        let (found, at) = best.expect("there is a first turn");
        (lanes.z, lanes.end, *point) = (found.z, found.end, at);
    }

    /// Newton steps to the root of the slope between the ends of each lane.
    fn descend(&self, room: &mut Room, budget: &[f64], lanes: &mut Lanes, point: &mut Point) {
        let n = room.n;
        let mut memory: Vec<Memory> = (0..n)
            .map(|i| {
                let (low, high) = (lanes.low[i], lanes.high[i]);
                if !(lanes.z[i] >= low && lanes.z[i] <= high) {
                    lanes.z[i] = if lanes.z[i] > high {
                        high
                    } else if lanes.z[i] < low {
                        low
                    } else {
                        0.5 * (low + high)
                    };
                }
                Memory { low, high, inward: (false, false), step: f64::INFINITY }
            })
            .collect();
        for _ in 0..STEPS {
            self.at(room, &lanes.z, budget, point);
            let mut left = false;
            for i in 0..n {
                if lanes.end[i].is_some() {
                    continue;
                }
                let (next, end) = advance(&mut memory[i], lanes.z[i], point.slope[i], point.curve[i]);
                (lanes.z[i], lanes.end[i]) = (next, end);
                left |= end.is_none();
            }
            if !left {
                break;
            }
        }
        self.at(room, &lanes.z, budget, point);
        for i in 0..n {
            if lanes.end[i] == Some(End::Infeasible) || !point.value[i].is_finite() {
                lanes.end[i] = Some(End::Infeasible);
                point.value[i] = f64::INFINITY;
            }
            lanes.end[i] = lanes.end[i].or(Some(End::Unsettled));
        }
    }
}

/// The next place of one lane, and how it ended if it did.
fn advance(m: &mut Memory, z: f64, slope: f64, curve: f64) -> (f64, Option<End>) {
    if slope == 0.0 {
        return (z, Some(End::Interior));
    }
    if slope > 0.0 {
        if z == m.low && !m.inward.0 {
            return (z, Some(End::Low));
        }
        (m.high, m.inward.1) = (z, true);
    } else {
        if z == m.high && !m.inward.1 {
            return (z, Some(End::High));
        }
        (m.low, m.inward.0) = (z, true);
    }
    let width = m.high - m.low;
    if width <= 1e-15 * z.abs().max(1.0) {
        return (z, Some(End::Interior));
    }
    let step = if curve > 0.0 { -slope / curve } else { f64::NAN };
    if step.abs() <= LAST_STEP {
        return ((z + step).clamp(m.low, m.high), Some(End::Interior));
    }
    let known = m.inward == (true, true);
    let slow = known && step.abs() > 0.5 * m.step;
    let middle = 0.5 * (m.low + m.high);
    let next = if step.is_nan() || slow {
        middle
    } else if z + step >= m.high {
        if m.inward.1 { middle } else { m.high }
    } else if z + step <= m.low {
        if m.inward.0 { middle } else { m.low }
    } else {
        z + step
    };
    m.step = (next - z).abs();
    (next, None)
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

/// An end of a hollow is no end of the range.
fn relabel(part: &mut Lanes, whole: &Lanes, n: usize) {
    for i in 0..n {
        part.end[i] = match part.end[i] {
            Some(End::Low) if part.z[i] > whole.low[i] => Some(End::Interior),
            Some(End::High) if part.z[i] < whole.high[i] => Some(End::Interior),
            other => other,
        };
    }
}

/// Keeps the lower of two results, lane by lane.
pub(super) fn keep_lower(best: &mut Lanes, at: &mut Point, other: &Lanes, point: &Point, n: usize) {
    for i in 0..n {
        if !(point.value[i] < at.value[i]) {
            continue;
        }
        (best.z[i], best.end[i]) = (other.z[i], other.end[i]);
        for (to, from) in [
            (&mut at.tokens, &point.tokens),
            (&mut at.value, &point.value),
            (&mut at.slope, &point.slope),
            (&mut at.curve, &point.curve),
            (&mut at.gain, &point.gain),
            (&mut at.trade, &point.trade),
            (&mut at.by_tokens, &point.by_tokens),
        ] {
            to[i] = from[i];
        }
    }
}
