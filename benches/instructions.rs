//! The gate: instruction counts under valgrind (gungraun), each with a limit that is committed here.
//!
//! Counts do not depend on how busy a machine is. valgrind 3.19 hides AVX-512 from the program, so
//! the AVX2 path is what is counted. A limit lies some 15 % above what was counted when it was set:
//! lower it after an improvement; raise it only with a reason in the commit.

#![allow(missing_docs)] // the macros make public items

mod common;

use std::hint::black_box;

use common::{Job, job, search};
use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use isoflop_core::bootstrap::Draws;
use isoflop_core::cancel::Cancel;
use isoflop_core::fit::{Fit, fit};
use isoflop_core::simd::{Kernels, LANES, Level, kernels_for};

fn avx2() -> &'static Kernels {
    kernels_for(Level::Avx2).expect("the gate needs a CPU with AVX2")
}

fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

fn prepare(rows: usize) -> Job {
    job(rows, avx2())
}

/// `count` refits, one thread.
fn refits(job: &Job, count: usize) -> Draws {
    let (job, cancel) = (black_box(job), Cancel::default());
    let drawn = job.bootstrap().run(0, count, 1, &cancel);
    black_box(drawn.expect("nobody cancels"))
}

#[library_benchmark]
#[bench::rows_240(args = (240,), setup = prepare, config = at_most(20_600_000))]
fn refits_200(job: Job) -> Draws {
    refits(&job, 200)
}

// So few rows that each resample gets its rescue starts.
#[library_benchmark]
#[bench::rows_17(args = (17,), setup = prepare, config = at_most(226_000_000))]
fn rescues_10(job: Job) -> Draws {
    refits(&job, 10)
}

#[library_benchmark]
#[bench::rows_240(args = (240,), setup = prepare, config = at_most(14_400_000))]
fn full_fit(job: Job) -> Fit {
    black_box(fit(&job.problem, &job.recipe, &search(), &Cancel::default()).expect("the fit exists"))
}

fn vectors() -> (Vec<f64>, Vec<f64>) {
    let n = 4567_usize.next_multiple_of(LANES);
    ((0..n).map(|i| 0.5 + i as f64 / n as f64).collect(), vec![0.0; n])
}

#[library_benchmark]
#[bench::rows_4567(args = (), setup = vectors, config = at_most(65_000))]
fn exp((x, mut out): (Vec<f64>, Vec<f64>)) -> Vec<f64> {
    (avx2().exp)(black_box(&x), &mut out);
    out
}

#[library_benchmark]
#[bench::rows_4567(args = (), setup = vectors, config = at_most(87_000))]
fn ln((x, mut out): (Vec<f64>, Vec<f64>)) -> Vec<f64> {
    (avx2().ln)(black_box(&x), &mut out);
    out
}

library_benchmark_group!(name = gate; benchmarks = refits_200, rescues_10, full_fit, exp, ln);
main!(library_benchmark_groups = gate);
