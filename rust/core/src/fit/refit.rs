//! One resample after another: warm start at the full fit, rescue where that is suspicious.

use super::boundary::certify;
use super::problem::Problem;
use super::recipe::Recipe;
use super::sample::{Base, Workspace};
use super::search::{REFIT, descend_all, goal};
use super::seeds::Seeder;
use super::solver::{Goal, Outcome, descend, metric};
use super::statistics;
use super::status::Status;
use crate::cancel::Cancel;

/// With fewer distinct rows for each parameter than this, every resample gets rescue starts.
const FEW_ROWS: usize = 12;

/// What all threads of a bootstrap share.
#[derive(Debug)]
pub struct Prepared {
    theta: Vec<f64>,
    base: Base,
    goal: Goal,
    seeder: Seeder,
}

/// Refits resamples of one problem, on one thread.
#[derive(Debug)]
pub struct Refitter<'a> {
    ws: Workspace<'a>,
    recipe: &'a Recipe,
    shared: &'a Prepared,
    theta: Vec<f64>,
    cancel: &'a Cancel,
}

impl<'a> Refitter<'a> {
    /// Evaluates the full fit once: every warm start begins there, free of exponentials.
    pub fn prepare(problem: &Problem, recipe: &Recipe, theta: &[f64], cancel: &Cancel) -> Prepared {
        let mut ws = Workspace::new(problem);
        ws.cancel = Some(cancel);
        ws.set_free(&recipe.free());
        let mut theta = theta.to_vec();
        leave_zero(&mut ws, &mut theta, recipe);
        ws.evaluate(&theta);
        ws.accept();
        let mut goal = goal(&ws, recipe, REFIT);
        goal.metric = metric(&mut ws, &goal, &mut theta);
        let seeder = Seeder::new(&mut ws, recipe);
        let base = ws.base(&theta);
        Prepared { theta, base, goal, seeder }
    }

    /// A refitter for one thread.
    pub fn new(problem: &'a Problem, recipe: &'a Recipe, shared: &'a Prepared, cancel: &'a Cancel) -> Self {
        let mut ws = Workspace::new(problem);
        ws.cancel = Some(cancel);
        ws.set_free(&recipe.free());
        Refitter { ws, recipe, shared, theta: shared.theta.clone(), cancel }
    }

    /// Refits with these row weights (and response, on the residual's scale); writes native
    /// parameters, returns the objective and the status.
    pub fn refit(&mut self, weights: &[f64], response: Option<&[f64]>, native: &mut [f64]) -> (f64, Status) {
        self.ws.load(weights, response);
        self.ws.start_from(&self.shared.base);
        self.theta.copy_from_slice(&self.shared.theta);
        let warm = descend(&mut self.ws, &self.shared.goal, &mut self.theta, true);
        let mut outcome = warm;
        let few = self.ws.count < FEW_ROWS * self.ws.free.len();
        if few || warm.status != Status::Converged {
            outcome = self.rescue(warm);
        }
        if self.near_zero() {
            outcome = self.at_zero(outcome);
        }
        if few && outcome.status.is_ok() && statistics::is_singular(&mut self.ws, self.recipe, &self.theta) {
            outcome.status = Status::Unidentified;
        }
        let objective = self.plain_objective(outcome);
        for (out, (domain, &x)) in native.iter_mut().zip(self.ws.problem.domains.iter().zip(&self.theta)) {
            *out = domain.outward(x);
        }
        (objective, outcome.status)
    }

    /// Searches as a full fit does, on the rows of this resample.
    fn rescue(&mut self, warm: Outcome) -> Outcome {
        let mut seeds = self.shared.seeder.seeds(&mut self.ws, self.recipe, 12);
        seeds.push(self.shared.theta.clone());
        let goal = Goal { metric: vec![], ..self.shared.goal.clone() };
        let found = descend_all(&mut self.ws, &goal, seeds, false, self.cancel);
        let Ok(Some(best)) = found else { return warm };
        if best.outcome.objective < warm.objective * (1.0 - 1e-9) || !warm.status.is_ok() {
            self.theta.copy_from_slice(&best.theta);
            let lonely = best.n_best < 2;
            let status = if best.outcome.status != Status::Converged { best.outcome.status } else if lonely { Status::Multimodal } else { Status::Rescued };
            return Outcome { status, ..best.outcome };
        }
        warm
    }

    /// Whether a positive parameter has run away towards zero.
    fn near_zero(&self) -> bool {
        self.ws.free.iter().any(|&j| self.theta[j] < self.shared.theta[j] - 5.0)
    }

    fn at_zero(&mut self, found: Outcome) -> Outcome {
        self.ws.evaluate(&self.theta);
        self.ws.accept();
        certify(&mut self.ws, &self.shared.goal, &mut self.theta, found)
    }

    fn plain_objective(&mut self, outcome: Outcome) -> f64 {
        if self.shared.goal.priors.is_empty() && !self.recipe.continuation {
            return outcome.objective;
        }
        self.ws.evaluate(&self.theta);
        self.ws.accept();
        statistics::objective(&mut self.ws, self.recipe).0
    }
}

/// A parameter that the full fit puts at zero starts a resample a little above: at −∞ its
/// derivative is zero and it could never leave.
fn leave_zero(ws: &mut Workspace<'_>, theta: &mut [f64], recipe: &Recipe) {
    let gone: Vec<usize> = (0..theta.len()).filter(|&j| theta[j] == f64::NEG_INFINITY && recipe.fixed[j].is_nan()).collect();
    for j in gone {
        theta[j] = -40.0;
        let k = ws.free.iter().position(|&f| f == j);
        for _ in 0..60 {
            ws.evaluate(theta);
            let effect = k.map_or(1.0, |k| ws.vectors.next_jac[k * ws.ld..][..ws.n].iter().fold(0.0, |m: f64, x| m.max(x.abs())));
            if effect > 1e-4 {
                break;
            }
            theta[j] += 1.0;
        }
    }
}
