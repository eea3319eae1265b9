//! Coverage studies: one design, many simulated responses, each fitted and given intervals.

use std::sync::Mutex;

use super::methods::{Interval, Method, Settings, intervals};
use super::quantity::Quantity;
use crate::cancel::Cancel;
use crate::error::Result;
use crate::fit::{Problem, Recipe, Search, fit};

/// A design with its true parameters and what is asked of every simulation.
#[derive(Debug)]
pub struct Study<'a> {
    /// The law and the rows.
    pub problem: &'a Problem,
    /// What is minimised.
    pub recipe: &'a Recipe,
    /// Where each fit starts (native parameters, the truth).
    pub start: &'a [f64],
    /// What intervals are for.
    pub quantities: &'a [Quantity],
    /// The methods.
    pub methods: &'a [Method],
    /// Their settings; the threads are those of the study, a simulation stays on one.
    pub settings: Settings<'a>,
}

/// Intervals of every simulation, with rescue starts only for refits that do not converge: (low, high) by simulation, method and quantity; NaN where a simulation has none.
///
/// # Errors
/// Responses of the wrong length; cancelled.
pub fn study(study: &Study<'_>, responses: &[f64], cancel: &Cancel) -> Result<Vec<f64>> {
    let n = study.problem.n();
    let width = 2 * study.methods.len() * study.quantities.len();
    let mut out = vec![f64::NAN; responses.len() / n.max(1) * width];
    let queue = Mutex::new(responses.chunks_exact(n).zip(out.chunks_exact_mut(width)).enumerate());
    let work = || -> Result<()> {
        loop {
            let taken = queue.lock().expect("no thread panics while it takes a simulation").next();
            let Some((index, (response, row))) = taken else { return Ok(()) };
            simulation(study, index as u64, response, row, cancel)?;
            cancel.check()?;
            cancel.advance(1);
        }
    };
    crate::pool::run(study.settings.threads, work)?;
    Ok(out)
}

fn simulation(study: &Study<'_>, index: u64, response: &[f64], row: &mut [f64], cancel: &Cancel) -> Result<()> {
    let problem = study.problem.with_response(response)?;
    let search = Search { starts: vec![study.start.to_vec()], only_starts: true, n_starts: 0 };
    let Ok(found) = fit(&problem, study.recipe, &search, cancel) else { return cancel.check() };
    let mut recipe = study.recipe.clone();
    recipe.criterion.delta = found.delta;
    recipe.auto_delta = false;
    recipe.kappa = recipe.kappa.or(Some(found.kappa));
    // Every simulation draws its own resamples.
    let settings =
        Settings { threads: 1, quick: true, seed: study.settings.seed.wrapping_add(index), ..study.settings };
    let width = 2 * study.quantities.len();
    for (&method, cells) in study.methods.iter().zip(row.chunks_exact_mut(width)) {
        let Ok(found) = intervals(&problem, &recipe, &found.theta, study.quantities, method, &settings, cancel) else {
            cancel.check()?;
            continue;
        };
        for (Interval { low, high, .. }, cell) in found.list.iter().zip(cells.chunks_exact_mut(2)) {
            (cell[0], cell[1]) = (*low, *high);
        }
    }
    Ok(())
}
