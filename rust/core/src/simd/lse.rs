//! Log-sum-exp of vector and scalar terms, with its softmax weights.
//!
//! A row is measured from a pivot, the largest scalar term or else the first vector, whose
//! own exponential then costs nothing a row. Where a term lies far above the pivot, or the
//! pivot is not finite, the row is measured from its maximum (`repair`). Each row is treated
//! alone. Loops are short and follow each other, with `out` and `weights` as scratch: the
//! CPU looks ahead over more rows than it could in one long loop.

use super::LANES;
use super::elementwise::load;
use super::exp::exp_flushed;
use super::log::ln_normal;
use super::table::Arg::{self, S, V};
use super::vector::Simd;

/// How far above the pivot a term may lie: e^this must not overflow, and the result loses
/// up to this much times 2^-53.
const REACH: f64 = 32.0;

#[inline(always)]
pub(super) fn lse<R: Simd>(terms: &[Arg], out: &mut [f64], weights: &mut [&mut [f64]]) {
    debug_assert!(!terms.is_empty() && (weights.is_empty() || weights.len() == terms.len()));
    let scalars = Scalars::of::<R>(terms);
    let (pivot, base) = scalars.pivot(terms);
    let mut near = start::<R>(base, if pivot.is_some() { 1.0 } else { scalars.sum }, out);
    for (k, term) in terms.iter().enumerate() {
        let weight = weights.get_mut(k).map(|w| &mut **w);
        match *term {
            V(x) if pivot != Some(k) => near &= accumulate::<R>(x, base, out, weight),
            _ => ones::<R>(weight),
        }
    }
    finish::<R>(base, out, weights);
    if !near {
        repair::<R>(terms, base, scalars, out, weights);
    }
    if scalars.count > 1 || (scalars.count == 1 && scalars.sum == 0.0) {
        share::<R>(terms, scalars, weights);
    }
}

/// The scalar terms as one.
#[derive(Clone, Copy)]
struct Scalars {
    count: usize,
    /// The largest of them, -inf if there are none, NaN if one is.
    top: f64,
    /// Sum of e^(term - top).
    sum: f64,
}

impl Scalars {
    #[inline(always)]
    fn of<R: Simd>(terms: &[Arg]) -> Scalars {
        let mut scalars = Scalars { count: 0, top: f64::NEG_INFINITY, sum: 0.0 };
        for term in terms {
            if let S(x) = *term {
                scalars.count += 1;
                scalars.top = if x > scalars.top || x.is_nan() { x } else { scalars.top };
            }
        }
        for term in terms {
            if let S(x) = *term {
                scalars.sum += scalars.share::<R>(x);
            }
        }
        scalars
    }

    /// e^(x - top), nothing if all scalars are -inf.
    #[inline(always)]
    fn share<R: Simd>(self, x: f64) -> f64 {
        if self.top == f64::NEG_INFINITY {
            return 0.0;
        }
        if x == self.top {
            return 1.0;
        }
        let mut e = [0.0; LANES];
        exp_flushed(R::of(x - self.top)).store(&mut e);
        e[0]
    }

    /// What rows are measured from, with its place among the terms if it is a vector.
    #[inline(always)]
    fn pivot<'a>(self, terms: &[Arg<'a>]) -> (Option<usize>, Arg<'a>) {
        if self.top == f64::NEG_INFINITY {
            for (k, term) in terms.iter().enumerate() {
                if let V(_) = term {
                    return (Some(k), *term);
                }
            }
        }
        (None, S(self.top))
    }
}

/// Fills `out` with the pivot's own share; whether the pivot is finite in all rows.
#[inline(always)]
fn start<R: Simd>(base: Arg, share: f64, out: &mut [f64]) -> bool {
    let mut good = yes::<R>();
    for i in (0..out.len()).step_by(R::WIDTH) {
        good = R::both(good, is_finite(load::<R>(base, i)));
        R::of(share).store(&mut out[i..]);
    }
    R::all(good)
}

/// Adds e^(x - base) to `out` and keeps it in `weight`; whether x is within reach in all rows.
#[inline(always)]
fn accumulate<R: Simd>(x: &[f64], base: Arg, out: &mut [f64], weight: Option<&mut [f64]>) -> bool {
    let n = out.len();
    let x = &x[..n];
    let mut good = yes::<R>();
    macro_rules! each_row {
        (|$i:ident, $e:ident| $keep:expr) => {
            for $i in (0..n).step_by(R::WIDTH) {
                let d = R::load(&x[$i..]) - load(base, $i);
                good = R::both(good, d.le(R::of(REACH)));
                let $e = exp_flushed(d);
                (R::load(&out[$i..]) + $e).store(&mut out[$i..]);
                $keep
            }
        };
    }
    match weight {
        Some(w) => {
            let w = &mut w[..n];
            each_row!(|i, e| e.store(&mut w[i..]))
        }
        None => each_row!(|i, e| {}),
    }
    R::all(good)
}

#[inline(always)]
fn ones<R: Simd>(weight: Option<&mut [f64]>) {
    if let Some(w) = weight {
        w.fill(1.0);
    }
}

/// From the sum in `out` and the shares in `weights` to the result and the weights.
#[inline(always)]
fn finish<R: Simd>(base: Arg, out: &mut [f64], weights: &mut [&mut [f64]]) {
    if weights.is_empty() {
        for i in (0..out.len()).step_by(R::WIDTH) {
            (load::<R>(base, i) + ln_sum(R::load(&out[i..]))).store(&mut out[i..]);
        }
        return;
    }
    for i in (0..out.len()).step_by(R::WIDTH) {
        let sum = R::load(&out[i..]);
        let r = R::of(1.0) / sum;
        for w in weights.iter_mut() {
            (R::load(&w[i..]) * r).store(&mut w[i..]);
        }
        (load::<R>(base, i) + ln_sum(sum)).store(&mut out[i..]);
    }
}

/// Does the rows again that could not be measured from the pivot.
#[inline(always)]
fn repair<R: Simd>(terms: &[Arg], base: Arg, scalars: Scalars, out: &mut [f64], weights: &mut [&mut [f64]]) {
    let zero = R::of(0.0);
    for i in (0..out.len()).step_by(R::WIDTH) {
        let pivot = load::<R>(base, i);
        let (mut good, mut top) = (is_finite(pivot), R::of(scalars.top));
        for term in terms {
            if let V(x) = *term {
                let x = R::load(&x[i..]);
                good = R::both(good, (x - pivot).le(R::of(REACH)));
                top = top.at_least(x);
            }
        }
        if R::all(good) {
            continue;
        }
        let scalar = power(R::of(scalars.top), top);
        let mut sum = R::of(scalars.sum) * scalar;
        for term in terms {
            if let V(x) = *term {
                sum = sum + power(R::load(&x[i..]), top);
            }
        }
        R::select(good, R::load(&out[i..]), top + ln_sum(sum)).store(&mut out[i..]);
        let r = R::select(top.eq(R::of(f64::NEG_INFINITY)), zero, R::of(1.0) / sum);
        for (w, term) in weights.iter_mut().zip(terms) {
            let share = match *term {
                V(x) => power(R::load(&x[i..]), top),
                S(_) => scalar,
            };
            R::select(good, R::load(&w[i..]), share * r).store(&mut w[i..]);
        }
    }
}

/// Shares the weight of the scalars out among them.
#[inline(always)]
fn share<R: Simd>(terms: &[Arg], scalars: Scalars, weights: &mut [&mut [f64]]) {
    for (w, term) in weights.iter_mut().zip(terms) {
        if let S(x) = *term {
            let e = scalars.share::<R>(x);
            for i in (0..w.len()).step_by(R::WIDTH) {
                (R::load(&w[i..]) * R::of(e)).store(&mut w[i..]);
            }
        }
    }
}

/// e^(x - top) for x <= top, 1 for equal infinities.
#[inline(always)]
fn power<R: Simd>(x: R, top: R) -> R {
    exp_flushed(R::select(x.eq(top), R::of(0.0), x - top))
}

/// ln x for x >= 1 and NaN for NaN.
#[inline(always)]
fn ln_sum<R: Simd>(x: R) -> R {
    R::select(x.eq(x), ln_normal(x), x)
}

#[inline(always)]
fn is_finite<R: Simd>(x: R) -> R::Mask {
    x.abs().lt(R::of(f64::INFINITY))
}

#[inline(always)]
fn yes<R: Simd>() -> R::Mask {
    R::of(0.0).eq(R::of(0.0))
}
