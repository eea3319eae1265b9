//! A parameter at zero or at a bound: its interval begins there and has one other end.
//!
//! The other end is where the objective has risen by κ t²/2, all other parameters fitted anew; t is that of
//! a one-sided interval, for half of all samples from the boundary end up exactly there (Self and Liang 1987).

use crate::fit::{Recipe, Workspace, descend, goal};

/// How finely the end is found, on the internal scale.
const FINE: f64 = 1e-6;
/// The effect of a relative change of a parameter on the response from which on it can be moved.
const MATTERS: f64 = 0.03;
/// Steps away from the boundary at most.
const STEPS: usize = 120;

/// The internal value of parameter `j`, away from its boundary at `theta`, at which the objective has risen by
/// `rise`; infinite where it never does.
pub(super) fn far_end(ws: &mut Workspace<'_>, recipe: &Recipe, theta: &[f64], j: usize, rise: f64) -> f64 {
    let others: Vec<usize> = recipe.free().into_iter().filter(|&k| k != j && theta[k].is_finite()).collect();
    ws.set_free(&others);
    let goal = goal(ws, recipe, 1e-10);
    let mut held = theta.to_vec();
    let least = descend(ws, &goal, &mut held, false).objective;
    let mut risen = |c: f64| {
        held[j] = c;
        descend(ws, &goal, &mut held, false).objective - least
    };
    let upwards = !(theta[j] >= recipe.upper[j]);
    let sign = if upwards { 1.0 } else { -1.0 };
    let mut near = if theta[j].is_finite() { theta[j] } else { -40.0 };
    let mut step = if theta[j].is_finite() { 1e-3 } else { 2.0 };
    let mut far = f64::NAN;
    for _ in 0..STEPS {
        let c = near + sign * step;
        if !(risen(c) < rise) {
            far = c;
            break;
        }
        near = c;
        step = if theta[j].is_finite() { 2.0 * step } else { step };
        if near.abs() > 700.0 {
            break;
        }
    }
    if far.is_nan() {
        return sign * f64::INFINITY;
    }
    while (far - near).abs() > FINE * (1.0 + near.abs()) {
        let c = 0.5 * (near + far);
        if risen(c) < rise { near = c } else { far = c }
    }
    far
}

/// Whether a parameter sits at zero or at one of its bounds.
pub(super) fn is_at_bound(recipe: &Recipe, theta: &[f64], j: usize) -> bool {
    recipe.fixed[j].is_nan()
        && (theta[j] == f64::NEG_INFINITY || theta[j] <= recipe.lower[j] || theta[j] >= recipe.upper[j])
}

/// The parameters, with those at zero put where they begin to matter: at zero itself they could never leave.
pub(super) fn leave_zero(ws: &mut Workspace<'_>, recipe: &Recipe, theta: &[f64]) -> Vec<f64> {
    let mut left = theta.to_vec();
    for j in (0..theta.len()).filter(|&j| theta[j] == f64::NEG_INFINITY && recipe.fixed[j].is_nan()) {
        left[j] = -40.0;
        let Some(k) = ws.free.iter().position(|&f| f == j) else { continue };
        for _ in 0..80 {
            ws.evaluate(&left);
            let effect = ws.vectors.next_jac[k][..ws.count].iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            if effect > MATTERS {
                break;
            }
            left[j] += 1.0;
        }
    }
    left
}
