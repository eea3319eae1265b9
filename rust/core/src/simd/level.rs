//! Levels: which exist, which this CPU has, which one is used.
//!
//! A [`Kernels`] table is handed out here only, and only after the CPU was asked; the
//! `SAFETY` lines of `table` rest on that.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use super::table::{self, Kernels};

/// An instruction-set level, from the plainest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every CPU of the architecture has; no fused multiply-add.
    Baseline,
    /// 128-bit vectors with fused multiply-add (aarch64).
    Neon,
    /// 256-bit vectors with fused multiply-add (x86-64-v3).
    Avx2,
    /// 512-bit vectors (x86-64-v4).
    Avx512,
}

impl Level {
    const ALL: [Level; 4] = [Level::Baseline, Level::Neon, Level::Avx2, Level::Avx512];

    /// The levels this CPU can run, plainest first.
    pub fn available() -> Vec<Level> {
        let runs_here = |level: &Level| kernels_for(*level).is_some();
        Level::ALL.into_iter().filter(runs_here).collect()
    }

    /// Whether multiply-adds are fused; all such levels return the same bits.
    pub fn has_fma(self) -> bool {
        self != Level::Baseline
    }

    fn name(self) -> &'static str {
        match self {
            Level::Baseline => "baseline",
            Level::Neon => "neon",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    /// Reads a level's name, in any case.
    fn from_str(text: &str) -> Result<Level, UnknownLevel> {
        let asked = text.trim().to_ascii_lowercase();
        let named = |level: &Level| level.name() == asked;
        Level::ALL.into_iter().find(named).ok_or_else(|| UnknownLevel::new(text))
    }
}

/// A level was asked for that does not exist or that this CPU lacks. Holds the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel(String);

impl UnknownLevel {
    fn new(asked: &str) -> UnknownLevel {
        let names: Vec<_> = Level::available().iter().map(Level::to_string).collect();
        UnknownLevel(format!(
            "SIMD level {asked:?} is not available on this machine, expected one of {}\n\n\
             Hint: unset ISOFLOP_SIMD to use the best level.",
            names.join(", ")
        ))
    }
}

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownLevel {}

/// The kernels of the best level of this CPU, or of the one that `ISOFLOP_SIMD` names.
///
/// The answer is found once per process and kept.
///
/// # Errors
///
/// When `ISOFLOP_SIMD` names a level that does not exist or that this CPU lacks.
pub fn kernels() -> Result<&'static Kernels, UnknownLevel> {
    static CHOSEN: OnceLock<Result<&'static Kernels, UnknownLevel>> = OnceLock::new();
    CHOSEN.get_or_init(|| choose(std::env::var("ISOFLOP_SIMD").ok().as_deref())).clone()
}

/// What `kernels` returns when the variable holds `asked`.
fn choose(asked: Option<&str>) -> Result<&'static Kernels, UnknownLevel> {
    match asked.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => kernels_for(text.parse()?).ok_or_else(|| UnknownLevel::new(text)),
        None => Ok(Level::ALL.into_iter().rev().find_map(kernels_for).unwrap_or(&table::baseline::TABLE)),
    }
}

/// The kernels of one level, or `None` where the CPU lacks it.
pub fn kernels_for(level: Level) -> Option<&'static Kernels> {
    match level {
        Level::Baseline => Some(&table::baseline::TABLE),
        #[cfg(target_arch = "aarch64")]
        Level::Neon => Some(&table::neon::TABLE),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => has_avx2().then_some(&table::avx2::TABLE),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => has_avx512().then_some(&table::avx512::TABLE),
        #[allow(unreachable_patterns)] // the levels of other architectures
        _ => None,
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_in_any_case() {
        for level in Level::ALL {
            assert_eq!(level.to_string().to_uppercase().parse(), Ok(level));
        }
    }

    #[test]
    fn baseline_is_always_there_and_tables_know_their_level() {
        let levels = Level::available();
        assert_eq!(levels[0], Level::Baseline);
        for level in levels {
            assert_eq!(kernels_for(level).map(|table| table.level), Some(level));
        }
    }

    #[test]
    fn the_best_level_is_chosen_unless_one_is_named() {
        let best = Level::available().into_iter().max();
        assert_eq!(choose(None).ok().map(|table| table.level), best);
        assert_eq!(choose(Some(" ")).ok().map(|table| table.level), best);
        assert_eq!(choose(Some("BaseLine")).map(|table| table.level), Ok(Level::Baseline));
    }

    #[test]
    fn an_unknown_level_is_named_with_what_there_is() {
        let text = choose(Some("avx9")).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("\"avx9\"") && text.contains("baseline"), "{text}");
        let elsewhere = if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" };
        assert!(choose(Some(elsewhere)).is_err());
    }
}
