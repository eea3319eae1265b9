//! One resample after another: warm start at the full fit, rescue where that is suspicious.

use super::boundary::certify;
use super::exact::Exact;
use super::problem::Problem;
use super::recipe::Recipe;
use super::sample::{Base, Workspace};
use super::search::{REFIT, descend_wide, goal};
use super::seeds::Seeder;
use super::solver::{Goal, Outcome, descend, metric};
use super::statistics;
use super::status::Status;
use crate::cancel::Cancel;
use crate::random::{Purpose, Stream};

/// With fewer distinct rows for each parameter of the law (a levelled one counts once), every
/// resample gets rescue starts.
const FEW_ROWS: usize = 6;

/// How hard a rescue searches: descents from seeds, from random points at least and at most, and
/// how often the best optimum must have been met.
#[derive(Debug, Clone, Copy)]
struct Effort {
    seeds: usize,
    least: usize,
    most: usize,
    hits: usize,
}

/// With very few rows for each parameter there are many optima.
const SCARCE: f64 = 3.2;
const HARD: Effort = Effort { seeds: 8, least: 20, most: 96, hits: 5 };
const LIGHT: Effort = Effort { seeds: 4, least: 8, most: 64, hits: 4 };
/// How far beyond their box exponents are tried then, on the log scale.
const STEEP: f64 = 3.5;
/// Objectives that differ by less than this share are one optimum.
const SAME: f64 = 1e-7;

/// The best of several descents, and how often it was met.
#[derive(Default)]
struct Ends {
    best: Option<(Outcome, Vec<f64>)>,
    hits: usize,
}

impl Ends {
    fn add(&mut self, outcome: Outcome, theta: &[f64]) {
        let Some((best, held)) = &mut self.best else {
            self.best = outcome.objective.is_finite().then(|| (outcome, theta.to_vec()));
            self.hits = 1;
            return;
        };
        if outcome.objective < best.objective * (1.0 - SAME) {
            self.hits = 0;
        }
        if outcome.objective <= best.objective * (1.0 + SAME) {
            self.hits += 1;
        }
        let better = outcome.objective < best.objective;
        if better && (outcome.objective < best.objective * (1.0 - SAME) || outcome.status == Status::Converged) {
            *best = outcome;
            held.copy_from_slice(theta);
        }
    }
}

/// Which streams a refit's rescue draws from, and whether few rows alone call for one.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// What the stream is used for.
    pub purpose: Purpose,
    /// The outer resample.
    pub outer: u64,
    /// The resample.
    pub inner: u64,
    /// Rescue where rows are few, too; else only where the warm start does not converge.
    pub always: bool,
}

/// What all threads of a bootstrap share.
#[derive(Debug)]
pub struct Prepared {
    seed: u64,
    theta: Vec<f64>,
    base: Base,
    /// Rows by the size of their residual: those that bend the criterion lie together.
    order: Vec<u32>,
    goal: Goal,
    seeder: Seeder,
    exact: Option<(Exact, Base)>,
}

/// Refits resamples of one problem, on one thread.
#[derive(Debug)]
pub struct Refitter<'a> {
    ws: Workspace<'a>,
    recipe: &'a Recipe,
    shared: &'a Prepared,
    theta: Vec<f64>,
}

impl<'a> Refitter<'a> {
    /// Evaluates the full fit once: every warm start begins there, free of exponentials.
    pub fn prepare(problem: &Problem, recipe: &Recipe, theta: &[f64], seed: u64, cancel: &Cancel) -> Prepared {
        let mut ws = Workspace::new(problem, cancel);
        ws.set_free(&recipe.free());
        let mut theta = theta.to_vec();
        leave_zero(&mut ws, &mut theta, recipe);
        ws.evaluate(&theta);
        ws.accept();
        let mut goal = goal(&ws, recipe, REFIT);
        goal.trust_last = true;
        goal.metric = metric(&mut ws, &goal, &mut theta);
        let order = by_residual(&ws.vectors.r[..problem.n()]);
        let seeder = Seeder::new(&mut ws, recipe);
        let base = ws.base(&theta);
        let exact = Exact::find(problem, recipe).map(|exact| {
            let base = exact.base(&mut ws);
            (exact, base)
        });
        Prepared { seed, theta, base, order, goal, seeder, exact }
    }

    /// A refitter for one thread.
    pub fn new(problem: &'a Problem, recipe: &'a Recipe, shared: &'a Prepared, cancel: &'a Cancel) -> Self {
        let mut ws = Workspace::new(problem, cancel);
        ws.set_free(&recipe.free());
        ws.order.copy_from_slice(&shared.order);
        Refitter { ws, recipe, shared, theta: shared.theta.clone() }
    }

    /// Refits resample `index` with these row weights (and response, on the residual's scale); writes native
    /// parameters, returns the objective and the status.
    pub fn refit(
        &mut self,
        index: u64,
        weights: &[f64],
        response: Option<&[f64]>,
        native: &mut [f64],
    ) -> (f64, Status) {
        self.refit_keyed(
            Key { purpose: Purpose::Rescue, outer: 0, inner: index, always: true },
            weights,
            response,
            native,
        )
    }

    /// The same with the rescue's streams named.
    pub fn refit_keyed(
        &mut self,
        key: Key,
        weights: &[f64],
        response: Option<&[f64]>,
        native: &mut [f64],
    ) -> (f64, Status) {
        self.ws.load(weights, response);
        if let Some(objective) = self.solve() {
            self.recipe.write_native(&self.ws.problem.domains, &self.theta, native);
            return (objective, Status::Converged);
        }
        self.ws.start_from(&self.shared.base);
        self.theta.copy_from_slice(&self.shared.theta);
        let warm = descend(&mut self.ws, &self.shared.goal, &mut self.theta, true);
        let mut outcome = warm;
        let few = self.ws.count < FEW_ROWS * self.ws.problem.law.parameters.len();
        if (few && key.always) || warm.status != Status::Converged {
            outcome = self.rescue(warm, key);
        }
        if self.near_zero() {
            outcome = certify(&mut self.ws, &self.shared.goal, &mut self.theta, outcome);
        }
        if few && outcome.status.is_ok() && statistics::is_singular(&mut self.ws, self.recipe, &self.theta) {
            outcome.status = Status::Unidentified;
        }
        let objective = self.plain_objective(outcome);
        self.recipe.write_native(&self.ws.problem.domains, &self.theta, native);
        (objective, outcome.status)
    }

    /// The workspace with the rows of the last refit in hand, and where it ended (internal).
    pub(crate) fn finished(&mut self) -> (&mut Workspace<'a>, &[f64]) {
        (&mut self.ws, &self.theta)
    }

    /// The exact optimum of a linear law; none where the solver has to look.
    fn solve(&mut self) -> Option<f64> {
        let (exact, base) = self.shared.exact.as_ref()?;
        self.ws.start_from(base);
        self.theta.copy_from_slice(&self.shared.theta);
        let objective = exact.solve(&mut self.ws, &mut self.theta)?;
        (!self.near_zero()).then_some(objective)
    }

    /// Searches on the rows of this resample: seeds as in a full fit, then random ones, until the
    /// best optimum was met several times; one that was met only once is told as such.
    fn rescue(&mut self, warm: Outcome, key: Key) -> Outcome {
        let scarce = (self.ws.count as f64) < SCARCE * self.ws.problem.law.parameters.len() as f64;
        let effort = if scarce { HARD } else { LIGHT };
        let mut ends = Ends::default();
        ends.add(warm, &self.theta);
        let goal = Goal { metric: vec![], trust_last: false, ..self.shared.goal.clone() };
        for mut theta in self.shared.seeder.seeds(&mut self.ws, self.recipe, effort.seeds) {
            let outcome = descend_wide(&mut self.ws, &goal, &mut theta);
            ends.add(outcome, &theta);
        }
        let mut stream = Stream::new(self.shared.seed, key.purpose, key.outer, key.inner);
        for trial in 0..effort.most {
            if (trial >= effort.least && ends.hits >= effort.hits) || self.ws.cancelled() {
                break;
            }
            // So few rows may be best served by a term that takes one of them for itself.
            let reach = if scarce && trial % 4 == 3 { STEEP } else { 0.0 };
            let Some(mut theta) = self.shared.seeder.random(&mut self.ws, self.recipe, &mut stream, reach) else {
                continue;
            };
            let outcome = descend(&mut self.ws, &goal, &mut theta, false);
            ends.add(outcome, &theta);
        }
        let Some((best, theta)) = ends.best else { return warm };
        self.theta.copy_from_slice(&theta);
        let status = match best.status {
            Status::Converged if ends.hits < 2 => Status::Multimodal,
            Status::Converged if warm.objective > best.objective * (1.0 + SAME) => Status::Rescued,
            other => other,
        };
        Outcome { status, ..best }
    }

    /// Whether a positive parameter has run away towards zero.
    fn near_zero(&self) -> bool {
        self.ws.free.iter().any(|&j| self.theta[j] < self.shared.theta[j] - 5.0)
    }

    fn plain_objective(&mut self, outcome: Outcome) -> f64 {
        if self.shared.goal.priors.is_empty() && !self.recipe.continuation {
            return outcome.objective;
        }
        self.ws.evaluate(&self.theta);
        self.ws.accept();
        statistics::objective(&mut self.ws, self.recipe)
    }
}

/// Rows in order of the size of their residuals.
fn by_residual(r: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..r.len() as u32).collect();
    order.sort_by(|&i, &j| r[i as usize].abs().total_cmp(&r[j as usize].abs()));
    order
}

/// A parameter that the full fit puts at zero starts a resample a little above: at −∞ its
/// derivative is zero and it could never leave.
fn leave_zero(ws: &mut Workspace<'_>, theta: &mut [f64], recipe: &Recipe) {
    let gone: Vec<usize> =
        (0..theta.len()).filter(|&j| theta[j] == f64::NEG_INFINITY && recipe.fixed[j].is_nan()).collect();
    for j in gone {
        theta[j] = -40.0;
        let k = ws.free.iter().position(|&f| f == j);
        for _ in 0..60 {
            ws.evaluate(theta);
            let effect = k.map_or(1.0, |k| ws.vectors.next_jac[k][..ws.n].iter().fold(0.0, |m: f64, x| m.max(x.abs())));
            if effect > 1e-4 {
                break;
            }
            theta[j] += 1.0;
        }
    }
}
