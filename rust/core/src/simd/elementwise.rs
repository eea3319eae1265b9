//! Loops that map rows to rows: one, two or three inputs, vectors or scalars.

use super::table::Arg::{self, S, V};
use super::{LANES, log, math};
use super::math::Fma;

/// Full blocks of eight rows.
#[inline(always)]
pub(super) fn blocks(x: &[f64]) -> &[[f64; LANES]] {
    debug_assert_eq!(x.len() % LANES, 0, "length is not a multiple of {LANES}");
    x.as_chunks().0
}

/// Full blocks of eight rows, to write.
#[inline(always)]
pub(super) fn blocks_mut(x: &mut [f64]) -> &mut [[f64; LANES]] {
    debug_assert_eq!(x.len() % LANES, 0, "length is not a multiple of {LANES}");
    x.as_chunks_mut().0
}

#[inline(always)]
fn map(x: &[f64], out: &mut [f64], f: impl Fn(f64) -> f64) {
    debug_assert_eq!(x.len(), out.len());
    for (o, x) in blocks_mut(out).iter_mut().zip(blocks(x)) {
        for l in 0..LANES {
            o[l] = f(x[l]);
        }
    }
}

#[inline(always)]
fn zip(a: &[f64], b: &[f64], out: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    debug_assert!(a.len() == out.len() && b.len() == out.len());
    for ((o, a), b) in blocks_mut(out).iter_mut().zip(blocks(a)).zip(blocks(b)) {
        for l in 0..LANES {
            o[l] = f(a[l], b[l]);
        }
    }
}

#[inline(always)]
fn binary(a: Arg, b: Arg, out: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    match (a, b) {
        (V(a), V(b)) => zip(a, b, out, f),
        (V(a), S(b)) => map(a, out, |a| f(a, b)),
        (S(a), V(b)) => map(b, out, |b| f(a, b)),
        (S(a), S(b)) => out.fill(f(a, b)),
    }
}

/// Defines kernels of one input from scalar expressions.
macro_rules! unary {
    ($($name:ident = $body:expr;)*) => {$(
        #[inline(always)]
        pub(super) fn $name<F: Fma>(x: &[f64], out: &mut [f64]) {
            map(x, out, $body)
        }
    )*};
}

/// Defines kernels of two inputs from scalar expressions.
macro_rules! binary {
    ($($name:ident = $body:expr;)*) => {$(
        #[inline(always)]
        pub(super) fn $name<F: Fma>(a: Arg, b: Arg, out: &mut [f64]) {
            binary(a, b, out, $body)
        }
    )*};
}

unary! {
    exp = math::exp::<F>;
    ln = log::ln::<F>;
    expm1 = math::expm1::<F>;
    log1p = log::log1p::<F>;
    logistic = math::logistic::<F>;
    softplus = log::softplus::<F>;
    sqrt = f64::sqrt;
    abs = f64::abs;
    neg = |x| -x;
    recip = |x| 1.0 / x;
    sin = libm::sin;
    cos = libm::cos;
    atan = libm::atan;
}

binary! {
    add = |a, b| a + b;
    sub = |a, b| a - b;
    mul = |a, b| a * b;
    div = |a, b| a / b;
    min = |a, b| if a < b || a.is_nan() { a } else { b };
    max = |a, b| if a > b || a.is_nan() { a } else { b };
    pow = log::pow::<F>;
}

/// out = a b + c.
#[inline(always)]
pub(super) fn fma<F: Fma>(a: &[f64], b: Arg, c: Arg, out: &mut [f64]) {
    match (b, c) {
        (V(b), V(c)) => {
            debug_assert_eq!(c.len(), out.len());
            let inputs = blocks(a).iter().zip(blocks(b)).zip(blocks(c));
            for (o, ((a, b), c)) in blocks_mut(out).iter_mut().zip(inputs) {
                for l in 0..LANES {
                    o[l] = F::fma(a[l], b[l], c[l]);
                }
            }
        }
        (V(b), S(c)) => zip(a, b, out, |a, b| F::fma(a, b, c)),
        (S(b), V(c)) => zip(a, c, out, |a, c| F::fma(a, b, c)),
        (S(b), S(c)) => map(a, out, |a| F::fma(a, b, c)),
    }
}

/// out[i] = src[idx[i]]. Panics when an index is out of range.
#[inline(always)]
pub(super) fn gather<F: Fma>(src: &[f64], idx: &[u32], out: &mut [f64]) {
    debug_assert_eq!(idx.len(), out.len());
    let top = idx.iter().fold(0, |top, &i| top.max(i));
    assert!(idx.is_empty() || (top as usize) < src.len(), "gather index {top} out of range of {}", src.len());
    for (o, &i) in out.iter_mut().zip(idx) {
        // SAFETY: every index is at most `top`, which was just checked.
        *o = unsafe { *src.get_unchecked(i as usize) };
    }
}
