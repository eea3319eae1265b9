//! Every way in which the core can refuse, as one enum whose variants carry values.
//!
//! The binding maps these to Python exceptions; nothing here is printed.

use thiserror::Error;

/// What went wrong, with the values that a message needs.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The formula's text could not be read.
    #[error("{message}")]
    Formula {
        /// What was expected.
        message: String,
        /// Byte offset in the text.
        position: usize,
    },
    /// The formula is readable but does not make a law.
    #[error("{0}")]
    Law(String),
    /// A column that the law needs is not in the table.
    #[error("the law needs the variable '{0}', which the table does not hold")]
    MissingColumn(String),
    /// The law takes the logarithm or a power of something that is not positive in these rows.
    #[error("the law takes the logarithm or a power of {what}, which is not positive in {} of the rows (first: {:?})", rows.len(), &rows[..rows.len().min(5)])]
    NotPositive {
        /// The expression, as text.
        what: String,
        /// Row numbers, from 0.
        rows: Vec<usize>,
    },
    /// Two things that must have one length do not.
    #[error("{what} has {found} values, expected {expected}")]
    Shape {
        /// Which argument.
        what: String,
        /// The length that it has.
        found: usize,
        /// The length that it needs.
        expected: usize,
    },
    /// The settings cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The model is not finite at any start.
    #[error("{0}")]
    NoStart(String),
    /// The caller asked to stop.
    #[error("interrupted")]
    Cancelled,
}

/// The core's result type.
pub type Result<T> = std::result::Result<T, Error>;
