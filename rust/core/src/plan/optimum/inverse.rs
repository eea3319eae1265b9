//! The questions the other way round: the budget that reaches a loss, the sizes that waste little, the
//! tokens that a size needs.

use super::End;
use super::profile::Found;
use super::surface::{BLOCK, Point, Room, Surface};
use crate::error::Result;

/// Steps at most of each search.
const STEPS: usize = 100;
/// ln of the smallest and largest budget that is looked at.
const BUDGETS: (f64, f64) = (-20.0, 140.0);
/// A budget moves by at most this much, in logs, in one step.
const REACH: f64 = 4.0;
/// A step this small is the last one.
const LAST_STEP: f64 = 1e-9;

/// A bracketed Newton search for where a falling function of one number is zero.
#[derive(Debug, Clone, Copy)]
struct Falling {
    low: f64,
    high: f64,
    done: bool,
}

impl Falling {
    /// The next place after value `f` and slope `df` at `x`, at most `reach` away.
    fn advance(&mut self, x: f64, f: f64, df: f64, reach: f64) -> f64 {
        if f == 0.0 {
            self.done = true;
            return x;
        }
        if f > 0.0 {
            self.low = x
        } else {
            self.high = x
        }
        let step = if df < 0.0 { -f / df } else { f.signum() * reach };
        if step.abs() <= LAST_STEP || self.high - self.low <= 1e-15 * x.abs().max(1.0) {
            self.done = true;
            return (x + step).clamp(self.low, self.high);
        }
        let next = x + step.clamp(-reach, reach);
        if next > self.low && next < self.high { next } else { 0.5 * (self.low + self.high) }
    }
}

impl Surface {
    /// The smallest log budget whose optimum reaches each lane's loss, from `budget`.
    ///
    /// # Errors
    /// Cancelled.
    pub(super) fn budget_for(
        &self,
        room: &mut Room,
        target: &[f64],
        budget: &mut [f64],
        found: &mut Found,
    ) -> Result<()> {
        let n = room.n;
        budget[..n].iter_mut().for_each(|b| *b = b.clamp(BUDGETS.0, BUDGETS.1));
        let start = found.lanes.z.clone();
        let mut search = vec![Falling { low: BUDGETS.0, high: BUDGETS.1, done: false }; n];
        for _ in 0..STEPS {
            self.solve(room, budget, found)?;
            let mut left = false;
            for i in 0..n {
                if search[i].done {
                    continue;
                }
                // Where nothing can be paid for the loss is infinite: more is needed.
                let f = found.point.value[i] - target[i];
                budget[i] = search[i].advance(budget[i], f.min(f64::MAX), found.point.gain[i], REACH);
                left |= !search[i].done;
            }
            if !left {
                break;
            }
        }
        // From the first guess again: how many steps the other lanes took must not show in the last digits.
        found.lanes.z = start;
        self.solve(room, budget, found)?;
        for i in 0..n {
            let missed = !(found.point.value[i] <= target[i] + 1e-9 * target[i].abs());
            if budget[i] > BUDGETS.1 - 1.0 || missed {
                found.lanes.end[i] = Some(End::Unreachable);
            }
        }
        Ok(())
    }

    /// The size between `from` and `ends` at which the loss under a log budget comes up to `target`; the
    /// end, where it does not.
    pub(super) fn reach(
        &self,
        room: &mut Room,
        from: &[f64],
        ends: &[f64],
        budget: &[f64],
        target: &[f64],
        to: &mut [f64],
    ) {
        let n = room.n;
        let mut point = Point::new();
        to[..n].copy_from_slice(&ends[..n]);
        self.at(room, to, budget, &mut point);
        let mut inside: Vec<f64> = from[..n].to_vec();
        let mut outside = ends[..n].to_vec();
        let done: Vec<bool> = (0..n).map(|i| point.value[i] <= target[i] || from[i] == ends[i]).collect();
        let mut z: Vec<f64> = (0..BLOCK).map(|i| if i < n { 0.5 * (inside[i] + outside[i]) } else { 0.0 }).collect();
        let mut settled = done.clone();
        for _ in 0..STEPS {
            self.at(room, &z, budget, &mut point);
            for i in 0..n {
                if settled[i] {
                    continue;
                }
                let f = point.value[i] - target[i];
                if f > 0.0 {
                    outside[i] = z[i]
                } else {
                    inside[i] = z[i]
                }
                let step = -f / point.slope[i];
                let within = |x: f64| (x - inside[i]) * (x - outside[i]) < 0.0;
                settled[i] = step.abs() <= LAST_STEP || (inside[i] - outside[i]).abs() <= 1e-14 * z[i].abs().max(1.0);
                z[i] = if within(z[i] + step) || step.abs() <= LAST_STEP {
                    z[i] + step
                } else {
                    0.5 * (inside[i] + outside[i])
                };
            }
            if settled.iter().all(|&s| s) {
                break;
            }
        }
        (0..n).filter(|&i| !done[i]).for_each(|i| to[i] = z[i]);
    }

    /// ln of the tokens at which each lane's size reaches a loss; infinite where it never does.
    pub(super) fn tokens_for(&self, room: &mut Room, z: &[f64], target: &[f64], to: &mut [f64]) {
        let n = room.n;
        let mut search = vec![Falling { low: BUDGETS.0, high: BUDGETS.1, done: false }; n];
        let (mut value, mut slope) = (vec![0.0; BLOCK], vec![0.0; BLOCK]);
        to[..n].iter_mut().for_each(|to| *to = to.clamp(BUDGETS.0, BUDGETS.1));
        for _ in 0..STEPS {
            self.at_tokens(room, z, to, &mut value, &mut slope);
            for i in 0..n {
                if search[i].done {
                    continue;
                }
                to[i] = search[i].advance(to[i], (value[i] - target[i]).min(f64::MAX), slope[i], REACH);
            }
            if search.iter().all(|s| s.done) {
                break;
            }
        }
        self.at_tokens(room, z, to, &mut value, &mut slope);
        for i in 0..n {
            if !(value[i] <= target[i] + 1e-9 * target[i].abs()) || to[i] > BUDGETS.1 - 1.0 {
                to[i] = f64::INFINITY;
            }
        }
    }
}
