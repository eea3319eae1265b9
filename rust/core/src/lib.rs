//! The numbers of isoflop: formula text to tape, tape to fit, fit to a million refits.
//!
//! Data flows one way: `simd`, `expr`, `error`, `cancel` know nothing of ours; `fit` uses
//! them; `inference` reads how precise a fit is; `resample` draws; `bootstrap` and `band` stand on
//! these, `interval` on all. Nothing here names Python, opens a file or prints.

pub mod band;
pub mod bootstrap;
pub mod cancel;
pub mod discrepancy;
pub mod error;
pub mod expr;
pub mod fit;
pub mod hardware;
pub mod inference;
pub mod interval;
pub mod plan;
mod pool;
pub mod predict;
pub mod quantile;
pub mod random;
pub mod resample;
pub mod schedule;
pub mod simd;
pub mod table;
pub mod transformer;
