//! Cholesky factors of dense symmetric matrices of some hundred rows, made row by row.
//!
//! Only the forward half of a solve is needed: with K = L Lᵀ every product a' K⁻¹ b is the dot
//! product of two whitened vectors L⁻¹ a and L⁻¹ b.

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
