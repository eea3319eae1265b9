//! Every kernel against a plain loop, at every level and at awkward sizes.
//!
//! Where a plain loop can say the same roundings, levels with fused multiply-add must give
//! its bits; the baseline comes near.

use super::{Random, SIZES, assert_near, tables};
use crate::simd::{Arg, Criterion, Kernels, LANES, Shape};

type Unary = fn(&[f64], &mut [f64]);
type Binary = fn(Arg, Arg, &mut [f64]);

/// What each test goes through: a table, a size, its own numbers.
fn everywhere(test: impl Fn(&Kernels, usize, &mut Random)) {
    for table in tables() {
        for n in SIZES {
            test(table, n, &mut Random(n as u64));
        }
    }
}

fn unary(name: &str, kernel: fn(&Kernels) -> Unary, want: fn(f64) -> f64, (low, high): (f64, f64), tolerance: f64) {
    everywhere(|table, n, random| {
        let x = random.vector(n, low, high);
        let mut out = vec![f64::NAN; n];
        kernel(table)(&x, &mut out);
        for (x, got) in x.iter().zip(out) {
            assert_near(got, want(*x), want(*x).abs(), tolerance, &format!("{name}({x}) at {}", table.level));
        }
    });
}

#[test]
fn kernels_of_one_input() {
    const ULPS: f64 = 4.5e-16;
    unary("exp", |k| k.exp, libm::exp, (-50.0, 50.0), ULPS);
    unary("ln", |k| k.ln, libm::log, (0.0, 50.0), ULPS);
    unary("expm1", |k| k.expm1, libm::expm1, (-3.0, 3.0), ULPS);
    unary("log1p", |k| k.log1p, libm::log1p, (-0.9, 3.0), ULPS);
    unary("sqrt", |k| k.sqrt, f64::sqrt, (0.0, 50.0), 0.0);
    unary("abs", |k| k.abs, f64::abs, (-5.0, 5.0), 0.0);
    unary("neg", |k| k.neg, |x| -x, (-5.0, 5.0), 0.0);
    unary("recip", |k| k.recip, |x| 1.0 / x, (-5.0, 5.0), 0.0);
    unary("logistic", |k| k.logistic, |x| 1.0 / (1.0 + libm::exp(-x)), (-30.0, 30.0), ULPS);
    unary("softplus", |k| k.softplus, |x| libm::log1p(libm::exp(x)), (-30.0, 30.0), ULPS);
    unary("sin", |k| k.sin, libm::sin, (-5.0, 5.0), 0.0);
    unary("cos", |k| k.cos, libm::cos, (-5.0, 5.0), 0.0);
    unary("atan", |k| k.atan, libm::atan, (-5.0, 5.0), 0.0);
}

fn binary(name: &str, kernel: fn(&Kernels) -> Binary, want: fn(f64, f64) -> f64, tolerance: f64) {
    everywhere(|table, n, random| {
        let (a, b) = (random.vector(n, 0.1, 9.0), random.vector(n, -4.0, 4.0));
        let mut out = vec![f64::NAN; n];
        for (x, y) in [
            (Arg::V(&a), Arg::V(&b)),
            (Arg::V(&a), Arg::S(2.5)),
            (Arg::S(2.5), Arg::V(&b)),
            (Arg::S(2.5), Arg::S(-1.5)),
        ] {
            let at = |arg: Arg, i: usize| match arg {
                Arg::V(x) => x[i],
                Arg::S(x) => x,
            };
            kernel(table)(x, y, &mut out);
            for (i, got) in out.iter().enumerate() {
                let want = want(at(x, i), at(y, i));
                assert_near(*got, want, want.abs(), tolerance, &format!("{name} at {}, row {i}", table.level));
            }
        }
    });
}

#[test]
fn kernels_of_two_inputs() {
    binary("add", |k| k.add, |a, b| a + b, 0.0);
    binary("sub", |k| k.sub, |a, b| a - b, 0.0);
    binary("mul", |k| k.mul, |a, b| a * b, 0.0);
    binary("div", |k| k.div, |a, b| a / b, 0.0);
    binary("min", |k| k.min, f64::min, 0.0);
    binary("max", |k| k.max, f64::max, 0.0);
    binary("pow", |k| k.pow, libm::pow, 2e-15);
}

/// a b + c with the roundings of the level.
fn fma(table: &Kernels, a: f64, b: f64, c: f64) -> f64 {
    if table.level.has_fma() { a.mul_add(b, c) } else { a * b + c }
}

/// A sum of products in lanes and through the tree, with the roundings of the level.
fn dot(table: &Kernels, a: &[f64], b: &[f64]) -> f64 {
    let mut s = [0.0; LANES];
    for i in 0..a.len() {
        s[i % LANES] = fma(table, a[i], b[i], s[i % LANES]);
    }
    ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

#[test]
fn multiply_add_takes_vectors_and_scalars() {
    everywhere(|table, n, random| {
        let [a, b, c] = [(); 3].map(|()| random.vector(n, -3.0, 3.0));
        let mut out = vec![f64::NAN; n];
        let mut check = |y: Arg, z: Arg, want: &dyn Fn(usize) -> (f64, f64)| {
            (table.fma)(&a, y, z, &mut out);
            assert!((0..n).all(|i| out[i] == fma(table, a[i], want(i).0, want(i).1)), "fma at {}", table.level);
        };
        check(Arg::V(&b), Arg::V(&c), &|i| (b[i], c[i]));
        check(Arg::V(&b), Arg::S(0.7), &|i| (b[i], 0.7));
        check(Arg::S(0.7), Arg::V(&c), &|i| (0.7, c[i]));
        check(Arg::S(0.7), Arg::S(0.3), &|_| (0.7, 0.3));
    });
}

#[test]
fn sums_have_the_bits_of_eight_lanes_and_the_tree() {
    everywhere(|table, n, random| {
        let (a, b) = (random.vector(n, -3.0, 3.0), random.vector(n, -3.0, 3.0));
        assert_eq!((table.sum)(&a), dot(table, &a, &vec![1.0; n]));
        assert_eq!((table.dot)(&a, &b), dot(table, &a, &b));
        assert_eq!((table.max_abs)(&a), a.iter().fold(0.0, |top, x| x.abs().max(top)));
        let naive: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        assert_near((table.dot)(&a, &b), naive, n as f64, 1e-14, "dot");
    });
}

#[test]
fn columns_are_combined_projected_and_squared() {
    everywhere(|table, n, random| {
        for p in 0..14 {
            let (v, d) = (random.vector(n, 0.0, 2.0), random.vector(p, -1.0, 1.0));
            let cols: Vec<_> = (0..p).map(|_| random.vector(n + 8, -3.0, 3.0)).collect(); // longer than needed
            let column = |j: usize| &cols[j][..n];
            let what = format!("p = {p}, n = {n}, {}", table.level);

            let (mut out, mut g, mut h) = (vec![f64::NAN; n], vec![f64::NAN; p], vec![f64::NAN; p * p]);
            (table.affine)(&v, &cols, &d, &mut out);
            (table.project)(&v, &cols, &mut g);
            (table.gram)(&v, &cols, p, &mut h);

            for i in 0..n {
                let want = (0..p).fold(v[i], |sum, j| fma(table, d[j], column(j)[i], sum));
                assert_eq!(out[i], want, "affine, {what}");
            }
            for j in 0..p {
                assert_eq!(g[j], dot(table, &v, column(j)), "project, {what}");
                for k in j..p {
                    let t: Vec<_> = v.iter().zip(column(j)).map(|(v, x)| v * x).collect();
                    assert_eq!(h[j * p + k], dot(table, &t, column(k)), "gram {j} {k}, {what}");
                    assert_eq!(h[k * p + j], h[j * p + k], "gram {k} {j}, {what}");
                }
            }
        }
    });
}

#[test]
fn log_sum_exp_and_its_weights() {
    everywhere(|table, n, random| {
        for kinds in 0..32 {
            let spread = if kinds % 2 == 0 { 3.0 } else { 60.0 };
            let terms: Vec<_> = (0..5).map(|_| random.vector(n, -spread, spread)).collect();
            let kind = |k: usize| if kinds >> k & 1 == 1 { Arg::S(k as f64 - 20.0) } else { Arg::V(&terms[k]) };
            let args: Vec<_> = (0..5).map(kind).collect();
            let mut weights = vec![vec![f64::NAN; n]; 5];
            let mut slices: Vec<_> = weights.iter_mut().map(|w| &mut w[..]).collect();
            let mut out = vec![f64::NAN; n];
            (table.lse)(&args, &mut out, &mut slices);
            for i in 0..n {
                let x: Vec<_> = args
                    .iter()
                    .map(|arg| match arg {
                        Arg::V(x) => x[i],
                        Arg::S(x) => *x,
                    })
                    .collect();
                let top = x.iter().copied().fold(f64::MIN, f64::max);
                let want = top + libm::log(x.iter().map(|x| libm::exp(x - top)).sum());
                assert_near(out[i], want, want.abs().max(32.0), 2.3e-16, &format!("lse {x:?} at {}", table.level));
                for k in 0..5 {
                    let want = libm::exp(x[k] - want);
                    assert_near(weights[k][i], want, want.max(1e-300), 5e-14, &format!("weight {k} of {x:?}"));
                }
            }
        }
    });
}

/// rho, rho' and rho'' by the textbook.
fn textbook(c: &Criterion, r: f64) -> [f64; 3] {
    let (d, z) = (c.delta, r / c.delta);
    let side = if r > 0.0 { c.over } else { c.under };
    let inside = r.abs() <= d;
    match c.shape {
        Shape::Huber if inside => [r * r / 2.0, r, 1.0],
        Shape::Huber => [d * (r.abs() - d / 2.0), d * r.signum(), 0.0],
        Shape::PseudoHuber => {
            let root = (1.0 + z * z).sqrt();
            [d * d * z * z / (root + 1.0), r / root, root.powi(-3)]
        }
        Shape::LogCosh => [d * d * libm::log(libm::cosh(z)), d * libm::tanh(z), libm::cosh(z).powi(-2)],
    }
    .map(|value| value * side)
}

#[test]
fn criteria_against_the_textbook() {
    everywhere(|table, n, random| {
        for shape in [Shape::Huber, Shape::PseudoHuber, Shape::LogCosh] {
            let c = Criterion { shape, delta: 0.4, over: 0.9, under: 0.1 };
            let (r, q) = (random.vector(n, -3.0, 3.0), random.vector(n, -1.0, 1.0));
            let w: Vec<_> = random.vector(n, 0.0, 3.0).into_iter().map(f64::floor).collect();
            let what = format!("{shape:?} at {}", table.level);
            let [mut psi, mut curv, mut ratio] = [(); 3].map(|()| vec![f64::NAN; n]);

            let value = (table.score)(&c, &r, &w, &mut psi, &mut curv);
            (table.irls)(&c, &r, &w, &mut ratio);
            let mut total = 0.0;
            for i in 0..n {
                let [rho, slope, bend] = textbook(&c, r[i]).map(|value| w[i] * value);
                total += rho;
                assert_near(psi[i], slope, slope.abs(), 1e-14, &what);
                assert_near(curv[i], bend, bend.max(w[i]), 1e-15, &what);
                assert_near(ratio[i], slope / r[i], (slope / r[i]).abs(), 1e-14, &what);
            }
            assert_near(value, total, total, 1e-12, &what);

            let line = (table.line)(&c, &r, &q, &w, 0.3);
            let mut want = [0.0; 3];
            for i in 0..n {
                let [rho, slope, bend] = textbook(&c, 0.3f64.mul_add(q[i], r[i])).map(|value| w[i] * value);
                want = [want[0] + rho, want[1] + slope * q[i], want[2] + bend * q[i] * q[i]];
            }
            for (got, want) in [line.0, line.1, line.2].into_iter().zip(want) {
                assert_near(got, want, n as f64, 1e-14, &what);
            }
        }
    });
}
