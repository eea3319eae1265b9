//! The covariance of residuals: smooth discrepancy, group effect, white noise.

use crate::error::{Error, Result};
use crate::simd::{Kernels, LANES};

/// Keeps nearly equal rows from making K singular.
const JITTER: f64 = 1e-9;
/// Half-distance scale of the fading part of a group effect, in units of the clock.
const FADING: f64 = 2.0;

/// One point of the grid: K = ρ K_smooth + (1−ρ) [g K_group + (1−g) I].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Share of the smooth discrepancy, ρ.
    pub smooth: f64,
    /// Its length in units of the coordinates, ℓ.
    pub length: f64,
    /// Share of the group effect in what is not smooth, g.
    pub group: f64,
    /// Share of the group effect that does not fade along the clock, c.
    pub lasting: f64,
    /// Logarithm of its prior probability.
    pub log_prior: f64,
}

/// Where rows lie: what distances are taken of.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// Coordinates (ln N, ln D, ...), one vector for each.
    pub coordinates: Vec<Vec<f64>>,
    /// The coordinate along which a group effect fades (ln D).
    pub clock: Vec<f64>,
    /// Group of each row; empty where there are none.
    pub groups: Vec<u32>,
    /// Row weights: the white variance is divided by them.
    pub weights: Vec<f64>,
}

impl Field {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.clock.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.clock.is_empty()
    }

    /// # Errors
    /// Lengths that differ, coordinates that are not finite, weights that are not positive.
    pub fn check(&self, n: usize) -> Result<()> {
        let length = |what: &str, found: usize| {
            if found == n { Ok(()) } else { Err(Error::Shape { what: what.into(), found, expected: n }) }
        };
        self.coordinates.iter().try_for_each(|c| length("a coordinate", c.len()))?;
        length("the clock", self.clock.len())?;
        if !self.groups.is_empty() {
            length("the groups", self.groups.len())?;
        }
        length("the weights", self.weights.len())?;
        if !self.coordinates.iter().flatten().chain(&self.clock).all(|x| x.is_finite()) {
            return Err(Error::Setting("a coordinate of the discrepancy is not finite".into()));
        }
        if !self.weights.iter().all(|w| *w > 0.0) {
            return Err(Error::Setting("a row of the discrepancy has no positive weight".into()));
        }
        Ok(())
    }

    /// ρ K_smooth between a point and the first `count` rows; `out` is padded to whole lanes.
    pub(crate) fn smooth(&self, cell: &Cell, point: &[f64], count: usize, kernels: &Kernels, out: &mut Vec<f64>) {
        out.clear();
        out.resize(count.next_multiple_of(LANES).max(LANES), 0.0);
        for (column, &x) in self.coordinates.iter().zip(point) {
            for (sum, &other) in out.iter_mut().zip(&column[..count]) {
                *sum += (x - other) * (x - other);
            }
        }
        let scale = -0.5 / (cell.length * cell.length);
        let exponents: Vec<f64> = out.iter().map(|d| d * scale).collect();
        (kernels.exp)(&exponents, out);
        out.iter_mut().for_each(|k| *k *= cell.smooth);
    }

    /// Row `i` of K up to the diagonal.
    pub(crate) fn row(&self, cell: &Cell, i: usize, kernels: &Kernels, scratch: &mut Vec<f64>, out: &mut [f64]) {
        out[..=i].fill(0.0);
        if cell.smooth > 0.0 {
            let point: Vec<f64> = self.coordinates.iter().map(|c| c[i]).collect();
            self.smooth(cell, &point, i + 1, kernels, scratch);
            out[..=i].copy_from_slice(&scratch[..=i]);
        }
        let rest = 1.0 - cell.smooth;
        if cell.group > 0.0 && !self.groups.is_empty() {
            for j in (0..=i).filter(|&j| self.groups[j] == self.groups[i]) {
                let apart = (self.clock[i] - self.clock[j]).abs();
                let fading = (1.0 - cell.lasting) * libm::exp(-apart / FADING);
                out[j] += rest * cell.group * (cell.lasting + fading);
            }
        }
        out[i] += rest * (1.0 - cell.group) / self.weights[i] + JITTER;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::kernels;

    #[test]
    fn entries_are_those_of_the_formula() {
        let field = Field {
            coordinates: vec![vec![0.0, 1.0, 3.0], vec![0.0, 2.0, 2.0]],
            clock: vec![0.0, 2.0, 2.0],
            groups: vec![0, 0, 1],
            weights: vec![1.0, 1.0, 2.0],
        };
        let cell = Cell { smooth: 0.4, length: 2.0, group: 0.8, lasting: 0.5, log_prior: 0.0 };
        let (mut scratch, mut out) = (vec![], vec![0.0; 8]);
        field.row(&cell, 2, kernels().unwrap(), &mut scratch, &mut out);
        assert!((out[1] - 0.4 * libm::exp(-0.5)).abs() < 1e-15);
        assert!((out[2] - (0.4 + 0.6 * (0.8 + 0.2 / 2.0) + JITTER)).abs() < 1e-15);
        field.row(&cell, 1, kernels().unwrap(), &mut scratch, &mut out);
        let same = 0.6 * 0.8 * (0.5 + 0.5 * libm::exp(-1.0));
        assert!((out[0] - (0.4 * libm::exp(-5.0 / 8.0) + same)).abs() < 1e-15);
    }
}
