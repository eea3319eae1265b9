//! The weighted Gram matrix of columns, in tiles that keep their sums in registers.
//!
//! Every entry adds (w col_j) col_k over the rows in the one order of `reduce`, whatever
//! tile it falls into.

use super::LANES;
use super::reduce::{Lanes, blocks, columns, lanes, tree};
use super::vector::Simd;

/// Columns in a tile on the diagonal when there are more than `WHOLE`.
const TILE: usize = 4;
/// Up to so many columns make one tile.
const WHOLE: usize = 5;

#[inline(always)]
pub(super) fn gram<V: Simd>(w: &[f64], cols: &[Vec<f64>], p: usize, h: &mut [f64]) {
    debug_assert_eq!(h.len(), p * p);
    let whole = if p <= WHOLE { WHOLE } else { TILE };
    for first in (0..p).step_by(whole) {
        let last = (first + whole).min(p);
        match last - first {
            1 => triangle::<V, 1, 1>(w, cols, p, first, h),
            2 => triangle::<V, 2, 3>(w, cols, p, first, h),
            3 => triangle::<V, 3, 6>(w, cols, p, first, h),
            4 => triangle::<V, 4, 10>(w, cols, p, first, h),
            _ => triangle::<V, 5, 15>(w, cols, p, first, h),
        }
        for k in (last..p).step_by(TILE) {
            beside::<V>(w, cols, p, first, k, h);
        }
    }
}

/// Four rows of the matrix right of the diagonal, from column `k`: two tiles of 2 x 4.
#[inline(always)]
fn beside<V: Simd>(w: &[f64], cols: &[Vec<f64>], p: usize, first: usize, k: usize, h: &mut [f64]) {
    for j in [first, first + 2] {
        match p - k {
            1 => rectangle::<V, 1, 2>(w, cols, p, (j, k), h),
            2 => rectangle::<V, 2, 4>(w, cols, p, (j, k), h),
            3 => rectangle::<V, 3, 6>(w, cols, p, (j, k), h),
            _ => rectangle::<V, 4, 8>(w, cols, p, (j, k), h),
        }
    }
}

/// The K (K + 1) / 2 = `N` entries of a square tile on the diagonal.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // an iterator would not be inlined with certainty
fn triangle<V: Simd, const K: usize, const N: usize>(
    w: &[f64],
    cols: &[Vec<f64>],
    p: usize,
    first: usize,
    h: &mut [f64],
) {
    let cols = columns::<K>(cols, first, w.len());
    let w = blocks(w);
    let sums = lanes!(V; N, w.len(); |acc, i, group| {
        if is_zero::<V>(&w[i]) {
            continue;
        }
        let w = V::load(&w[i][group..]);
        let mut entry = 0;
        for j in 0..K {
            let t = w * V::load(&cols[j][i][group..]);
            for k in j..K {
                acc[entry] = t.fma(V::load(&cols[k][i][group..]), acc[entry]);
                entry += 1;
            }
        }
    });
    let mut entry = 0;
    for j in 0..K {
        for k in j..K {
            set(h, p, first + j, first + k, sums[entry]);
            entry += 1;
        }
    }
}

/// The 2 K = `N` entries of rows `j`, `j + 1` and columns `k..k + K`.
#[inline(always)]
fn rectangle<V: Simd, const K: usize, const N: usize>(
    w: &[f64],
    cols: &[Vec<f64>],
    p: usize,
    (j, k): (usize, usize),
    h: &mut [f64],
) {
    let left = columns::<2>(cols, j, w.len());
    let right = columns::<K>(cols, k, w.len());
    let w = blocks(w);
    let sums = lanes!(V; N, w.len(); |acc, i, group| {
        if is_zero::<V>(&w[i]) {
            continue;
        }
        let w = V::load(&w[i][group..]);
        let t = [w * V::load(&left[0][i][group..]), w * V::load(&left[1][i][group..])];
        for k in 0..K {
            let right = V::load(&right[k][i][group..]);
            acc[k] = t[0].fma(right, acc[k]);
            acc[K + k] = t[1].fma(right, acc[K + k]);
        }
    });
    for (entry, sums) in sums.into_iter().enumerate() {
        set(h, p, j + entry / K, k + entry % K, sums);
    }
}

/// Whether a block of eight has no weight: it is left out then, and with rows in order of their
/// residuals most blocks of a robust fit are.
#[inline(always)]
fn is_zero<V: Simd>(w: &Lanes) -> bool {
    (0..LANES).step_by(V::WIDTH).all(|g| V::all(V::load(&w[g..]).eq(V::of(0.0))))
}

/// Writes an entry and its mirror image.
#[inline(always)]
fn set(h: &mut [f64], p: usize, j: usize, k: usize, sums: Lanes) {
    let value = tree(sums);
    h[j * p + k] = value;
    h[k * p + j] = value;
}
