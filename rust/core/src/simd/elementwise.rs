//! Loops that map rows to rows: one, two or three inputs, vectors or scalars.
//!
//! The loops are macros and not functions that take closures: a closure that the compiler
//! declines to inline would be compiled without the level's instructions.

use super::exp;
use super::log;
use super::table::Arg::{self, S, V};
use super::vector::Simd;

/// `out[i] = body` for all rows, a register at a time; each name stands for the register
/// read from the slice of that name.
macro_rules! rows {
    ($simd:ident, $out:ident = |$($x:ident),*| $body:expr) => {{
        let n = $out.len();
        $(let $x = &$x[..n];)*
        for i in (0..n).step_by($simd::WIDTH) {
            $(let $x = $simd::load(&$x[i..]);)*
            let value: $simd = $body;
            value.store(&mut $out[i..]);
        }
    }};
}

pub(super) use rows;

/// Defines kernels of one input.
macro_rules! unary {
    ($($name:ident($x:ident) = $body:expr;)*) => {$(
        #[inline(always)]
        pub(super) fn $name<R: Simd>($x: &[f64], out: &mut [f64]) {
            debug_assert_eq!($x.len(), out.len());
            rows!(R, out = |$x| $body)
        }
    )*};
}

/// Runs `$body` with each name bound to a slice or, where the argument is a scalar, to a
/// register that holds it.
macro_rules! binary {
    ($($name:ident($a:ident, $b:ident) = $body:expr;)*) => {$(
        #[inline(always)]
        pub(super) fn $name<R: Simd>(a: Arg, b: Arg, out: &mut [f64]) {
            match (a, b) {
                (V($a), V($b)) => rows!(R, out = |$a, $b| $body),
                (V($a), S(b)) => { let $b = R::of(b); rows!(R, out = |$a| $body) }
                (S(a), V($b)) => { let $a = R::of(a); rows!(R, out = |$b| $body) }
                (S(a), S(b)) => { let ($a, $b) = (R::of(a), R::of(b)); rows!(R, out = | | $body) }
            }
        }
    )*};
}

/// Defines kernels of one input that call libm row by row.
macro_rules! by_libm {
    ($($name:ident),*) => {$(
        #[inline(always)]
        pub(super) fn $name<R: Simd>(x: &[f64], out: &mut [f64]) {
            debug_assert_eq!(x.len(), out.len());
            out.iter_mut().zip(x).for_each(|(out, &x)| *out = libm::$name(x));
        }
    )*};
}

unary! {
    exp(x) = exp::exp(x);
    ln(x) = log::ln(x);
    expm1(x) = exp::expm1(x);
    log1p(x) = log::log1p(x);
    logistic(x) = exp::logistic(x);
    sqrt(x) = x.sqrt();
    abs(x) = x.abs();
    neg(x) = -x;
    recip(x) = R::of(1.0) / x;
}

binary! {
    add(a, b) = a + b;
    sub(a, b) = a - b;
    mul(a, b) = a * b;
    div(a, b) = a / b;
    min(a, b) = R::select(a.eq(a), R::select(a.lt(b), a, b), a);
    max(a, b) = R::select(a.eq(a), R::select(b.lt(a), a, b), a);
    log_power(a, b) = b * log::ln(a.abs());
}

by_libm!(sin, cos, atan);

// Where a long chain follows a long chain, two loops keep the CPU busier than one: it looks
// ahead over more rows.

/// ln(1 + e^x) without overflow.
#[inline(always)]
pub(super) fn softplus<R: Simd>(x: &[f64], out: &mut [f64]) {
    debug_assert_eq!(x.len(), out.len());
    rows!(R, out = |x| exp::exp(-x.abs()));
    let n = out.len();
    for i in (0..n).step_by(R::WIDTH) {
        let tail = log::log1p(R::load(&out[i..n]));
        (R::load(&x[i..n]).at_least(R::of(0.0)) + tail).store(&mut out[i..n]);
    }
}

/// a^b as e^(b ln |a|), then signs and special cases.
#[inline(always)]
pub(super) fn pow<R: Simd>(a: Arg, b: Arg, out: &mut [f64]) {
    log_power::<R>(a, b, out);
    let n = out.len();
    for i in (0..n).step_by(R::WIDTH) {
        let power = exp::exp(R::load(&out[i..n]));
        log::signed_power(a.at(i), b.at(i), power).store(&mut out[i..n]);
    }
}

/// What a kernel reads: a value per row, or one for all.
pub(super) trait Source: Copy {
    /// The register at row `i`.
    fn at<R: Simd>(self, i: usize) -> R;
}

impl Source for &[f64] {
    #[inline(always)]
    fn at<R: Simd>(self, i: usize) -> R {
        R::load(&self[i..])
    }
}

impl Source for f64 {
    #[inline(always)]
    fn at<R: Simd>(self, _: usize) -> R {
        R::of(self)
    }
}

impl Source for Arg<'_> {
    #[inline(always)]
    fn at<R: Simd>(self, i: usize) -> R {
        match self {
            V(x) => x.at(i),
            S(x) => x.at(i),
        }
    }
}

/// out = a b + c.
#[inline(always)]
pub(super) fn fma<R: Simd>(a: &[f64], b: Arg, c: Arg, out: &mut [f64]) {
    debug_assert_eq!(a.len(), out.len());
    match (b, c) {
        (V(b), V(c)) => rows!(R, out = |a, b, c| a.fma(b, c)),
        (V(b), S(c)) => rows!(R, out = |a, b| a.fma(b, R::of(c))),
        (S(b), V(c)) => rows!(R, out = |a, c| a.fma(R::of(b), c)),
        (S(b), S(c)) => rows!(R, out = |a| a.fma(R::of(b), R::of(c))),
    }
}
