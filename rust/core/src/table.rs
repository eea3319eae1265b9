//! The rows that a law is fitted to: plain columns, checked once, copied in.

use std::collections::BTreeMap;

/// A table of runs, as numbers.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Rows.
    pub n: usize,
    /// Variables by name.
    pub columns: BTreeMap<String, Vec<f64>>,
    /// Factor columns by name: a level code for each row, and the number of levels.
    pub factors: BTreeMap<String, (Vec<u32>, usize)>,
    /// What the law predicts, on its native scale.
    pub response: Vec<f64>,
    /// Row weights, not negative.
    pub weights: Vec<f64>,
}
