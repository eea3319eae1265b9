//! Properties of the core over random formulas: what no single example shows.
//!
//! One binary (cargo finds it from `rust/core/Cargo.toml`). Cases that once failed are kept in
//! `regressions.txt` and run first.

// Several tables are walked side by side by one index.
#![allow(clippy::needless_range_loop)]

mod cost;
mod evaluator;
mod formula;
mod graph;
mod laws;
mod nodes;
mod optimum;
mod parts;

use proptest::test_runner::{Config, FileFailurePersistence};

/// Settings of every property here; `PROPTEST_CASES` asks for more cases.
pub fn config(cases: u32) -> Config {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/rust/regressions.txt");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    Config {
        cases: asked.unwrap_or(cases),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions))),
        max_global_rejects: 1_000_000,
        max_local_rejects: 1_000_000,
        ..Config::default()
    }
}
