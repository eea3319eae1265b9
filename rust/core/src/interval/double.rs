//! The double bootstrap: each resample is resampled in turn, to learn at which levels the first one holds.
//!
//! Outer resample `o` is resample `o` of the plain bootstrap, draw by draw. Inner streams are keyed (seed, purpose,
//! o, i). Inner refits start at the full fit too, and get rescue starts only where they do not converge.

use std::sync::Mutex;

use super::quantity::Quantity;
use crate::cancel::Cancel;
use crate::error::Result;
use crate::fit::{Key, Problem, Recipe, Refitter};
use crate::inference::state::State;
use crate::random::Purpose;
use crate::resample::{Inner, Sampler, Scratch};

/// A double bootstrap, ready to run.
#[derive(Debug)]
pub struct DoubleBootstrap<'a> {
    /// The law and the rows.
    pub problem: &'a Problem,
    /// What is minimised.
    pub recipe: &'a Recipe,
    /// The full fit (internal parameters).
    pub theta: &'a [f64],
    /// Who is in a resample.
    pub sampler: &'a Sampler,
    /// What intervals are for.
    pub quantities: &'a [Quantity],
    /// Group of each row.
    pub groups: Option<&'a [u32]>,
}

/// What a double bootstrap leaves: a row for each sound outer resample.
#[derive(Debug, Clone, Default)]
pub struct Double {
    /// Values of the outer draws by quantity, on the working scale.
    pub values: Vec<Vec<f64>>,
    /// Share of the inner draws below the full fit's value, by quantity.
    pub shares: Vec<Vec<f64>>,
    /// Outer refits that were not sound.
    pub n_failed: usize,
    /// Inner refits that were not sound, over all outer ones.
    pub n_inner_failed: usize,
}

impl DoubleBootstrap<'_> {
    /// Runs `outer` × `inner` refits.
    ///
    /// # Errors
    /// A scheme without a second stage; cancelled.
    pub fn run(&self, outer: usize, inner: usize, threads: usize, cancel: &Cancel) -> Result<Double> {
        self.sampler.check_inner()?;
        let base = Refitter::prepare(self.problem, self.recipe, self.theta, self.sampler.seed(), cancel);
        let goal: Vec<f64> = self.quantities.iter().map(|q| q.value(self.theta)).collect();
        let width = 2 * goal.len() + 1;
        let mut out = vec![f64::NAN; outer * width];
        let queue = Mutex::new(out.chunks_exact_mut(width).enumerate());
        let work = || -> Result<()> {
            let mut thread = Thread::new(self, Refitter::new(self.problem, self.recipe, &base, cancel));
            loop {
                let taken = queue.lock().expect("no thread panics while it takes a resample").next();
                let Some((o, row)) = taken else { return Ok(()) };
                thread.outer(o as u64, inner, &goal, row, cancel)?;
                cancel.advance(inner);
            }
        };
        crate::pool::run(threads.clamp(1, outer.max(1)), work)?;
        Ok(collect(&out, goal.len()))
    }
}

/// Scratch of one thread.
struct Thread<'a> {
    job: &'a DoubleBootstrap<'a>,
    refitter: Refitter<'a>,
    scratch: Scratch,
    weights: Vec<f64>,
    response: Vec<f64>,
    native: Vec<f64>,
    /// Native parameters of the sound inner refits.
    draws: Vec<f64>,
}

impl<'a> Thread<'a> {
    fn new(job: &'a DoubleBootstrap<'a>, refitter: Refitter<'a>) -> Self {
        let (n, p) = (job.problem.n(), job.problem.p());
        let (weights, response, native) = (vec![0.0; n], vec![0.0; n], vec![0.0; p]);
        Thread { job, refitter, scratch: Scratch::default(), weights, response, native, draws: vec![] }
    }

    /// One outer resample and its inner ones.
    fn outer(&mut self, o: u64, inner: usize, goal: &[f64], row: &mut [f64], cancel: &Cancel) -> Result<()> {
        let sampler = self.job.sampler;
        sampler.draw(o, &mut self.scratch, &mut self.weights);
        let drawn = sampler.draw_response(o, &mut self.response);
        let response = drawn.then_some(&self.response[..]);
        let (_, status) = self.refitter.refit(o, &self.weights, response, &mut self.native);
        if !status.is_ok() {
            return cancel.check();
        }
        let own = self.native.clone();
        let stage = self.stage(o)?;
        self.draws.clear();
        for i in 0..inner as u64 {
            cancel.check()?;
            stage.draw(o, i, &mut self.scratch, &mut self.weights, &mut self.response);
            let response = drawn.then_some(&self.response[..]);
            let key = Key { purpose: Purpose::InnerRescue, outer: o, inner: i, always: false };
            let (_, status) = self.refitter.refit_keyed(key, &self.weights, response, &mut self.native);
            if status.is_ok() {
                self.draws.extend_from_slice(&self.native);
            }
        }
        self.read(&own, inner, goal, row);
        Ok(())
    }

    /// The second stage of the resample that was just refitted.
    fn stage(&mut self, o: u64) -> Result<Inner<'a>> {
        let sampler = self.job.sampler;
        if !sampler.draws_response() {
            return Ok(sampler.inner(o));
        }
        let (ws, theta) = self.refitter.finished();
        let theta = theta.to_vec();
        let state = State::at(ws, self.job.recipe, &theta);
        sampler.inner_response(&state, &self.response, self.job.groups)
    }

    fn read(&self, own: &[f64], inner: usize, goal: &[f64], row: &mut [f64]) {
        let p = own.len();
        let sound = self.draws.len() / p;
        row[2 * goal.len()] = (inner - sound) as f64;
        for (k, (quantity, &goal)) in self.job.quantities.iter().zip(goal).enumerate() {
            let below: f64 = quantity
                .over(&self.draws, p)
                .iter()
                .map(|x| if *x < goal { 1.0 } else { 0.5 * f64::from(u8::from(*x == goal)) })
                .sum();
            row[2 * k] = quantity.over(own, p)[0];
            row[2 * k + 1] = (below + 0.5) / (sound as f64 + 1.0);
        }
    }
}

fn collect(out: &[f64], t: usize) -> Double {
    let mut found = Double { values: vec![vec![]; t], shares: vec![vec![]; t], n_failed: 0, n_inner_failed: 0 };
    for row in out.chunks_exact(2 * t + 1) {
        if row[2 * t].is_nan() {
            found.n_failed += 1;
            continue;
        }
        found.n_inner_failed += row[2 * t] as usize;
        for k in 0..t {
            found.values[k].push(row[2 * k]);
            found.shares[k].push(row[2 * k + 1]);
        }
    }
    found
}
