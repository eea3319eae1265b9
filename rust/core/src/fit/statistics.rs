//! What is read off a finished fit: robust scale, prior weight, covariance, identification.
//!
//! Formulas: `K² [Σψ²/(n−q)]/m² (JᵀJ)⁻¹` with Huber's correction K = 1 + (q/n)(1−m)/m
//! (Huber 1981, section 7.6).

use super::exact::is_squared;
use super::linear::{factorise, inverse_factored, solve_factored};
use super::qr::{factorise_rows, inverse_gram, smallest_share};
use super::recipe::Recipe;
use super::sample::Workspace;
use super::search::{Best, Fit};
use super::status::Status;

/// Columns whose share that no other column explains is below this are not determined.
const SINGULAR: f64 = 1e-10;
/// The same where orthogonal factors tell the share.
const SINGULAR_FACTORS: f64 = 1e-14;

/// The objective of residuals that are rounding and nothing else: less cannot be reached.
pub(crate) fn rounding(ws: &Workspace<'_>) -> f64 {
    let rows = ws.y[..ws.n].iter().zip(&ws.w);
    0.5 * rows.map(|(y, w)| w * (32.0 * f64::EPSILON * y.abs().max(1.0)).powi(2)).sum::<f64>()
}

/// 1.4826 median |r|, corrected for the fitted parameters.
pub(crate) fn robust_sigma(ws: &mut Workspace<'_>, theta: &[f64]) -> f64 {
    ws.evaluate(theta);
    let mut sizes: Vec<f64> =
        ws.vectors.next_r[..ws.n].iter().zip(&ws.w).filter(|(_, w)| **w > 0.0).map(|(r, _)| r.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let (n, q) = (sizes.len(), ws.free.len());
    if n == 0 {
        return 0.0;
    }
    let median = 0.5 * (sizes[(n - 1) / 2] + sizes[n / 2]);
    1.4826 * median * (n as f64 / (n.saturating_sub(q).max(1)) as f64).sqrt()
}

/// The variance of the criterion's score in units of its curvature: κ = K² Σψ² / ((n−q) m).
pub(crate) fn kappa(ws: &mut Workspace<'_>, recipe: &Recipe, theta: &[f64]) -> f64 {
    ws.evaluate(theta);
    ws.accept();
    let (squares, share, n) = scores(ws, recipe);
    let q = ws.free.len() as f64;
    let k = 1.0 + q / n * (1.0 - share) / share;
    k * k * squares / ((n - q).max(1.0) * share)
}

/// Σψ², mean ψ', and the sum of weights, at the current residuals.
fn scores(ws: &mut Workspace<'_>, recipe: &Recipe) -> (f64, f64, f64) {
    let (n, kernels) = (ws.n, ws.problem.kernels);
    let v = &mut ws.vectors;
    (kernels.score)(&recipe.criterion, &v.r[..n], &ws.w[..n], &mut v.psi[..n], &mut v.curv[..n]);
    let total: f64 = ws.w[..n].iter().sum();
    let squares = v.psi[..n].iter().zip(&ws.w).filter(|(_, w)| **w > 0.0).map(|(p, w)| p * p / w).sum();
    let share = (v.curv[..n].iter().sum::<f64>() / total).max(1.0 / total);
    (squares, share, total)
}

/// Everything that a fit reports.
pub(crate) fn report(ws: &mut Workspace<'_>, recipe: &Recipe, best: Best) -> Fit {
    let problem = ws.problem;
    let p = problem.p();
    let Best { theta, outcome, n_starts, n_best, n_optima } = best;
    let ones = vec![1.0; problem.n];
    ws.load(&ones, None);
    ws.evaluate(&theta);
    let residuals = ws.vectors.next_r[..problem.n].to_vec();
    let mut jacobian = vec![0.0; problem.n * p];
    for (k, &j) in ws.free.iter().enumerate() {
        for i in 0..problem.n {
            jacobian[i * p + j] = ws.vectors.next_jac[k][i];
        }
    }
    ws.load(&problem.w[..problem.n], None);
    ws.evaluate(&theta);
    ws.accept();
    let native = recipe.native(problem.domains(), &theta);
    let vanished = |j: usize| theta[j] == f64::NEG_INFINITY;
    let at_bound: Vec<bool> = (0..p)
        .map(|j| {
            recipe.fixed[j].is_nan() && (vanished(j) || theta[j] <= recipe.lower[j] || theta[j] >= recipe.upper[j])
        })
        .collect();
    let (covariance, unidentified) = covariance(ws, recipe, &theta, &at_bound);
    let slope = |j: usize| problem.domains[j].slope(native[j]);
    let standard_error = (0..p).map(|j| covariance[j * p + j].max(0.0).sqrt() * slope(j)).collect();
    let objective = objective(ws, recipe);
    let status = match outcome.status {
        Status::Converged | Status::AtBound if !unidentified.is_empty() => Status::Unidentified,
        Status::Converged if at_bound.iter().any(|b| *b) => Status::AtBound,
        other => other,
    };
    Fit {
        native,
        objective,
        penalised: outcome.objective,
        status,
        delta: recipe.criterion.delta,
        kappa: recipe.kappa.unwrap_or(0.0),
        n_evaluations: ws.evaluations,
        n_starts,
        n_best,
        n_optima,
        at_bound,
        unidentified,
        residuals,
        jacobian,
        covariance,
        standard_error,
        theta,
    }
}

/// Σ w ρ(r) at the current residuals: of a continued criterion, its limit Σ w |r|.
pub(crate) fn objective(ws: &mut Workspace<'_>, recipe: &Recipe) -> f64 {
    let (n, kernels, c) = (ws.n, ws.problem.kernels, recipe.criterion);
    let v = &mut ws.vectors;
    if recipe.continuation {
        let side = |r: f64| if r > 0.0 { c.over } else { c.under };
        let sum = v.r[..n].iter().zip(&ws.w).filter(|(_, w)| **w > 0.0).map(|(r, w)| w * side(*r) * r.abs()).sum();
        return sum;
    }
    (kernels.score)(&c, &v.r[..n], &ws.w[..n], &mut v.psi[..n], &mut v.curv[..n])
}

/// Covariance of the internal parameters, zero for those that are fixed or at a bound, and the
/// parameters that the rows do not determine.
fn covariance(ws: &mut Workspace<'_>, recipe: &Recipe, theta: &[f64], at_bound: &[bool]) -> (Vec<f64>, Vec<usize>) {
    let certified = if is_squared(recipe) { orthogonal_covariance(ws, recipe, theta, at_bound) } else { None };
    certified.map_or_else(|| gram_covariance(ws, recipe, at_bound), |covariance| (covariance, vec![]))
}

/// That of least squares, by orthogonal factors: s² (RᵀR)⁻¹ keeps twice the digits of (JᵀJ)⁻¹. None where
/// the rows do not determine all parameters.
fn orthogonal_covariance(
    ws: &mut Workspace<'_>,
    recipe: &Recipe,
    theta: &[f64],
    at_bound: &[bool],
) -> Option<Vec<f64>> {
    let (squares, _, n) = scores(ws, recipe);
    let free = ws.free.clone();
    let inside: Vec<usize> = free.iter().copied().filter(|&j| !at_bound[j]).collect();
    let (p, q) = (ws.problem.p(), inside.len());
    let (mut upper, mut along) = (vec![], vec![]);
    ws.set_free(&inside);
    ws.evaluate(theta);
    ws.accept();
    let independent = factorise_rows(ws, &[], &mut upper, &mut along);
    ws.set_free(&free);
    ws.evaluate(theta);
    ws.accept();
    let variance = squares / (n - q as f64).max(1.0);
    let share = smallest_share(&upper, q);
    let inverse = (independent && share > SINGULAR_FACTORS).then(|| inverse_gram(&upper, q))?;
    let mut covariance = vec![0.0; p * p];
    for (a, &i) in inside.iter().enumerate() {
        for (b, &j) in inside.iter().enumerate() {
            covariance[i * p + j] = variance * inverse[a * q + b];
        }
    }
    Some(covariance)
}

/// That of any criterion, by normal equations.
fn gram_covariance(ws: &mut Workspace<'_>, recipe: &Recipe, at_bound: &[bool]) -> (Vec<f64>, Vec<usize>) {
    let p = ws.problem.p();
    let inside: Vec<usize> = (0..ws.free.len()).filter(|&k| !at_bound[ws.free[k]]).collect();
    let q = inside.len();
    let (squares, share, n) = scores(ws, recipe);
    let mut gram = vec![0.0; ws.free.len() * ws.free.len()];
    (ws.problem.kernels.gram)(&ws.w[..ws.n], &ws.vectors.jac, ws.free.len(), &mut gram);
    let scale: Vec<f64> = inside.iter().map(|&k| gram[k * ws.free.len() + k].sqrt()).collect();
    let at = |a: usize, b: usize| gram[inside[a] * ws.free.len() + inside[b]] / (scale[a] * scale[b]);
    let mut unit: Vec<f64> = (0..q * q).map(|i| at(i / q, i % q)).collect();
    let empty: Vec<usize> = (0..q).filter(|&a| !(scale[a] > 1e-150)).collect();
    if !empty.is_empty() {
        return (vec![f64::INFINITY; p * p], empty.iter().map(|&a| ws.free[inside[a]]).collect());
    }
    for (a, prior) in inside.iter().map(|&k| recipe.priors[ws.free[k]]).enumerate() {
        if let Some(prior) = prior {
            unit[a * q + a] += recipe.kappa.unwrap_or(0.0) / (share * prior.sd * prior.sd * scale[a] * scale[a]);
        }
    }
    let pivot = factorise(&mut unit, q, SINGULAR);
    if pivot <= SINGULAR {
        let lost = null_space(&unit, q);
        return (vec![f64::INFINITY; p * p], lost.iter().map(|&a| ws.free[inside[a]]).collect());
    }
    let k = 1.0 + q as f64 / n * (1.0 - share) / share;
    let factor = k * k * squares / ((n - q as f64).max(1.0) * share * share);
    let inverse = inverse_factored(&unit, q);
    let mut covariance = vec![0.0; p * p];
    for a in 0..q {
        for b in 0..q {
            covariance[ws.free[inside[a]] * p + ws.free[inside[b]]] =
                factor * inverse[a * q + b] / (scale[a] * scale[b]);
        }
    }
    (covariance, vec![])
}

/// Whether the rows in hand leave a direction of the parameters undetermined.
pub(crate) fn is_singular(ws: &mut Workspace<'_>, recipe: &Recipe, theta: &[f64]) -> bool {
    ws.evaluate(theta);
    ws.accept();
    let at_bound: Vec<bool> = theta.iter().map(|x| *x == f64::NEG_INFINITY).collect();
    !gram_covariance(ws, recipe, &at_bound).1.is_empty()
}

/// Which parameters take part in the flattest direction of a (lifted) Cholesky factor.
fn null_space(l: &[f64], q: usize) -> Vec<usize> {
    let mut x: Vec<f64> = (0..q).map(|i| 1.0 + 0.1 * i as f64).collect();
    for _ in 0..6 {
        solve_factored(l, q, &mut x);
        let norm = x.iter().map(|v| v * v).sum::<f64>().sqrt();
        x.iter_mut().for_each(|v| *v /= norm);
    }
    (0..q).filter(|&i| x[i].abs() > 0.05).collect()
}
