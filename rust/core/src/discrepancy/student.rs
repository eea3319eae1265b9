//! Student's t distribution with any number of degrees of freedom.

/// Terms of the continued fraction at most; it converges in about the square root of the parameters.
const TERMS: usize = 10_000;
const TINY: f64 = 1e-300;

/// The probability below `t`.
pub fn student_cdf(t: f64, df: f64) -> f64 {
    if df.is_infinite() {
        return 0.5 * libm::erfc(-t / std::f64::consts::SQRT_2);
    }
    let tail = 0.5 * incomplete_beta(0.5 * df, 0.5, df / (df + t * t));
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The point below which a share `p` of the probability lies; NaN for p outside [0, 1] or df not above 0.
pub fn student_quantile(p: f64, df: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) || !(df > 0.0) {
        return f64::NAN;
    }
    if p > 0.5 {
        return -student_quantile(1.0 - p, df);
    }
    if p == 0.0 {
        return f64::NEG_INFINITY;
    }
    if p == 0.5 {
        return 0.0;
    }
    let mut high = 0.0;
    let mut low = -1.0;
    while student_cdf(low, df) > p {
        (low, high) = (2.0 * low, low);
    }
    // Bisection: the work is nothing beside a forecast, and it cannot go wrong.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle == low || middle == high {
            break;
        }
        if student_cdf(middle, df) > p { high = middle } else { low = middle }
    }
    0.5 * (low + high)
}

/// The regularised incomplete beta function I_x(a, b).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let log = a * libm::log(x) + b * libm::log1p(-x) + libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b);
    libm::exp(log) / a / fraction(a, b, x)
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let (mut value, mut c, mut d) = (1.0, 1.0, 0.0);
    for k in 1..TERMS {
        let m = (k / 2) as f64;
        let term = if k % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / away(1.0 + term * d);
        c = away(1.0 + term / c);
        value *= c * d;
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_printed_tables() {
        // Two-sided 95 % and 99 % points, to the digits of the usual tables.
        for (df, p, t) in [
            (1.0, 0.975, 12.706204736),
            (2.0, 0.975, 4.302652730),
            (5.0, 0.975, 2.570581836),
            (30.0, 0.975, 2.042272456),
            (234.0, 0.975, 1.970153577),
            (10.0, 0.995, 3.169272667),
            (f64::INFINITY, 0.975, 1.959963985),
        ] {
            assert!((student_quantile(p, df) - t).abs() < 1e-6, "{df} {p}: {}", student_quantile(p, df));
            assert!((student_cdf(student_quantile(p, df), df) - p).abs() < 1e-12);
        }
    }

    #[test]
    fn ends_and_nonsense() {
        assert_eq!(student_quantile(0.5, 4.0), 0.0);
        assert_eq!(student_quantile(0.0, 4.0), f64::NEG_INFINITY);
        assert_eq!(student_quantile(1.0, 4.0), f64::INFINITY);
        assert!(student_quantile(1.5, 4.0).is_nan() && student_quantile(0.5, 0.0).is_nan());
    }
}
