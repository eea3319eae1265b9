//! Reference values to some 100 bits, in pairs of doubles, and errors measured in ulp.

use std::f64::consts::LN_2;

/// high + low, |low| at most half an ulp of high.
#[derive(Clone, Copy)]
pub(super) struct Pair(f64, f64);

/// ln 2 - LN_2.
const LN_2_REST: f64 = 2.319_046_813_846_299_6e-17;

fn two_sum(a: f64, b: f64) -> Pair {
    let sum = a + b;
    let c = sum - a;
    Pair(sum, (a - (sum - c)) + (b - c))
}

fn two_product(a: f64, b: f64) -> Pair {
    let product = a * b;
    Pair(product, a.mul_add(b, -product))
}

impl Pair {
    fn add(self, b: Pair) -> Pair {
        let high = two_sum(self.0, b.0);
        let low = two_sum(self.1, b.1);
        let sum = two_sum(high.0, high.1 + low.0);
        two_sum(sum.0, sum.1 + low.1)
    }

    fn neg(self) -> Pair {
        Pair(-self.0, -self.1)
    }

    fn mul(self, b: Pair) -> Pair {
        let product = two_product(self.0, b.0);
        two_sum(product.0, product.1 + self.0.mul_add(b.1, self.1 * b.0))
    }

    fn div(self, b: Pair) -> Pair {
        let first = self.0 / b.0;
        let rest = self.add(b.mul(Pair(-first, 0.0)));
        two_sum(first, rest.0 / b.0)
    }

    fn scale(self, k: i32) -> Pair {
        Pair(libm::ldexp(self.0, k), libm::ldexp(self.1, k))
    }
}

/// e^r - 1 for small r, by Taylor's series.
fn expm1_series(r: Pair) -> Pair {
    let mut sum = Pair(0.0, 0.0);
    for n in (1..=26).rev() {
        sum = sum.add(Pair(1.0, 0.0)).mul(r).div(Pair(n as f64, 0.0));
    }
    sum
}

/// e^x as 2^k (1 + m): k and m.
fn exp_parts(x: Pair) -> (i32, Pair) {
    let k = (x.0 / LN_2).round();
    let r = x.add(two_product(-k, LN_2)).add(two_product(-k, LN_2_REST));
    (k as i32, expm1_series(r))
}

pub(super) fn exp(x: f64) -> Pair {
    scaled_exp(x, 0)
}

/// 2^shift e^x.
fn scaled_exp(x: f64, shift: i32) -> Pair {
    let (k, m) = exp_parts(Pair(x, 0.0));
    m.add(Pair(1.0, 0.0)).scale(k + shift)
}

/// How many of the smallest subnormal `got` is off from e^x.
pub(super) fn subnormal_units_from_exp(got: f64, x: f64) -> f64 {
    let exact = scaled_exp(x, 1074);
    ((got * 2f64.powi(1000) * 2f64.powi(74) - exact.0) - exact.1).abs()
}

fn expm1_pair(x: Pair) -> Pair {
    let (k, m) = exp_parts(x);
    if k == 0 { m } else { m.add(Pair(1.0, 0.0)).scale(k).add(Pair(-1.0, 0.0)) }
}

pub(super) fn expm1(x: f64) -> Pair {
    expm1_pair(Pair(x, 0.0))
}

pub(super) fn ln(x: f64) -> Pair {
    let (m, k) = libm::frexp(x);
    let (m, k) = if m < std::f64::consts::FRAC_1_SQRT_2 { (2.0 * m, k - 1) } else { (m, k) };
    let k = f64::from(k);
    log1p_pair(two_sum(m, -1.0)).add(two_product(k, LN_2)).add(two_product(k, LN_2_REST))
}

pub(super) fn log1p(x: f64) -> Pair {
    if x > 1e15 { ln(x).add(Pair(1.0 / x, 0.0)) } else { log1p_pair(Pair(x, 0.0)) }
}

/// ln(1 + x): libm's value and one step of third order from it.
fn log1p_pair(x: Pair) -> Pair {
    let start = Pair(libm::log1p(x.0), 0.0);
    let reached = expm1_pair(start);
    // ln(1 + x) - y = 2 artanh(t) with t = (x - e^y + 1) / (x + e^y + 1).
    let t = x.add(reached.neg()).div(x.add(reached).add(Pair(2.0, 0.0)));
    start.add(t).add(t)
}

pub(super) fn logistic(x: f64) -> Pair {
    let one = Pair(1.0, 0.0);
    one.div(one.add(exp(-x)))
}

pub(super) fn softplus(x: f64) -> Pair {
    log1p_pair(exp(-x.abs())).add(Pair(x.max(0.0), 0.0))
}

/// How many units in the last place of the exact value `got` is off; 0 if both overflow.
pub(super) fn ulps(got: f64, exact: Pair) -> f64 {
    if got == exact.0 && exact.0.is_infinite() {
        return 0.0;
    }
    let size = exact.0.abs().max(f64::MIN_POSITIVE);
    let ulp = f64::from_bits(size.to_bits() + 1) - size;
    let power_of_two = size.to_bits() << 12 == 0 && size > f64::MIN_POSITIVE;
    let below = power_of_two && exact.1 * exact.0.signum() < 0.0;
    ((got - exact.0) - exact.1).abs() / if below { 0.5 * ulp } else { ulp }
}

#[test]
fn pairs_know_digits_beyond_a_double() {
    // e = 2.7182818284590452353602874713527 and ln 10 = 2.3025850929940456840179914546844
    let e = exp(1.0);
    assert!((e.1 - 1.445_646_891_729_250_2e-16).abs() < 1e-31, "{}", e.1);
    let ln_10 = ln(10.0);
    assert!((ln_10.1 + 2.170_756_223_382_249_4e-16).abs() < 1e-31, "{}", ln_10.1);
}
