//! What a model costs on machines: memory of a device, time of a step, the best layout, serving.
//!
//! Peaks, bandwidths and calibrated constants are arguments; the table of accelerators is data of the Python package.

pub mod communication;
pub mod layer;
pub mod layout;
pub mod machine;
pub mod memory;
pub mod search;
pub mod serve;
pub mod step;

pub use layout::Layout;
pub use machine::{Constants, Job, Machine, Recipe};
