//! Covariances of the parameters that move: pooled, heteroscedasticity-consistent, clustered.
//!
//! Huber 1981, section 7.6; MacKinnon and White 1985 (HC3).

use super::matrix::Square;
use super::state::State;

/// K² Σψ²/(n − q)/m² (JᵀJ)⁻¹ with Huber's correction K = 1 + (q/n)(1 − m)/m.
pub fn pooled(state: &State) -> Option<Square> {
    let share = state.share();
    let (_, inverse) = state.information(share)?;
    Some(inverse.scaled(kappa(state) / share))
}

/// κ = K² Σψ²/((n − q) m): the variance of a score in units of its curvature.
pub fn kappa(state: &State) -> f64 {
    let (n, q, share) = (state.n(), state.q() as f64, state.share());
    let squares: f64 = state.psi.iter().zip(&state.w).map(|(p, w)| w * p * p).sum();
    let k = 1.0 + q / n * (1.0 - share) / share;
    k * k * squares / ((n - q).max(1.0) * share)
}

/// H⁻¹ [Σ w (ψ/(1−h))² J Jᵀ] H⁻¹ with H = Jᵀ diag(w ρ'') J.
pub fn hc3(state: &State) -> Option<Square> {
    let (_, inverse) = state.information(state.share())?;
    let h = state.leverage(&inverse);
    let meat = state.gram(|i| state.w[i] * (state.psi[i] / (1.0 - h[i]).max(1e-8)).powi(2));
    Some(bread(state)?.around(&meat))
}

/// H⁻¹ [Σ_g s_g s_gᵀ] H⁻¹ with s_g = Σ w ψ J over the rows of a group; `groups` is by row of the table.
pub fn clustered(state: &State, groups: &[u32]) -> Option<Square> {
    let q = state.q();
    let mut sums: std::collections::BTreeMap<u32, Vec<f64>> = std::collections::BTreeMap::new();
    for (i, &row) in state.rows.iter().enumerate() {
        let sum = sums.entry(groups[row as usize]).or_insert_with(|| vec![0.0; q]);
        for (s, column) in sum.iter_mut().zip(&state.jac) {
            *s += state.w[i] * state.psi[i] * column[i];
        }
    }
    let mut meat = Square::zero(q);
    sums.values().for_each(|s| meat.add_outer(1.0, s));
    Some(bread(state)?.around(&meat))
}

/// The inverse of H; where too few rows lie inside the robust width, that of m JᵀWJ in its place.
fn bread(state: &State) -> Option<Square> {
    let mut h = state.gram(|i| state.w[i] * state.curv[i]);
    for (k, precision) in state.precision.iter().enumerate() {
        h.add(k, k, *precision);
    }
    h.inverse().or_else(|| {
        let share = state.share();
        Some(state.information(share)?.1.scaled(1.0 / share))
    })
}
