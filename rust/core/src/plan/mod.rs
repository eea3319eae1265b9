//! Decisions that rest on a law: how a budget is best spent.

pub mod design;
pub mod optimum;
