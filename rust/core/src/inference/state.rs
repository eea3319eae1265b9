//! A fit as inference sees it: residuals, scores and the Jacobian of the parameters that may move.
//!
//! Weights are counts: weight 2 is the row written twice. Parameters at zero or at a bound do not
//! move; everything here is conditional on that.

use super::matrix::Square;
use crate::fit::{Problem, Recipe, Workspace};

/// Residuals, scores and Jacobian at one parameter vector.
#[derive(Debug, Clone)]
pub struct State {
    /// Internal parameters, all of them.
    pub theta: Vec<f64>,
    /// The parameters that move.
    pub free: Vec<usize>,
    /// Which row of the table each row is; rows of weight zero are not here.
    pub rows: Vec<u32>,
    /// Predicted minus observed.
    pub r: Vec<f64>,
    /// Weights.
    pub w: Vec<f64>,
    /// ρ'(r), without the weight.
    pub psi: Vec<f64>,
    /// ρ''(r), without the weight.
    pub curv: Vec<f64>,
    /// One column for each parameter that moves.
    pub jac: Vec<Vec<f64>>,
    /// κ/sd² of the priors of the parameters that move, zero for none.
    pub precision: Vec<f64>,
    /// Centres of the priors.
    pub centre: Vec<f64>,
}

impl State {
    /// The state at `theta` of the rows that a workspace has in hand.
    pub fn at(ws: &mut Workspace<'_>, recipe: &Recipe, theta: &[f64]) -> Self {
        ws.evaluate(theta);
        let moves =
            |j: usize| theta[j] != f64::NEG_INFINITY && theta[j] > recipe.lower[j] && theta[j] < recipe.upper[j];
        let inside: Vec<usize> = (0..ws.free.len()).filter(|&k| moves(ws.free[k])).collect();
        let free: Vec<usize> = inside.iter().map(|&k| ws.free[k]).collect();
        let n = ws.count;
        let v = &mut ws.vectors;
        let ones = vec![1.0; ws.n];
        let kernels = ws.problem.kernels;
        (kernels.score)(&recipe.criterion, &v.next_r[..ws.n], &ones, &mut v.psi[..ws.n], &mut v.curv[..ws.n]);
        let kappa = recipe.kappa.unwrap_or(0.0);
        let prior = |&j: &usize| recipe.priors[j].map_or((0.0, 0.0), |p| (p.mean, kappa / (p.sd * p.sd)));
        let (centre, precision) = free.iter().map(prior).unzip();
        State {
            r: v.next_r[..n].to_vec(),
            psi: v.psi[..n].to_vec(),
            curv: v.curv[..n].to_vec(),
            jac: inside.iter().map(|&k| v.next_jac[k][..n].to_vec()).collect(),
            w: ws.w[..n].to_vec(),
            rows: ws.rows_in_hand().to_vec(),
            theta: theta.to_vec(),
            free,
            precision,
            centre,
        }
    }

    /// The state of a problem's own rows, in the order of the table.
    pub fn of(problem: &Problem, recipe: &Recipe, theta: &[f64], cancel: &crate::cancel::Cancel) -> Self {
        let mut ws = Workspace::new(problem, cancel);
        ws.set_free(&recipe.free());
        State::at(&mut ws, recipe, theta)
    }

    /// The number of parameters that move.
    pub fn q(&self) -> usize {
        self.free.len()
    }

    /// The number of rows, by weight.
    pub fn n(&self) -> f64 {
        self.w.iter().sum()
    }

    /// Row `i` of the Jacobian.
    pub fn row(&self, i: usize) -> Vec<f64> {
        self.jac.iter().map(|column| column[i]).collect()
    }

    /// Σ_i c_i J_i J_iᵀ.
    pub fn gram(&self, c: impl Fn(usize) -> f64) -> Square {
        let q = self.q();
        let mut out = Square::zero(q);
        let mut scaled = vec![0.0; self.r.len()];
        for a in 0..q {
            for (i, s) in scaled.iter_mut().enumerate() {
                *s = c(i) * self.jac[a][i];
            }
            for b in 0..=a {
                let sum = scaled.iter().zip(&self.jac[b]).map(|(x, y)| x * y).sum();
                out.set(a, b, sum);
                out.set(b, a, sum);
            }
        }
        out
    }

    /// JᵀWJ with the priors, and its inverse; none where the rows do not determine the parameters.
    pub fn information(&self, share: f64) -> Option<(Square, Square)> {
        let mut gram = self.gram(|i| self.w[i]);
        for (k, precision) in self.precision.iter().enumerate() {
            gram.add(k, k, precision / share);
        }
        let inverse = gram.inverse()?;
        Some((gram, inverse))
    }

    /// Leverages w J (JᵀWJ)⁻¹ Jᵀ of single rows (of one copy, where a weight is a count).
    pub fn leverage(&self, inverse: &Square) -> Vec<f64> {
        (0..self.r.len()).map(|i| inverse.form(&self.row(i)).clamp(0.0, 1.0)).collect()
    }

    /// Mean of ρ'', at least one row's worth.
    pub fn share(&self) -> f64 {
        let n = self.n();
        (self.curv.iter().zip(&self.w).map(|(c, w)| c * w).sum::<f64>() / n).max(1.0 / n)
    }

    /// The residual variance: squares over n − q.
    pub fn variance(&self) -> f64 {
        let squares: f64 = self.r.iter().zip(&self.w).map(|(r, w)| w * r * r).sum();
        squares / (self.n() - self.q() as f64).max(1.0)
    }

    /// The gradient of a quantity by the parameters that move.
    pub fn restrict(&self, gradient: &[f64]) -> Vec<f64> {
        self.free.iter().map(|&j| gradient[j]).collect()
    }
}
