//! Further free variables (experts, sparsity, a shape) around the search in ln N: a scan of each range,
//! then golden sections of the loss that is left when everything inside has been minimised.

use super::minimum::{Lanes, keep_lower};
use super::surface::{BLOCK, Point, Room, Surface};
use crate::error::Result;

/// Points of the first scan of a range.
const SCAN: usize = 9;
/// Sections: the bracket shrinks to 1e-8 of the scan's.
const SECTIONS: usize = 38;
const GOLDEN: f64 = 0.618_033_988_749_894_8;

/// A solution of every lane: size, further coordinates, what is known there.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub lanes: Lanes,
    pub point: Point,
    pub over: Vec<Vec<f64>>,
}

impl Found {
    pub fn new(surface: &Surface) -> Self {
        let over = surface.question.over.iter().map(|&(_, low, high)| vec![0.5 * (low + high); BLOCK]).collect();
        Found { lanes: Lanes::new(), point: Point::new(), over }
    }
}

impl Surface {
    /// The lowest loss over everything that is free, from the sizes in `found`.
    ///
    /// # Errors
    /// Cancelled.
    pub(super) fn solve(&self, room: &mut Room, budget: &[f64], found: &mut Found) -> Result<()> {
        self.inside(room, 0, budget, found)
    }

    /// The lowest loss over size and the coordinates from `depth` on.
    fn inside(&self, room: &mut Room, depth: usize, budget: &[f64], found: &mut Found) -> Result<()> {
        if depth == self.question.over.len() {
            room.cancel.check()?;
            self.over_boxes(room, budget, &mut found.lanes, &mut found.point);
            return Ok(());
        }
        let (_, low, high) = self.question.over[depth];
        let (mut best, at) = self.survey(room, depth, budget, found, low, high)?;
        let cell = (high - low) / (SCAN - 1) as f64;
        let clamp = |x: f64| x.clamp(low, high);
        let (mut a, mut b): (Vec<f64>, Vec<f64>) = at.iter().map(|&x| (clamp(x - cell), clamp(x + cell))).unzip();
        let inner = |a: &[f64], b: &[f64], share: f64| -> Vec<f64> {
            a.iter().zip(b).map(|(a, b)| a + share * (b - a)).collect()
        };
        let (mut c, mut d) = (inner(&a, &b, 1.0 - GOLDEN), inner(&a, &b, GOLDEN));
        let mut left = self.try_at(room, depth, budget, found, &c, &mut best)?;
        let mut right = self.try_at(room, depth, budget, found, &d, &mut best)?;
        for _ in 0..SECTIONS {
            let mut probe = vec![0.0; BLOCK];
            let mut to_left = [false; BLOCK];
            for i in 0..room.n {
                to_left[i] = left[i] <= right[i];
                if to_left[i] {
                    (b[i], d[i], right[i]) = (d[i], c[i], left[i]);
                    c[i] = a[i] + (1.0 - GOLDEN) * (b[i] - a[i]);
                    probe[i] = c[i];
                } else {
                    (a[i], c[i], left[i]) = (c[i], d[i], right[i]);
                    d[i] = a[i] + GOLDEN * (b[i] - a[i]);
                    probe[i] = d[i];
                }
            }
            let values = self.try_at(room, depth, budget, found, &probe, &mut best)?;
            for i in 0..room.n {
                if to_left[i] { left[i] = values[i] } else { right[i] = values[i] }
            }
        }
        *found = best;
        Ok(())
    }

    /// Tries even steps of a range; returns the best of every lane and where it was.
    fn survey(
        &self,
        room: &mut Room,
        depth: usize,
        budget: &[f64],
        found: &mut Found,
        low: f64,
        high: f64,
    ) -> Result<(Found, Vec<f64>)> {
        let mut best = found.clone();
        best.point.value.fill(f64::INFINITY);
        for k in 0..SCAN {
            let x = if k + 1 == SCAN { high } else { low + (high - low) * (k as f64 / (SCAN - 1) as f64) };
            self.try_at(room, depth, budget, found, &[x; BLOCK], &mut best)?;
        }
        let at = best.over[depth].clone();
        Ok((best, at))
    }

    /// Sets one coordinate, minimises what is inside, and keeps what is lower than the best.
    fn try_at(
        &self,
        room: &mut Room,
        depth: usize,
        budget: &[f64],
        found: &mut Found,
        x: &[f64],
        best: &mut Found,
    ) -> Result<Vec<f64>> {
        found.over[depth][..room.n].copy_from_slice(&x[..room.n]);
        self.set(room, depth, x);
        self.inside(room, depth + 1, budget, found)?;
        let values = found.point.value.clone();
        for i in (0..room.n).filter(|&i| found.point.value[i] < best.point.value[i]) {
            best.over.iter_mut().zip(&found.over).for_each(|(to, from)| to[i] = from[i]);
        }
        // Why a lane has nothing yet, whatever the others have.
        for i in (0..room.n).filter(|&i| best.point.value[i].is_infinite()) {
            best.lanes.end[i] = found.lanes.end[i];
        }
        keep_lower(&mut best.lanes, &mut best.point, &found.lanes, &found.point, room.n);
        Ok(values)
    }

    /// The lowest loss over all stretches of sizes.
    fn over_boxes(&self, room: &mut Room, budget: &[f64], lanes: &mut Lanes, point: &mut Point) {
        let boxes = &self.question.boxes;
        if let [only] = boxes[..] {
            return self.minimise(room, only, budget, lanes, point);
        }
        let (start, mut part) = (lanes.clone(), Point::new());
        self.minimise(room, boxes[0], budget, lanes, point);
        for &which in &boxes[1..] {
            let mut other = start.clone();
            self.minimise(room, which, budget, &mut other, &mut part);
            keep_lower(lanes, point, &other, &part, room.n);
        }
    }
}
