//! The best model and data under a budget, for any law, over many draws at once.
//!
//! The law is read over the logarithms of its free variables; tokens follow from the budget and the
//! size (`price`), so that one loss per size remains (`surface`). It is minimised lane by lane
//! (`minimum`; `hollows` where there may be several), each lane a draw of the parameters; further free variables are searched around that
//! (`profile`). `jobs` runs draws × budgets on threads, `inverse` answers the questions the other way
//! round, `convex` says where one minimum is all there is.

mod convex;
mod hollows;
mod inverse;
mod jobs;
mod minimum;
mod price;
mod profile;
mod surface;

pub use jobs::{Draws, Optima};
pub use price::{Pieces, Price, Table};
pub use surface::{Question, Surface};

/// How the search of one lane ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    /// A minimum between the limits.
    Interior,
    /// The smallest size that is allowed.
    Low,
    /// The largest size that is allowed.
    High,
    /// No allowed size can be paid for.
    Infeasible,
    /// No budget reaches the loss.
    Unreachable,
    /// The steps did not settle.
    Unsettled,
}
