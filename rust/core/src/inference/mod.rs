//! What a finished fit says of its own precision: covariances of several kinds, correlated errors.
//!
//! Consumers of residuals and Jacobians; nothing is resampled here and nothing is an interval yet.

pub mod covariance;
pub mod gls;
pub mod matrix;
pub mod special;
pub mod state;
