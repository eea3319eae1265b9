//! Wall clock, for people: refits, the full fit, predictions and the kernels at awkward sizes.
//!
//! `cargo bench --bench refits`; the gate on instruction counts is `instructions.rs`.

mod common;

use std::hint::black_box;

use common::{chinchilla, job, runs, search};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use isoflop_core::cancel::Cancel;
use isoflop_core::fit::fit;
use isoflop_core::predict::{Points, Predictor};
use isoflop_core::simd::{LANES, kernels, kernels_for};

/// Rows of the main job.
const ROWS: usize = 240;

fn refits(c: &mut Criterion) {
    let mut group = c.benchmark_group("refits");
    group.sample_size(10);
    for table in isoflop_core::simd::Level::available().into_iter().filter_map(kernels_for) {
        let job = job(ROWS, table);
        group.throughput(Throughput::Elements(1000));
        group.bench_function(BenchmarkId::from_parameter(table.level), |b| {
            b.iter(|| job.bootstrap().run(0, 1000, 1, &Cancel::default()));
        });
    }
    group.finish();
}

fn full_fit(c: &mut Criterion) {
    let job = job(ROWS, kernels().expect("ISOFLOP_SIMD names a level of this CPU"));
    c.bench_function("full fit with global search", |b| {
        b.iter(|| fit(&job.problem, &job.recipe, &search(), &Cancel::default()));
    });
}

fn predict(c: &mut Criterion) {
    let table = runs(1_000_000);
    let predictor = Predictor::new(&chinchilla(), kernels().expect("a level of this CPU")).expect("the law compiles");
    let native = native(&predictor);
    let columns: Vec<&[f64]> = predictor.law().variables.iter().map(|v| table.columns[v].as_slice()).collect();
    let mut out = vec![0.0; table.n];
    let mut group = c.benchmark_group("predict");
    group.throughput(Throughput::Elements(table.n as u64));
    group.bench_function("1 million points", |b| {
        b.iter(|| predictor.predict(&native, Points { columns: &columns, codes: &[] }, &mut out, &Cancel::default()));
    });
    group.finish();
}

/// Parameters of the law in its own order.
fn native(predictor: &Predictor) -> Vec<Vec<f64>> {
    let value = |name: &str| match name {
        "E" => 1.817,
        "A" => 478.0,
        "B" => 2143.0,
        "alpha" => 0.3473,
        _ => 0.3672,
    };
    predictor.law().parameters.iter().map(|p| vec![value(&p.name)]).collect()
}

fn kernel_sizes(c: &mut Criterion) {
    let table = kernels().expect("ISOFLOP_SIMD names a level of this CPU");
    let mut group = c.benchmark_group("kernels");
    for n in [4_usize, 17, 100, 4567] {
        let x: Vec<f64> = (0..n.next_multiple_of(LANES)).map(|i| 0.5 + i as f64 / n as f64).collect();
        let mut out = vec![0.0; x.len()];
        group.throughput(Throughput::Elements(n as u64));
        for (name, kernel) in [("exp", table.exp), ("ln", table.ln), ("expm1", table.expm1), ("log1p", table.log1p)] {
            group.bench_function(BenchmarkId::new(name, n), |b| b.iter(|| kernel(black_box(&x), &mut out)));
        }
        group.bench_function(BenchmarkId::new("dot", n), |b| b.iter(|| (table.dot)(black_box(&x), &out)));
    }
    group.finish();
}

criterion_group!(benches, refits, full_fit, predict, kernel_sizes);
criterion_main!(benches);
