//! The solver: robust Gauss–Newton in two nested loops.
//!
//! The outer loop linearises the law (one run of the tape: exponentials and logarithms). The
//! inner loop minimises the robust criterion of the *linear* model, which costs a few
//! multiply-adds a row: Newton steps with the exact active set, damped by the matrix of the
//! iteratively reweighted problem, which majorises the criterion, and an exact line search.
//! The outer step is then checked against the true objective. Everything is relative to the
//! objective: there is no absolute tolerance.

use super::descent::Descent;
use super::sample::Workspace;
use super::statistics::rounding;
use super::status::Status;
use crate::simd::Criterion;

/// What is minimised, over the free parameters of a workspace.
#[derive(Debug, Clone)]
pub struct Goal {
    /// The criterion.
    pub criterion: Criterion,
    /// Bounds of the free parameters (internal); empty for none.
    pub bounds: Vec<(f64, f64)>,
    /// Centre and precision κ/sd² of the priors of the free parameters; empty for none.
    pub priors: Vec<(f64, f64)>,
    /// Relative decrease of the objective below which a fit has converged.
    pub tolerance: f64,
    /// Linearisations at most.
    pub max_outer: usize,
    /// Take the last step without an evaluation, where the one after it would be below the tolerance.
    pub trust_last: bool,
    /// A damping metric (p × p) to begin with, as [`metric`] makes it; empty: made afresh.
    pub metric: Vec<f64>,
}

/// Where a descent ended.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// The objective, with the priors.
    pub objective: f64,
    /// How it ended (converged, iteration limit, not finite).
    pub status: Status,
}

/// Minimises from `theta` (internal, all parameters; the free ones move).
///
/// With `ready`, the workspace already holds residuals and Jacobian at `theta`.
pub fn descend(ws: &mut Workspace<'_>, goal: &Goal, theta: &mut [f64], ready: bool) -> Outcome {
    if !ready {
        ws.evaluate(theta);
        ws.accept();
    }
    let mut state = Descent::new(ws, goal, theta);
    let outcome = state.run();
    let small = state.small;
    ws.small = small;
    outcome
}

/// The damping metric at the current residuals of a workspace.
pub fn metric(ws: &mut Workspace<'_>, goal: &Goal, theta: &mut [f64]) -> Vec<f64> {
    let mut descent = Descent::new(ws, goal, theta);
    descent.make_metric();
    let metric = descent.small.metric.clone();
    let small = descent.small;
    ws.small = small;
    metric
}

impl Descent<'_, '_, '_> {
    fn run(&mut self) -> Outcome {
        let mut objective = self.score_current();
        if !objective.is_finite() {
            return Outcome { objective: f64::INFINITY, status: Status::NotFinite };
        }
        let mut last = 0.0;
        for outer in 0..self.goal.max_outer {
            if self.ws.cancelled() {
                break;
            }
            self.refresh_metric(outer);
            let predicted = objective - self.solve_linear(objective);
            if predicted <= self.goal.tolerance * objective || self.is_rounding(objective) {
                return Outcome { objective, status: Status::Converged };
            }
            if self.may_trust(predicted, last, objective) {
                self.retract(1.0);
                return Outcome { objective: objective - predicted, status: Status::Converged };
            }
            let Some(next) = self.try_step(objective, predicted) else {
                // No decrease along a descent direction: rounding is all that is left, or the
                // proximal weight was raised and the next linear model is closer.
                if predicted <= 1e3 * self.goal.tolerance * objective || self.nu > 1e8 {
                    let status = if predicted <= 1e-7 * objective { Status::Converged } else { Status::MaxIterations };
                    self.restore(objective);
                    return Outcome { objective, status };
                }
                objective = self.restore(objective);
                continue;
            };
            objective = next;
            let rate = if self.nu == 0.0 { (predicted / last).clamp(0.01, 1.0) } else { 1.0 };
            last = predicted;
            // What is left shrinks at the rate of the last two predictions.
            if predicted * rate <= self.goal.tolerance * objective {
                return Outcome { objective, status: Status::Converged };
            }
        }
        let status = if last <= self.noise() { Status::Converged } else { Status::MaxIterations };
        Outcome { objective, status }
    }

    /// What the rounding of the response leaves uncertain of a sum of squares: a decrease below it is none.
    fn noise(&self) -> f64 {
        if self.goal.criterion.delta.is_finite() {
            return 0.0;
        }
        let v = self.ws.vectors.r[..self.ws.n].iter().zip(&self.ws.y).zip(&self.ws.w);
        v.map(|((r, y), w)| w * r.abs() * f64::EPSILON * (1.0 + y.abs())).sum()
    }

    /// Whether the residuals are nothing but the rounding of the response (rows without noise).
    fn is_rounding(&self, objective: f64) -> bool {
        objective < 1e-20 && objective <= rounding(self.ws)
    }

    /// Whether the linear model is known to be so good that what its step leaves is below the
    /// tolerance: predictions shrink fast, and this one at that rate.
    fn may_trust(&self, predicted: f64, last: f64, objective: f64) -> bool {
        let rate = (predicted / last).max(0.01);
        self.goal.trust_last
            && self.nu == 0.0
            && rate <= 0.1
            && predicted <= 1e-6 * objective
            && predicted * rate <= self.goal.tolerance * objective
    }

    fn restore(&mut self, objective: f64) -> f64 {
        self.small.d.fill(0.0);
        self.score_current();
        objective
    }

    /// Tries the outer step, shorter and shorter; adapts the proximal weight.
    fn try_step(&mut self, objective: f64, predicted: f64) -> Option<f64> {
        let mut share = 1.0;
        for attempt in 0..4 {
            self.retract(share);
            self.ws.evaluate(self.theta);
            let goal = objective - 1e-4 * share * predicted;
            let mut next = self.score_next();
            let plain = next <= goal;
            if !plain && attempt < 2 && next < 100.0 * objective {
                next = self.second_step(next, goal);
            }
            if next <= goal {
                self.adapt_proximal(attempt, plain, (objective - next) / predicted);
                self.ws.accept();
                self.restart();
                return Some(next);
            }
            share *= 0.25;
        }
        self.nu = (10.0 * self.nu).max(1.0);
        self.retract(0.0);
        None
    }

    fn adapt_proximal(&mut self, attempt: usize, plain: bool, ratio: f64) {
        self.nu = match attempt {
            0 if plain && ratio > 0.75 && self.nu < 1e-4 => 0.0,
            0 if plain && ratio > 0.75 => 0.1 * self.nu,
            0 | 1 => self.nu,
            _ => (4.0 * self.nu).max(0.1),
        };
    }

    /// The next linear model begins at the current parameters.
    fn restart(&mut self) {
        for (x, &parameter) in self.small.start.iter_mut().zip(&self.ws.free) {
            *x = self.theta[parameter];
        }
        self.small.d.fill(0.0);
    }

    /// A step that leaves a curved valley may land on its other side: goes on from there to the
    /// minimum of the linear model, and returns the objective if that reaches `goal` (the
    /// evaluation is then the next one), else infinity with everything as it was.
    fn second_step(&mut self, objective: f64, goal: f64) -> f64 {
        self.swap_held();
        let nu = std::mem::replace(&mut self.nu, 0.0);
        self.ws.accept();
        self.restart();
        self.score_current();
        self.solve_linear(objective);
        self.retract(1.0);
        self.ws.evaluate(self.theta);
        let next = self.score_next();
        self.nu = nu;
        if next <= goal {
            return next;
        }
        self.swap_held();
        f64::INFINITY
    }

    /// Puts the current state aside, or takes it back.
    fn swap_held(&mut self) {
        let (small, v) = (&mut self.small, &mut self.ws.vectors);
        std::mem::swap(&mut small.start, &mut small.held_start);
        std::mem::swap(&mut small.d, &mut small.held_d);
        std::mem::swap(&mut v.r, &mut v.held_r);
        std::mem::swap(&mut v.jac, &mut v.held_jac);
    }

    /// Sets the parameters at a share of the step, each along its own chart: a parameter that
    /// enters by its value (an exponent) moves linearly, one that enters by its logarithm (an
    /// amplitude) moves there. In these charts the law is much closer to its linear model.
    fn retract(&mut self, share: f64) {
        for (j, &parameter) in self.ws.free.iter().enumerate() {
            let d = share * self.small.d[j];
            let moved = if self.ws.problem.by_value[parameter] { libm::log1p(d) } else { d };
            let x = self.small.start[j] + moved;
            let (low, high) = self.goal.bounds.get(j).copied().unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
            // Exactly at a bound, where the step ended there up to rounding.
            let near = 1e-9 * (1.0 + x.abs());
            self.theta[parameter] = if x - low < near {
                low
            } else if high - x < near {
                high
            } else {
                x
            };
        }
    }
}
