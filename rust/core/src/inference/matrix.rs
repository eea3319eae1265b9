//! Small symmetric matrices of a few parameters, scaled to unit diagonal before they are inverted.

use crate::fit::linear::{factorise, inverse_factored, solve_factored};

/// Below this share of its diagonal a pivot is none: the columns are dependent.
const SINGULAR: f64 = 1e-12;

/// A square matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Square {
    /// Its size.
    pub q: usize,
    /// Row major.
    pub a: Vec<f64>,
}

impl Square {
    /// All zeros.
    pub fn zero(q: usize) -> Self {
        Square { q, a: vec![0.0; q * q] }
    }

    /// An entry.
    pub fn get(&self, i: usize, j: usize) -> f64 {
        self.a[i * self.q + j]
    }

    /// Sets an entry.
    pub fn set(&mut self, i: usize, j: usize, x: f64) {
        self.a[i * self.q + j] = x;
    }

    /// Adds to an entry.
    pub fn add(&mut self, i: usize, j: usize, x: f64) {
        self.a[i * self.q + j] += x;
    }

    /// Adds c v vᵀ.
    pub fn add_outer(&mut self, c: f64, v: &[f64]) {
        for i in 0..self.q {
            for j in 0..self.q {
                self.a[i * self.q + j] += c * v[i] * v[j];
            }
        }
    }

    /// The same, times a number.
    pub fn scaled(mut self, c: f64) -> Self {
        self.a.iter_mut().for_each(|x| *x *= c);
        self
    }

    /// A x.
    pub fn times(&self, x: &[f64]) -> Vec<f64> {
        self.a.chunks_exact(self.q.max(1)).map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
    }

    /// A B.
    pub fn product(&self, other: &Square) -> Square {
        let q = self.q;
        let mut out = Square::zero(q);
        for i in 0..q {
            for j in 0..q {
                out.set(i, j, (0..q).map(|k| self.get(i, k) * other.get(k, j)).sum());
            }
        }
        out
    }

    /// A B A, for a symmetric A.
    pub fn around(&self, middle: &Square) -> Square {
        self.product(middle).product(self)
    }

    /// The trace of A B.
    pub fn trace_with(&self, other: &Square) -> f64 {
        (0..self.q).map(|i| (0..self.q).map(|k| self.get(i, k) * other.get(k, i)).sum::<f64>()).sum()
    }

    /// xᵀ A x.
    pub fn form(&self, x: &[f64]) -> f64 {
        self.times(x).iter().zip(x).map(|(a, b)| a * b).sum()
    }

    /// The inverse of a positive definite matrix, and ln of its determinant; none where it is singular.
    pub fn inverse_and_log_det(&self) -> Option<(Square, f64)> {
        let q = self.q;
        let scale: Vec<f64> = (0..q).map(|i| self.get(i, i).sqrt()).collect();
        if scale.iter().any(|s| !(*s > 1e-150) || !s.is_finite()) {
            return None;
        }
        let mut unit: Vec<f64> = (0..q * q).map(|k| self.a[k] / (scale[k / q] * scale[k % q])).collect();
        if !(factorise(&mut unit, q, SINGULAR) > SINGULAR) {
            return None;
        }
        // Reciprocals of the pivots lie on the diagonal.
        let log_det = (0..q).map(|i| 2.0 * scale[i].ln() - unit[i * q + i].ln()).sum();
        let inverse = inverse_factored(&unit, q);
        let a = (0..q * q).map(|k| inverse[k] / (scale[k / q] * scale[k % q])).collect();
        Some((Square { q, a }, log_det))
    }

    /// Solves A x = b for a positive semidefinite A; pivots next to zero are lifted.
    pub fn solve_lifted(&self, b: &[f64]) -> Vec<f64> {
        let (mut factors, mut x) = (self.a.clone(), b.to_vec());
        factorise(&mut factors, self.q, 1e-6);
        solve_factored(&factors, self.q, &mut x);
        x
    }

    /// The inverse; none where the matrix is singular.
    pub fn inverse(&self) -> Option<Square> {
        self.inverse_and_log_det().map(|found| found.0)
    }
}
