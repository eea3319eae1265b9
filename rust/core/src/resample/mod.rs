//! Who is in a resample, with what weight and what response.

mod rng;
mod schemes;

pub use rng::{Purpose, Stream};
pub use schemes::{Sampler, Scheme, Scratch};
