//! The job of the Rust benches: a simulated twin of the 240 Chinchilla runs, and its pieces.

use isoflop_core::bootstrap::Bootstrap;
use isoflop_core::cancel::Cancel;
use isoflop_core::expr::{Scale, Spec};
use isoflop_core::fit::{Fit, Problem, Recipe, Search, Start, fit};
use isoflop_core::resample::{Sampler, Scheme};
use isoflop_core::simd::{Criterion, Kernels, Shape};
use isoflop_core::table::Table;

/// The law of the job.
pub fn chinchilla() -> Spec {
    Spec {
        formula: "E + A / N**alpha + B / D**beta".into(),
        variables: vec!["N".into(), "D".into()],
        ..Spec::default()
    }
}

/// Uniform numbers in (0, 1): a small generator, so that no crate's update moves the counts.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// `n` simulated runs over the ranges of the measured ones, with noise of heavy tails.
pub fn runs(n: usize) -> Table {
    let (mut state, mut table) = (20, Table { n, weights: vec![1.0; n], ..Table::default() });
    let (mut size, mut data) = (vec![], vec![]);
    for _ in 0..n {
        let (x, y) = (17.7 + 5.7 * uniform(&mut state), 20.0 + 6.4 * uniform(&mut state));
        let loss = 1.817 + (6.17 - 0.3473 * x).exp() + (7.67 - 0.3672 * y).exp();
        let noise = (std::f64::consts::PI * (uniform(&mut state) - 0.5)).tan().clamp(-20.0, 20.0);
        size.push(x.exp());
        data.push(y.exp());
        table.response.push(loss * (0.002 * noise).exp());
    }
    table.columns.insert("N".into(), size);
    table.columns.insert("D".into(), data);
    table
}

/// Everything that a bootstrap needs.
pub struct Job {
    pub problem: Problem,
    pub recipe: Recipe,
    pub full: Fit,
    pub sampler: Sampler,
}

/// The criterion of the job: Huber, width 1e-3.
pub fn huber() -> Criterion {
    Criterion { shape: Shape::Huber, delta: 1e-3, over: 1.0, under: 1.0 }
}

/// Eight starts, none of the caller's.
pub fn search() -> Search {
    Search { n_starts: 8, ..Search::default() }
}

/// The job on `n` rows at one SIMD level.
pub fn job(n: usize, kernels: &'static Kernels) -> Job {
    let problem = Problem::new(chinchilla(), Scale::Log, Start::default(), runs(n), kernels).expect("the law compiles");
    let recipe = Recipe::new(huber(), problem.p());
    let full = fit(&problem, &recipe, &search(), &Cancel::default()).expect("the fit exists");
    let sampler = Sampler::new(Scheme::Rows, &vec![1.0; n], None, None, 0, 0).expect("rows can be drawn");
    Job { problem, recipe, full, sampler }
}

impl Job {
    /// The bootstrap of this job.
    pub fn bootstrap(&self) -> Bootstrap<'_> {
        Bootstrap { problem: &self.problem, recipe: &self.recipe, theta: &self.full.theta, sampler: &self.sampler }
    }
}
