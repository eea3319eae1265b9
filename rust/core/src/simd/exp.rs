//! The exponential family for one register: `exp`, `expm1`, `logistic`.
//!
//! No branches: arithmetic, bit operations and selects. Logarithms and what needs them are
//! in `log`.

use super::vector::Simd;

/// ln 2 in two parts (fdlibm): products of the first with integers below 2^20 are exact.
pub(super) const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
pub(super) const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Adding it rounds to an integer, whose low bits are then the low bits of the sum.
const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

/// (e^r - 1 - r) / r^2 on |r| <= ln 2 / 2, interpolated at Chebyshev points: 1 + r + r^2 q
/// has a relative error below 1.7e-17, r + r^2 q one below 4.1e-17.
const EXP: [f64; 10] = [
    0.5000000000000001,
    0.16666666666666669,
    0.04166666666662399,
    0.008333333333330051,
    0.0013888888917281794,
    0.00019841269863105968,
    2.480152119021773e-05,
    2.7557268378684192e-06,
    2.7620138719734e-07,
    2.5100424157005067e-08,
];

/// The polynomial with `coefficients` (lowest first) at `x`, as an odd and an even chain.
#[inline(always)]
pub(super) fn polynomial<V: Simd, const N: usize>(coefficients: &[f64; N], x: V, square: V) -> V {
    let mut low = V::of(coefficients[N - 2]);
    let mut high = V::of(coefficients[N - 1]);
    let mut i = N - 2;
    while i >= 2 {
        i -= 2;
        low = low.fma(square, V::of(coefficients[i]));
        high = high.fma(square, V::of(coefficients[i + 1]));
    }
    if i == 0 { high.fma(x, low) } else { low.fma(x, high.fma(square, V::of(coefficients[0]))) }
}

/// Splits x = k ln 2 + r, |r| <= ln 2 / 2, and gives the rounded sum k + `round`, and
/// e^r - 1 as a sum of two: the first, most of r, is exact.
#[inline(always)]
fn expm1_parts<V: Simd>(x: V, round: f64) -> (V, V, V) {
    let sum = x.fma(V::of(std::f64::consts::LOG2_E), V::of(round));
    let k = sum - V::of(round);
    let (high, low) = (k.fma(V::of(-LN2_HIGH), x), k * V::of(LN2_LOW));
    let r = high - low;
    let s = r * r;
    (sum, high, polynomial(&EXP, r, s).fma(s, -low))
}

/// e^x on the whole range: `inf` above 709.78, gradual underflow, exactly 0 from -745.2
/// down, NaN for NaN.
#[inline(always)]
pub(super) fn exp<V: Simd>(x: V) -> V {
    // Twice the exponent bias goes into the integer, so that both halves below are positive.
    let (sum, high, rest) = expm1_parts(x.at_least(V::of(-746.0)).at_most(V::of(710.0)), ROUND + 2046.0);
    let p = V::of(1.0) + (high + rest);
    // 2^k in two halves, so that neither half leaves the normal numbers.
    let first = sum.down_1();
    let second = sum.sub_bits(first);
    p * first.up_52() * second.up_52()
}

/// e^x for x <= 700 to 1.1 ulp, where anything below 2^-1022 is 0: cheaper, for sums beside
/// which such a term is nothing.
#[inline(always)]
pub(super) fn exp_flushed<V: Simd>(x: V) -> V {
    let x = x.at_least(V::of(-709.0)); // k is -1023 there, and the exponent field 0, that of zero
    let round = V::of(ROUND + 1023.0);
    let sum = x.fma(V::of(std::f64::consts::LOG2_E), round);
    let k = sum - round;
    let r = k.fma(V::of(-LN2_LOW), k.fma(V::of(-LN2_HIGH), x));
    let s = r * r;
    (V::of(1.0) + polynomial(&EXP, r, s).fma(s, r)) * sum.up_52()
}

/// e^x - 1, accurate near 0 (and -0 for -0).
#[inline(always)]
pub(super) fn expm1<V: Simd>(x: V) -> V {
    let (sum, high, rest) = expm1_parts(x.at_least(V::of(-50.0)).at_most(V::of(710.0)), ROUND + 1022.0);
    // Half of 2^k: the whole would overflow at the top. Only sums of like size are rounded.
    let half = sum.up_52();
    let y = half.fma(rest, half.fma(high, half - V::of(0.5)));
    V::select(x.abs().lt(V::of(5e-17)), x, y + y)
}

/// 1 / (1 + e^-x), with full relative accuracy on both sides.
#[inline(always)]
pub(super) fn logistic<V: Simd>(x: V) -> V {
    let one = V::of(1.0);
    let e = exp(-x.abs());
    V::select(x.lt(V::of(0.0)), e, one) / (one + e)
}
