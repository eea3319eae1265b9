//! Laws that are linear on the residual's scale, with a squared criterion: one least-squares solve.
//!
//! No search and no iteration, in the full fit and in every resample: rows and columns are those of a
//! base evaluated once, so that a refit runs no tape. Bounds, priors and parameters that would
//! leave their domain are the solver's.

use super::problem::Problem;
use super::qr::{factorise_rows, solve_upper};
use super::recipe::Recipe;
use super::sample::{Base, Workspace};
use super::search::Best;
use super::seeds::hold_fixed;
use super::solver::Outcome;
use super::status::Status;
use crate::expr::{Domain, Id, Law, Node};
use crate::simd::{Criterion, Shape};

/// ln of the native value at which parameters that move by it are linearised: nothing beside any data.
const NEXT_TO_ZERO: f64 = -300.0;

/// A linear law: where it was linearised, and which parameters move by their native values.
#[derive(Debug)]
pub(crate) struct Exact {
    origin: Vec<f64>,
    native: Vec<bool>,
}

impl Exact {
    /// The structure, where the law is linear and nothing but squares is minimised.
    pub fn find(problem: &Problem, recipe: &Recipe) -> Option<Self> {
        let open = recipe.lower.iter().all(|x| *x == f64::NEG_INFINITY) && recipe.upper.iter().all(|x| x.is_infinite());
        if !is_squared(recipe) || !open || recipe.free().is_empty() {
            return None;
        }
        let native = linear_by(problem, recipe)?;
        let mut origin: Vec<f64> = native.iter().map(|native| if *native { NEXT_TO_ZERO } else { 0.0 }).collect();
        hold_fixed(problem, recipe, &mut origin);
        Some(Exact { origin, native })
    }

    /// Fitted values and their Jacobian where the law was linearised, on all rows.
    pub fn base(&self, ws: &mut Workspace<'_>) -> Base {
        let mut base = ws.base(&self.origin);
        self.by_native(&ws.free, &mut base.jac);
        base
    }

    /// Makes derivatives by internal parameters at the origin those by the parameters that the law is linear in.
    fn by_native(&self, free: &[usize], jac: &mut [Vec<f64>]) {
        let scale = libm::exp(-NEXT_TO_ZERO);
        for (column, &j) in jac.iter_mut().zip(free) {
            if self.native[j] {
                column.iter_mut().for_each(|x| *x *= scale);
            }
        }
    }

    /// Solves for the rows in hand, which hold the residuals and the Jacobian of the origin; returns the
    /// objective. None where the rows do not determine the parameters, or one would leave its domain.
    pub fn solve(&self, ws: &mut Workspace<'_>, theta: &mut [f64]) -> Option<f64> {
        let (mut upper, mut step) = (std::mem::take(&mut ws.small.h), std::mem::take(&mut ws.small.step));
        let independent = factorise_rows(ws, &[], &mut upper, &mut step);
        let inside = independent && self.move_by(&ws.free, &upper, &mut step, theta);
        (ws.small.h, ws.small.step) = (upper, step);
        let left = &ws.vectors.next_r[..ws.n];
        inside.then(|| 0.5 * (ws.problem.kernels.dot)(left, left))
    }

    /// Takes the whole step R⁻¹Qᵀr from the origin; returns whether all parameters stay in their domains.
    fn move_by(&self, free: &[usize], upper: &[f64], step: &mut [f64], theta: &mut [f64]) -> bool {
        solve_upper(upper, step);
        for (&j, step) in free.iter().zip(step) {
            theta[j] = if self.native[j] { libm::log(-*step) } else { -*step };
        }
        free.iter().all(|&j| theta[j].is_finite())
    }
}

/// The fit of a linear law, where there is one.
pub(crate) fn fit(ws: &mut Workspace<'_>, recipe: &Recipe) -> Option<Best> {
    let exact = Exact::find(ws.problem, recipe)?;
    let mut theta = exact.origin.clone();
    ws.evaluate(&theta);
    ws.accept();
    let Workspace { free, vectors, .. } = ws;
    exact.by_native(free, &mut vectors.jac);
    let objective = exact.solve(ws, &mut theta)?;
    let outcome = Outcome { objective, status: Status::Converged };
    Some(Best { theta, outcome, n_starts: 1, n_best: 1, n_optima: 1 })
}

/// Whether residuals are squared, whatever else is minimised.
pub(crate) fn squares(c: &Criterion) -> bool {
    c.shape == Shape::Huber && c.delta == f64::INFINITY && c.over == 1.0 && c.under == 1.0
}

/// Whether nothing but squares is minimised: by this recipe, and with no width that is still to come.
pub(crate) fn is_squared(recipe: &Recipe) -> bool {
    let plain = recipe.priors.iter().all(Option::is_none);
    plain && squares(&recipe.criterion) && !recipe.auto_delta && !recipe.continuation
}

/// Which expanded parameters the response is linear in by their native values, all free others being
/// linear by their internal ones; none for a law that is not linear.
fn linear_by(problem: &Problem, recipe: &Recipe) -> Option<Vec<bool>> {
    let law = &problem.law;
    let free: Vec<usize> = (0..law.parameters.len()).filter(|&p| is_free(problem, recipe, p)).collect();
    let positive = |&p: &usize| law.parameters[p].domain == Domain::Positive;
    let all: Vec<usize> = free.iter().copied().filter(positive).collect();
    let some: Vec<usize> = all.iter().copied().filter(|&p| problem.by_value[problem.spans[p].0]).collect();
    let chosen = [some, all].into_iter().find(|native| is_linear(problem, &free, native))?;
    let mut flags = vec![false; problem.p()];
    for p in chosen {
        let (first, levels) = problem.spans[p];
        flags[first..first + levels].fill(true);
    }
    Some(flags)
}

fn is_free(problem: &Problem, recipe: &Recipe, p: usize) -> bool {
    let (first, levels) = problem.spans[p];
    recipe.fixed[first..first + levels].iter().any(|x| x.is_nan())
}

/// Whether no derivative of the response depends on a free parameter, when those in `native` are read as
/// plain numbers.
fn is_linear(problem: &Problem, free: &[usize], native: &[usize]) -> bool {
    let mut spec = problem.spec.clone();
    spec.real.extend(native.iter().map(|&p| problem.law.parameters[p].name.clone()));
    let Ok(mut law) = Law::new(&spec) else { return false };
    let root = law.response(problem.scale);
    let leaves: Vec<Id> = free.iter().map(|&p| law.leaf(p)).collect();
    let derivatives = law.graph.derivatives(root, &leaves);
    let reached = law.graph.reached(&derivatives);
    !(0..reached.len()).any(|id| match law.graph.node(id) {
        Node::Symbol(s) | Node::Gather(s, _) => reached[id] && free.contains(s),
        _ => false,
    })
}
