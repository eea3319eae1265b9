//! Cholesky factors of dense symmetric matrices of some hundred rows, made row by row.
//!
//! Only the forward half of a solve is needed: with K = L Lᵀ every product a' K⁻¹ b is the dot
//! product of two whitened vectors L⁻¹ a and L⁻¹ b.

use crate::error::{Error, Result};
use crate::simd::{Kernels, LANES};

/// The lower factor L, row major, rows padded to whole lanes with zeros.
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    n: usize,
    ld: usize,
    lower: Vec<f64>,
    kernels: &'static Kernels,
}

impl Factor {
    /// Factorises the matrix whose row `i` up to the diagonal `row(i, out)` writes to `out[..=i]`.
    /// None where it is not positive definite.
    pub fn new(n: usize, kernels: &'static Kernels, mut row: impl FnMut(usize, &mut [f64])) -> Option<Self> {
        let ld = n.next_multiple_of(LANES).max(LANES);
        let mut lower = vec![0.0; n * ld];
        let mut wanted = vec![0.0; ld];
        for i in 0..n {
            row(i, &mut wanted);
            let (above, rest) = lower.split_at_mut(i * ld);
            let own = &mut rest[..ld];
            for j in 0..i {
                // Entries of `own` from j on are still zero, so whole lanes may be summed.
                let other = &above[j * ld..][..ld];
                let upto = j.next_multiple_of(LANES);
                let sum = (kernels.dot)(&own[..upto], &other[..upto]);
                own[j] = (wanted[j] - sum) / other[j];
            }
            let upto = i.next_multiple_of(LANES);
            let pivot = wanted[i] - (kernels.dot)(&own[..upto], &own[..upto]);
            if !(pivot > 0.0 && pivot.is_finite()) {
                return None;
            }
            own[i] = pivot.sqrt();
        }
        Some(Factor { n, ld, lower, kernels })
    }

    /// L⁻¹ b, padded with zeros to whole lanes.
    pub fn whiten(&self, b: &[f64]) -> Vec<f64> {
        let mut x = vec![0.0; self.ld];
        for i in 0..self.n {
            let row = &self.lower[i * self.ld..][..self.ld];
            let upto = i.next_multiple_of(LANES);
            x[i] = (b[i] - (self.kernels.dot)(&row[..upto], &x[..upto])) / row[i];
        }
        x
    }

    /// K⁻¹ b.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = self.whiten(b);
        for i in (0..self.n).rev() {
            let row = &self.lower[i * self.ld..][..self.ld];
            x[i] /= row[i];
            let value = x[i];
            for (x, l) in x[..i].iter_mut().zip(row) {
                *x -= value * l;
            }
        }
        x.truncate(self.n);
        x
    }

    /// ln |K|.
    pub fn log_determinant(&self) -> f64 {
        (0..self.n).map(|i| 2.0 * libm::log(self.lower[i * self.ld + i])).sum()
    }
}

/// L⁻¹ B, row major as B is, with L the lower factor of a covariance of `n` rows.
///
/// # Errors
/// Lengths that do not fit; a covariance that is not positive definite.
pub fn whiten(covariance: &[f64], n: usize, columns: &[f64], kernels: &'static Kernels) -> Result<Vec<f64>> {
    let width = columns.len() / n.max(1);
    for (what, found, expected) in
        [("the covariance", covariance.len(), n * n), ("the columns", columns.len(), n * width)]
    {
        if found != expected {
            return Err(Error::Shape { what: what.into(), found, expected });
        }
    }
    let made = Factor::new(n, kernels, |i, out| out[..=i].copy_from_slice(&covariance[i * n..][..=i]));
    let factor = made.ok_or_else(|| Error::Setting("the covariance of the rows is not positive definite".into()))?;
    let mut out = vec![0.0; columns.len()];
    for j in 0..width {
        let column: Vec<f64> = columns.iter().skip(j).step_by(width).copied().collect();
        let white = factor.whiten(&column);
        out.iter_mut().skip(j).step_by(width).zip(&white).for_each(|(x, w)| *x = *w);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::kernels;

    fn example(n: usize) -> Vec<Vec<f64>> {
        let entry = |i: usize, j: usize| {
            let d = i as f64 - j as f64;
            libm::exp(-d * d / 18.0) + if i == j { 0.5 } else { 0.0 }
        };
        (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect()
    }

    #[test]
    fn solves_at_sizes_around_the_lanes() {
        for n in [1, 2, 7, 8, 9, 16, 23, 61] {
            let k = example(n);
            let made = Factor::new(n, kernels().unwrap(), |i, out| out[..=i].copy_from_slice(&k[i][..=i]));
            let factor = made.expect("the example is positive definite");
            let b: Vec<f64> = (0..n).map(|i| 1.0 + (i as f64) * 0.1).collect();
            let x = factor.solve(&b);
            for (row, wanted) in k.iter().zip(&b) {
                let product: f64 = row.iter().zip(&x).map(|(a, x)| a * x).sum();
                assert!((product - wanted).abs() < 1e-11, "{n}");
            }
            let white = factor.whiten(&b);
            let quadratic: f64 = b.iter().zip(&x).map(|(b, x)| b * x).sum();
            assert!((white.iter().map(|w| w * w).sum::<f64>() - quadratic).abs() < 1e-10);
        }
    }

    #[test]
    fn whitened_columns_have_the_products_of_the_inverse() {
        let n = 13;
        let k = example(n).concat();
        let columns: Vec<f64> = (0..3 * n).map(|i| libm::sin(i as f64)).collect();
        let white = whiten(&k, n, &columns, kernels().unwrap()).unwrap();
        let factor = Factor::new(n, kernels().unwrap(), |i, out| out[..=i].copy_from_slice(&k[i * n..][..=i])).unwrap();
        let pick = |x: &[f64], j: usize| x.iter().skip(j).step_by(3).copied().collect::<Vec<_>>();
        for j in 0..3 {
            let solved = factor.solve(&pick(&columns, 2));
            let wanted: f64 = pick(&columns, j).iter().zip(&solved).map(|(a, b)| a * b).sum();
            let found: f64 = pick(&white, j).iter().zip(&pick(&white, 2)).map(|(a, b)| a * b).sum();
            assert!((found - wanted).abs() < 1e-11);
        }
        assert!(whiten(&k, n + 1, &columns, kernels().unwrap()).is_err());
        assert!(whiten(&[1.0, 1.0, 1.0, 1.0], 2, &[1.0, 2.0], kernels().unwrap()).is_err());
    }

    #[test]
    fn tells_what_is_not_positive_definite() {
        let made = Factor::new(2, kernels().unwrap(), |i, out| out[..2].copy_from_slice(&[1.0, [0.0, 1.0][i]]));
        assert!(made.is_none());
    }

    #[test]
    fn the_determinant_of_a_diagonal() {
        let made = Factor::new(3, kernels().unwrap(), |i, out| {
            out[..3].fill(0.0);
            out[i] = [2.0, 3.0, 5.0][i];
        });
        assert!((made.unwrap().log_determinant() - libm::log(30.0)).abs() < 1e-14);
    }
}
