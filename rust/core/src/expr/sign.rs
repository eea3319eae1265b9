//! What is known of a node's sign: enough to decide where a logarithm may be taken.

use super::graph::Unary;

/// Strictly positive, or nothing known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Positive,
    Any,
}

impl Sign {
    pub(super) fn of(x: f64) -> Self {
        if x > 0.0 { Sign::Positive } else { Sign::Any }
    }

    pub(super) fn both(self, other: Self) -> Self {
        if self == Sign::Positive && other == Sign::Positive { Sign::Positive } else { Sign::Any }
    }

    pub(super) fn unary(f: Unary, a: Self) -> Self {
        match f {
            Unary::Exp | Unary::Logistic | Unary::Softplus => Sign::Positive,
            Unary::Sqrt | Unary::Recip | Unary::Log1p | Unary::Expm1 | Unary::Atan | Unary::Abs => a,
            Unary::Ln | Unary::Neg | Unary::Sin | Unary::Cos => Sign::Any,
        }
    }
}
