//! What is minimised: criterion, fixed parameters, bounds and priors, on the internal scale.

use crate::expr::Domain;
use crate::simd::Criterion;

/// A Gaussian on one internal parameter: ½ κ (θ − mean)² / sd².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Its centre (internal scale).
    pub mean: f64,
    /// Its width (internal scale).
    pub sd: f64,
}

/// Everything about a fit that is not data.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The robust criterion; the width of a continued one is where it starts.
    pub criterion: Criterion,
    /// Choose the width as 1.345 robust standard deviations.
    pub auto_delta: bool,
    /// Drive the width towards zero (absolute and quantile criteria).
    pub continuation: bool,
    /// Native values of fixed parameters, NaN where free.
    pub fixed: Vec<f64>,
    /// Lower bounds (internal scale, −∞ for none).
    pub lower: Vec<f64>,
    /// Upper bounds (internal scale, ∞ for none).
    pub upper: Vec<f64>,
    /// Priors.
    pub priors: Vec<Option<Prior>>,
    /// The weight κ of the priors, the variance of an M-estimator's score; none: from the fit.
    pub kappa: Option<f64>,
}

impl Recipe {
    /// Plain settings for `p` parameters: all free, no bounds, no priors.
    pub fn new(criterion: Criterion, p: usize) -> Self {
        Recipe {
            criterion,
            auto_delta: false,
            continuation: false,
            fixed: vec![f64::NAN; p],
            lower: vec![f64::NEG_INFINITY; p],
            upper: vec![f64::INFINITY; p],
            priors: vec![None; p],
            kappa: None,
        }
    }

    /// The free parameters.
    pub fn free(&self) -> Vec<usize> {
        (0..self.fixed.len()).filter(|&j| self.fixed[j].is_nan()).collect()
    }

    /// Native values of internal parameters; fixed ones exactly as they were given.
    pub fn native(&self, domains: &[Domain], theta: &[f64]) -> Vec<f64> {
        let mut native = vec![0.0; theta.len()];
        self.write_native(domains, theta, &mut native);
        native
    }

    /// The same, without allocating.
    pub(crate) fn write_native(&self, domains: &[Domain], theta: &[f64], native: &mut [f64]) {
        for (j, out) in native.iter_mut().enumerate() {
            *out = if self.fixed[j].is_nan() { domains[j].outward(theta[j]) } else { self.fixed[j] };
        }
    }
}
