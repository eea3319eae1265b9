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

impl Memory {
    fn new(low: f64, high: f64) -> Self {
        Memory { low, high, inward: (false, false), step: f64::INFINITY }
    }
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
        lanes.low[..room.n].fill(which.0);
        lanes.high[..room.n].fill(which.1);
        self.limit(room, budget, lanes);
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

    /// Draws the ends of every lane in to where tokens and their ratio allow.
    pub(super) fn limit(&self, room: &mut Room, budget: &[f64], lanes: &mut Lanes) {
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
        let same = |x: &[f64]| x[..whole].iter().all(|y| *y == x[0]);
        let is_uniform = self.question.over.is_empty() && same(budget) && same(&lanes.low) && same(&lanes.high);
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

    /// Newton steps to the root of the slope between the ends of each lane.
    pub(super) fn descend(&self, room: &mut Room, budget: &[f64], lanes: &mut Lanes, point: &mut Point) {
        let n = room.n;
        let mut memory: Vec<Memory> = (0..n).map(|i| Memory::new(lanes.low[i], lanes.high[i])).collect();
        for (z, m) in lanes.z.iter_mut().zip(&memory) {
            *z = if z.is_nan() { 0.5 * (m.low + m.high) } else { z.max(m.low).min(m.high) };
        }
        for _ in 0..STEPS {
            self.at(room, &lanes.z, budget, point);
            let mut left = false;
            for (i, memory) in memory.iter_mut().enumerate() {
                if lanes.end[i].is_some() {
                    continue;
                }
                let (next, end) = advance(memory, lanes.z[i], point.slope[i], point.curve[i]);
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
