//! Error bounds in ulp, against pairs of doubles. The bounds are those stated in `simd`.

use super::exact::{self, Pair, ulps};
use super::{Random, run, tables};
use crate::simd::Kernels;

type Kernel = fn(&Kernels) -> fn(&[f64], &mut [f64]);

/// The largest error of a kernel at one level over `x`, and where it is.
fn worst(kernel: fn(&[f64], &mut [f64]), exact: fn(f64) -> Pair, x: &[f64]) -> (f64, f64) {
    let errors = run(kernel, x).into_iter().zip(x).map(|(got, &x)| (ulps(got, exact(x)), x));
    errors.fold((0.0, 0.0), |worst, error| if error.0 > worst.0 { error } else { worst })
}

fn check(name: &str, kernel: Kernel, exact: fn(f64) -> Pair, x: &[f64], fused: f64, separate: f64) {
    for table in tables() {
        let bound = if table.level.has_fma() { fused } else { separate };
        let (error, at) = worst(kernel(table), exact, x);
        println!("{name} at {}: {error:.3} ulp, x = {at:e}", table.level);
        assert!(error <= bound, "{name} at {}: {error} ulp, x = {at:e}", table.level);
    }
}

/// How many random arguments each range gets; `ISOFLOP_SIMD_TESTS` raises it.
fn count() -> usize {
    std::env::var("ISOFLOP_SIMD_TESTS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000)
}

/// Random numbers in each of the ranges.
fn over(ranges: &[(f64, f64)]) -> Vec<f64> {
    let mut random = Random(7);
    ranges.iter().flat_map(|&(low, high)| random.vector(count(), low, high)).collect()
}

/// Random positive numbers, evenly by exponent between two powers of two.
fn by_exponent(low: f64, high: f64) -> Vec<f64> {
    let mut random = Random(8);
    (0..count()).map(|_| random.uniform(1.0, 2.0) * random.uniform(low, high).floor().exp2()).collect()
}

fn both_signs(x: Vec<f64>) -> Vec<f64> {
    x.iter().flat_map(|&x| [x, -x]).collect()
}

#[test]
fn exp_is_within_one_ulp() {
    let mut x = over(&[(-670.0, 709.78), (-1.0, 1.0), (-40.0, 40.0), (-0.36, 0.36)]);
    x.extend(both_signs(by_exponent(-60.0, 0.0)));
    check("exp", |k| k.exp, exact::exp, &x, 1.0, 1.0);
}

#[test]
fn exp_underflows_gradually() {
    // The second rounding, to a subnormal, comes after a first that is finer.
    let x = over(&[(-746.0, -708.5)]);
    for table in tables() {
        for (got, &x) in run(table.exp, &x).into_iter().zip(&x) {
            let error = exact::subnormal_units_from_exp(got, x);
            assert!(error <= 1.0, "{}: {error} units, x = {x:e}", table.level);
        }
    }
}

#[test]
fn ln_is_within_one_ulp() {
    let mut x = over(&[(0.5, 2.0), (0.99, 1.01), (0.7, 0.72), (1.4, 1.43), (0.0, 1e3)]);
    x.extend(by_exponent(-1022.0, 1023.0));
    x.extend(by_exponent(-1060.0, -1022.0));
    check("ln", |k| k.ln, exact::ln, &x, 0.9, 0.9);
}

#[test]
fn expm1_is_within_two_ulp() {
    let mut x = over(&[(-40.0, 709.78), (-1.0, 1.0), (-0.36, 0.36), (-3.0, 3.0)]);
    x.extend(both_signs(by_exponent(-300.0, 0.0)));
    check("expm1", |k| k.expm1, exact::expm1, &x, 1.7, 1.7);
}

#[test]
fn log1p_is_within_one_ulp() {
    let mut x = over(&[(-0.999, 1.0), (-0.5, 0.5), (-0.01, 0.01), (0.0, 100.0), (0.4, 0.43)]);
    x.extend(by_exponent(-300.0, 1023.0));
    x.extend(by_exponent(-60.0, 60.0));
    x.extend(by_exponent(-53.0, -1.0).iter().map(|x| -x));
    x.extend(by_exponent(-53.0, -1.0).iter().map(|x| x - 1.0));
    check("log1p", |k| k.log1p, exact::log1p, &x, 0.9, 0.9);
}

#[test]
fn logistic_and_softplus_are_within_three_ulp() {
    let x = over(&[(-600.0, 600.0), (-40.0, 40.0), (-2.0, 2.0)]);
    check("logistic", |k| k.logistic, exact::logistic, &x, 2.5, 2.5);
    check("softplus", |k| k.softplus, exact::softplus, &x, 2.0, 2.0);
}
