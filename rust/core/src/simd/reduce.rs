//! Sums over rows: into eight virtual lanes, then one fixed tree.
//!
//! A register narrower than eight goes over the rows once per group of lanes, so that few
//! registers are needed at once and every level adds in the same order.

use super::LANES;
use super::vector::Simd;

/// One number per virtual lane: a block of rows, or partial sums.
pub(super) type Lanes = [f64; LANES];

/// Full blocks of eight rows.
#[inline(always)]
pub(super) fn blocks(x: &[f64]) -> &[Lanes] {
    debug_assert_eq!(x.len() % LANES, 0, "length is not a multiple of {LANES}");
    x.as_chunks().0
}

/// Full blocks of eight rows, to write.
#[inline(always)]
pub(super) fn blocks_mut(x: &mut [f64]) -> &mut [Lanes] {
    debug_assert_eq!(x.len() % LANES, 0, "length is not a multiple of {LANES}");
    x.as_chunks_mut().0
}

/// `K` neighbouring columns, their first `n` rows as blocks.
#[inline(always)]
pub(super) fn columns<const K: usize>(cols: &[Vec<f64>], first: usize, n: usize) -> [&[Lanes]; K] {
    let mut out: [&[Lanes]; K] = [&[]; K];
    for k in 0..K {
        out[k] = blocks(&cols[first + k][..n]);
    }
    out
}

/// Runs `$body` over `$n` blocks for each group of lanes, with `$acc` bound to `$k` register
/// accumulators, and gives the accumulators lane by lane.
///
/// A macro and not a function that takes a closure: see `elementwise`.
macro_rules! lanes {
    ($simd:ident; $k:expr, $n:expr; |$acc:ident, $block:ident, $group:ident| $body:expr) => {{
        let mut out = [[0.0; $crate::simd::LANES]; $k];
        for $group in (0..$crate::simd::LANES).step_by($simd::WIDTH) {
            let mut $acc = [$simd::of(0.0); $k];
            for $block in 0..$n {
                $body
            }
            for k in 0..$k {
                $acc[k].store(&mut out[k][$group..]);
            }
        }
        out
    }};
}
pub(super) use lanes;

/// The fixed tree at the end of every sum.
#[inline(always)]
pub(super) fn tree(a: Lanes) -> f64 {
    ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
}

#[inline(always)]
pub(super) fn sum<V: Simd>(x: &[f64]) -> f64 {
    let x = blocks(x);
    let [a] = lanes!(V; 1, x.len(); |acc, i, g| acc[0] = acc[0] + V::load(&x[i][g..]));
    tree(a)
}

#[inline(always)]
pub(super) fn dot<V: Simd>(a: &[f64], b: &[f64]) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    let (a, b) = (blocks(a), &blocks(b)[..a.len() / LANES]);
    let [a] = lanes!(V; 1, a.len(); |acc, i, g| acc[0] = V::load(&a[i][g..]).fma(V::load(&b[i][g..]), acc[0]));
    tree(a)
}

#[inline(always)]
pub(super) fn max_abs<V: Simd>(x: &[f64]) -> f64 {
    let x = blocks(x);
    let [a] = lanes!(V; 1, x.len(); |acc, i, g| {
        let size = V::load(&x[i][g..]).abs();
        // A NaN compares false: as `size` it is taken, as accumulator it stays.
        let larger = V::select(size.le(acc[0]), acc[0], size);
        acc[0] = V::select(acc[0].eq(acc[0]), larger, acc[0]);
    });
    let mut top = 0.0;
    for a in a {
        top = if a > top || a.is_nan() { a } else { top };
        if top.is_nan() {
            break;
        }
    }
    top
}

/// Calls `$step::<V, K>($($arg),*)` with K columns at a time, at most six.
macro_rules! by_sixes {
    ($first:ident in $count:expr, $step:ident($($arg:expr),*)) => {{
        let mut $first = 0;
        while $first < $count {
            match $count - $first {
                1 => $step::<V, 1>($($arg),*),
                2 => $step::<V, 2>($($arg),*),
                3 => $step::<V, 3>($($arg),*),
                4 => $step::<V, 4>($($arg),*),
                5 => $step::<V, 5>($($arg),*),
                _ => $step::<V, 6>($($arg),*),
            }
            $first += 6;
        }
    }};
}

#[inline(always)]
pub(super) fn affine<V: Simd>(base: &[f64], cols: &[Vec<f64>], d: &[f64], out: &mut [f64]) {
    debug_assert_eq!(base.len(), out.len());
    if d.is_empty() {
        out.copy_from_slice(base);
    }
    by_sixes!(first in d.len(), add_columns(base, cols, first, d, out));
}

/// Adds columns `first..first + K` to `base` or, after the first ones, to what `out` holds.
#[inline(always)]
fn add_columns<V: Simd, const K: usize>(base: &[f64], cols: &[Vec<f64>], first: usize, d: &[f64], out: &mut [f64]) {
    let cols = columns::<K>(cols, first, out.len());
    let base = &blocks(base)[..out.len() / LANES];
    for (i, out) in blocks_mut(out).iter_mut().enumerate() {
        for group in (0..LANES).step_by(V::WIDTH) {
            let mut sum = V::load(if first == 0 { &base[i][group..] } else { &out[group..] });
            for k in 0..K {
                sum = V::of(d[first + k]).fma(V::load(&cols[k][i][group..]), sum);
            }
            sum.store(&mut out[group..]);
        }
    }
}

#[inline(always)]
pub(super) fn project<V: Simd>(v: &[f64], cols: &[Vec<f64>], g: &mut [f64]) {
    by_sixes!(first in g.len(), dots(v, cols, first, g));
}

#[inline(always)]
fn dots<V: Simd, const K: usize>(v: &[f64], cols: &[Vec<f64>], first: usize, g: &mut [f64]) {
    let cols = columns::<K>(cols, first, v.len());
    let v = blocks(v);
    let sums = lanes!(V; K, v.len(); |acc, i, group| {
        let v = V::load(&v[i][group..]);
        for k in 0..K {
            acc[k] = v.fma(V::load(&cols[k][i][group..]), acc[k]);
        }
    });
    for k in 0..K {
        g[first + k] = tree(sums[k]);
    }
}
