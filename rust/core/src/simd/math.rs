//! Scalar bodies of the exponential family: `exp`, `expm1`, `logistic`.
//!
//! No branches and no calls, only arithmetic, bit operations and selects, so that a loop
//! over a body becomes vector code. Logarithms and what needs them are in `log`.

/// How `a * b + c` is computed: the one thing in which levels differ.
pub(super) trait Fma {
    /// `a * b + c`.
    fn fma(a: f64, b: f64, c: f64) -> f64;
}

/// One rounding: for levels that have the instruction.
pub(super) struct Fused;

/// Two roundings: for levels that do not, where a fused one would be a library call.
pub(super) struct Separate;

impl Fma for Fused {
    #[inline(always)]
    fn fma(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
}

impl Fma for Separate {
    #[inline(always)]
    fn fma(a: f64, b: f64, c: f64) -> f64 {
        a * b + c
    }
}

/// ln 2 in two parts (fdlibm): products of the first with integers below 2^20 are exact.
pub(super) const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
pub(super) const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Adding it rounds to an integer, whose low bits are then the low bits of the sum.
const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
/// As `ROUND`, with twice the exponent bias added to the integer: never negative.
const ROUND_BIASED: f64 = ROUND + 2046.0;

/// (e^r - 1 - r) / r^2 on |r| <= ln 2 / 2: interpolated at Chebyshev points, relative
/// error of 1 + r + r^2 q below 1.7e-17.
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

/// `x` forced into `low..=high`; NaN stays.
#[inline(always)]
fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// Splits x = k ln 2 + r, |r| <= ln 2 / 2: the rounded sum that holds k, and r.
#[inline(always)]
fn reduce<F: Fma>(x: f64, round: f64) -> (f64, f64) {
    let sum = F::fma(x, std::f64::consts::LOG2_E, round);
    let k = sum - round;
    (sum, F::fma(k, -LN2_LOW, F::fma(k, -LN2_HIGH, x)))
}

/// e^r - 1 for |r| <= ln 2 / 2.
#[inline(always)]
fn expm1_small<F: Fma>(r: f64) -> f64 {
    let s = r * r;
    let even = F::fma(F::fma(F::fma(F::fma(EXP[8], s, EXP[6]), s, EXP[4]), s, EXP[2]), s, EXP[0]);
    let odd = F::fma(F::fma(F::fma(F::fma(EXP[9], s, EXP[7]), s, EXP[5]), s, EXP[3]), s, EXP[1]);
    F::fma(F::fma(odd, r, even), s, r)
}

/// e^x on the whole range: `inf` above 709.78, gradual underflow, exactly 0 from -745.2
/// down, NaN for NaN.
#[inline(always)]
pub(super) fn exp<F: Fma>(x: f64) -> f64 {
    let (sum, r) = reduce::<F>(clamp(x, -746.0, 710.0), ROUND_BIASED);
    let p = 1.0 + expm1_small::<F>(r);
    // 2^k in two halves, so that neither half leaves the normal numbers.
    let biased = sum.to_bits();
    let first = biased >> 1;
    let second = biased.wrapping_sub(first);
    p * f64::from_bits(first << 52) * f64::from_bits(second << 52)
}

/// e^x for x <= 700, where what is below 2^-1021 (x < -708) may become 0: cheaper by two
/// operations, for sums beside which such a term is nothing.
#[inline(always)]
pub(super) fn exp_flushed<F: Fma>(x: f64) -> f64 {
    const BIASED: f64 = ROUND + 1023.0;
    // At -709.5, k + 1023 = -1 + 1 = 0: the exponent field of zero.
    let x = if x < -709.0 { -709.0 } else { x };
    let (sum, r) = reduce::<F>(x, BIASED);
    (1.0 + expm1_small::<F>(r)) * f64::from_bits(sum.to_bits() << 52)
}

/// e^x - 1, accurate near 0 (and -0 for -0).
#[inline(always)]
pub(super) fn expm1<F: Fma>(x: f64) -> f64 {
    let (sum, r) = reduce::<F>(clamp(x, -50.0, 710.0), ROUND + 1022.0);
    let p = expm1_small::<F>(r);
    // Half of 2^k: the whole would overflow at the top.
    let half = f64::from_bits(sum.to_bits() << 52);
    let y = 2.0 * F::fma(half, p, half - 0.5);
    if x.abs() < 5e-17 { x } else { y }
}

/// 1 / (1 + e^-x), with full relative accuracy on both sides.
#[inline(always)]
pub(super) fn logistic<F: Fma>(x: f64) -> f64 {
    let e = exp::<F>(-x.abs());
    let top = if x < 0.0 { e } else { 1.0 };
    top / (1.0 + e)
}
