//! A fit → many refits: each resample on its own stream, written to its own row.
//!
//! Threads take chunks of resamples from a queue; nothing is reduced across them, so the bits
//! do not depend on how the work was split. Threads live for one call only: there is no pool
//! that a fork could leave dead.

use std::sync::Mutex;

use crate::cancel::Cancel;
use crate::error::Result;
use crate::fit::{Key, Problem, Recipe, Refitter};
use crate::random::Purpose;
use crate::resample::{Sampler, Scratch};

/// Refits of consecutive resamples.
#[derive(Debug, Clone)]
pub struct Draws {
    /// Native parameters, a row for each resample (count × p).
    pub draws: Vec<f64>,
    /// Objective of each, without priors.
    pub objective: Vec<f64>,
    /// [`crate::fit::Status`] code of each.
    pub status: Vec<u8>,
}

/// Resamples that one thread takes at a time.
const CHUNK: usize = 64;

/// A bootstrap, ready to run in pieces.
#[derive(Debug, Clone, Copy)]
pub struct Bootstrap<'a> {
    /// The law and the rows.
    pub problem: &'a Problem,
    /// What is minimised; width and weight of the priors are those of the full fit.
    pub recipe: &'a Recipe,
    /// The full fit (internal parameters), where every refit starts.
    pub theta: &'a [f64],
    /// Who is in a resample.
    pub sampler: &'a Sampler,
}

impl Bootstrap<'_> {
    /// Refits resamples `first .. first + count`.
    ///
    /// # Errors
    /// [`crate::error::Error::Cancelled`].
    pub fn run(&self, first: u64, count: usize, threads: usize, cancel: &Cancel) -> Result<Draws> {
        self.run_as(true, first, count, threads, cancel)
    }

    /// The same with rescue starts only where a refit does not converge, however few its rows are: for studies of
    /// many simulations with wide criteria.
    ///
    /// # Errors
    /// [`crate::error::Error::Cancelled`].
    pub fn run_quick(&self, first: u64, count: usize, threads: usize, cancel: &Cancel) -> Result<Draws> {
        self.run_as(false, first, count, threads, cancel)
    }

    fn run_as(&self, always: bool, first: u64, count: usize, threads: usize, cancel: &Cancel) -> Result<Draws> {
        let Bootstrap { problem, recipe, theta, sampler } = *self;
        let p = problem.p();
        let mut out = Draws { draws: vec![0.0; count * p], objective: vec![0.0; count], status: vec![0; count] };
        let base = Refitter::prepare(problem, recipe, theta, sampler.seed(), cancel);
        cancel.check()?;
        let chunks = out
            .draws
            .chunks_mut(CHUNK * p.max(1))
            .zip(out.objective.chunks_mut(CHUNK))
            .zip(out.status.chunks_mut(CHUNK))
            .enumerate();
        let queue = Mutex::new(chunks);
        let work = || -> Result<()> {
            let mut refitter = Refitter::new(problem, recipe, &base, cancel);
            let (mut scratch, mut weights) = (Scratch::default(), vec![0.0; problem.n()]);
            let mut response = vec![0.0; problem.n()];
            loop {
                let taken = queue.lock().expect("no thread panics while it takes a chunk").next();
                let Some((chunk, ((draws, objective), status))) = taken else { return Ok(()) };
                for k in 0..status.len() {
                    cancel.check()?;
                    let index = first + (chunk * CHUNK + k) as u64;
                    sampler.draw(index, &mut scratch, &mut weights);
                    let drawn = sampler.draw_response(index, &mut response).then_some(&response[..]);
                    let row = &mut draws[k * p..(k + 1) * p];
                    let key = Key { purpose: Purpose::Rescue, outer: 0, inner: index, always };
                    let (value, code) = refitter.refit_keyed(key, &weights, drawn, row);
                    (objective[k], status[k]) = (value, code as u8);
                }
                cancel.advance(status.len());
            }
        };
        let threads = threads.clamp(1, count.div_ceil(CHUNK).max(1));
        crate::pool::run(threads, work)?;
        Ok(out)
    }
}
