//! The two ends of an interval from the draws of one quantity, with their Monte-Carlo errors.
//!
//! Efron 1987 (BCa), Hall 1992 (basic, studentised), Beran 1987 (calibrated by a second bootstrap).

use crate::error::{Error, Result};
use crate::inference::special::{normal_cdf, normal_quantile};
use crate::quantile::quantiles;

/// How ends are read off draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Quantiles of the draws.
    Percentile,
    /// The estimate less the quantiles of the deviations.
    Basic,
    /// Quantiles at levels corrected for bias and acceleration.
    Bca,
    /// The estimate less quantiles of the deviations in units of their own standard errors.
    Studentised,
    /// Quantiles at levels at which a second bootstrap says the first one holds.
    Calibrated,
}

/// What is known of one quantity, on its working scale.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample<'a> {
    /// The fit's value, and its standard error (studentised only).
    pub estimate: f64,
    /// Its standard error.
    pub error: f64,
    /// The draws.
    pub values: &'a [f64],
    /// Their standard errors (studentised).
    pub errors: &'a [f64],
    /// Values that each leave out one unit (BCa).
    pub jackknife: &'a [f64],
    /// For each draw the share of its own inner draws below the estimate (calibrated).
    pub shares: &'a [f64],
}

/// Low, high and their Monte-Carlo standard errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ends {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Monte-Carlo error of the lower end.
    pub low_error: f64,
    /// Monte-Carlo error of the upper end.
    pub high_error: f64,
}

/// Reads an interval of the given level.
///
/// # Errors
/// Fewer than two draws.
pub fn ends(reading: Reading, sample: &Sample<'_>, level: f64) -> Result<Ends> {
    if sample.values.len() < 2 {
        return Err(Error::Setting(format!("an interval needs at least 2 draws, found {}", sample.values.len())));
    }
    let tail = 0.5 * (1.0 - level);
    let probabilities = (tail, 1.0 - tail);
    Ok(match reading {
        Reading::Percentile => quantile_pair(sample.values, probabilities),
        Reading::Basic => mirrored(sample.estimate, 1.0, quantile_pair_of(sample, probabilities)),
        Reading::Studentised => {
            let pairs = sample.values.iter().zip(sample.errors).filter(|(_, e)| **e > 0.0 && e.is_finite());
            let t: Vec<f64> = pairs.map(|(x, e)| (x - sample.estimate) / e).collect();
            if t.len() < 2 {
                return Err(Error::Setting("no draw has a standard error".into()));
            }
            mirrored(sample.estimate, sample.error, quantile_pair(&t, probabilities))
        }
        Reading::Bca => quantile_pair(sample.values, corrected(sample, probabilities)),
        Reading::Calibrated => {
            let levels = quantile_pair(sample.shares, probabilities);
            let unit = (levels.low.clamp(0.0, 1.0), levels.high.clamp(0.0, 1.0));
            quantile_pair_at(sample.values, unit, (levels.low_error, levels.high_error))
        }
    })
}

/// Deviations from the estimate, at two quantiles.
fn quantile_pair_of(sample: &Sample<'_>, probabilities: (f64, f64)) -> Ends {
    let raw = quantile_pair(sample.values, probabilities);
    Ends { low: raw.low - sample.estimate, high: raw.high - sample.estimate, ..raw }
}

fn mirrored(estimate: f64, error: f64, t: Ends) -> Ends {
    Ends {
        low: estimate - error * t.high,
        high: estimate - error * t.low,
        low_error: error * t.high_error,
        high_error: error * t.low_error,
    }
}

/// Two quantiles with their errors.
fn quantile_pair(values: &[f64], levels: (f64, f64)) -> Ends {
    quantile_pair_at(values, levels, (0.0, 0.0))
}

/// The same where the levels have errors of their own. An error is half the distance between the quantiles one
/// standard deviation of the rank to either side.
fn quantile_pair_at(values: &[f64], (low, high): (f64, f64), (low_error, high_error): (f64, f64)) -> Ends {
    let width = |p: f64, e: f64| (p * (1.0 - p) / values.len() as f64 + e * e).sqrt();
    let (a, b) = (width(low, low_error), width(high, high_error));
    let wanted = [low, high, low - a, low + a, high - b, high + b].map(|p| p.clamp(0.0, 1.0));
    let mut q = [0.0; 6];
    quantiles(values, &wanted, &mut vec![], &mut q);
    Ends { low: q[0], high: q[1], low_error: 0.5 * (q[3] - q[2]), high_error: 0.5 * (q[5] - q[4]) }
}

/// Levels corrected for bias (share of draws below the estimate) and acceleration (skewness of the jackknife).
fn corrected(sample: &Sample<'_>, (low, high): (f64, f64)) -> (f64, f64) {
    let n = sample.values.len() as f64;
    let below: f64 = sample.values.iter().map(|x| if *x < sample.estimate { 1.0 } else { 0.0 }).sum();
    let ties: f64 = sample.values.iter().map(|x| if *x == sample.estimate { 0.5 } else { 0.0 }).sum();
    let bias = normal_quantile(((below + ties) / n).clamp(0.5 / n, 1.0 - 0.5 / n));
    let mean = sample.jackknife.iter().sum::<f64>() / sample.jackknife.len() as f64;
    let power = |k: i32| sample.jackknife.iter().map(|x| (mean - x).powi(k)).sum::<f64>();
    let spread = power(2).powf(1.5);
    let acceleration = if spread > 0.0 { power(3) / (6.0 * spread) } else { 0.0 };
    let level = |p: f64| {
        let z = bias + normal_quantile(p);
        normal_cdf(bias + z / (1.0 - acceleration * z))
    };
    (level(low), level(high))
}
