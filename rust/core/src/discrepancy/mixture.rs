//! All cells of the grid, their weights, and the forecast that they make together.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::covariance::{Cell, Field};
use super::gls::{Solved, solve_cell};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::fit::{Prior, Problem, Workspace};
use crate::simd::LANES;

/// A law on its rows, with priors and the places of the rows.
#[derive(Debug)]
pub struct Model<'a> {
    /// The law and the rows; every row has a weight above zero.
    pub problem: &'a Problem,
    /// Which parameters move.
    pub free: Vec<usize>,
    /// Bounds of each parameter (internal scale).
    pub bounds: Vec<(f64, f64)>,
    /// Prior of each parameter (internal scale).
    pub priors: Vec<Option<Prior>>,
    /// Where the rows lie.
    pub field: Field,
}

/// The cells' fits.
#[derive(Debug, Clone, Default)]
pub struct Solution {
    /// Internal parameters, a row for each cell.
    pub theta: Vec<Vec<f64>>,
    /// s² of each cell, NaN where it could not be fitted.
    pub variance: Vec<f64>,
    /// Covariance of the free parameters of each cell (internal scale, row by row), NaN where it could not be fitted.
    pub covariance: Vec<Vec<f64>>,
    /// Log weight of each cell, prior probability included; −∞ where it could not be fitted.
    pub log_weight: Vec<f64>,
    /// Weights that sum to one.
    pub weight: Vec<f64>,
    /// The forecast, empty without targets.
    pub forecast: Forecast,
    /// The largest leverage of a row in the first cell.
    pub row_leverage: f64,
}

/// A forecast at each target: centres and variances on the law's response scale.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    /// Centre of the mixture.
    pub mean: Vec<f64>,
    /// The law's own curve, without the discrepancy.
    pub curve: Vec<f64>,
    /// Variance from parameters, within cells.
    pub parameters: Vec<f64>,
    /// Variance between cells.
    pub form: Vec<f64>,
    /// Variance of the smooth discrepancy, within cells.
    pub discrepancy: Vec<f64>,
    /// Variance of one more run around its curve: group effect and white noise.
    pub noise: Vec<f64>,
    /// Leverage of the target in the first cell.
    pub leverage: Vec<f64>,
}

/// What one cell says of one target.
#[derive(Debug, Clone, Copy, Default)]
struct At {
    mean: f64,
    curve: f64,
    parameters: f64,
    discrepancy: f64,
    noise: f64,
    leverage: f64,
}

struct Done {
    theta: Vec<f64>,
    variance: f64,
    covariance: Vec<f64>,
    log_weight: f64,
    at: Vec<At>,
    row_leverage: f64,
}

/// Fits every cell from its start, or reads it off there, and forecasts the targets.
///
/// `starts` holds one vector of internal parameters for each cell, or one for all. Targets are a
/// problem of the same law whose responses do not matter, and their coordinates.
///
/// # Errors
/// Lengths that do not fit; fewer rows than parameters; no cell that can be fitted; cancelled.
pub fn solve(
    model: &Model<'_>,
    cells: &[Cell],
    starts: &[Vec<f64>],
    refit: bool,
    targets: Option<(&Problem, &[Vec<f64>])>,
    threads: usize,
    cancel: &Cancel,
) -> Result<Solution> {
    check(model, cells, starts)?;
    let slots: Vec<Mutex<Option<Done>>> = cells.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(cell) = cells.get(i) else { return Ok(()) };
            cancel.check()?;
            let start = if starts.len() == 1 { &starts[0] } else { &starts[i] };
            let Some(solved) = solve_cell(model, cell, start, refit, cancel)? else { continue };
            let done = finish(model, cell, solved, targets, i == 0, cancel)?;
            *slots[i].lock().expect("each cell is taken once") = Some(done);
        }
    };
    crate::pool::run(threads.clamp(1, cells.len()), work)?;
    let done = slots.into_iter().map(|slot| slot.into_inner().expect("no thread is left")).collect();
    combine(done, starts, model.free.len(), targets.map_or(0, |(problem, _)| problem.n()))
}

fn check(model: &Model<'_>, cells: &[Cell], starts: &[Vec<f64>]) -> Result<()> {
    let (n, p) = (model.problem.n(), model.problem.p());
    let shape = |what: &str, found, expected| Err(Error::Shape { what: what.into(), found, expected });
    model.field.check(n)?;
    if model.priors.len() != p || model.bounds.len() != p {
        return shape("the priors", model.priors.len(), p);
    }
    if cells.is_empty() || (starts.len() != 1 && starts.len() != cells.len()) {
        return shape("the starts", starts.len(), cells.len().max(1));
    }
    if let Some(start) = starts.iter().find(|start| start.len() != p) {
        return shape("a start", start.len(), p);
    }
    if n <= model.free.len() {
        let q = model.free.len();
        return Err(Error::Setting(format!("{n} rows leave nothing to judge {q} parameters by")));
    }
    Ok(())
}

fn finish(
    model: &Model<'_>,
    cell: &Cell,
    solved: Solved,
    targets: Option<(&Problem, &[Vec<f64>])>,
    first: bool,
    cancel: &Cancel,
) -> Result<Done> {
    let at = match targets {
        Some((problem, places)) => forecast(model, cell, &solved, problem, places, cancel)?,
        None => vec![],
    };
    let row_leverage = if first { largest_leverage(&solved, model.field.len()) } else { 0.0 };
    Ok(Done {
        theta: solved.white.theta.clone(),
        variance: solved.variance,
        covariance: solved.covariance(),
        log_weight: solved.log_weight,
        at,
        row_leverage,
    })
}

fn largest_leverage(solved: &Solved, n: usize) -> f64 {
    let row = |i: usize| solved.white.jac.iter().map(|column| column[i]).collect::<Vec<f64>>();
    (0..n).map(|i| solved.quadratic(&row(i))).fold(0.0, f64::max)
}

fn forecast(
    model: &Model<'_>,
    cell: &Cell,
    solved: &Solved,
    targets: &Problem,
    places: &[Vec<f64>],
    cancel: &Cancel,
) -> Result<Vec<At>> {
    let kernels = model.problem.kernels();
    let mut ws = Workspace::new(targets, cancel);
    ws.set_free(&model.free);
    let base = ws.base(&solved.white.theta);
    let (n, s2) = (model.field.len(), solved.variance);
    let padded = n.next_multiple_of(LANES).max(LANES);
    let mut covariance = vec![];
    let mut out = Vec::with_capacity(targets.n());
    for i in 0..targets.n() {
        if i % 64 == 0 {
            cancel.check()?;
        }
        let mut slope: Vec<f64> = base.jac.iter().map(|column| column[i]).collect();
        let leverage = solved.quadratic(&slope);
        let (mut shift, mut explained) = (0.0, 0.0);
        if cell.smooth > 0.0 {
            let point: Vec<f64> = places.iter().map(|c| c[i]).collect();
            model.field.smooth(cell, &point, n, kernels, &mut covariance);
            let white = solved.factor.whiten(&covariance);
            debug_assert_eq!(white.len(), padded);
            shift = (kernels.dot)(&white, &solved.white.r);
            explained = (kernels.dot)(&white, &white);
            for (x, column) in slope.iter_mut().zip(&solved.white.jac) {
                *x -= (kernels.dot)(&white, column);
            }
        }
        out.push(At {
            mean: base.mu[i] - shift,
            curve: base.mu[i],
            parameters: s2 * solved.quadratic(&slope),
            discrepancy: s2 * (cell.smooth - explained).max(0.0),
            noise: s2 * (1.0 - cell.smooth),
            leverage,
        });
    }
    Ok(out)
}

/// Weights and the mixture, cell by cell in their order: the same bits for any number of threads.
fn combine(cells: Vec<Option<Done>>, starts: &[Vec<f64>], q: usize, m: usize) -> Result<Solution> {
    let log_weight: Vec<f64> = cells.iter().map(|c| c.as_ref().map_or(f64::NEG_INFINITY, |d| d.log_weight)).collect();
    let top = log_weight.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return Err(Error::NoStart("the rows and priors do not determine the parameters of the law".into()));
    }
    let raw: Vec<f64> = log_weight.iter().map(|w| libm::exp(w - top)).collect();
    let total: f64 = raw.iter().sum();
    let weight: Vec<f64> = raw.iter().map(|w| w / total).collect();
    let start = |i: usize| if starts.len() == 1 { &starts[0] } else { &starts[i] };
    let theta = |(i, c): (usize, &Option<Done>)| c.as_ref().map_or_else(|| start(i).clone(), |d| d.theta.clone());
    Ok(Solution {
        theta: cells.iter().enumerate().map(theta).collect(),
        variance: cells.iter().map(|c| c.as_ref().map_or(f64::NAN, |d| d.variance)).collect(),
        covariance: cells.iter().map(|c| c.as_ref().map_or(vec![f64::NAN; q * q], |d| d.covariance.clone())).collect(),
        row_leverage: cells[0].as_ref().map_or(f64::NAN, |d| d.row_leverage),
        forecast: mix(&cells, &weight, m),
        log_weight,
        weight,
    })
}

fn mix(cells: &[Option<Done>], weight: &[f64], m: usize) -> Forecast {
    let used: Vec<(&Done, f64)> =
        cells.iter().zip(weight).filter_map(|(c, &w)| c.as_ref().map(|d| (d, w))).filter(|(_, w)| *w > 0.0).collect();
    let average = |part: fn(&At) -> f64| -> Vec<f64> {
        (0..m).map(|i| used.iter().map(|(d, w)| w * part(&d.at[i])).sum()).collect()
    };
    let mean = average(|a| a.mean);
    let between = |i: usize| -> f64 { used.iter().map(|(d, w)| w * (d.at[i].mean - mean[i]).powi(2)).sum() };
    let first = cells[0].as_ref();
    Forecast {
        curve: average(|a| a.curve),
        parameters: average(|a| a.parameters),
        form: (0..m).map(between).collect(),
        discrepancy: average(|a| a.discrepancy),
        noise: average(|a| a.noise),
        leverage: (0..m).map(|i| first.map_or(f64::NAN, |d| d.at[i].leverage)).collect(),
        mean,
    }
}
