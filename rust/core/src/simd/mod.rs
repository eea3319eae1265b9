//! Vector operations on `f64` slices, the level chosen at run time.
//!
//! Kernels are loops over registers, generic over what a register can do (`vector`);
//! `table` stamps one `#[target_feature]` copy per level and gathers the copies in a
//! [`Kernels`] table of function pointers. Nothing here knows formulas, fits or resamples.
//! To add a kernel, write its loop and a line in `table`; to add a level, implement `Simd`.
//!
//! Intrinsics and not loops left to the compiler, because the latter were vectorised by
//! chance: of two kernels as alike as a b + 1 and a b + c one came out five times slower.
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
//!
//! # Accuracy
//!
//! Largest errors seen over a million random arguments per range, against 100-bit values
//! (`tests/accuracy.rs` holds the bounds 1, 0.9, 1.7, 0.9, 2.5, 2):
//!
//! | kernel  | fused     | baseline  | notes                                              |
//! |---------|-----------|-----------|----------------------------------------------------|
//! | `exp`   | 0.95 ulp  | 0.96 ulp  | subnormal results to one unit, 0 below -745.13     |
//! | `ln`    | 0.86 ulp  | 0.86 ulp  | subnormal arguments included                       |
//! | `expm1` | 1.57 ulp  | 1.53 ulp  | worst near ln 2 / 2                                |
//! | `log1p` | 0.86 ulp  | 0.88 ulp  |                                                    |
//!
//! `logistic` was off by 2.15 ulp at most, `softplus` by 1.54. `pow` loses about an ulp per
//! unit of |b ln a|. `lse` is right to about an ulp of its largest term, or of 32 where that
//! is larger and a third term outweighs the first two. Curvatures of log-cosh are right to
//! 1e-15 of their value at zero. `sin`, `cos`, `atan` are libm's own.

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
mod root;
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
