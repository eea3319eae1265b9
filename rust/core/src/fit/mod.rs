//! One data set → one fit: compiled problem, robust criterion, solver, starts, status.

mod boundary;
mod descent;
mod exact;
mod levenberg;
pub(crate) mod linear;
mod linear_model;
mod link;
mod location;
mod nnls;
mod polish;
mod problem;
mod qr;
mod recipe;
mod refit;
mod sample;
mod search;
mod seeds;
mod solver;
mod statistics;
mod status;

pub use problem::{Problem, Start};
pub use recipe::{Prior, Recipe};
pub use refit::{Key, Prepared, Refitter};
pub use sample::{Base, Workspace};
pub(crate) use search::goal;
pub use search::{Fit, Search, fit, objective_at};
pub use seeds::Seeder;
pub use solver::{Goal, Outcome, descend, metric};
pub use status::Status;
