//! How a fit ended, and what to do about it.

/// The outcome of one fit; the discriminants are stored with draws and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// At an optimum.
    Converged = 0,
    /// At an optimum with a parameter at zero or at a bound; the sign of the derivative there was checked.
    AtBound = 1,
    /// At an optimum that rescue starts found and the warm start had missed.
    Rescued = 2,
    /// At an optimum that a single start found: others, of nearly the same objective, may exist.
    Multimodal = 3,
    /// The rows do not determine all parameters.
    Unidentified = 4,
    /// Stopped by the iteration limit.
    MaxIterations = 5,
    /// The model was not finite wherever it was tried.
    NotFinite = 6,
}

impl Status {
    /// All, in order of their codes.
    pub const ALL: [Status; 7] = [
        Status::Converged,
        Status::AtBound,
        Status::Rescued,
        Status::Multimodal,
        Status::Unidentified,
        Status::MaxIterations,
        Status::NotFinite,
    ];

    /// Whether the parameters are an optimum that may be used.
    pub fn is_ok(self) -> bool {
        (self as u8) <= Status::Multimodal as u8
    }

    /// The name that users see.
    pub fn name(self) -> &'static str {
        match self {
            Status::Converged => "converged",
            Status::AtBound => "at_bound",
            Status::Rescued => "rescued",
            Status::Multimodal => "multimodal",
            Status::Unidentified => "unidentified",
            Status::MaxIterations => "max_iterations",
            Status::NotFinite => "not_finite",
        }
    }

    /// What it means and what to try.
    pub fn advice(self) -> &'static str {
        match self {
            Status::Converged => "the optimum was found",
            Status::AtBound => {
                "the optimum lies at a bound: a parameter is zero or at its limit, and its interval is one-sided"
            }
            Status::Rescued => "the optimum was found by rescue starts, the warm start had ended in a worse one",
            Status::Multimodal => "starts disagree on the optimum: add rows, or a prior, or use criterion=\"squared\"",
            Status::Unidentified => {
                "the rows do not determine all parameters: fix one (fixed=...), tie two, add a prior, or add runs that vary the variable"
            }
            Status::MaxIterations => {
                "the iteration limit was reached: rescale the data or give starts=... near the solution"
            }
            Status::NotFinite => {
                "the law is not finite at any start: check the formula, or give starts=... where it is defined"
            }
        }
    }
}
