//! Tests of the whole table, at every level this machine has.

mod accuracy;
mod edges;
mod exact;
mod loops;
mod root;
mod same_bits;

use super::{Kernels, Level, kernels_for};

/// Awkward and usual lengths.
const SIZES: [usize; 6] = [0, 8, 16, 104, 152, 4568];

/// Every table that can run here.
fn tables() -> impl Iterator<Item = &'static Kernels> {
    Level::available().into_iter().filter_map(kernels_for)
}

/// A small generator: tests need the same numbers everywhere, no more.
struct Random(u64);

impl Random {
    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (high - low) * ((self.0 >> 11) as f64 / (1u64 << 53) as f64)
    }

    fn vector(&mut self, n: usize, low: f64, high: f64) -> Vec<f64> {
        (0..n).map(|_| self.uniform(low, high)).collect()
    }
}

/// `x` filled up with `filler` to a multiple of eight.
fn padded(x: &[f64], filler: f64) -> Vec<f64> {
    let mut x = x.to_vec();
    x.resize(x.len().next_multiple_of(super::LANES), filler);
    x
}

/// Runs a kernel of one input.
fn run(kernel: fn(&[f64], &mut [f64]), x: &[f64]) -> Vec<f64> {
    let input = padded(x, 1.0);
    let mut out = vec![f64::NAN; input.len()];
    kernel(&input, &mut out);
    out.truncate(x.len());
    out
}

/// Equal, both NaN, or within `tolerance` relative to `scale`.
fn assert_near(got: f64, want: f64, scale: f64, tolerance: f64, what: &str) {
    let same = got == want || (got.is_nan() && want.is_nan());
    assert!(same || (got - want).abs() <= tolerance * scale, "{what}: got {got:e}, expected {want:e}");
}
