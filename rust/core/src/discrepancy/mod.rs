//! A law, its rows and what both leave unexplained: forecasts whose errors are correlated.
//!
//! Residuals have covariance s² K: a smooth discrepancy between the law and the truth, an effect
//! that rows of a group share, and white noise. Each point of a grid of such covariances is a
//! generalised least-squares fit with priors; the forecast is the mixture of all of them, weighted
//! by their marginal likelihoods (Kennedy and O'Hagan 2001, with Laplace's method for the
//! parameters). Which grid, which priors and what a level means is the caller's business.

mod covariance;
mod factor;
mod gls;
mod mixture;

pub use covariance::{Cell, Field};
pub use factor::whiten;
pub use mixture::{Forecast, Model, Solution, solve};
