//! The last digits of a least-squares optimum: Gauss–Newton steps by orthogonal factors.
//!
//! A descent ends where the objective no longer falls, which it does to second order: half the
//! digits of the parameters. What counts here is the angle between the residuals and the columns
//! (the relative offset of Bates and Watts 1981), which is driven down to rounding.

use super::exact::is_squared;
use super::qr::{factorise_rows, solve_upper};
use super::recipe::Recipe;
use super::sample::Workspace;
use super::search::Best;

const MOST_STEPS: usize = 100;
/// Steps in a row that bring nothing, after which rounding is all that is left.
const PATIENCE: usize = 4;
/// An offset this small cannot be bettered.
const SMALLEST: f64 = 1e-16;
/// A relative rise of the objective that is more than rounding.
const RISE: f64 = 1e-9;

/// Polishes a sound optimum where nothing but squares is minimised.
pub(crate) fn polish(ws: &mut Workspace<'_>, recipe: &Recipe, best: &mut Best) {
    if !is_squared(recipe) || !best.outcome.status.is_ok() {
        return;
    }
    let free = ws.free.clone();
    let theta = &best.theta;
    let inside = free.iter().copied().filter(|&j| theta[j] > recipe.lower[j] && theta[j] < recipe.upper[j]);
    let inside: Vec<usize> = inside.collect();
    ws.set_free(&inside);
    if let Some((theta, objective)) = refine(ws, recipe, theta) {
        best.theta = theta;
        best.outcome.objective = objective;
    }
    ws.set_free(&free);
}

/// The parameters of smallest offset on the way of plain Gauss–Newton steps, and the objective there.
fn refine(ws: &mut Workspace<'_>, recipe: &Recipe, start: &[f64]) -> Option<(Vec<f64>, f64)> {
    let (mut theta, mut best) = (start.to_vec(), None::<(f64, Vec<f64>, f64)>);
    let (mut upper, mut step, mut idle) = (vec![], vec![], 0);
    for _ in 0..MOST_STEPS {
        ws.evaluate(&theta);
        ws.accept();
        let independent = factorise_rows(ws, &[], &mut upper, &mut step);
        let explained: f64 = step.iter().map(|x| x * x).sum();
        let left = &ws.vectors.next_r[..ws.n];
        let square = (ws.problem.kernels.dot)(left, left) + explained;
        let offset = (explained / square).sqrt();
        let (smallest, lowest) = best.as_ref().map_or((f64::INFINITY, f64::INFINITY), |b| (b.0, b.2));
        if !independent || !offset.is_finite() || 0.5 * square > lowest * (1.0 + RISE) || ws.cancelled() {
            break;
        }
        idle = if offset < smallest { 0 } else { idle + 1 };
        if offset < smallest {
            best = Some((offset, theta.clone(), 0.5 * square));
        }
        if offset <= SMALLEST || idle >= PATIENCE {
            break;
        }
        solve_upper(&upper, &mut step);
        for (&j, step) in ws.free.iter().zip(&step) {
            theta[j] -= step;
        }
        if ws.free.iter().any(|&j| !(theta[j] > recipe.lower[j] && theta[j] < recipe.upper[j])) {
            break;
        }
    }
    best.map(|(_, theta, objective)| (theta, objective))
}
