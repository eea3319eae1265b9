//! What is believed of the law: versions of it, what runs tell of their parameters, and what these tell of the targets.

use super::version::{Seen, Version};
use crate::error::{Error, Result};

/// A weighted mixture of versions of the law.
#[derive(Debug, Clone)]
pub struct Belief {
    /// The versions; their weights sum to one.
    pub versions: Vec<Version>,
    /// For each target the variance between versions, which no design changes.
    pub apart: Vec<f64>,
    /// Its weight among all beliefs.
    pub weight: f64,
}

impl Belief {
    /// # Errors
    /// Shapes that do not fit; numbers that are not finite; weights that are not positive.
    pub fn check(&self, candidates: usize) -> Result<()> {
        if self.versions.is_empty() || self.apart.is_empty() {
            return Err(Error::Setting("a belief has no version of the law or no target".into()));
        }
        let fine = self.weight > 0.0 && self.weight.is_finite() && self.apart.iter().all(|x| *x >= 0.0);
        if !fine {
            return Err(Error::Setting("weights of beliefs must be above 0, variances 0 or more".into()));
        }
        self.versions.iter().try_for_each(|version| version.check(candidates, self.apart.len()))
    }

    /// Variances of the targets after a design; infinite where it leaves parameters open.
    pub fn variances(&self, design: &[usize]) -> Vec<f64> {
        let seen: Vec<(f64, Vec<f64>)> =
            self.versions.iter().map(|v| (v.weight, v.variances(design).unwrap_or_default())).collect();
        let of = |t: usize| seen.iter().map(|(w, x)| w * x.get(t).copied().unwrap_or(f64::INFINITY)).sum::<f64>();
        self.apart.iter().enumerate().map(|(t, apart)| apart + of(t)).collect()
    }

    /// What it says once a design is run, ready for one more run.
    pub(crate) fn seen(&self, design: &[usize]) -> Outlook<'_> {
        Outlook { belief: self, seen: self.versions.iter().map(|v| (v.weight, v.seen(design))).collect() }
    }
}

/// A belief after some runs.
pub(crate) struct Outlook<'a> {
    belief: &'a Belief,
    seen: Vec<(f64, Seen<'a>)>,
}

impl Outlook<'_> {
    /// The mean over targets of ln variance with one more run, times the belief's weight.
    pub fn with(&self, candidate: usize, sums: &mut Vec<f64>) -> f64 {
        sums.clear();
        sums.extend_from_slice(&self.belief.apart);
        for (weight, seen) in &self.seen {
            seen.add_variances(candidate, *weight, sums);
        }
        // One logarithm for all targets: their product stays far from the ends of the floating numbers.
        self.belief.weight * libm::log(sums.iter().product::<f64>()) / sums.len() as f64
    }
}
