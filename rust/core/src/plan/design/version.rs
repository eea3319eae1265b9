//! One version of the law at one vector of parameters, with the errors of runs around it.

use crate::error::{Error, Result};
use crate::inference::matrix::Square;

/// Stands for an infinite variance where designs that leave parameters open are compared: this share of the
/// candidates' mean information is added to the diagonal.
const LIFT: f64 = 1e-9;

/// A version of the law. Without a field, candidates have independent errors of variance 1.
#[derive(Debug, Clone)]
pub struct Version {
    /// Information before any candidate is run: that of priors and of runs already made.
    pub before: Square,
    /// Gradient of the response by the parameters at each candidate, candidates × q, runs already made regressed out.
    pub slopes: Vec<f64>,
    /// Gradients of the targets by the parameters, one vector for each; the first is the law's value at a point.
    pub targets: Vec<Vec<f64>>,
    /// Its weight in the mixture.
    pub weight: f64,
    /// Errors that candidates share.
    pub field: Option<Field>,
}

/// A smooth discrepancy between law and truth, given the runs already made.
#[derive(Debug, Clone)]
pub struct Field {
    /// Covariance of the candidates' discrepancies, candidates × candidates.
    pub covariance: Vec<f64>,
    /// Variance of one run's own noise.
    pub noise: f64,
    /// Covariance of each candidate's discrepancy with that at the first target.
    pub near: Vec<f64>,
    /// Variance of the discrepancy at the first target.
    pub open: f64,
}

/// A version once a design is run.
pub(crate) struct Seen<'a> {
    version: &'a Version,
    design: Vec<usize>,
    /// Inverse covariance of the design's errors (empty without a field), and its products with slopes and `near`.
    whitening: Vec<f64>,
    slopes: Vec<f64>,
    near: Vec<f64>,
    /// Inverse information.
    inverse: Square,
    /// Targets, the first without what the field explains, their products with the inverse, and their variances.
    targets: Vec<(Vec<f64>, f64)>,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Version {
    pub(crate) fn check(&self, candidates: usize, targets: usize) -> Result<()> {
        let q = self.before.q;
        let shape = |what: &str, found: usize, expected: usize| {
            if found == expected { Ok(()) } else { Err(Error::Shape { what: what.into(), found, expected }) }
        };
        shape("the information", self.before.a.len(), q * q)?;
        shape("the slopes", self.slopes.len(), q * candidates)?;
        shape("the targets", self.targets.len(), targets)?;
        self.targets.iter().try_for_each(|target| shape("a target", target.len(), q))?;
        let mut fine = q > 0 && self.weight > 0.0;
        fine &= self.before.a.iter().chain(&self.slopes).chain(self.targets.iter().flatten()).all(|x| x.is_finite());
        if let Some(field) = &self.field {
            shape("the covariance", field.covariance.len(), candidates * candidates)?;
            shape("the covariance with the target", field.near.len(), candidates)?;
            fine &= field.covariance.iter().chain(&field.near).all(|x| x.is_finite());
            fine &= field.noise > 0.0 && field.open >= 0.0;
        }
        if fine { Ok(()) } else { Err(Error::Setting("numbers of a version of the law are out of range".into())) }
    }

    fn slope(&self, candidate: usize) -> &[f64] {
        &self.slopes[candidate * self.before.q..][..self.before.q]
    }

    /// Variances of the targets after a design; none where it leaves parameters open.
    pub(crate) fn variances(&self, design: &[usize]) -> Option<Vec<f64>> {
        let seen = self.seen(design);
        // Looked at again without the lift.
        seen.information().inverse()?;
        Some(seen.targets.iter().map(|(_, variance)| *variance).collect())
    }

    /// What it says once a design is run.
    pub(crate) fn seen(&self, design: &[usize]) -> Seen<'_> {
        let (n, q) = (design.len(), self.before.q);
        let mut slopes: Vec<f64> = design.iter().flat_map(|&i| self.slope(i).iter().copied()).collect();
        let (mut whitening, mut near) = (vec![], vec![]);
        if let Some(field) = &self.field {
            whitening = field.whitening(design);
            let apply =
                |x: &dyn Fn(usize) -> f64, i: usize| -> f64 { (0..n).map(|j| whitening[i * n + j] * x(j)).sum() };
            slopes = (0..n * q).map(|k| apply(&|j| self.slope(design[j])[k % q], k / q)).collect();
            near = (0..n).map(|i| apply(&|j| field.near[design[j]], i)).collect();
        }
        let mut seen = Seen {
            version: self,
            design: design.to_vec(),
            whitening,
            slopes,
            near,
            inverse: Square::zero(0),
            targets: vec![],
        };
        let information = seen.information();
        seen.inverse = information.inverse().unwrap_or_else(|| self.lifted(information));
        seen.targets = seen.targets();
        seen
    }

    /// The inverse of information that leaves parameters open, with a little more on its diagonal.
    fn lifted(&self, mut information: Square) -> Square {
        let q = information.q;
        let candidates = (self.slopes.len() / q).max(1) as f64;
        for j in 0..q {
            let mean = self.slopes.iter().skip(j).step_by(q).map(|x| x * x).sum::<f64>() / candidates;
            information.add(j, j, LIFT * (mean + f64::MIN_POSITIVE.sqrt()));
        }
        information.inverse().unwrap_or_else(|| {
            let mut out = Square::zero(q);
            (0..q).for_each(|j| out.set(j, j, 1.0 / LIFT));
            out
        })
    }
}

impl Field {
    /// The inverse covariance of the errors of a design.
    fn whitening(&self, design: &[usize]) -> Vec<f64> {
        let (n, m) = (design.len(), self.near.len());
        let mut sum = Square::zero(n);
        for i in 0..n {
            for j in 0..n {
                sum.set(i, j, self.covariance[design[i] * m + design[j]]);
            }
            sum.add(i, i, self.noise);
        }
        // The noise keeps it regular.
        sum.inverse().map_or_else(|| vec![0.0; n * n], |inverse| inverse.a)
    }
}

impl Seen<'_> {
    fn information(&self) -> Square {
        let q = self.version.before.q;
        let mut sum = self.version.before.clone();
        for (&i, white) in self.design.iter().zip(self.slopes.chunks_exact(q)) {
            let slope = self.version.slope(i);
            for a in 0..q {
                for b in 0..q {
                    // Rounding must not make it unsymmetric.
                    sum.add(a, b, 0.5 * (slope[a] * white[b] + slope[b] * white[a]));
                }
            }
        }
        sum
    }

    /// The targets' gradients times the inverse information, and their variances.
    fn targets(&self) -> Vec<(Vec<f64>, f64)> {
        let (left, open) = self.first();
        let firsts = std::iter::once((left, open));
        let others = self.version.targets.iter().skip(1).map(|g| (g.clone(), 0.0));
        firsts.chain(others).map(|(g, open)| (self.inverse.times(&g), open + self.inverse.form(&g))).collect()
    }

    /// The first target's gradient less what the field explains of it, and what the field leaves open there.
    fn first(&self) -> (Vec<f64>, f64) {
        let mut left = self.version.targets[0].clone();
        let Some(field) = &self.version.field else { return (left, 0.0) };
        let mut open = field.open;
        for (&i, x) in self.design.iter().zip(&self.near) {
            open -= x * field.near[i];
            left.iter_mut().zip(self.version.slope(i)).for_each(|(l, s)| *l -= x * s);
        }
        (left, open.max(0.0))
    }

    /// Adds `weight` times the targets' variances with one more run (Sherman and Morrison 1950).
    pub fn add_variances(&self, candidate: usize, weight: f64, sums: &mut [f64]) {
        match &self.version.field {
            None => self.add_independent(candidate, weight, sums),
            Some(field) => self.add_correlated(field, candidate, weight, sums),
        }
    }

    fn add_independent(&self, candidate: usize, weight: f64, sums: &mut [f64]) {
        let slope = self.version.slope(candidate);
        let spread = 1.0 + self.form(slope);
        for (sum, (along, variance)) in sums.iter_mut().zip(&self.targets) {
            let shared = dot(along, slope);
            *sum += weight * lowest(variance - shared * shared / spread);
        }
    }

    /// The candidate's error is first regressed on those of the design.
    fn add_correlated(&self, field: &Field, candidate: usize, weight: f64, sums: &mut [f64]) {
        let (n, m, q) = (self.design.len(), field.near.len(), self.version.before.q);
        // Rows of the design rather than of the candidate: they are few, and stay in the cache over all candidates.
        let own = |i: usize| field.covariance[self.design[i] * m + candidate];
        let mut slope = self.version.slope(candidate).to_vec();
        let mut rest = field.covariance[candidate * m + candidate] + field.noise;
        let mut near = field.near[candidate];
        for i in 0..n {
            let x = own(i);
            let white = &self.whitening[i * n..][..i + 1];
            // The inverse covariance is symmetric: what is below its diagonal counts twice.
            let below: f64 = white[..i].iter().enumerate().map(|(j, w)| w * own(j)).sum();
            rest -= x * (2.0 * below + white[i] * x);
            near -= x * self.near[i];
            slope.iter_mut().zip(&self.slopes[i * q..]).for_each(|(s, w)| *s -= x * w);
        }
        let rest = rest.max(field.noise); // but for rounding it never is less
        let form = self.form(&slope);
        let spread = rest + form;
        for (t, (sum, (along, variance))) in sums.iter_mut().zip(&self.targets).enumerate() {
            let shared = dot(along, &slope) + if t == 0 { near } else { 0.0 };
            *sum += weight * lowest(variance - shared * shared / spread);
        }
    }

    fn form(&self, slope: &[f64]) -> f64 {
        self.inverse.a.chunks_exact(slope.len()).zip(slope).map(|(row, x)| x * dot(row, slope)).sum()
    }
}

/// Keeps rounding from making a variance negative.
fn lowest(variance: f64) -> f64 {
    variance.max(f64::MIN_POSITIVE.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A straight line seen at −1, 0 and 2 with noise 0.5; the target is its value at 3.
    fn line() -> Version {
        let slopes = [-1.0, 0.0, 2.0].iter().flat_map(|x| [2.0, 2.0 * x]).collect();
        Version { before: Square::zero(2), slopes, targets: vec![vec![1.0, 3.0]], weight: 1.0, field: None }
    }

    /// Noise 0.25 and a discrepancy of variance 1 that fades with the square of the distance, target included.
    fn wavy() -> Version {
        let x = [-1.0, 0.0, 2.0, 3.0];
        let shared = |a: f64, b: f64| libm::exp(-0.5 * (a - b) * (a - b));
        Version {
            slopes: x.iter().flat_map(|x| [1.0, *x]).collect(),
            field: Some(Field {
                covariance: x.iter().flat_map(|a| x.iter().map(move |b| shared(*a, *b))).collect(),
                noise: 0.25,
                near: x.iter().map(|a| shared(*a, 3.0)).collect(),
                open: 1.0,
            }),
            targets: vec![vec![1.0, 3.0], vec![0.0, 1.0]],
            ..line()
        }
    }

    #[test]
    fn variances_are_those_of_the_textbook() {
        // σ² (1/n + (x* − x̄)² / Sxx) with x̄ = 1/3, Sxx = 14/3.
        let wanted = 0.25 * (1.0 / 3.0 + (8.0_f64 / 3.0).powi(2) / (14.0 / 3.0));
        assert!((line().variances(&[0, 1, 2]).unwrap()[0] - wanted).abs() < 1e-14);
        assert_eq!(line().variances(&[1, 1]), None);
    }

    #[test]
    fn priors_and_runs_made_are_information_too() {
        let mut version = line();
        version.before.set(1, 1, 4.0);
        assert!((version.variances(&[1]).unwrap()[0] - (0.25 + 9.0 / 4.0)).abs() < 1e-14);
    }

    #[test]
    fn one_more_run_is_what_the_longer_design_says() {
        for version in [line(), wavy()] {
            let (design, next) = ([0, 0, 1], 2);
            let mut sums = vec![0.0; version.targets.len()];
            version.seen(&design).add_variances(next, 1.0, &mut sums);
            let whole = version.variances(&[0, 0, 1, 2]).unwrap();
            assert!(sums.iter().zip(&whole).all(|(a, b)| (a / b - 1.0).abs() < 1e-10), "{sums:?} {whole:?}");
        }
    }

    #[test]
    fn repeating_a_run_leaves_the_discrepancy_open() {
        let version = wavy();
        let many = version.variances(&[[3; 200].as_slice(), &[0; 200]].concat()).unwrap();
        // Its own point is seen as often as one likes, through the noise alone.
        assert!((many[0] - 0.25 / 200.0).abs() < 1e-4, "{many:?}");
        let far = version.variances(&[[1; 200].as_slice(), &[0; 200]].concat()).unwrap();
        assert!(far[0] > 1.0);
    }

    #[test]
    fn singular_designs_are_lifted_and_misshapen_versions_refused() {
        let form = line().seen(&[1, 1]).inverse.form(&[1.0, 3.0]);
        assert!(form > 1e6 && form.is_finite());
        assert!(line().check(3, 1).is_ok() && line().check(2, 1).is_err() && wavy().check(4, 2).is_ok());
        assert!(Version { weight: f64::NAN, ..line() }.check(3, 1).is_err());
        assert!(Version { targets: vec![vec![1.0]], ..line() }.check(3, 1).is_err());
    }
}
