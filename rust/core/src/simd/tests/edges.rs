//! Special values: zeros, infinities, NaN, overflow, underflow, and the limits of criteria.

use super::{assert_near, padded, run, tables};
use crate::simd::{Arg, Criterion, Kernels, Shape};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;
const TINY: f64 = 5e-324;

/// Same bits, or both NaN.
fn assert_bits(got: &[f64], want: &[f64], what: &str) {
    assert_eq!(got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let same = got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan());
        assert!(same, "{what}, row {i}: got {got:e}, expected {want:e}");
    }
}

fn check(name: &str, kernel: impl Fn(&Kernels) -> fn(&[f64], &mut [f64]), pairs: &[(f64, f64)]) {
    let (x, want): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    for table in tables() {
        assert_bits(&run(kernel(table), &x), &want, &format!("{name} at {}", table.level));
    }
}

#[test]
fn exp_family() {
    check(
        "exp",
        |k| k.exp,
        &[
            (0.0, 1.0),
            (-0.0, 1.0),
            (INF, INF),
            (-INF, 0.0),
            (NAN, NAN),
            (709.79, INF),
            (1e300, INF),
            (-745.14, 0.0),
            (-1e300, 0.0),
            (-745.13, TINY),
            (TINY, 1.0),
            (709.0, 8.218407461554972e307),
        ],
    );
    check(
        "expm1",
        |k| k.expm1,
        &[
            (0.0, 0.0),
            (-0.0, -0.0),
            (INF, INF),
            (-INF, -1.0),
            (NAN, NAN),
            (710.0, INF),
            (-1e300, -1.0),
            (TINY, TINY),
            (-1e-300, -1e-300),
            (1e-17, 1e-17),
            (-40.0, -1.0),
        ],
    );
    check("logistic", |k| k.logistic, &[(0.0, 0.5), (INF, 1.0), (-INF, 0.0), (NAN, NAN), (800.0, 1.0), (-800.0, 0.0)]);
    check(
        "softplus",
        |k| k.softplus,
        &[(INF, INF), (-INF, 0.0), (NAN, NAN), (1e300, 1e300), (-800.0, 0.0), (0.0, std::f64::consts::LN_2)],
    );
}

#[test]
fn log_family() {
    check(
        "ln",
        |k| k.ln,
        &[
            (1.0, 0.0),
            (0.0, -INF),
            (-0.0, -INF),
            (-1.0, NAN),
            (-TINY, NAN),
            (-INF, NAN),
            (INF, INF),
            (NAN, NAN),
            (TINY, -744.4400719213812),
            (f64::MAX, 709.782712893384),
            (f64::MIN_POSITIVE, -708.3964185322641),
            (std::f64::consts::E, 1.0),
            (2.0, std::f64::consts::LN_2),
        ],
    );
    check(
        "log1p",
        |k| k.log1p,
        &[
            (0.0, 0.0),
            (-0.0, -0.0),
            (-1.0, -INF),
            (-1.5, NAN),
            (-INF, NAN),
            (INF, INF),
            (NAN, NAN),
            (TINY, TINY),
            (-1e-300, -1e-300),
            (f64::MAX, 709.782712893384),
            (1.0, std::f64::consts::LN_2),
        ],
    );
    check("sqrt", |k| k.sqrt, &[(4.0, 2.0), (-1.0, NAN), (-0.0, -0.0), (INF, INF), (TINY, TINY.sqrt())]);
    check("abs", |k| k.abs, &[(-4.0, 4.0), (-0.0, 0.0), (-INF, INF), (NAN, NAN)]);
    check("neg", |k| k.neg, &[(-4.0, 4.0), (0.0, -0.0), (-INF, INF), (NAN, NAN)]);
    check("recip", |k| k.recip, &[(-4.0, -0.25), (0.0, INF), (-0.0, -INF), (INF, 0.0), (NAN, NAN)]);
}

#[test]
fn min_and_max_hand_nan_on() {
    let a = padded(&[1.0, NAN, 1.0, NAN, INF, -INF], 0.0);
    let b = padded(&[2.0, 2.0, NAN, NAN, 3.0, 3.0], 0.0);
    let least = padded(&[1.0, NAN, NAN, NAN, 3.0, -INF], 0.0);
    let most = padded(&[2.0, NAN, NAN, NAN, INF, 3.0], 0.0);
    let mut out = vec![9.0; 8];
    for table in tables() {
        (table.min)(Arg::V(&a), Arg::V(&b), &mut out);
        assert_bits(&out, &least, "min");
        (table.max)(Arg::V(&a), Arg::V(&b), &mut out);
        assert_bits(&out, &most, "max");
        (table.max)(Arg::S(NAN), Arg::V(&b), &mut out);
        assert_bits(&out, &[NAN; 8], "max with a scalar");
    }
}

#[test]
fn pow_follows_ieee_754_at_its_corners() {
    let values = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 4503599627370497.0, INF, -INF, NAN];
    let cases = values.iter().flat_map(|&a| values.iter().map(move |&b| (a, b)));
    let (a, b): (Vec<_>, Vec<_>) = cases.unzip();
    let rows = a.len();
    let (a, b) = (padded(&a, 1.0), padded(&b, 1.0));
    let mut out = vec![0.0; a.len()];
    for table in tables() {
        (table.pow)(Arg::V(&a), Arg::V(&b), &mut out);
        for i in 0..rows {
            // A negative base needs an integer, and -inf is one.
            let want = if a[i] == -INF && b[i].abs() == 0.5 { NAN } else { libm::pow(a[i], b[i]) };
            let what = format!("{}^{} at {}", a[i], b[i], table.level);
            assert_near(out[i], want, want.abs(), 1e-14, &what);
            assert!(want.is_nan() || out[i].is_sign_negative() == want.is_sign_negative(), "{what}: sign");
        }
    }
}

/// The result and the softmax weights of one row of terms, as vectors or as scalars.
fn lse_row(table: &Kernels, terms: &[f64], scalars: &[bool]) -> (f64, Vec<f64>) {
    let vectors: Vec<_> = terms.iter().map(|&x| vec![x; 8]).collect();
    let kind = |k: usize| if scalars[k] { Arg::S(terms[k]) } else { Arg::V(&vectors[k]) };
    let args: Vec<_> = (0..terms.len()).map(kind).collect();
    let mut weights = vec![vec![NAN; 8]; terms.len()];
    let mut slices: Vec<_> = weights.iter_mut().map(|w| &mut w[..]).collect();
    let (mut out, mut alone) = (vec![NAN; 8], vec![NAN; 8]);
    (table.lse)(&args, &mut out, &mut slices);
    (table.lse)(&args, &mut alone, &mut []);
    assert_bits(&alone, &out, "lse without weights");
    assert_bits(&out, &[out[0]; 8], "rows of lse");
    (out[0], weights.iter().map(|w| w[0]).collect())
}

#[test]
fn lse_takes_any_terms() {
    let rows: [(&[f64], f64, &[f64]); 13] = [
        (&[0.0, 0.0], std::f64::consts::LN_2, &[0.5, 0.5]),
        (&[-INF, -INF], -INF, &[0.0, 0.0]),
        (&[-INF, 3.0], 3.0, &[0.0, 1.0]),
        (&[3.0, -INF], 3.0, &[1.0, 0.0]),
        (&[1e308, -1e308], 1e308, &[1.0, 0.0]),
        (&[-1e308, 1e308, 1e308], 1e308, &[0.0, 0.5, 0.5]),
        (&[-800.0, 0.0, -900.0], 0.0, &[0.0, 1.0, 0.0]),
        (&[0.0, 33.0], 33.0, &[4.658886145103376e-15, 0.9999999999999953]),
        (&[INF, 0.0], INF, &[1.0, 0.0]),
        (&[0.0, INF, INF], INF, &[0.0, 0.5, 0.5]),
        (&[-INF, -INF, -INF], -INF, &[0.0, 0.0, 0.0]),
        (&[-5.0], -5.0, &[1.0]),
        (&[-INF], -INF, &[0.0]),
    ];
    for table in tables() {
        for (terms, want, weights) in rows {
            for kinds in 0..1 << terms.len() {
                let scalars: Vec<_> = (0..terms.len()).map(|k| kinds >> k & 1 == 1).collect();
                let what = format!("{terms:?}, scalars {scalars:?}, {}", table.level);
                let (out, got) = lse_row(table, terms, &scalars);
                assert_near(out, want, want.abs().max(1.0), 1e-15, &what);
                for (got, want) in got.iter().zip(weights) {
                    assert_near(*got, *want, want.abs(), 4e-15, &what);
                }
            }
        }
    }
}

#[test]
fn lse_hands_nan_on_and_keeps_rows_apart() {
    for table in tables() {
        for scalars in [[false, false], [true, false], [false, true], [true, true]] {
            assert!(lse_row(table, &[NAN, 1.0], &scalars).0.is_nan());
            assert!(lse_row(table, &[1.0, NAN], &scalars).0.is_nan());
        }
        let alone = lse_row(table, &[0.3, 0.7, 0.1], &[true, false, false]).0;
        let (mut x, y, mut out) = ([0.7; 8], [0.1; 8], [0.0; 8]);
        (x[0], x[3], x[5]) = (NAN, 1000.0, -INF);
        (table.lse)(&[Arg::S(0.3), Arg::V(&x), Arg::V(&y)], &mut out, &mut []);
        assert!(out[0].is_nan());
        assert_near(out[3], 1000.0, 1.0, 0.0, "far above the scalar");
        assert_near(out[5], libm::log(libm::exp(0.3) + libm::exp(0.1)), 1.0, 1e-15, "without a term");
        assert_bits(&[out[1], out[2], out[7]], &[alone; 3], "the other rows");
    }
}

#[test]
fn max_abs_finds_nan_wherever_it_is() {
    for table in tables() {
        assert_eq!((table.max_abs)(&[]), 0.0);
        for row in 0..16 {
            let mut x = vec![1.0; 16];
            x[row] = -7.0;
            assert_eq!((table.max_abs)(&x), 7.0);
            x[row] = NAN;
            assert!((table.max_abs)(&x).is_nan(), "row {row}");
        }
    }
}

#[test]
fn infinite_delta_is_squared_and_zero_weights_are_silent() {
    let r = [0.0, -3.0, 2.0, 1e200, NAN, INF, -1e-300, 0.5];
    let w = [1.0, 2.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    for table in tables() {
        for shape in [Shape::Huber, Shape::PseudoHuber, Shape::LogCosh] {
            let c = Criterion { shape, delta: INF, over: 1.0, under: 0.5 };
            let (mut psi, mut curv, mut ratio) = ([NAN; 8], [NAN; 8], [NAN; 8]);
            assert_eq!((table.score)(&c, &r, &w, &mut psi, &mut curv), 4.5 + 2.0);
            assert_bits(&psi, &[0.0, -3.0, 2.0, 0.0, 0.0, 0.0, -5e-301, 0.0], "psi");
            assert_bits(&curv, &[0.5, 1.0, 1.0, 0.0, 0.0, 0.0, 0.5, 0.0], "curvature");
            (table.irls)(&c, &r, &w, &mut ratio);
            assert_bits(&ratio, &curv, "irls");
            let (value, slope, bend) = (table.line)(
                &c,
                &r,
                &[1.0, 1.0, NAN, 0.0, INF, 0.0, 0.0, 1.0],
                &[1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
                2.0,
            );
            assert_eq!((value, slope, bend), (2.0 + 0.5, 2.0 - 1.0, 1.0 + 1.0));
        }
    }
}

#[test]
fn criteria_are_linear_far_out_and_quadratic_near_zero() {
    for table in tables() {
        for shape in [Shape::Huber, Shape::PseudoHuber, Shape::LogCosh] {
            let c = Criterion { shape, delta: 1e-3, over: 1.0, under: 1.0 };
            let w = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
            let (mut psi, mut curv, mut ratio) = ([0.0; 8], [0.0; 8], [0.0; 8]);
            for size in [1e-300, 1e-12, 1e-8, 1e5, 1e200] {
                let what = format!("{shape:?}, r = {size:e}, {}", table.level);
                let value = (table.score)(&c, &[-size; 8], &w, &mut psi, &mut curv);
                (table.irls)(&c, &[-size; 8], &w, &mut ratio);
                let far = size > 1.0;
                let (rho, slope) = if far { (1e-3 * size, 1e-3) } else { (0.5 * size * size, size) };
                assert_near(value, rho, rho, 1e-7, &what);
                assert_near(psi[0], -slope, slope, 1e-7, &what);
                assert_near(ratio[0], slope / size, slope / size, 1e-7, &what);
                assert_near(curv[0], if far { 0.0 } else { 1.0 }, 1.0, 1e-7, &what);
            }
        }
    }
}
