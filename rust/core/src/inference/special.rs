//! Quantiles of the normal and of Student's t distribution.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Pairs of terms of the continued fraction at most; it converges in about the square root of the parameters.
const TERMS: i32 = 5_000;
/// Degrees of freedom from which Student's t is expanded around the normal: logarithms of gamma functions lose digits
/// in proportion to their size, the expansion's error is below 1e-12 of the quantile.
const NEARLY_NORMAL: f64 = 1e5;
/// Student's t squared from which its tail is computed by itself: as one half less the middle it would lose digits.
const TAIL: f64 = 16.0;

/// The normal distribution function.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The normal quantile: bisection to start with, then Newton steps on the distribution function.
pub fn normal_quantile(p: f64) -> f64 {
    if !(p > 0.0 && p < 1.0) {
        return if p == 0.0 {
            f64::NEG_INFINITY
        } else if p == 1.0 {
            f64::INFINITY
        } else {
            f64::NAN
        };
    }
    let density = |z: f64| (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
    invert(p, normal_cdf, density)
}

/// The quantile of Student's t with `df` degrees of freedom: any positive number, or infinite for the normal.
///
/// Infinite at p = 0 and p = 1; NaN for p outside [0, 1] or df not above 0.
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) || !(df > 0.0) {
        return f64::NAN;
    }
    if p > 0.5 {
        return -t_quantile(1.0 - p, df); // the lower tail keeps its digits
    }
    if p == 0.0 || p == 0.5 || df.is_infinite() {
        return if p == 0.5 { 0.0 } else { normal_quantile(p) };
    }
    if df >= NEARLY_NORMAL {
        return from_normal(normal_quantile(p), df);
    }
    let log_c = libm::lgamma(0.5 * (df + 1.0)) - libm::lgamma(0.5 * df) - 0.5 * (df * PI).ln();
    let density = |t: f64| (log_c - 0.5 * (df + 1.0) * libm::log1p(t * t / df)).exp();
    invert(p, |t| t_cdf(t, df), density)
}

/// The distribution function of Student's t; the normal one where `df` is infinite.
pub fn t_cdf(t: f64, df: f64) -> f64 {
    if df.is_infinite() {
        return normal_cdf(t);
    }
    if df >= NEARLY_NORMAL {
        return normal_cdf(to_normal(t, df));
    }
    let square = t * t;
    let tail = if square < df.min(TAIL) {
        0.5 - 0.5 * incomplete_beta(0.5, 0.5 * df, square / (df + square)) // digits near the middle
    } else {
        0.5 * incomplete_beta(0.5 * df, 0.5, df / (df + square))
    };
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// Student's quantile where the normal one is `z` (Abramowitz and Stegun 26.7.5).
fn from_normal(z: f64, df: f64) -> f64 {
    let s = z * z;
    let first = (s + 1.0) / 4.0;
    let second = ((5.0 * s + 16.0) * s + 3.0) / 96.0;
    let third = (((3.0 * s + 19.0) * s + 17.0) * s - 15.0) / 384.0;
    let fourth = ((((79.0 * s + 776.0) * s + 1482.0) * s - 1920.0) * s - 945.0) / 92160.0;
    z * (1.0 + (first + (second + (third + fourth / df) / df) / df) / df)
}

/// The normal quantile where Student's is `t`: [`from_normal`] undone by Newton steps.
fn to_normal(t: f64, df: f64) -> f64 {
    // Beyond this either tail is below the smallest number, and the expansion does not hold.
    let t = t.clamp(-40.0, 40.0);
    // Its slope is 1 + O(t²/df): each step gains two digits at the least.
    (0..8).fold(t, |z, _| z - (from_normal(z, df) - t))
}

/// The distribution function of F with (d1, d2) degrees of freedom.
pub fn f_cdf(x: f64, d1: f64, d2: f64) -> f64 {
    if !(x > 0.0) { 0.0 } else { incomplete_beta(0.5 * d1, 0.5 * d2, d1 * x / (d1 * x + d2)) }
}

/// Where an increasing distribution function is `p`: a bracket that is bisected, and Newton steps inside it.
fn invert(p: f64, cdf: impl Fn(f64) -> f64, density: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-1.0, 1.0);
    while cdf(low) > p {
        (low, high) = (2.0 * low, low);
    }
    while cdf(high) < p {
        (low, high) = (high, 2.0 * high);
    }
    let mut x = 0.5 * (low + high);
    for _ in 0..200 {
        let miss = cdf(x) - p;
        if miss > 0.0 {
            high = x
        } else {
            low = x
        }
        let newton = x - miss / density(x);
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - x).abs() <= 1e-14 * (1.0 + x.abs()) {
            return next;
        }
        x = next;
    }
    x
}

/// The regularised incomplete beta function, by its continued fraction (Lentz's way).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) { 1.0 - fraction(b, a, 1.0 - x) } else { fraction(a, b, x) }
}

/// [`incomplete_beta`] where its fraction converges.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let log_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * libm::log1p(-x) - a.ln();
    let keep = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut c, mut d) = (1.0, 1.0 / keep(1.0 - (a + b) * x / (a + 1.0)));
    let mut sum = d;
    for m in 1..TERMS {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for step in [even, odd] {
            d = 1.0 / keep(1.0 + step * d);
            c = keep(1.0 + step / c);
            sum *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    log_front.exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_tables() {
        // Abramowitz and Stegun, tables 26.1 and 26.10.
        for (p, z) in [(0.975, 1.959_963_985), (0.995, 2.575_829_304), (0.5, 0.0), (0.05, -1.644_853_627)] {
            assert!((normal_quantile(p) - z).abs() < 1e-8, "{p}");
        }
        for (df, t) in [(1.0, 12.706), (3.0, 3.182), (5.0, 2.571), (25.0, 2.060), (120.0, 1.980)] {
            assert!((t_quantile(0.975, df) - t).abs() < 6e-4, "{df}");
            assert!((t_cdf(t_quantile(0.975, df), df) - 0.975).abs() < 1e-12);
        }
        assert!((f_cdf(4.2417, 1.0, 25.0) - 0.95).abs() < 1e-5);
    }

    #[test]
    fn quantiles_of_student_to_nine_digits() {
        // Two-sided 95 % and 99 % points, to the digits of the usual tables.
        for (df, p, t) in [
            (1.0, 0.975, 12.706204736),
            (2.0, 0.975, 4.302652730),
            (5.0, 0.975, 2.570581836),
            (30.0, 0.975, 2.042272456),
            (234.0, 0.975, 1.970153643),
            (10.0, 0.995, 3.169272667),
            (f64::INFINITY, 0.975, 1.959963985),
        ] {
            assert!((t_quantile(p, df) - t).abs() < 1e-8 * t, "{df} {p}: {}", t_quantile(p, df));
            assert!((t_cdf(t_quantile(p, df), df) - p).abs() < 1e-12);
        }
        // Cauchy's distribution has closed tails: they hold far out.
        for p in [1e-4, 1e-9, 1e-100] {
            assert!((t_quantile(p, 1.0) * p * PI + 1.0).abs() < 1e-7, "{p}");
        }
        assert!((t_quantile(1e-10, 1000.0) / -6.427876283134213 - 1.0).abs() < 1e-11); // scipy's
    }

    #[test]
    fn many_degrees_of_freedom_are_nearly_normal() {
        // From scipy's stdtrit (Boost).
        for (df, p, t) in [
            (1e5, 0.4, -0.25334777715718015),
            (1e5, 0.025, -1.95998770753461),
            (1e5, 1e-10, -6.362000419843692),
            (1e5, 1e-100, -21.29759838971532),
            (3e6, 0.025, -1.9599647752974447),
            (1e9, 1e-100, -21.27345597316153),
            (1e12, 0.025, -1.9599639845424264),
            (1e100, 1e-100, -21.273453560965326),
        ] {
            assert!((t_quantile(p, df) / t - 1.0).abs() < 1e-12, "{df} {p}: {}", t_quantile(p, df));
            assert!((t_cdf(t, df) / p - 1.0).abs() < 1e-10, "{df} {p}: {}", t_cdf(t, df));
        }
        let below = NEARLY_NORMAL * (1.0 - 1e-12);
        for p in [0.4, 0.1, 1e-4, 1e-12] {
            assert!((t_quantile(p, below) / t_quantile(p, NEARLY_NORMAL) - 1.0).abs() < 1e-8);
        }
        assert_eq!((t_cdf(-1e9, 1e20), t_cdf(1e9, 1e20), t_cdf(0.0, 1e20)), (0.0, 1.0, 0.5));
    }

    #[test]
    fn ends_and_nonsense() {
        for df in [0.5, 4.0, f64::INFINITY] {
            assert_eq!(t_quantile(0.5, df), 0.0);
            assert!((t_quantile(0.5 + 1e-9, df) + t_quantile(0.5 - 1e-9, df)).abs() < 1e-13);
            assert_eq!(t_quantile(0.0, df), f64::NEG_INFINITY);
            assert_eq!(t_quantile(1.0, df), f64::INFINITY);
            assert!(t_quantile(1.5, df).is_nan() && t_quantile(f64::NAN, df).is_nan());
        }
        assert!(t_quantile(0.5, 0.0).is_nan() && t_quantile(0.5, f64::NAN).is_nan());
    }
}
