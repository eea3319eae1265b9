//! The rows that a law is fitted to: plain columns, checked once, copied in.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::schedule::Schedules;

/// A table of runs, as numbers.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Rows.
    pub n: usize,
    /// Variables by name; of a schedule variable the number of each row's prefix.
    pub columns: BTreeMap<String, Vec<f64>>,
    /// What the prefix numbers of schedule variables mean.
    pub schedules: BTreeMap<String, Schedules>,
    /// Factor columns by name: a level code for each row, and the number of levels.
    pub factors: BTreeMap<String, (Vec<u32>, usize)>,
    /// What the law predicts, on its native scale.
    pub response: Vec<f64>,
    /// Row weights, not negative.
    pub weights: Vec<f64>,
}

impl Table {
    /// Variables that are positive in every row.
    pub(crate) fn positive_columns(&self) -> Vec<String> {
        let plain = self.columns.iter().filter(|(name, _)| !self.schedules.contains_key(*name));
        plain.filter(|(_, x)| x.iter().all(|x| *x > 0.0)).map(|(name, _)| name.clone()).collect()
    }

    /// What the prefix numbers of a schedule variable mean.
    ///
    /// # Errors
    /// [`Error::MissingColumn`].
    pub(crate) fn schedule(&self, name: &str) -> Result<&Schedules> {
        self.schedules.get(name).ok_or_else(|| Error::MissingColumn(name.into()))
    }
}
