//! The logarithm family for one register: `ln`, `log1p`, and the end of `pow`.
//!
//! The polynomial and the way to compensate are fdlibm's (`e_log.c`, `s_log1p.c`), made
//! free of branches.

use super::exp::{LN2_HIGH, LN2_LOW, polynomial};
use super::vector::Simd;

/// fdlibm's Lg1..Lg7: ln((1 + s) / (1 - s)) = 2 s + s^3 R(s^2), error below 2^-58.45.
const LOG: [f64; 7] = [
    6.666_666_666_666_735e-1,
    3.999_999_999_940_942e-1,
    2.857_142_874_366_239e-1,
    2.222_219_843_214_978_4e-1,
    1.818_357_216_161_805e-1,
    1.531_383_769_920_937_3e-1,
    1.479_819_860_511_658_6e-1,
];

const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;
/// 2^52: its low bits count in units of one.
const TWO_52: f64 = 4_503_599_627_370_496.0;

/// A register of one bit pattern.
#[inline(always)]
fn bits<V: Simd>(pattern: u64) -> V {
    V::of(f64::from_bits(pattern))
}

/// x = 2^k m with m in [sqrt(1/2), sqrt 2), for normal positive x: m, and k + 1023 as an
/// integer in the bits.
#[inline(always)]
fn split<V: Simd>(x: V) -> (V, V) {
    let shifted = x.add_bits(bits((1023 << 52) - ROOT_HALF));
    let m = shifted.and(bits(MANTISSA)).add_bits(bits(ROOT_HALF));
    (m, shifted.down_52())
}

/// The integer k + 1023 as the number k.
#[inline(always)]
fn number<V: Simd>(biased: V) -> V {
    biased.or(V::of(TWO_52)) - V::of(TWO_52 + 1023.0)
}

/// k ln 2 + ln(1 + f) + c, where c is a small correction and s = f / (2 + f).
#[inline(always)]
fn assemble<V: Simd>(f: V, k: V, s: V, c: V) -> V {
    let half = V::of(0.5) * f * f;
    let z = s * s;
    let r = z * polynomial(&LOG, z, z * z);
    let low = s.fma(half + r, k.fma(V::of(LN2_LOW), c));
    k.fma(V::of(LN2_HIGH), f - (half - low))
}

/// ln x for normal positive x; anything for others.
#[inline(always)]
pub(super) fn ln_normal<V: Simd>(x: V) -> V {
    let (m, biased) = split(x);
    let f = m - V::of(1.0);
    assemble(f, number(biased), f / (V::of(2.0) + f), V::of(0.0))
}

/// ln x: -inf for either zero, NaN below zero, inf for inf; right for subnormals.
#[inline(always)]
pub(super) fn ln<V: Simd>(x: V) -> V {
    let zero = V::of(0.0);
    let tiny = x.lt(V::of(f64::MIN_POSITIVE));
    let (m, biased) = split(V::select(tiny, x * V::of(18_014_398_509_481_984.0), x)); // 2^54
    let f = m - V::of(1.0);
    let k = number(biased) - V::select(tiny, V::of(54.0), zero);
    let y = assemble(f, k, f / (V::of(2.0) + f), zero);
    let y = V::select(x.lt(V::of(f64::INFINITY)), y, x);
    outside(x, y)
}

/// `y` where x > 0, -inf where x = 0, NaN elsewhere.
#[inline(always)]
fn outside<V: Simd>(x: V, y: V) -> V {
    let zero = V::of(0.0);
    let rest = V::select(x.eq(zero), V::of(f64::NEG_INFINITY), V::of(f64::NAN));
    V::select(zero.lt(x), y, rest)
}

/// ln(1 + x), accurate near 0 (and -0 for -0): -inf for -1, NaN below.
#[inline(always)]
pub(super) fn log1p<V: Simd>(x: V) -> V {
    let one = V::of(1.0);
    let u = one + x;
    let b = u - one;
    let rest = (one - (u - b)) + (x - b); // u + rest is 1 + x exactly
    let (m, biased) = split(u);
    let f = m - one;
    let s = f / (V::of(2.0) + f);
    // rest / u to a few bits: u = 2^k (1 + f), and 1 / (1 + f) = (1 - s) / (1 + s).
    let down = bits::<V>(2046).sub_bits(biased).up_52();
    let c = rest * down * s.fma(s.fma(V::of(2.0), V::of(-2.0)), one);
    let c = V::select(u.lt(V::of(TWO_52 * TWO_52)), c, V::of(0.0));
    let y = assemble(f, number(biased), s, c);
    let y = V::select(x.lt(V::of(f64::INFINITY)), y, x);
    let y = V::select(x.abs().lt(V::of(5e-17)), x, y);
    outside(u, y)
}

/// a^b from `power` = e^(b ln |a|): signs, and the special cases of IEEE 754's `pow`.
///
/// A negative `a`, -inf among them, needs an integer `b`.
#[inline(always)]
pub(super) fn signed_power<V: Simd>(a: V, b: V, power: V) -> V {
    let (zero, one) = (V::of(0.0), V::of(1.0));
    let size = V::select(a.abs().eq(one), one, power);
    let whole = V::select(is_integer(V::of(0.5) * b), size, size.copysign(a));
    let broken = V::select(a.lt(zero), V::of(f64::NAN), size);
    let y = V::select(is_integer(b), whole, broken);
    let y = V::select(b.eq(b), y, b);
    let y = V::select(a.eq(one), one, V::select(a.eq(a), y, a));
    V::select(b.eq(zero), one, y)
}

/// Whether `b` is an integer, as infinities are.
#[inline(always)]
fn is_integer<V: Simd>(b: V) -> V::Mask {
    let size = b.abs().at_most(V::of(TWO_52));
    ((size + V::of(TWO_52)) - V::of(TWO_52)).eq(size)
}
