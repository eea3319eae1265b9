//! From a law to a decision: where under a budget the loss is lowest, and which runs to make next.
//!
//! Numbers only: what things cost, which law is believed and what a level means is the caller's business.

pub mod design;
pub mod optimum;
