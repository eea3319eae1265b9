//! Sums over rows: into eight virtual lanes, then one fixed tree.
//!
//! Also `affine`, which reads columns the same way.

use super::LANES;
use super::elementwise::{blocks, blocks_mut};
use super::math::Fma;

/// One partial sum per virtual lane.
pub(super) type Lanes = [f64; LANES];

/// The fixed tree at the end of every sum.
#[inline(always)]
pub(super) fn tree(a: Lanes) -> f64 {
    ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
}

/// acc += a b, lane by lane.
#[inline(always)]
fn accumulate<F: Fma>(acc: &mut Lanes, a: &Lanes, b: &Lanes) {
    for l in 0..LANES {
        acc[l] = F::fma(a[l], b[l], acc[l]);
    }
}

#[inline(always)]
pub(super) fn sum<F: Fma>(x: &[f64]) -> f64 {
    let mut acc = [0.0; LANES];
    for x in blocks(x) {
        for l in 0..LANES {
            acc[l] += x[l];
        }
    }
    tree(acc)
}

#[inline(always)]
pub(super) fn dot<F: Fma>(a: &[f64], b: &[f64]) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    let mut acc = [0.0; LANES];
    for (a, b) in blocks(a).iter().zip(blocks(b)) {
        accumulate::<F>(&mut acc, a, b);
    }
    tree(acc)
}

#[inline(always)]
pub(super) fn max_abs<F: Fma>(x: &[f64]) -> f64 {
    let mut acc = [0.0f64; LANES];
    for x in blocks(x) {
        for l in 0..LANES {
            let size = x[l].abs();
            // A NaN in the accumulator compares false and stays.
            acc[l] = if size > acc[l] || size.is_nan() { size } else { acc[l] };
        }
    }
    acc.into_iter().fold(0.0, |top, a| if a > top || a.is_nan() { a } else { top })
}

/// `K` neighbouring columns of `n` rows, as blocks.
#[inline(always)]
fn columns<const K: usize>(cols: &[f64], ld: usize, first: usize, n: usize) -> [&[Lanes]; K] {
    std::array::from_fn(|k| blocks(&cols[(first + k) * ld..][..n]))
}

/// Calls `$step::<F, K>($($arg),*)` with K columns at a time, at most four.
macro_rules! by_fours {
    ($first:ident in $count:expr, $step:ident($($arg:expr),*)) => {{
        let count = $count;
        let mut $first = 0;
        while $first < count {
            match count - $first {
                1 => $step::<F, 1>($($arg),*),
                2 => $step::<F, 2>($($arg),*),
                3 => $step::<F, 3>($($arg),*),
                _ => $step::<F, 4>($($arg),*),
            }
            $first += 4;
        }
    }};
}

#[inline(always)]
pub(super) fn affine<F: Fma>(base: &[f64], cols: &[f64], ld: usize, d: &[f64], out: &mut [f64]) {
    debug_assert_eq!(base.len(), out.len());
    out.copy_from_slice(base);
    by_fours!(first in d.len(), add_columns(cols, ld, first, d, out));
}

#[inline(always)]
fn add_columns<F: Fma, const K: usize>(cols: &[f64], ld: usize, first: usize, d: &[f64], out: &mut [f64]) {
    let cols = columns::<K>(cols, ld, first, out.len());
    for (i, o) in blocks_mut(out).iter_mut().enumerate() {
        for k in 0..K {
            for l in 0..LANES {
                o[l] = F::fma(d[first + k], cols[k][i][l], o[l]);
            }
        }
    }
}

#[inline(always)]
pub(super) fn project<F: Fma>(v: &[f64], cols: &[f64], ld: usize, g: &mut [f64]) {
    by_fours!(first in g.len(), dots(v, cols, ld, first, g));
}

#[inline(always)]
fn dots<F: Fma, const K: usize>(v: &[f64], cols: &[f64], ld: usize, first: usize, g: &mut [f64]) {
    let cols = columns::<K>(cols, ld, first, v.len());
    let mut acc = [[0.0; LANES]; K];
    for (i, v) in blocks(v).iter().enumerate() {
        for k in 0..K {
            accumulate::<F>(&mut acc[k], v, &cols[k][i]);
        }
    }
    for k in 0..K {
        g[first + k] = tree(acc[k]);
    }
}

#[inline(always)]
pub(super) fn gram<F: Fma>(w: &[f64], cols: &[f64], ld: usize, p: usize, h: &mut [f64]) {
    debug_assert_eq!(h.len(), p * p);
    for j in 0..p {
        by_fours!(first in p - j, weighted_dots(w, cols, ld, j, j + first, &mut h[j * p..(j + 1) * p]));
    }
    for j in 1..p {
        for k in 0..j {
            h[j * p + k] = h[k * p + j];
        }
    }
}

#[inline(always)]
fn weighted_dots<F: Fma, const K: usize>(w: &[f64], cols: &[f64], ld: usize, j: usize, first: usize, row: &mut [f64]) {
    let [left] = columns::<1>(cols, ld, j, w.len());
    let right = columns::<K>(cols, ld, first, w.len());
    let mut acc = [[0.0; LANES]; K];
    for (i, w) in blocks(w).iter().enumerate() {
        let t: Lanes = std::array::from_fn(|l| w[l] * left[i][l]);
        for k in 0..K {
            accumulate::<F>(&mut acc[k], &t, &right[k][i]);
        }
    }
    for k in 0..K {
        row[first + k] = tree(acc[k]);
    }
}
