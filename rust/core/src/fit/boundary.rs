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
    let columns = (0..ws.free.len()).map(|k| &ws.vectors.jac[k][..ws.n]);
    columns.map(|c| c.iter().zip(&ws.w).filter(|(_, w)| **w > 0.0).fold(0.0, |m: f64, (x, _)| m.max(x.abs()))).collect()
}

/// Refits without the parameters that vanish, one after the other, where that is an optimum;
/// returns the outcome to report. The workspace keeps the free set that it had.
pub(crate) fn certify(ws: &mut Workspace<'_>, goal: &Goal, theta: &mut [f64], found: Outcome) -> Outcome {
    let free = ws.free.clone();
    let (mut kept, mut refused, mut outcome) = (free.clone(), vec![], found);
    while outcome.objective.is_finite() && !ws.cancelled() {
        ws.set_free(&kept);
        ws.evaluate(theta);
        ws.accept();
        let Some(j) = smallest_vanishing(ws, theta, &refused) else { break };
        match without(ws, goal, theta, j, &free, &mut kept, outcome) {
            Some(reduced) => outcome = reduced,
            None => refused.push(j),
        }
    }
    ws.set_free(&free);
    outcome
}

/// The free positive parameter of least effect, where that is next to none.
fn smallest_vanishing(ws: &Workspace<'_>, theta: &[f64], refused: &[usize]) -> Option<usize> {
    let (scale, effects) = (response_size(ws), effects(ws));
    let gone = ws.free.iter().zip(&effects).filter(|&(&j, &effect)| {
        ws.problem.domains[j] == Domain::Positive
            && effect < VANISHING * scale
            && theta[j] < 0.0
            && !refused.contains(&j)
    });
    gone.min_by(|a, b| a.1.total_cmp(b.1)).map(|(&j, _)| j)
}

/// The refit with parameter `j` at exactly zero, where it is as good and the derivative's sign
/// says that zero is the minimum; else nothing, and all is as it was.
fn without(
    ws: &mut Workspace<'_>,
    goal: &Goal,
    theta: &mut [f64],
    j: usize,
    free: &[usize],
    kept: &mut Vec<usize>,
    found: Outcome,
) -> Option<Outcome> {
    let before = theta.to_vec();
    let fewer: Vec<usize> = kept.iter().copied().filter(|&k| k != j).collect();
    theta[j] = f64::NEG_INFINITY;
    ws.set_free(&fewer);
    let reduced = descend(ws, &restrict(goal, free, &fewer), theta, false);
    ws.set_free(free);
    if reduced.objective <= found.objective * (1.0 + 1e-9) && rises(ws, goal, theta, j, before[j]) {
        *kept = fewer;
        let sound = matches!(found.status, Status::Converged | Status::Rescued | Status::AtBound);
        let status = match (reduced.status, sound) {
            (Status::Converged, true) => Status::AtBound,
            (Status::Converged, false) => found.status,
            (other, _) => other,
        };
        return Some(Outcome { objective: reduced.objective, status });
    }
    theta.copy_from_slice(&before);
    None
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
    let slope: f64 = v.psi[..n].iter().zip(&v.next_jac[k][..n]).map(|(p, x)| p * x).sum();
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
