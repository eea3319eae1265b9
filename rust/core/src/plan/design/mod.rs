//! Which runs make a forecast tightest: c-optimal designs under a budget, by exchange.
//!
//! A design is a list of candidates, repeated ones included. What each tells is known beforehand as the gradient of
//! the response by the parameters (local optimality: Fedorov 1972; Chaloner and Verdinelli 1995); several versions
//! of the law are averaged, so that no design rests on one of them, and errors that neighbouring runs share (a smooth
//! discrepancy between law and truth) count.

mod belief;
mod exchange;
mod limits;
mod version;

pub use belief::Belief;
pub use exchange::{Found, exchange};
pub use limits::{Limits, schedule};
pub use version::{Field, Version};
