//! Parameters that vanish: refitted at exactly zero and certified by the sign of the derivative.
//!
//! An objective that still falls as E → 0 has its minimum at E = 0, not at log E = −155.

use super::sample::Workspace;
use super::solver::{Goal, Outcome, descend};
use super::status::Status;
use crate::expr::Domain;

/// A term below this share of the response is taken to vanish.
const VANISHING: f64 = 1e-6;

/// The largest effect of a relative change of each free parameter, at the current Jacobian.
fn effects(ws: &Workspace<'_>) -> Vec<f64> {
    let columns = (0..ws.free.len()).map(|k| &ws.vectors.jac[k * ws.ld..][..ws.n]);
    columns.map(|c| c.iter().zip(&ws.w).filter(|(_, w)| **w > 0.0).fold(0.0, |m: f64, (x, _)| m.max(x.abs()))).collect()
}

/// Refits without the parameters that vanish, where that is an optimum; returns the outcome to
/// report. The workspace keeps the free set that it had.
pub(crate) fn certify(ws: &mut Workspace<'_>, goal: &Goal, theta: &mut [f64], found: Outcome) -> Outcome {
    if !found.objective.is_finite() {
        return found;
    }
    let scale = response_size(ws);
    let effects = effects(ws);
    let vanishing = |k: usize, j: usize| {
        ws.problem.domains[j] == Domain::Positive && effects[k] < VANISHING * scale && theta[j] < 0.0
    };
    let gone: Vec<usize> = ws.free.iter().enumerate().filter(|&(k, &j)| vanishing(k, j)).map(|(_, &j)| j).collect();
    if gone.is_empty() {
        return found;
    }
    let (before, free) = (theta.to_vec(), ws.free.clone());
    let kept: Vec<usize> = free.iter().copied().filter(|j| !gone.contains(j)).collect();
    for &j in &gone {
        theta[j] = f64::NEG_INFINITY;
    }
    ws.set_free(&kept);
    let reduced = descend(ws, &restrict(goal, &free, &kept), theta, false);
    ws.set_free(&free);
    let better = reduced.objective <= found.objective * (1.0 + 1e-9);
    if better && gone.iter().all(|&j| rises(ws, goal, theta, j, before[j])) {
        let sound = reduced.status == Status::Converged && matches!(found.status, Status::Converged | Status::Rescued);
        let doubt = if reduced.status == Status::Converged { found.status } else { reduced.status };
        return Outcome { objective: reduced.objective, status: if sound { Status::AtBound } else { doubt } };
    }
    theta.copy_from_slice(&before);
    ws.evaluate(theta);
    ws.accept();
    found
}

/// Whether the objective rises when parameter `j` leaves zero.
fn rises(ws: &mut Workspace<'_>, goal: &Goal, theta: &mut [f64], j: usize, small: f64) -> bool {
    theta[j] = small.min(-20.0);
    ws.evaluate(theta);
    theta[j] = f64::NEG_INFINITY;
    let k = ws.free.iter().position(|&f| f == j).expect("only free parameters vanish");
    let (n, kernels) = (ws.n, ws.problem.kernels);
    let v = &mut ws.vectors;
    (kernels.score)(&goal.criterion, &v.next_r[..n], &ws.w[..n], &mut v.psi[..n], &mut v.curv[..n]);
    let slope: f64 = v.psi[..n].iter().zip(&v.next_jac[k * ws.ld..][..n]).map(|(p, x)| p * x).sum();
    slope >= 0.0
}

/// The same goal over fewer parameters.
fn restrict(goal: &Goal, free: &[usize], kept: &[usize]) -> Goal {
    let take = |list: &[(f64, f64)]| list.iter().zip(free).filter(|(_, j)| kept.contains(j)).map(|(x, _)| *x).collect();
    Goal { bounds: take(&goal.bounds), priors: take(&goal.priors), metric: vec![], ..goal.clone() }
}

/// 1 on the log scale; the largest response otherwise.
fn response_size(ws: &Workspace<'_>) -> f64 {
    match ws.problem.scale {
        crate::expr::Scale::Log => 1.0,
        crate::expr::Scale::Linear => ws.y[..ws.n].iter().fold(0.0, |m: f64, y| m.max(y.abs())),
    }
}
