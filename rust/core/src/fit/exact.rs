//! Laws that are linear on the residual's scale, with a squared criterion: one least-squares solve.
//!
//! No search and no iteration, in the full fit and in every resample: rows and columns are those of a
//! base evaluated once, so that a refit runs no tape. Bounds, priors and parameters that would
//! leave their domain are the solver's.

use super::problem::Problem;
use super::recipe::Recipe;
use super::sample::{Base, Workspace};
use super::search::Best;
use super::seeds::hold_fixed;
use super::solver::Outcome;
use super::status::Status;
use crate::expr::{Domain, Id, Law, Node};
use crate::simd::Shape;

/// Columns of which less than this share (squared) is their own are left to the solver, which tells.
const DEPENDENT: f64 = 1e-20;
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
        let plain = is_squared(recipe) && recipe.priors.iter().all(Option::is_none);
        let open = recipe.lower.iter().all(|x| *x == f64::NEG_INFINITY) && recipe.upper.iter().all(|x| x.is_infinite());
        if !plain || !open || recipe.free().is_empty() {
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
        self.by_native(&ws.free, &mut base.jac, ws.ld);
        base
    }

    /// Makes derivatives by internal parameters at the origin those by the parameters that the law is linear in.
    fn by_native(&self, free: &[usize], jac: &mut [f64], ld: usize) {
        let scale = libm::exp(-NEXT_TO_ZERO);
        for (column, &j) in jac.chunks_mut(ld).zip(free) {
            if self.native[j] {
                column.iter_mut().for_each(|x| *x *= scale);
            }
        }
    }

    /// Solves for the rows in hand, which hold the residuals and the Jacobian of the origin; returns the
    /// objective. None where the rows do not determine the parameters, or one would leave its domain.
    pub fn solve(&self, ws: &mut Workspace<'_>, theta: &mut [f64]) -> Option<f64> {
        let (n, ld, p) = (ws.n, ws.ld, ws.free.len());
        let v = &mut ws.vectors;
        for ((root, w), (left, r)) in v.psi.iter_mut().zip(&ws.w).zip(v.next_r.iter_mut().zip(&v.r)).take(n) {
            *root = w.sqrt();
            *left = -r * *root;
        }
        for (column, jac) in v.next_jac.chunks_mut(ld).zip(v.jac.chunks(ld)).take(p) {
            column.iter_mut().zip(jac).zip(&v.psi[..n]).for_each(|((q, j), root)| *q = j * root);
        }
        let step = &mut ws.small.step;
        step.clear();
        step.resize(p, 0.0);
        let objective = least_squares(&mut v.next_jac, ld, &mut v.next_r[..n], step, &mut ws.small.h, ws.problem)?;
        for (k, &j) in ws.free.iter().enumerate() {
            let moved = ws.small.step[k];
            theta[j] = if self.native[j] { libm::log(moved) } else { moved };
            if !theta[j].is_finite() {
                return None;
            }
        }
        Some(objective)
    }
}

/// The fit of a linear law, where there is one.
pub(crate) fn fit(ws: &mut Workspace<'_>, recipe: &Recipe) -> Option<Best> {
    let exact = Exact::find(ws.problem, recipe)?;
    let mut theta = exact.origin.clone();
    ws.evaluate(&theta);
    ws.accept();
    let Workspace { free, vectors, ld, .. } = ws;
    exact.by_native(free, &mut vectors.jac, *ld);
    let objective = exact.solve(ws, &mut theta)?;
    let outcome = Outcome { objective, status: Status::Converged };
    Some(Best { theta, outcome, n_starts: 1, n_best: 1, n_optima: 1 })
}

fn is_squared(recipe: &Recipe) -> bool {
    let c = recipe.criterion;
    let whole = c.shape == Shape::Huber && c.delta == f64::INFINITY && c.over == 1.0 && c.under == 1.0;
    whole && !recipe.auto_delta && !recipe.continuation
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

/// Least squares by modified Gram–Schmidt on the columns and the right side together, which is as stable
/// as Householder's way (Björck 1967). Columns become orthonormal, `left` what they do not explain;
/// returns half its squared length.
fn least_squares(
    columns: &mut [f64],
    ld: usize,
    left: &mut [f64],
    x: &mut [f64],
    upper: &mut Vec<f64>,
    problem: &Problem,
) -> Option<f64> {
    let (n, p, dot) = (left.len(), x.len(), problem.kernels.dot);
    upper.clear();
    upper.resize(p * p, 0.0);
    let sizes: Vec<f64> = (0..p).map(|j| dot(&columns[j * ld..][..n], &columns[j * ld..][..n])).collect();
    for j in 0..p {
        let (head, tail) = columns.split_at_mut((j + 1) * ld);
        let q = &mut head[j * ld..][..n];
        let square = dot(q, q);
        if !(square > DEPENDENT * sizes[j]) || !square.is_finite() {
            return None;
        }
        let norm = square.sqrt();
        upper[j * p + j] = norm;
        q.iter_mut().for_each(|x| *x /= norm);
        for k in j + 1..p {
            upper[j * p + k] = take_off(q, &mut tail[(k - j - 1) * ld..][..n], dot);
        }
        x[j] = take_off(q, left, dot);
    }
    for j in (0..p).rev() {
        let known: f64 = (j + 1..p).map(|k| upper[j * p + k] * x[k]).sum();
        x[j] = (x[j] - known) / upper[j * p + j];
    }
    Some(0.5 * dot(left, left))
}

/// Takes the part along the unit vector `q` off `v`; returns its length.
fn take_off(q: &[f64], v: &mut [f64], dot: fn(&[f64], &[f64]) -> f64) -> f64 {
    let share = dot(q, v);
    v.iter_mut().zip(q).for_each(|(v, q)| *v -= share * q);
    share
}
