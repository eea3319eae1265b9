//! Levels with fused multiply-add give the same bits; the baseline comes near.

use proptest::prelude::*;

use super::{Random, SIZES, assert_near, tables};
use crate::simd::{Arg, Criterion, Kernels, Shape};

/// Everything a table computes from some vectors, one after the other.
fn everything(table: &Kernels, x: &[f64], y: &[f64], p: usize, delta: f64) -> Vec<f64> {
    let n = x.len();
    let mut all = Vec::new();
    let mut out = vec![0.0; n];
    let (x, y) = (Arg::V(x), Arg::V(y));
    let Arg::V(a) = x else { unreachable!() };
    let Arg::V(b) = y else { unreachable!() };
    let positive: Vec<_> = a.iter().map(|x| x.abs()).collect();
    for kernel in [table.exp, table.ln, table.expm1, table.log1p, table.logistic, table.softplus, table.sqrt] {
        kernel(&positive, &mut out);
        all.extend_from_slice(&out);
    }
    (table.pow)(Arg::V(&positive), y, &mut out);
    all.extend_from_slice(&out);
    (table.fma)(a, y, Arg::S(0.1), &mut out);
    all.extend_from_slice(&out);
    for terms in [&[Arg::S(0.3), x, y][..], &[x, y], &[Arg::S(-99.0), y, x, Arg::S(-98.0)]] {
        let mut weights = vec![vec![0.0; n]; terms.len()];
        let mut slices: Vec<_> = weights.iter_mut().map(|w| &mut w[..]).collect();
        (table.lse)(terms, &mut out, &mut slices);
        all.extend_from_slice(&out);
        weights.iter().for_each(|w| all.extend_from_slice(w));
    }
    all.extend([(table.sum)(a), (table.dot)(a, b), (table.max_abs)(a)]);
    columns(table, a, b, p, &mut all);
    criteria(table, a, b, &positive, delta, &mut all);
    all
}

fn columns(table: &Kernels, x: &[f64], y: &[f64], p: usize, all: &mut Vec<f64>) {
    let n = x.len();
    let all_columns = Random(3).vector(n * p, -2.0, 2.0);
    let cols: Vec<_> = (0..p).map(|j| all_columns[j * n..][..n].to_vec()).collect();
    let d = Random(4).vector(p, -1.0, 1.0);
    let (mut out, mut g, mut h) = (vec![0.0; n], vec![0.0; p], vec![0.0; p * p]);
    (table.affine)(x, &cols, &d, &mut out);
    (table.project)(y, &cols, &mut g);
    (table.gram)(y, &cols, p, &mut h);
    [out, g, h].iter().for_each(|part| all.extend_from_slice(part));
}

fn criteria(table: &Kernels, r: &[f64], q: &[f64], w: &[f64], delta: f64, all: &mut Vec<f64>) {
    for shape in [Shape::Huber, Shape::PseudoHuber, Shape::LogCosh] {
        let c = Criterion { shape, delta, over: 0.9, under: 0.1 };
        let [mut psi, mut curv, mut ratio] = [(); 3].map(|()| vec![0.0; r.len()]);
        all.push((table.score)(&c, r, w, &mut psi, &mut curv));
        (table.irls)(&c, r, w, &mut ratio);
        let line = (table.line)(&c, r, q, w, 0.3);
        all.extend([line.0, line.1, line.2]);
        [psi, curv, ratio].iter().for_each(|part| all.extend_from_slice(part));
    }
}

fn compare(x: &[f64], y: &[f64], p: usize, delta: f64) {
    let results = |fused: bool| {
        tables().filter(move |table| table.level.has_fma() == fused).map(|table| everything(table, x, y, p, delta))
    };
    let mut fused = results(true);
    let Some(first) = fused.next() else { return };
    for other in fused {
        let differ = first.iter().zip(&other).position(|(a, b)| a.to_bits() != b.to_bits());
        assert_eq!(differ, None, "first value that differs");
    }
    let scale = x.len() as f64;
    for (got, want) in results(false).flatten().zip(&first) {
        assert_near(got, *want, want.abs().max(scale), 1e-14, "baseline");
    }
}

#[test]
fn levels_agree_at_awkward_sizes() {
    for n in SIZES {
        for p in [1, 2, 3, 4, 5, 6, 7, 9, 13] {
            let mut random = Random(n as u64 + p as u64);
            compare(&random.vector(n, -4.0, 4.0), &random.vector(n, -4.0, 4.0), p, 0.5);
        }
    }
}

/// Pins the numbers on every architecture: changing them changes the draws of every bootstrap.
#[test]
fn fused_levels_give_these_bits() {
    let mut random = Random(1);
    let (x, y) = (random.vector(152, -4.0, 4.0), random.vector(152, -4.0, 4.0));
    for table in tables().filter(|table| table.level.has_fma()) {
        let mut digest = 0xcbf2_9ce4_8422_2325u64; // FNV-1a, a word at a time
        for value in everything(table, &x, &y, 6, 0.5) {
            digest = (digest ^ value.to_bits()).wrapping_mul(0x0100_0000_01b3);
        }
        assert_eq!(digest, 0xe607_6264_06c9_d6d4, "{}: {digest:#x}", table.level);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn levels_agree_on_any_numbers(seed: u64, blocks in 1usize..40, p in 1usize..9, spread in -3.0..2.5f64, delta in -4.0..2.0f64) {
        let mut random = Random(seed);
        let spread = 10f64.powf(spread);
        let (x, y) = (random.vector(8 * blocks, -spread, spread), random.vector(8 * blocks, -spread, spread));
        if spread < 5.0 {
            compare(&x, &y, p, 10f64.powf(delta));
        }
        let fused: Vec<_> = tables().filter(|table| table.level.has_fma()).map(|table| everything(table, &x, &y, p, 10f64.powf(delta))).collect();
        for other in &fused {
            prop_assert!(other.iter().zip(&fused[0]).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())));
        }
    }
}
