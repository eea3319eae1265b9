//! The global search: seeds, descents with a shrinking robust width, the best optimum.

use super::boundary::certify;
use super::exact;
use super::levenberg::{is_least_squares, least_squares};
use super::polish::polish;
use super::problem::Problem;
use super::recipe::Recipe;
use super::sample::Workspace;
use super::seeds::{Seeder, hold_fixed, runs_away};
use super::solver::{Goal, Outcome, descend};
use super::statistics;
use super::status::Status;
use crate::cancel::Cancel;
use crate::error::{Error, Result};

/// Where and how widely to search.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Starts of the caller's (native values of all parameters).
    pub starts: Vec<Vec<f64>>,
    /// Use only these.
    pub only_starts: bool,
    /// Descents from seeds, at most.
    pub n_starts: usize,
}

/// A finished fit.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Internal parameters.
    pub theta: Vec<f64>,
    /// Native parameters.
    pub native: Vec<f64>,
    /// Σ w ρ(r), without the priors.
    pub objective: f64,
    /// The objective with the priors.
    pub penalised: f64,
    /// How it ended.
    pub status: Status,
    /// The robust width in use.
    pub delta: f64,
    /// The weight of the priors in use.
    pub kappa: f64,
    /// Runs of the tape.
    pub n_evaluations: usize,
    /// Descents that were made.
    pub n_starts: usize,
    /// Descents that ended in the best optimum.
    pub n_best: usize,
    /// Different optima that were found.
    pub n_optima: usize,
    /// Which parameters sit at zero or at a bound.
    pub at_bound: Vec<bool>,
    /// Parameters that the rows do not determine.
    pub unidentified: Vec<usize>,
    /// Residuals of all rows, on the residual's scale.
    pub residuals: Vec<f64>,
    /// d (predicted response on the residual's scale) / d internal parameter: n × p, row major.
    pub jacobian: Vec<f64>,
    /// Covariance of the internal parameters (p × p).
    pub covariance: Vec<f64>,
    /// Standard errors of the native parameters.
    pub standard_error: Vec<f64>,
}

/// The tolerances of a full fit, of the descents that look for it, and of a refit in a bootstrap.
pub(crate) const FULL: f64 = 1e-14;
const SEARCH: f64 = 1e-8;
/// Descents of a search, where the caller does not say; wider searches, at most, while the best optimum was
/// met once only; and an objective, as a share of the response, that cannot be undercut.
const STARTS: usize = 8;
const ROUNDS: usize = 3;
/// Descents at most along a curved ridge to the end of the best one.
const PATIENCE: usize = 4;
/// Runs of the tape after which a search is not widened again.
const EFFORT: usize = 10_000;
const NOTHING: f64 = 1e-14;
pub(crate) const REFIT: f64 = 5e-11;

/// What a recipe minimises over the free parameters of a workspace.
pub(crate) fn goal(ws: &Workspace<'_>, recipe: &Recipe, tolerance: f64) -> Goal {
    let kappa = recipe.kappa.unwrap_or(0.0);
    let bounds: Vec<(f64, f64)> = ws.free.iter().map(|&j| (recipe.lower[j], recipe.upper[j])).collect();
    let priors = ws.free.iter().map(|&j| recipe.priors[j].map_or((0.0, 0.0), |p| (p.mean, kappa / (p.sd * p.sd))));
    Goal {
        criterion: recipe.criterion,
        bounds: if bounds.iter().any(|b| b.0.is_finite() || b.1.is_finite()) { bounds } else { vec![] },
        priors: if recipe.priors.iter().any(Option::is_some) { priors.collect() } else { vec![] },
        tolerance,
        max_outer: 200,
        trust_last: false,
        metric: vec![],
    }
}

/// Fits a problem.
///
/// # Errors
/// Settings of the wrong length; a law that is nowhere finite; cancelled.
pub fn fit(problem: &Problem, recipe: &Recipe, search: &Search, cancel: &Cancel) -> Result<Fit> {
    check(problem, recipe, search)?;
    let mut ws = Workspace::new(problem, cancel);
    ws.set_free(&recipe.free());
    let mut recipe = recipe.clone();
    let solved = exact::fit(&mut ws, &recipe);
    let searched = solved.is_none();
    let mut best = match solved {
        Some(best) => best,
        None => settle(&mut ws, &mut recipe, search, cancel)?,
    };
    cancel.check()?;
    let goal = goal(&ws, &recipe, FULL);
    best.outcome = certify(&mut ws, &goal, &mut best.theta, best.outcome);
    if searched {
        polish(&mut ws, &recipe, &mut best);
    }
    cancel.check()?;
    let report = statistics::report(&mut ws, &recipe, best);
    cancel.check()?;
    Ok(report)
}

/// Σ w ρ(r) at internal parameters.
pub fn objective_at(problem: &Problem, recipe: &Recipe, theta: &[f64], cancel: &Cancel) -> f64 {
    let mut ws = Workspace::new(problem, cancel);
    ws.evaluate(theta);
    ws.accept();
    statistics::objective(&mut ws, recipe)
}

/// The best of several descents.
#[derive(Debug, Clone)]
pub(crate) struct Best {
    pub theta: Vec<f64>,
    pub outcome: Outcome,
    pub n_starts: usize,
    pub n_best: usize,
    pub n_optima: usize,
}

/// Searches, and settles what the recipe leaves to the data: width and weight of the priors.
fn settle(ws: &mut Workspace<'_>, recipe: &mut Recipe, search: &Search, cancel: &Cancel) -> Result<Best> {
    let (auto, target) = (recipe.auto_delta, recipe.criterion.delta);
    let penalised = recipe.priors.iter().any(Option::is_some) && recipe.kappa.is_none();
    if auto {
        recipe.criterion.delta = f64::INFINITY;
    }
    if penalised {
        recipe.kappa = Some(0.0);
    }
    let mut best = search_all(ws, recipe, search, cancel)?;
    if recipe.continuation {
        shrink(ws, recipe, &mut best);
        return Ok(best);
    }
    if !auto && !penalised {
        return Ok(best);
    }
    for round in 0..60 {
        cancel.check()?;
        let before = (recipe.criterion.delta, recipe.kappa);
        let scale = statistics::robust_sigma(ws, &best.theta);
        recipe.criterion.delta = if auto { (1.345 * scale).max(1e-300) } else { target };
        if penalised {
            recipe.kappa = Some(statistics::kappa(ws, recipe, &best.theta));
        }
        if penalised && round == 0 {
            // A strong prior can move the optimum far away.
            best = search_all(ws, recipe, search, cancel)?;
        } else {
            best.outcome = descend(ws, &goal(ws, recipe, FULL), &mut best.theta, false);
        }
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs() || a == b;
        if near(before.0, recipe.criterion.delta) && near(before.1.unwrap_or(0.0), recipe.kappa.unwrap_or(0.0)) {
            break;
        }
    }
    Ok(best)
}

/// Absolute and quantile criteria: the width goes down until it is far below the residuals.
fn shrink(ws: &mut Workspace<'_>, recipe: &mut Recipe, best: &mut Best) {
    let scale = statistics::robust_sigma(ws, &best.theta).max(1e-12);
    for factor in [1e-1, 1e-2, 1e-3, 1e-4, 1e-5] {
        recipe.criterion.delta = factor * scale;
        best.outcome = descend(ws, &goal(ws, recipe, FULL), &mut best.theta, false);
    }
}

fn search_all(ws: &mut Workspace<'_>, recipe: &Recipe, search: &Search, cancel: &Cancel) -> Result<Best> {
    let count = if search.n_starts == 0 { STARTS } else { search.n_starts };
    let mut seeds: Vec<Vec<f64>> = search.starts.iter().map(|s| ws.problem.inward(s)).collect();
    seeds.iter_mut().for_each(|s| hold_fixed(ws.problem, recipe, s));
    let seeder = (!search.only_starts || seeds.is_empty()).then(|| Seeder::new(ws, recipe));
    if let Some(seeder) = &seeder {
        seeds.extend(seeder.seeds(ws, recipe, count));
        // More starts than a first scan has points were asked for.
        for round in 1..=ROUNDS {
            if search.n_starts <= seeds.len() {
                break;
            }
            let missing = search.n_starts - seeds.len();
            seeds.extend(seeder.wider(ws, recipe, round, missing));
        }
    }
    let rough = goal(ws, recipe, SEARCH);
    let mut found = descend_all(ws, &rough, seeds, search.only_starts, cancel)?;
    let short = Goal { max_outer: 120, ..rough };
    for round in 1..=ROUNDS {
        let within = ws.evaluations < EFFORT;
        let Some(seeder) = seeder.as_ref().filter(|_| within).filter(|_| !is_certain(ws, recipe, found.as_ref()))
        else {
            break;
        };
        let seeds = seeder.wider(ws, recipe, round, count << (round - 1));
        let more = descend_all(ws, &short, seeds, false, cancel)?;
        found = better(found, more);
    }
    let mut best = found.ok_or_else(|| Error::NoStart("the law is not finite at any start".into()))?;
    for _ in 0..PATIENCE {
        best.outcome = descend(ws, &goal(ws, recipe, FULL), &mut best.theta, false);
        if best.outcome.status != Status::MaxIterations {
            break;
        }
    }
    Ok(best)
}

/// Whether the best optimum was met more than once and not far outside all boxes, or leaves nothing to gain.
fn is_certain(ws: &Workspace<'_>, recipe: &Recipe, found: Option<&Best>) -> bool {
    let Some(best) = found else { return false };
    let size: f64 = ws.y[..ws.n].iter().zip(&ws.w).map(|(y, w)| w * y * y).sum();
    let met = best.n_best > 1 && !runs_away(ws.problem, recipe, &best.theta);
    (met && best.outcome.status == Status::Converged) || best.outcome.objective <= NOTHING * size
}

/// The better of two searches, counted together.
fn better(a: Option<Best>, b: Option<Best>) -> Option<Best> {
    let (Some(a), Some(b)) = (a.clone(), b.clone()) else { return a.or(b) };
    let (first, second) = if b.outcome.objective < a.outcome.objective { (b, a) } else { (a, b) };
    let hits = if same(first.outcome.objective, second.outcome.objective) { second.n_best } else { 0 };
    Some(Best {
        n_starts: first.n_starts + second.n_starts,
        n_best: first.n_best + hits,
        n_optima: first.n_optima.max(second.n_optima),
        ..first
    })
}

/// Whether two objectives are of one optimum.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * b.abs().max(f64::MIN_POSITIVE) || a == b
}

/// Descends from every seed, with the robust width shrinking to the goal's, and compares.
pub(crate) fn descend_all(
    ws: &mut Workspace<'_>,
    goal: &Goal,
    seeds: Vec<Vec<f64>>,
    direct: bool,
    cancel: &Cancel,
) -> Result<Option<Best>> {
    let n_starts = seeds.len();
    let mut ends: Vec<(f64, Vec<f64>, Status)> = vec![];
    for mut theta in seeds {
        cancel.check()?;
        let outcome = if direct { descend_given(ws, goal, &mut theta) } else { descend_wide(ws, goal, &mut theta) };
        if outcome.objective.is_finite() {
            ends.push((outcome.objective, theta, outcome.status));
        }
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some((objective, theta, status)) = ends.first().cloned() else { return Ok(None) };
    let n_best = ends.iter().filter(|e| same(e.0, objective)).count();
    let n_optima =
        1 + ends.windows(2).filter(|pair| !same(pair[1].0, pair[0].0) && pair[1].2 == Status::Converged).count();
    Ok(Some(Best { theta, outcome: Outcome { objective, status }, n_starts, n_best, n_optima }))
}

/// A descent from a start that the caller gave, however far off: of least squares, by both solvers.
fn descend_given(ws: &mut Workspace<'_>, goal: &Goal, theta: &mut Vec<f64>) -> Outcome {
    let far = if is_least_squares(goal) { least_squares(ws, theta) } else { None };
    let outcome = descend(ws, goal, theta, false);
    match far {
        Some((better, end)) if !(outcome.objective < better.objective) => {
            *theta = end;
            better
        }
        _ => outcome,
    }
}

/// A descent with wide criteria first: the objective of a narrow one is flat far away.
pub(crate) fn descend_wide(ws: &mut Workspace<'_>, goal: &Goal, theta: &mut [f64]) -> Outcome {
    for factor in [f64::INFINITY, 10.0] {
        let mut rough = Goal { tolerance: 1e-4, max_outer: 30, ..goal.clone() };
        rough.criterion.delta *= factor;
        if goal.criterion.delta.is_finite() || factor.is_infinite() {
            descend(ws, &rough, theta, false);
        }
    }
    descend(ws, goal, theta, false)
}

fn check(problem: &Problem, recipe: &Recipe, search: &Search) -> Result<()> {
    let p = problem.p();
    let shape = |what: &str, found: usize| {
        if found == p { Ok(()) } else { Err(Error::Shape { what: what.into(), found, expected: p }) }
    };
    shape("fixed", recipe.fixed.len())?;
    shape("lower", recipe.lower.len())?;
    shape("upper", recipe.upper.len())?;
    shape("priors", recipe.priors.len())?;
    search.starts.iter().try_for_each(|s| shape("a start", s.len()))?;
    if problem.n() == 0 {
        return Err(Error::Setting("there are no rows to fit".into()));
    }
    if !(recipe.criterion.delta > 0.0) {
        return Err(Error::Setting(format!("delta must be positive, found {}", recipe.criterion.delta)));
    }
    Ok(())
}
