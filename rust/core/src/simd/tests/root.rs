//! The root kernel: against bisection, the same bits at every fused level, extremes included.

use super::{Random, assert_near, padded, tables};
use crate::simd::{Arg, Kernels};

fn roots(table: &Kernels, alpha: &[f64], t: &[f64]) -> Vec<f64> {
    let (alpha, t) = (padded(alpha, 1.0), padded(t, 0.0));
    let mut out = vec![f64::NAN; t.len()];
    (table.root)(Arg::V(&alpha), Arg::V(&t), &mut out);
    out
}

fn height(alpha: f64, u: f64) -> f64 {
    let tail = libm::log1p(libm::exp(-u.abs()));
    alpha * (u.max(0.0) + tail) - ((-u).max(0.0) + tail)
}

/// Bisection to the last bit.
fn bisect(alpha: f64, t: f64) -> f64 {
    let far = 10.0 + (t.abs() + 10.0) * (1.0 + 1.0 / alpha);
    let (mut low, mut high) = (-far, far);
    for _ in 0..2000 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if height(alpha, middle) < t { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Exponents of six decades, right sides of both signs and all sizes.
fn arguments() -> (Vec<f64>, Vec<f64>) {
    let mut random = Random(5);
    let alpha = random.vector(400, -7.0, 7.0).iter().map(|x| x.exp()).collect();
    let t = random.vector(400, -4.0, 4.0).iter().map(|x| x.powi(3)).collect();
    (alpha, t)
}

#[test]
fn roots_are_those_of_bisection() {
    let (alpha, t) = arguments();
    for table in tables() {
        for ((&alpha, &t), u) in alpha.iter().zip(&t).zip(roots(table, &alpha, &t)) {
            let want = bisect(alpha, t);
            // The slope is the smaller of 1 and alpha at least, so that the root cannot be known better.
            let known = 4.0 * f64::EPSILON * (1.0 + t.abs() + alpha * want.abs()) / alpha.min(1.0);
            assert_near(u, want, 1.0, known + 1e-15 * want.abs(), &format!("alpha {alpha}, t {t}"));
        }
    }
}

#[test]
fn fused_levels_agree_and_rows_do_not_see_their_neighbours() {
    let (alpha, t) = arguments();
    let fused: Vec<&Kernels> = tables().filter(|table| table.level.has_fma()).collect();
    let Some(first) = fused.first() else { return };
    let all = roots(first, &alpha, &t);
    for table in &fused {
        assert!(roots(table, &alpha, &t).iter().zip(&all).all(|(a, b)| a.to_bits() == b.to_bits()));
        for i in 0..t.len() {
            assert_eq!(roots(table, &alpha[i..=i], &t[i..=i])[0].to_bits(), all[i].to_bits(), "row {i}");
        }
    }
}

#[test]
fn hard_cases_end() {
    for table in tables() {
        let u = roots(table, &[1e-12, 1e12, 1.0, 2.0, 0.5], &[-1e-6, 1e3, 0.0, f64::NAN, -700.0]);
        assert!((height(1e-12, u[0]) + 1e-6).abs() < 1e-15 && (height(1e12, u[1]) - 1e3).abs() < 1e-9);
        assert!(u[2] == 0.0 && u[3].is_nan() && (u[4] + 700.0).abs() < 1e-12);
    }
}
