//! Who is in a resample, with what weight and what response.

mod inner;
mod response;
mod schemes;

pub use inner::Inner;
pub use response::Responder;
pub use schemes::{Sampler, Scheme, Scratch};
