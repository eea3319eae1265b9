//! Draws × budgets on threads. A block of draws goes through all budgets in their order, each warm
//! from the one before; what a draw's result is depends on no other draw, nor on the threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::End;
use super::minimum::Lanes;
use super::profile::Found;
use super::surface::{BLOCK, Room, Surface};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::simd::LANES;

/// Native parameters, a row of `p` values for each draw.
#[derive(Debug, Clone, Copy)]
pub struct Draws<'a> {
    /// All rows, one after the other.
    pub values: &'a [f64],
    /// Parameters of a row.
    pub p: usize,
}

impl Draws<'_> {
    /// How many draws there are; a law without parameters has one.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.p).unwrap_or(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Results by target and draw (targets × draws); sizes, tokens and budgets as logarithms.
#[derive(Debug, Clone, Default)]
pub struct Optima {
    /// ln N.
    pub size: Vec<f64>,
    /// ln D.
    pub tokens: Vec<f64>,
    /// The loss.
    pub loss: Vec<f64>,
    /// ln of the budget.
    pub budget: Vec<f64>,
    /// Its derivative by the log of the budget, at the optimum.
    pub gain: Vec<f64>,
    /// How each search ended, as [`End`].
    pub end: Vec<u8>,
    /// Further coordinates, one vector each.
    pub over: Vec<Vec<f64>>,
}

impl Optima {
    fn new(targets: usize, draws: usize, over: usize) -> Self {
        let zeros = || vec![0.0; targets * draws];
        Optima {
            size: zeros(),
            tokens: zeros(),
            loss: zeros(),
            budget: zeros(),
            gain: zeros(),
            end: vec![0; targets * draws],
            over: vec![zeros(); over],
        }
    }

    fn take(&mut self, at: usize, found: &Found, budget: &[f64], count: usize) {
        let columns = [
            (&mut self.size, &found.lanes.z[..]),
            (&mut self.tokens, &found.point.tokens[..]),
            (&mut self.loss, &found.point.value[..]),
            (&mut self.gain, &found.point.gain[..]),
            (&mut self.budget, budget),
        ];
        for (to, from) in columns {
            to[at..at + count].copy_from_slice(&from[..count]);
        }
        for (to, from) in self.over.iter_mut().zip(&found.over) {
            to[at..at + count].copy_from_slice(&from[..count]);
        }
        for i in 0..count {
            self.end[at + i] = found.lanes.end[i].unwrap_or(End::Unsettled) as u8;
        }
    }

    /// Puts the results of some draws where they belong among all.
    fn place(&mut self, part: &Optima, first: usize, count: usize, draws: usize) {
        let mut columns: Vec<(&mut Vec<f64>, &Vec<f64>)> = vec![
            (&mut self.size, &part.size),
            (&mut self.tokens, &part.tokens),
            (&mut self.loss, &part.loss),
            (&mut self.gain, &part.gain),
            (&mut self.budget, &part.budget),
        ];
        columns.extend(self.over.iter_mut().zip(&part.over));
        for target in 0..part.size.len() / count.max(1) {
            let (to, from) = (target * draws + first, target * count);
            columns.iter_mut().for_each(|(all, part)| all[to..to + count].copy_from_slice(&part[from..from + count]));
            self.end[to..to + count].copy_from_slice(&part.end[from..from + count]);
        }
    }
}

impl Surface {
    /// The optimum of every draw at every log budget; `starts` holds a first guess of ln N for each.
    ///
    /// # Errors
    /// Lengths that do not fit; cancelled.
    pub fn at_budgets(
        &self,
        draws: Draws<'_>,
        budgets: &[f64],
        starts: &[f64],
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Optima> {
        self.check(draws, budgets.len(), starts.len())?;
        self.blocks(draws, budgets.len(), threads, cancel, |room, count, part| {
            let mut found = Found::new(self);
            for (t, &budget) in budgets.iter().enumerate() {
                self.warm(&mut found, starts, t);
                let budget = [budget; BLOCK];
                self.solve(room, &budget, &mut found)?;
                part.take(t * count, &found, &budget, count);
            }
            Ok(())
        })
    }

    /// The smallest budget of every draw that reaches each loss; `starts` and `budgets` are first guesses.
    ///
    /// # Errors
    /// As [`Surface::at_budgets`].
    pub fn at_losses(
        &self,
        draws: Draws<'_>,
        losses: &[f64],
        starts: &[f64],
        budgets: &[f64],
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Optima> {
        self.check(draws, losses.len(), starts.len())?;
        self.check(draws, losses.len(), budgets.len())?;
        self.blocks(draws, losses.len(), threads, cancel, |room, count, part| {
            let mut found = Found::new(self);
            for (t, &loss) in losses.iter().enumerate() {
                self.warm(&mut found, starts, t);
                let mut budget = [budgets[t]; BLOCK];
                self.budget_for(room, &[loss; BLOCK], &mut budget, &mut found)?;
                part.take(t * count, &found, &budget, count);
            }
            Ok(())
        })
    }

    /// ln N, on both sides of each size, at which the loss under a budget comes up to a target: for one
    /// draw, a lane for each question. Returns (low, high).
    ///
    /// # Errors
    /// As [`Surface::at_budgets`].
    pub fn around(
        &self,
        draw: Draws<'_>,
        sizes: &[f64],
        budgets: &[f64],
        losses: &[f64],
        cancel: &Cancel,
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        self.check(draw, sizes.len(), budgets.len())?;
        self.check(draw, sizes.len(), losses.len())?;
        if draw.len() != 1 {
            return Err(Error::Shape { what: "the draw".into(), found: draw.len(), expected: 1 });
        }
        let mut ends = (vec![], vec![]);
        for start in (0..sizes.len()).step_by(BLOCK) {
            cancel.check()?;
            let lanes = |x: &[f64]| padded(&x[start..x.len().min(start + BLOCK)]);
            let (from, budget, loss) = (lanes(sizes), lanes(budgets), lanes(losses));
            let count = BLOCK.min(sizes.len() - start);
            let (mut room, mut limits, mut to) = (self.one(draw, count, cancel), Lanes::new(), vec![0.0; BLOCK]);
            (limits.low, limits.high) = from.iter().map(|&z| self.stretch(z)).unzip();
            self.limit(&mut room, &budget, &mut limits);
            for (side, out) in [(&limits.low, &mut ends.0), (&limits.high, &mut ends.1)] {
                self.reach(&mut room, &from, side, &budget, &loss, &mut to);
                out.extend(&to[..count]);
            }
        }
        Ok(ends)
    }

    /// ln D at which every draw of a size (ln N) reaches a loss: draws × questions, infinite where none does.
    ///
    /// # Errors
    /// As [`Surface::at_budgets`].
    pub fn tokens_at(
        &self,
        draws: Draws<'_>,
        sizes: &[f64],
        losses: &[f64],
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Vec<f64>> {
        self.check(draws, sizes.len(), losses.len())?;
        let found = self.blocks(draws, sizes.len(), threads, cancel, |room, count, part| {
            for (t, (&size, &loss)) in sizes.iter().zip(losses).enumerate() {
                let mut tokens = [size + 3.0; BLOCK];
                self.tokens_for(room, &[size; BLOCK], &[loss; BLOCK], &mut tokens);
                part.tokens[t * count..][..count].copy_from_slice(&tokens[..count]);
                room.cancel.check()?;
            }
            Ok(())
        })?;
        Ok(found.tokens)
    }

    /// The stretch of sizes around one.
    fn stretch(&self, z: f64) -> (f64, f64) {
        let inside = |b: &&(f64, f64)| z >= b.0 - 1e-9 && z <= b.1 + 1e-9;
        self.question.boxes.iter().find(inside).copied().unwrap_or((z, z))
    }

    /// A room with one draw in its first `count` lanes.
    fn one<'a>(&self, draw: Draws<'_>, count: usize, cancel: &'a Cancel) -> Room<'a> {
        let mut room = self.room(cancel);
        let mut inner = vec![0.0; draw.p.max(1) * BLOCK];
        for (j, parameter) in self.law.parameters.iter().enumerate() {
            inner[j * BLOCK..][..BLOCK].fill(parameter.domain.inward(draw.values[j]));
        }
        self.load(&mut room, &inner, count.next_multiple_of(LANES));
        room
    }

    /// Starts each lane as far from the guess of this target as it ended from that of the last.
    fn warm(&self, found: &mut Found, starts: &[f64], t: usize) {
        for z in &mut found.lanes.z {
            *z = if t == 0 { starts[0] } else { *z + (starts[t] - starts[t - 1]) };
        }
    }

    fn check(&self, draws: Draws<'_>, found: usize, expected: usize) -> Result<()> {
        if draws.p != self.parameters() {
            return Err(Error::Shape { what: "a draw".into(), found: draws.p, expected: self.parameters() });
        }
        if found != expected {
            return Err(Error::Shape { what: "the first guesses".into(), found, expected });
        }
        Ok(())
    }

    /// Runs `work` on every block of draws and puts the parts together in order.
    fn blocks<F>(&self, draws: Draws<'_>, targets: usize, threads: usize, cancel: &Cancel, work: F) -> Result<Optima>
    where
        F: Fn(&mut Room, usize, &mut Optima) -> Result<()> + Sync,
    {
        let (m, over) = (draws.len(), self.question.over.len());
        let slots: Vec<Mutex<Option<Optima>>> = (0..m.div_ceil(BLOCK)).map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let job = || -> Result<()> {
            let mut room = self.room(cancel);
            let mut inner = vec![0.0; draws.p.max(1) * BLOCK];
            loop {
                let b = next.fetch_add(1, Ordering::Relaxed);
                let Some(slot) = slots.get(b) else { return Ok(()) };
                let count = BLOCK.min(m - b * BLOCK);
                self.read(draws, b * BLOCK, count, &mut inner);
                self.load(&mut room, &inner, count.next_multiple_of(LANES));
                let mut part = Optima::new(targets, count, over);
                work(&mut room, count, &mut part)?;
                *slot.lock().expect("each block is taken once") = Some(part);
                cancel.advance(count);
            }
        };
        crate::pool::run(threads.min(slots.len()), job)?;
        let mut all = Optima::new(targets, m, over);
        for (b, slot) in slots.into_iter().enumerate() {
            if let Some(part) = slot.into_inner().expect("no thread is left") {
                all.place(&part, b * BLOCK, BLOCK.min(m - b * BLOCK), m);
            }
        }
        Ok(all)
    }

    /// Internal values of a block of draws, column by column, padded with its last draw.
    fn read(&self, draws: Draws<'_>, first: usize, count: usize, inner: &mut [f64]) {
        for (j, parameter) in self.law.parameters.iter().enumerate() {
            for i in 0..count.next_multiple_of(LANES) {
                let row = first + i.min(count - 1);
                inner[j * BLOCK + i] = parameter.domain.inward(draws.values[row * draws.p + j]);
            }
        }
    }
}

/// Values in the first lanes, the last repeated.
fn padded(values: &[f64]) -> Vec<f64> {
    let last = values.last().copied().unwrap_or(0.0);
    values.iter().copied().chain(std::iter::repeat(last)).take(BLOCK).collect()
}
