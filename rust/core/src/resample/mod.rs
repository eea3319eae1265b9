//! Who is in a resample, with what weight and what response.

mod schemes;

pub use schemes::{Sampler, Scheme, Scratch};
