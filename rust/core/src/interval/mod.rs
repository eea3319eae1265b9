//! Intervals of parameters and derived quantities, from one fit or from its resamples.

mod boundary;
mod double;
mod ends;
mod methods;
mod profile;
mod quantity;
mod replicates;
mod study;

pub use double::{Double, DoubleBootstrap};
pub use ends::{Ends, Reading, Sample, ends};
pub use methods::{Interval, Intervals, Method, Settings, Side, intervals};
pub use profile::{End, Profile};
pub use quantity::{Ask, Quantity};
pub use replicates::{Errors, Replicates, replicates};
pub use study::{Study, study};
