//! One version of the law: what runs tell of its parameters, and what these tell of the targets.

use crate::error::{Error, Result};
use crate::inference::matrix::Square;

/// Stands for an infinite variance where designs that leave parameters open are compared: this share of the
/// candidates' mean information is added to the diagonal.
const LIFT: f64 = 1e-9;

/// A version of the law at one vector of parameters.
#[derive(Debug, Clone)]
pub struct Belief {
    /// Information before any candidate is run: that of priors and of runs already made.
    pub before: Square,
    /// Gradient of the response by the parameters at each candidate over the noise of one run, candidates × q.
    pub slopes: Vec<f64>,
    /// Gradients of the targets by the parameters, one vector for each.
    pub targets: Vec<Vec<f64>>,
    /// Its weight among all versions.
    pub weight: f64,
}

impl Belief {
    /// # Errors
    /// Shapes that do not fit; numbers that are not finite; a weight that is not positive.
    pub fn check(&self, candidates: usize) -> Result<()> {
        let q = self.before.q;
        let shape = |what: &str, found, expected| Err(Error::Shape { what: what.into(), found, expected });
        if q == 0 || self.targets.is_empty() {
            return Err(Error::Setting("a version of the law has no parameter or no target".into()));
        }
        if self.slopes.len() != q * candidates {
            return shape("the slopes", self.slopes.len(), q * candidates);
        }
        if let Some(target) = self.targets.iter().find(|t| t.len() != q) {
            return shape("a target", target.len(), q);
        }
        let numbers = self.before.a.iter().chain(&self.slopes).chain(self.targets.iter().flatten());
        if !numbers.chain([&self.weight]).all(|x| x.is_finite()) || !(self.weight > 0.0) {
            return Err(Error::Setting("slopes, targets and weights of a version of the law must be finite".into()));
        }
        Ok(())
    }

    /// The gradient at a candidate.
    pub(crate) fn slope(&self, candidate: usize) -> &[f64] {
        &self.slopes[candidate * self.before.q..][..self.before.q]
    }

    /// The information of priors, runs made and a design.
    fn information(&self, design: impl Iterator<Item = usize>) -> Square {
        let mut sum = self.before.clone();
        design.for_each(|i| sum.add_outer(1.0, self.slope(i)));
        sum
    }

    /// Variances of the targets after a design; infinite where parameters stay open.
    pub fn variances(&self, design: &[usize]) -> Vec<f64> {
        match self.information(design.iter().copied()).inverse() {
            Some(inverse) => self.targets.iter().map(|g| inverse.form(g)).collect(),
            None => vec![f64::INFINITY; self.targets.len()],
        }
    }

    /// The inverse of the information of a design, lifted where it is singular.
    pub(crate) fn inverse(&self, design: impl Iterator<Item = usize> + Clone) -> Square {
        let mut information = self.information(design);
        if let Some(inverse) = information.inverse() {
            return inverse;
        }
        let q = self.before.q;
        let candidates = (self.slopes.len() / q).max(1) as f64;
        for j in 0..q {
            let mean = self.slopes.iter().skip(j).step_by(q).map(|x| x * x).sum::<f64>() / candidates;
            information.add(j, j, LIFT * (mean + f64::MIN_POSITIVE.sqrt()));
        }
        information.inverse().unwrap_or_else(|| identity(q))
    }
}

/// What is left where even the lifted information is singular: a parameter that no candidate moves.
fn identity(q: usize) -> Square {
    let mut out = Square::zero(q);
    (0..q).for_each(|j| out.set(j, j, 1.0 / LIFT));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A straight line seen at −1, 0 and 2 with noise 0.5; the target is its value at 3.
    fn line() -> Belief {
        let slopes = [-1.0, 0.0, 2.0].iter().flat_map(|x| [2.0, 2.0 * x]).collect();
        Belief { before: Square::zero(2), slopes, targets: vec![vec![1.0, 3.0]], weight: 1.0 }
    }

    #[test]
    fn variances_are_those_of_the_textbook() {
        // σ² (1/n + (x* − x̄)² / Sxx) with x̄ = 1/3, Sxx = 14/3.
        let wanted = 0.25 * (1.0 / 3.0 + (8.0_f64 / 3.0).powi(2) / (14.0 / 3.0));
        assert!((line().variances(&[0, 1, 2])[0] - wanted).abs() < 1e-14);
        assert_eq!(line().variances(&[1, 1]), [f64::INFINITY]);
    }

    #[test]
    fn priors_and_runs_made_are_information_too() {
        let mut belief = line();
        belief.before.set(1, 1, 4.0);
        assert!((belief.variances(&[1])[0] - (0.25 + 9.0 / 4.0)).abs() < 1e-14);
    }

    #[test]
    fn singular_designs_are_lifted_and_misshapen_beliefs_refused() {
        let inverse = line().inverse([1, 1].into_iter());
        assert!(inverse.form(&[1.0, 3.0]) > 1e6 && inverse.form(&[1.0, 3.0]).is_finite());
        assert!(line().check(3).is_ok() && line().check(2).is_err());
        assert!(Belief { weight: f64::NAN, ..line() }.check(3).is_err());
        assert!(Belief { targets: vec![vec![1.0]], ..line() }.check(3).is_err());
    }
}
