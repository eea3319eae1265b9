//! Profile intervals: the values that a quantity can be held at without the objective rising too far.
//!
//! Bates and Watts 1988, chapter 6. The constrained minimum is that of R + λ/2 (g − c)² with a large λ; where
//! it ends, g is read again, so λ need not be infinite. Ends are found by secants on the signed root.

use super::quantity::Quantity;
use crate::fit::linear::{factorise, solve_factored};
use crate::fit::{Recipe, Workspace};
use crate::inference::covariance::kappa;
use crate::inference::state::State;

/// Stiffness of the constraint, in units of κ over the squared standard error.
const STIFF: f64 = 1e4;
/// Secant steps, and Levenberg–Marquardt steps of one constrained minimum, at most.
const SECANTS: usize = 24;
const STEPS: usize = 200;
/// How near the root must come, as a share of it.
const CLOSE: f64 = 1e-5;
/// An end this many standard errors away is none: the objective never rises far enough.
const FAR: f64 = 60.0;
/// ln of a share of the estimate below which a positive quantity counts as zero.
const ZERO: f64 = 20.0;

/// One end of a profile interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// Where the objective has risen as far as it may.
    At(f64),
    /// Nowhere: the interval is open on this side.
    Open,
}

/// A profile of one quantity of one fit.
#[derive(Debug)]
pub struct Profile<'a, 'p> {
    ws: &'a mut Workspace<'p>,
    recipe: &'a Recipe,
    quantity: &'a Quantity,
    base: &'a State,
    /// κ and the smallest objective.
    kappa: f64,
    least: f64,
    /// Value of the quantity at the fit, and a standard error to begin with.
    value: f64,
    error: f64,
    /// Direction in which the quantity grows at the least cost, by the parameters that move.
    direction: Vec<f64>,
}

impl<'a, 'p> Profile<'a, 'p> {
    /// A profile around the fit `best`; the workspace holds its rows. Searches begin at `base`, which is the fit with
    /// parameters at zero moved a little away. None where the quantity does not depend on parameters that move.
    pub fn new(
        ws: &'a mut Workspace<'p>,
        recipe: &'a Recipe,
        quantity: &'a Quantity,
        best: &State,
        base: &'a State,
    ) -> Option<Self> {
        let share = best.share();
        let (_, inverse) = best.information(share)?;
        let mut gradient = vec![0.0; best.theta.len()];
        let value = quantity.gradient(&best.theta, &mut gradient);
        let gradient = best.restrict(&gradient);
        let kappa = kappa(best);
        let along = inverse.times(&gradient);
        let form: f64 = along.iter().zip(&gradient).map(|(a, g)| a * g).sum();
        let error = (kappa * form / share).sqrt();
        if !(error > 0.0) || !error.is_finite() || !value.is_finite() {
            return None;
        }
        // What was at zero stays there in the first step: next to it a linear model reaches nowhere.
        let part = |j: &usize| best.free.iter().position(|f| f == j).map_or(0.0, |k| along[k] / form);
        let direction = base.free.iter().map(part).collect();
        let mut profile = Profile { ws, recipe, quantity, base, kappa, least: 0.0, value, error, direction };
        profile.least = profile.objective(&best.theta, None).0;
        Some(profile)
    }

    /// The end at `t` signed roots (in units of a standard error; negative for the lower end).
    pub fn end(&mut self, t: f64) -> End {
        let mut theta = self.base.theta.clone();
        // (c, signed root − t) of the two latest points, and a bracket.
        let (mut last, mut c) = ((self.value, -t), self.value + t * self.error);
        let mut bracket: (Option<f64>, Option<f64>) = (Some(self.value), None);
        let sign = t.signum();
        for _ in 0..SECANTS {
            self.step_towards(&mut theta, c);
            let (at, root) = self.constrained(&mut theta, c);
            if !root.is_finite() {
                return End::Open;
            }
            let miss = sign * root - t;
            if miss.abs() < CLOSE * t.abs() {
                return End::At(at);
            }
            if miss * sign < 0.0 {
                bracket.0 = Some(at)
            } else {
                bracket.1 = Some(at)
            }
            if bracket.1.is_none() && self.is_open(at) {
                return End::Open;
            }
            let slope = (miss - last.1) / (at - last.0);
            let secant = at - miss / slope;
            last = (at, miss);
            // The constraint gives way a little, next time as much.
            let give = (c - at).clamp(-0.1 * self.error, 0.1 * self.error);
            c = self.next(secant, at, bracket, sign) + give;
        }
        bracket.1.map_or(End::Open, |_| End::At(c))
    }

    /// The secant's point where it lies inside the bracket and moves on; else one that does.
    fn next(&self, secant: f64, at: f64, bracket: (Option<f64>, Option<f64>), sign: f64) -> f64 {
        let inner = bracket.0.unwrap_or(self.value);
        match bracket.1 {
            Some(outer) => {
                let inside = (secant - inner) * (secant - outer) < 0.0;
                if inside { secant } else { 0.5 * (inner + outer) }
            }
            None => {
                let reach = (at - self.value).abs().max(self.error);
                let step = sign * (secant - at);
                if step > 0.0 && step < 3.0 * reach { secant } else { at + sign * reach }
            }
        }
    }

    /// Whether an end this far out is taken for none: a positive quantity next to zero, or a flat objective.
    fn is_open(&self, at: f64) -> bool {
        let next_to_zero = self.quantity.log && self.value - at > ZERO;
        next_to_zero || (at - self.value).abs() > (FAR * self.error).max(if self.quantity.log { ZERO } else { 0.0 })
    }

    /// Moves along the direction of least cost until the quantity is about `c`.
    fn step_towards(&self, theta: &mut [f64], c: f64) {
        let missing = c - self.quantity.value(theta);
        for (k, &j) in self.base.free.iter().enumerate() {
            theta[j] = (theta[j] + missing * self.direction[k]).clamp(self.recipe.lower[j], self.recipe.upper[j]);
        }
    }

    /// Minimises with the quantity held near `c`; returns where it ended up, and the size of the root there.
    fn constrained(&mut self, theta: &mut Vec<f64>, c: f64) -> (f64, f64) {
        let stiff = STIFF * self.kappa / (self.error * self.error);
        let mut damp = 1e-6;
        let (mut best, mut at) = self.objective(theta, Some((c, stiff)));
        let mut model = self.model(theta, c, stiff);
        for _ in 0..STEPS {
            let Some(step) = model.step(damp) else { break };
            let mut trial = theta.clone();
            let mut moved = 0.0_f64;
            for (k, &j) in self.base.free.iter().enumerate() {
                let to = (trial[j] + step[k].clamp(-2.0, 2.0)).clamp(self.recipe.lower[j], self.recipe.upper[j]);
                moved = moved.max((to - trial[j]).abs());
                trial[j] = to;
            }
            let (next, value) = self.objective(&trial, Some((c, stiff)));
            if next <= best {
                let gain = best - next;
                (*theta, best, at) = (trial, next, value);
                damp = (damp * 0.1_f64).max(1e-12);
                if gain <= 1e-9 * self.kappa {
                    break;
                }
                model = self.model(theta, c, stiff);
            } else {
                damp = (damp * 10.0).max(1e-4);
                if damp > 1e8 || moved < 1e-13 {
                    break;
                }
            }
        }
        let rise = (best - 0.5 * stiff * (at - c) * (at - c) - self.least).max(0.0);
        (at, (2.0 * rise / self.kappa).sqrt())
    }

    /// R with priors, and with the constraint where there is one; the value of the quantity.
    fn objective(&mut self, theta: &[f64], constraint: Option<(f64, f64)>) -> (f64, f64) {
        self.ws.evaluate(theta);
        let n = self.ws.n;
        let v = &mut self.ws.vectors;
        let score = self.ws.problem.kernels.score;
        let mut sum = score(&self.recipe.criterion, &v.next_r[..n], &self.ws.w[..n], &mut v.psi[..n], &mut v.curv[..n]);
        for (k, &j) in self.base.free.iter().enumerate() {
            let miss = theta[j] - self.base.centre[k];
            sum += if self.base.precision[k] > 0.0 { 0.5 * self.base.precision[k] * miss * miss } else { 0.0 };
        }
        let Some((c, stiff)) = constraint else { return (sum, self.value) };
        let at = self.quantity.value(theta);
        let total = sum + 0.5 * stiff * (at - c).powi(2);
        (if total.is_nan() { f64::INFINITY } else { total }, at)
    }

    /// Gradient and Gauss–Newton matrices at the last evaluation.
    fn model(&mut self, theta: &[f64], c: f64, stiff: f64) -> Model {
        self.objective(theta, None);
        let (n, q) = (self.ws.n, self.base.q());
        let kernels = self.ws.problem.kernels;
        let columns: Vec<Vec<f64>> = self
            .base
            .free
            .iter()
            .map(|j| {
                let k = self.ws.free.iter().position(|f| f == j).expect("parameters that move are free");
                self.ws.vectors.next_jac[k].clone()
            })
            .collect();
        let v = &mut self.ws.vectors;
        let mut model = Model { g: vec![0.0; q], h: vec![0.0; q * q], damp: vec![0.0; q] };
        (kernels.project)(&v.psi[..n], &columns, &mut model.g);
        (kernels.gram)(&v.curv[..n], &columns, q, &mut model.h);
        (kernels.irls)(&self.recipe.criterion, &v.next_r[..n], &self.ws.w[..n], &mut v.trial[..n]);
        for (d, column) in model.damp.iter_mut().zip(&columns) {
            *d = column[..n].iter().zip(&v.trial[..n]).map(|(x, w)| w * x * x).sum();
        }
        let mut gradient = vec![0.0; theta.len()];
        let at = self.quantity.gradient(theta, &mut gradient);
        let gradient = self.base.restrict(&gradient);
        for a in 0..q {
            let j = self.base.free[a];
            model.g[a] += self.base.precision[a] * (theta[j] - self.base.centre[a]) + stiff * (at - c) * gradient[a];
            model.h[a * q + a] += self.base.precision[a];
            for b in 0..q {
                model.h[a * q + b] += stiff * gradient[a] * gradient[b];
            }
            model.damp[a] += self.base.precision[a] + stiff * gradient[a] * gradient[a];
        }
        model
    }
}

/// A quadratic model of the constrained objective.
struct Model {
    g: Vec<f64>,
    h: Vec<f64>,
    damp: Vec<f64>,
}

impl Model {
    /// The damped Newton step; none where it is not finite.
    fn step(&self, damp: f64) -> Option<Vec<f64>> {
        let q = self.g.len();
        let mut h = self.h.clone();
        for k in 0..q {
            h[k * q + k] += damp * self.damp[k] + f64::MIN_POSITIVE;
        }
        factorise(&mut h, q, 1e-14);
        let mut step: Vec<f64> = self.g.iter().map(|g| -g).collect();
        solve_factored(&h, q, &mut step);
        step.iter().all(|x| x.is_finite()).then_some(step)
    }
}
