//! Log-sum-exp of vector and scalar terms, with its softmax weights.
//!
//! A row is measured from the larger of two terms, the largest scalar and the first vector
//! (or the first two vectors): one exponential, e^-|a - b|, then serves both. Where another
//! term lies far above, or both are infinite, the row is measured from its maximum
//! (`repair`). Each row is treated alone. Loops are short and follow each other, with `out`
//! and `weights` as scratch: the CPU looks ahead over more rows than in one long loop.

use super::LANES;
use super::elementwise::Source;
use super::exp::exp_flushed;
use super::log::ln_normal;
use super::table::Arg::{self, S, V};
use super::vector::Simd;

/// How far above the first two a term may lie: e^this must not overflow, and the result loses
/// up to this much times 2^-53.
const REACH: f64 = 32.0;

#[inline(always)]
pub(super) fn lse<R: Simd>(terms: &[Arg], out: &mut [f64], weights: &mut [&mut [f64]]) {
    debug_assert!(!terms.is_empty() && (weights.is_empty() || weights.len() == terms.len()));
    let scalars = Scalars::of::<R>(terms);
    let pair = Pair::of(terms, scalars);
    // Three copies, so that the usual ones do not ask at every row what the pair is.
    let near = match pair.terms {
        (S(a), V(b)) => measure::<R>(terms, pair.with(a, b), out, weights),
        (V(a), V(b)) => measure::<R>(terms, pair.with(a, b), out, weights),
        (a, b) => measure::<R>(terms, pair.with(a, b), out, weights),
    };
    if !near {
        repair::<R>(terms, &pair, scalars, out, weights);
    }
    if scalars.count > 1 || (scalars.count == 1 && scalars.sum == 0.0) {
        share::<R>(terms, scalars, weights);
    }
}

/// The result and the shares of all rows that can be measured from the pair, and whether
/// those are all rows.
#[inline(always)]
fn measure<R: Simd>(
    terms: &[Arg],
    pair: Pair<impl Source, impl Source>,
    out: &mut [f64],
    weights: &mut [&mut [f64]],
) -> bool {
    let mut near = start::<R>(&pair, out, weights);
    for (k, term) in terms.iter().enumerate() {
        match *term {
            _ if k == pair.places.0 || k == pair.places.1 => {}
            V(x) => near &= accumulate::<R>(x, &pair, out, weights.get_mut(k).map(|w| &mut **w)),
            S(_) => copy_share(pair.places.0, k, weights),
        }
    }
    finish::<R>(&pair, out, weights);
    near
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
}

/// The two terms whose larger one a row is measured from; the same twice if there is but one.
#[derive(Clone, Copy)]
struct Pair<A, B> {
    terms: (A, B),
    places: (usize, usize),
    /// How much the first counts: more than 1 where it stands for several scalars.
    count: f64,
}

impl<'a> Pair<Arg<'a>, Arg<'a>> {
    #[inline(always)]
    fn of(terms: &[Arg<'a>], scalars: Scalars) -> Self {
        let (mut scalar, mut vectors) = (None, [None; 2]);
        for (k, term) in terms.iter().enumerate() {
            match *term {
                S(_) => scalar = scalar.or(Some((k, S(scalars.top)))),
                V(_) if vectors[0].is_none() => vectors[0] = Some((k, *term)),
                V(_) => vectors[1] = vectors[1].or(Some((k, *term))),
            }
        }
        let nothing = (0, S(f64::NEG_INFINITY)); // for no terms at all
        let (first, second) = match (scalar, vectors) {
            (Some(scalar), [vector, _]) => (scalar, vector.unwrap_or(scalar)),
            (None, [Some(first), second]) => (first, second.unwrap_or(first)),
            (None, [None, _]) => (nothing, nothing),
        };
        let count = if scalar.is_some() { scalars.sum } else { 1.0 };
        Pair { terms: (first.1, second.1), places: (first.0, second.0), count }
    }

    /// The same pair, its terms unwrapped.
    #[inline(always)]
    fn with<A, B>(self, a: A, b: B) -> Pair<A, B> {
        Pair { terms: (a, b), places: self.places, count: self.count }
    }
}

impl<A: Source, B: Source> Pair<A, B> {
    /// The two at row `i`.
    #[inline(always)]
    fn at<R: Simd>(&self, i: usize) -> (R, R) {
        (self.terms.0.at(i), self.terms.1.at(i))
    }

    /// The larger of the two at row `i`.
    #[inline(always)]
    fn top<R: Simd>(&self, i: usize) -> R {
        let (a, b) = self.at::<R>(i);
        R::select(b.le(a), a, b)
    }
}

/// Starts the sums in `out` and the shares in `weights` with the pair; whether one of the
/// two is finite in all rows.
#[inline(always)]
fn start<R: Simd>(pair: &Pair<impl Source, impl Source>, out: &mut [f64], weights: &mut [&mut [f64]]) -> bool {
    let (n, one, count) = (out.len(), R::of(1.0), R::of(pair.count));
    let (first, second) = pair.places;
    let mut good = yes::<R>();
    macro_rules! each_row {
        (|$i:ident, $e:ident, $f:ident| $sum:expr, $keep:expr) => {
            for $i in (0..n).step_by(R::WIDTH) {
                let (a, b) = pair.at::<R>($i);
                let (e, larger) = (exp_flushed(-(a - b).abs()), b.le(a));
                good = R::both(good, is_finite(R::select(larger, a, b)));
                let ($e, $f) = (R::select(larger, one, e), R::select(larger, e, one));
                $sum.store(&mut out[$i..]);
                $keep
            }
        };
    }
    if first == second {
        each_row!(|i, e, _f| e * count, {});
        if let Some(w) = weights.get_mut(first) {
            w.fill(1.0);
        }
    } else if let Ok([v, w]) = weights.get_disjoint_mut([first, second]) {
        let (v, w) = (&mut v[..n], &mut w[..n]);
        each_row!(|i, e, f| e.fma(count, f), {
            e.store(&mut v[i..]);
            f.store(&mut w[i..]);
        });
    } else {
        each_row!(|i, e, f| e.fma(count, f), {});
    }
    R::all(good)
}

/// Gives the scalar at `k` the shares of the first one.
#[inline(always)]
fn copy_share(first: usize, k: usize, weights: &mut [&mut [f64]]) {
    if k < weights.len() {
        let (before, after) = weights.split_at_mut(k);
        after[0].copy_from_slice(before[first]);
    }
}

/// Adds e^(x - top) to `out` and keeps it in `weight`; whether x is within reach in all rows.
#[inline(always)]
fn accumulate<R: Simd>(
    x: &[f64],
    pair: &Pair<impl Source, impl Source>,
    out: &mut [f64],
    weight: Option<&mut [f64]>,
) -> bool {
    let n = out.len();
    let x = &x[..n];
    let mut good = yes::<R>();
    macro_rules! each_row {
        (|$i:ident, $e:ident| $keep:expr) => {
            for $i in (0..n).step_by(R::WIDTH) {
                let d = R::load(&x[$i..]) - pair.top::<R>($i);
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

/// From the sum in `out` and the shares in `weights` to the result and the weights.
#[inline(always)]
fn finish<R: Simd>(pair: &Pair<impl Source, impl Source>, out: &mut [f64], weights: &mut [&mut [f64]]) {
    if weights.is_empty() {
        for i in (0..out.len()).step_by(R::WIDTH) {
            (pair.top::<R>(i) + ln_sum(R::load(&out[i..]))).store(&mut out[i..]);
        }
        return;
    }
    for i in (0..out.len()).step_by(R::WIDTH) {
        let sum = R::load(&out[i..]);
        let r = R::of(1.0) / sum;
        for w in weights.iter_mut() {
            (R::load(&w[i..]) * r).store(&mut w[i..]);
        }
        (pair.top::<R>(i) + ln_sum(sum)).store(&mut out[i..]);
    }
}

/// Does the rows again that could not be measured from the pair.
#[inline(always)]
fn repair<R: Simd>(
    terms: &[Arg],
    pair: &Pair<Arg, Arg>,
    scalars: Scalars,
    out: &mut [f64],
    weights: &mut [&mut [f64]],
) {
    let zero = R::of(0.0);
    for i in (0..out.len()).step_by(R::WIDTH) {
        let pivot = pair.top::<R>(i);
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
