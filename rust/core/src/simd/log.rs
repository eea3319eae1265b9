//! Scalar bodies of the logarithm family: `ln`, `log1p`, `softplus`, `pow`.
//!
//! The polynomial and the way to compensate are fdlibm's (`e_log.c`, `s_log1p.c`), made
//! free of branches.

use super::math::{Fma, LN2_HIGH, LN2_LOW, exp};

/// fdlibm's Lg1..Lg7: ln((1 + s) / (1 - s)) = 2 s + s R(s^2), error below 2^-58.45.
const LOG: [f64; 7] = [
    6.666_666_666_666_735e-1,
    3.999_999_999_940_942e-1,
    2.857_142_874_366_239e-1,
    2.222_219_843_214_978_4e-1,
    1.818_357_216_161_805e-1,
    1.531_383_769_920_937_3e-1,
    1.479_819_860_511_658_6e-1,
];

const ONE_BITS: u64 = 0x3ff0_0000_0000_0000;
const ROOT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;
/// 2^52, whose low bits count in units of one.
const TWO_52: f64 = 4_503_599_627_370_496.0;

/// x = 2^k m with m in [sqrt(1/2), sqrt 2), for normal positive x: (m, k, shifted bits).
#[inline(always)]
fn split(x: f64) -> (f64, f64, u64) {
    let shifted = x.to_bits().wrapping_add(ONE_BITS - ROOT_HALF_BITS);
    let k = f64::from_bits((shifted >> 52) | TWO_52.to_bits()) - (TWO_52 + 1023.0);
    let m = f64::from_bits((shifted & MANTISSA).wrapping_add(ROOT_HALF_BITS));
    (m, k, shifted)
}

/// k ln 2 + ln(1 + f) + c, where c is a small correction; also s = f / (2 + f).
#[inline(always)]
fn assemble<F: Fma>(f: f64, k: f64, s: f64, c: f64) -> f64 {
    let half = 0.5 * f * f;
    let z = s * s;
    let w = z * z;
    let odd = F::fma(F::fma(F::fma(LOG[6], w, LOG[4]), w, LOG[2]), w, LOG[0]);
    let even = F::fma(F::fma(LOG[5], w, LOG[3]), w, LOG[1]);
    let r = z * F::fma(even, z, odd);
    let low = F::fma(s, half + r, F::fma(k, LN2_LOW, c));
    F::fma(k, LN2_HIGH, f - (half - low))
}

/// ln x for normal positive x; anything for others.
#[inline(always)]
pub(super) fn ln_normal<F: Fma>(x: f64) -> f64 {
    let (m, k, _) = split(x);
    let f = m - 1.0;
    assemble::<F>(f, k, f / (2.0 + f), 0.0)
}

/// ln x: -inf for either zero, NaN below zero, inf for inf; subnormals are exact.
#[inline(always)]
pub(super) fn ln<F: Fma>(x: f64) -> f64 {
    let tiny = x < f64::MIN_POSITIVE;
    let (m, k, _) = split(if tiny { x * 18_014_398_509_481_984.0 } else { x });
    let f = m - 1.0;
    let k = if tiny { k - 54.0 } else { k };
    let y = assemble::<F>(f, k, f / (2.0 + f), 0.0);
    let y = if x < f64::INFINITY { y } else { x };
    let outside = if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    if x > 0.0 { y } else { outside }
}

/// ln(1 + x), accurate near 0 (and -0 for -0): -inf for -1, NaN below.
#[inline(always)]
pub(super) fn log1p<F: Fma>(x: f64) -> f64 {
    let u = 1.0 + x;
    let rest = { let b = u - 1.0; (1.0 - (u - b)) + (x - b) }; // u + rest = 1 + x, exactly
    let (m, k, shifted) = split(u);
    let f = m - 1.0;
    let s = f / (2.0 + f);
    // rest / u, u = 2^k (1 + f) and 1 / (1 + f) = (1 - s) / (1 + s); `rest` is tiny.
    let down = f64::from_bits((2046u64.wrapping_sub(shifted >> 52)) << 52);
    let over = rest * down * F::fma(s, F::fma(2.0, s, -2.0), 1.0);
    let over = if u < TWO_52 * TWO_52 { over } else { 0.0 };
    let y = assemble::<F>(f, k, s, over);
    let y = if x < f64::INFINITY { y } else { x };
    let y = if x.abs() < 5e-17 { x } else { y };
    let outside = if u == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    if u > 0.0 { y } else { outside }
}

/// ln(1 + e^x) without overflow.
#[inline(always)]
pub(super) fn softplus<F: Fma>(x: f64) -> f64 {
    let top = if x > 0.0 { x } else { x * 0.0 };
    top + log1p::<F>(exp::<F>(-x.abs()))
}

/// a^b as e^(b ln |a|): the relative error grows with |b ln a|, by half an ulp per unit.
///
/// Zeros, infinities and one go as in IEEE 754's `pow`; a negative `a` needs an integer `b`.
#[inline(always)]
pub(super) fn pow<F: Fma>(a: f64, b: f64) -> f64 {
    let size = exp::<F>(b * ln::<F>(a.abs()));
    let size = if a.abs() == 1.0 || b == 0.0 { 1.0 } else { size };
    let whole = is_integer(b);
    let odd = whole && !is_integer(0.5 * b);
    let signed = if odd { size.copysign(a) } else { size };
    if a < 0.0 && !whole { f64::NAN } else { signed }
}

/// Whether `b` is an integer; infinities are (even) ones, NaN is none.
#[inline(always)]
fn is_integer(b: f64) -> bool {
    let size = b.abs();
    (size + TWO_52) - TWO_52 == size || size >= TWO_52
}
