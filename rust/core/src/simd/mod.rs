//! Vector operations on `f64` slices, the level chosen at run time.
//!
//! Every kernel is a plain loop over blocks of eight rows; `table` stamps one copy per
//! level with `#[target_feature]` and gathers the copies in a [`Kernels`] table of function
//! pointers. Nothing here knows formulas, fits or resamples.
//!
//! # Contract
//!
//! All slices given to one call have the same length, a multiple of [`LANES`]; the caller
//! pads. No kernel allocates, none touches memory outside the slices it was given.
//!
//! # Same bits
//!
//! Elementwise kernels treat each row alone. Reductions go into eight virtual lanes (lane
//! `l` takes the rows `8 b + l` in order) and then through one fixed tree, at every width.
//! Multiply-adds are fused on every level that has the instruction, so all those levels
//! return the same bits; [`Level::Baseline`] multiplies, rounds and adds, and differs by
//! that rounding only.

mod elementwise;
mod exp;
mod gram;
mod level;
mod log;
mod lse;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
mod reduce;
mod robust;
mod table;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests;

pub use level::{Level, UnknownLevel, kernels, kernels_for};
pub use robust::{Criterion, Shape};
pub use table::{Arg, Kernels};

/// Virtual lanes of every kernel: the length of each slice is a multiple of it.
pub const LANES: usize = 8;
