//! One covariance → a generalised least-squares fit of the law with priors, and its evidence.

use super::covariance::{Cell, Field};
use super::factor::Factor;
use super::mixture::Model;
use crate::cancel::Cancel;
use crate::error::Result;
use crate::fit::{Base, Workspace};

/// Gauss–Newton steps at most, and halvings of one of them.
const STEPS: usize = 60;
const HALVINGS: usize = 14;
/// Stops where the linear model promises less than this of log posterior.
const ENOUGH: f64 = 1e-9;

/// The law at some parameters, whitened.
pub(crate) struct White {
    pub theta: Vec<f64>,
    /// L⁻¹ r, with r predicted minus observed, and its squared length.
    pub r: Vec<f64>,
    pub rr: f64,
    /// L⁻¹ J, one vector for each free parameter.
    pub jac: Vec<Vec<f64>>,
}

/// A cell's fit.
pub(crate) struct Solved {
    pub factor: Factor,
    pub white: White,
    /// s².
    pub variance: f64,
    /// The factor of H = Jᵀ K⁻¹ J + s² P, scaled to a unit diagonal by `scale`.
    pub information: Factor,
    pub scale: Vec<f64>,
    /// Log of the weight, prior probability included.
    pub log_weight: f64,
}

impl Solved {
    /// aᵀ H⁻¹ a.
    pub fn quadratic(&self, a: &[f64]) -> f64 {
        let scaled: Vec<f64> = a.iter().zip(&self.scale).map(|(a, s)| a / s).collect();
        self.information.whiten(&scaled).iter().map(|x| x * x).sum()
    }

    /// s² H⁻¹, row by row: the covariance of the free parameters (internal scale).
    pub fn covariance(&self) -> Vec<f64> {
        let q = self.scale.len();
        let row = |k: usize| {
            let unit: Vec<f64> = (0..q).map(|j| if j == k { 1.0 / self.scale[k] } else { 0.0 }).collect();
            self.information.solve(&unit)
        };
        let of = |(x, scale): (f64, &f64)| self.variance * x / scale;
        (0..q).flat_map(|k| row(k).into_iter().zip(&self.scale).map(of).collect::<Vec<f64>>()).collect()
    }
}

/// Fits one cell from `theta`, or reads it off there where `refit` is false; none where the rows
/// and priors do not determine the parameters.
pub(crate) fn solve_cell(
    model: &Model<'_>,
    cell: &Cell,
    theta: &[f64],
    refit: bool,
    cancel: &Cancel,
) -> Result<Option<Solved>> {
    let kernels = model.problem.kernels();
    let mut scratch = vec![];
    let field: &Field = &model.field;
    let made = Factor::new(field.len(), kernels, |i, out| field.row(cell, i, kernels, &mut scratch, out));
    cancel.check()?;
    let Some(factor) = made else { return Ok(None) };
    let mut ws = Workspace::new(model.problem, cancel);
    ws.set_free(&model.free);
    let mut gls = Gls { model, factor: &factor, ws };
    let Some(mut white) = gls.at(theta.to_vec()) else { return Ok(None) };
    for _ in 0..if refit { STEPS } else { 0 } {
        cancel.check()?;
        match gls.step(&white) {
            Some((next, promised)) => {
                white = next;
                if promised < ENOUGH {
                    break;
                }
            }
            None => break,
        }
    }
    let Some((information, scale, variance)) = gls.information(&white) else { return Ok(None) };
    let freedom = gls.freedom();
    let log_h = information.log_determinant() + scale.iter().map(|s| 2.0 * libm::log(*s)).sum::<f64>();
    let log_weight =
        -0.5 * freedom * libm::log(variance) - 0.5 * factor.log_determinant() - 0.5 * log_h - gls.penalty(&white.theta)
            + cell.log_prior;
    if !log_weight.is_finite() {
        return Ok(None);
    }
    Ok(Some(Solved { white, variance, information, scale, log_weight, factor }))
}

struct Gls<'a> {
    model: &'a Model<'a>,
    factor: &'a Factor,
    ws: Workspace<'a>,
}

impl Gls<'_> {
    fn freedom(&self) -> f64 {
        (self.model.field.len() - self.model.free.len()) as f64
    }

    /// ½ (θ−m)ᵀ P (θ−m).
    fn penalty(&self, theta: &[f64]) -> f64 {
        let term = |(x, prior): (&f64, &Option<crate::fit::Prior>)| {
            prior.map_or(0.0, |p| 0.5 * ((x - p.mean) / p.sd) * ((x - p.mean) / p.sd))
        };
        theta.iter().zip(&self.model.priors).map(term).sum()
    }

    /// Minus the log posterior with s² profiled out: what the steps bring down.
    fn merit(&self, white: &White) -> f64 {
        0.5 * self.freedom() * libm::log(white.rr) + self.penalty(&white.theta)
    }

    /// The law at `theta`; none where it is not finite.
    fn at(&mut self, theta: Vec<f64>) -> Option<White> {
        let n = self.model.field.len();
        let Base { mu, jac } = self.ws.base(&theta);
        let residuals: Vec<f64> = mu[..n].iter().zip(self.model.problem.response()).map(|(m, y)| m - y).collect();
        let r = self.factor.whiten(&residuals);
        let rr = r.iter().map(|x| x * x).sum::<f64>().max(f64::MIN_POSITIVE);
        let jac: Vec<Vec<f64>> = jac.iter().map(|column| self.factor.whiten(&column[..n])).collect();
        let finite = rr.is_finite() && jac.iter().flatten().all(|x| x.is_finite());
        finite.then_some(White { theta, r, rr, jac })
    }

    /// The factor of the information matrix, its scale, and s².
    fn information(&self, white: &White) -> Option<(Factor, Vec<f64>, f64)> {
        let kernels = self.model.problem.kernels();
        let variance = white.rr / self.freedom();
        let precision: Vec<f64> =
            self.model.free.iter().map(|&j| self.model.priors[j].map_or(0.0, |p| 1.0 / (p.sd * p.sd))).collect();
        let entry = |a: usize, b: usize| {
            (kernels.dot)(&white.jac[a], &white.jac[b]) + if a == b { variance * precision[a] } else { 0.0 }
        };
        let scale: Vec<f64> = (0..white.jac.len()).map(|a| entry(a, a).sqrt()).collect();
        let factor = Factor::new(scale.len(), kernels, |i, out| {
            for j in 0..=i {
                out[j] = entry(i, j) / (scale[i] * scale[j]);
            }
        })?;
        Some((factor, scale, variance))
    }

    /// A Gauss–Newton step that brings the merit down, and how much it promised; none where none does.
    fn step(&mut self, white: &White) -> Option<(White, f64)> {
        let kernels = self.model.problem.kernels();
        let (information, scale, variance) = self.information(white)?;
        let free = &self.model.free;
        let slope = |k: usize| {
            let prior = self.model.priors[free[k]];
            let pull = prior.map_or(0.0, |p| variance * (white.theta[free[k]] - p.mean) / (p.sd * p.sd));
            ((kernels.dot)(&white.jac[k], &white.r) + pull) / scale[k]
        };
        let gradient: Vec<f64> = (0..free.len()).map(slope).collect();
        let mut step = information.solve(&gradient);
        let promised = 0.5 * gradient.iter().zip(&step).map(|(g, s)| g * s).sum::<f64>() / variance;
        step.iter_mut().zip(&scale).for_each(|(x, s)| *x /= -s);
        let before = self.merit(white);
        for halving in 0..HALVINGS {
            let share = libm::ldexp(1.0, -(halving as i32));
            let mut theta = white.theta.clone();
            for (&j, x) in free.iter().zip(&step) {
                theta[j] = (theta[j] + share * x).clamp(self.model.bounds[j].0, self.model.bounds[j].1);
            }
            match self.at(theta) {
                Some(next) if self.merit(&next) <= before => return Some((next, promised)),
                _ => {}
            }
        }
        None
    }
}
