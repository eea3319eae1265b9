//! What a transformer costs, counted: parameters as exact integers, FLOPs as float64.
//!
//! Nothing here knows of machines (`hardware` does) or of several devices.

pub mod architecture;
pub mod batch;
pub mod flops;
pub mod parameters;

pub use architecture::{Architecture, Latent, Mixture};
pub use flops::{Convention, Pass, Recompute};
pub use parameters::{Block, Parameters};
