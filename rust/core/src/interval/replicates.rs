//! Refits with a standard error of their own: what studentised intervals are made of.

use std::sync::Mutex;

use super::quantity::Quantity;
use crate::cancel::Cancel;
use crate::error::Result;
use crate::fit::{Key, Problem, Recipe, Refitter, Status};
use crate::inference::covariance::{clustered, hc3};
use crate::inference::matrix::Square;
use crate::inference::state::State;
use crate::random::Purpose;
use crate::resample::{Sampler, Scratch};

/// Which standard error a replicate gets.
#[derive(Debug, Clone, Copy)]
pub enum Errors<'a> {
    /// The sandwich over rows, with leverages (HC3).
    Rows,
    /// The plain sandwich over groups, given by row of the table.
    Groups(&'a [u32]),
}

impl Errors<'_> {
    /// The covariance of the parameters that move.
    pub fn covariance(self, state: &State) -> Option<Square> {
        match self {
            Errors::Rows => hc3(state),
            Errors::Groups(groups) => clustered(state, groups),
        }
    }
}

/// Values and standard errors on the working scale, one list of sound refits for each quantity.
#[derive(Debug, Clone, Default)]
pub struct Replicates {
    /// Values by quantity.
    pub values: Vec<Vec<f64>>,
    /// Standard errors by quantity; NaN where there is none.
    pub errors: Vec<Vec<f64>>,
    /// Refits that were not sound, or had no standard errors.
    pub n_failed: usize,
}

/// The standard error of a quantity, on its working scale; NaN where it has none.
pub(super) fn standard_error(quantity: &Quantity, state: &State, covariance: &Square) -> (f64, f64) {
    let mut gradient = vec![0.0; state.theta.len()];
    let value = quantity.gradient(&state.theta, &mut gradient);
    let noise = if quantity.new_run { state.variance() } else { 0.0 };
    (value, (covariance.form(&state.restrict(&gradient)) + noise).sqrt())
}

const CHUNK: usize = 32;

/// Refits resamples `0 .. count` and studentises each quantity; `always`: rescue starts for few rows, too.
///
/// # Errors
/// Cancelled.
#[allow(clippy::too_many_arguments)]
pub fn replicates(
    problem: &Problem,
    recipe: &Recipe,
    theta: &[f64],
    sampler: &Sampler,
    quantities: &[Quantity],
    errors: Errors<'_>,
    count: usize,
    threads: usize,
    always: bool,
    cancel: &Cancel,
) -> Result<Replicates> {
    let base = Refitter::prepare(problem, recipe, theta, sampler.seed(), cancel);
    cancel.check()?;
    let width = 2 * quantities.len();
    let mut out = vec![f64::NAN; count * width];
    let queue = Mutex::new(out.chunks_mut(CHUNK * width.max(1)).enumerate());
    let work = || -> Result<()> {
        let mut refitter = Refitter::new(problem, recipe, &base, cancel);
        let (mut scratch, mut weights) = (Scratch::default(), vec![0.0; problem.n()]);
        let (mut response, mut native) = (vec![0.0; problem.n()], vec![0.0; problem.p()]);
        loop {
            let taken = queue.lock().expect("no thread panics while it takes a chunk").next();
            let Some((chunk, rows)) = taken else { return Ok(()) };
            for (k, row) in rows.chunks_mut(width.max(1)).enumerate() {
                cancel.check()?;
                let index = (chunk * CHUNK + k) as u64;
                sampler.draw(index, &mut scratch, &mut weights);
                let drawn = sampler.draw_response(index, &mut response).then_some(&response[..]);
                let key = Key { purpose: Purpose::Rescue, outer: 0, inner: index, always };
                let (_, status) = refitter.refit_keyed(key, &weights, drawn, &mut native);
                if status.is_ok() {
                    studentise(&mut refitter, recipe, quantities, errors, row);
                }
                cancel.advance(1);
            }
        }
    };
    crate::pool::run(threads.clamp(1, count.div_ceil(CHUNK).max(1)), work)?;
    Ok(collect(&out, quantities.len()))
}

fn studentise(
    refitter: &mut Refitter<'_>,
    recipe: &Recipe,
    quantities: &[Quantity],
    errors: Errors<'_>,
    row: &mut [f64],
) {
    let (ws, theta) = refitter.finished();
    let theta = theta.to_vec();
    let state = State::at(ws, recipe, &theta);
    let Some(covariance) = errors.covariance(&state) else { return };
    for (quantity, pair) in quantities.iter().zip(row.chunks_exact_mut(2)) {
        (pair[0], pair[1]) = standard_error(quantity, &state, &covariance);
    }
}

/// Lists by quantity of those replicates in which each is known.
fn collect(out: &[f64], t: usize) -> Replicates {
    let mut found = Replicates { values: vec![vec![]; t], errors: vec![vec![]; t], n_failed: 0 };
    for row in out.chunks_exact(2 * t.max(1)) {
        if row.iter().all(|x| x.is_nan()) {
            found.n_failed += 1;
            continue;
        }
        for (q, pair) in row.chunks_exact(2).enumerate().filter(|(_, pair)| !pair[0].is_nan()) {
            found.values[q].push(pair[0]);
            found.errors[q].push(pair[1]);
        }
    }
    found
}

/// Whether a status may be used.
pub(super) fn is_sound(code: u8) -> bool {
    code <= Status::Multimodal as u8
}
