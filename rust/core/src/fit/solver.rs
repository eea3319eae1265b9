//! The solver: robust Gauss–Newton in two nested loops.
//!
//! The outer loop linearises the law (one run of the tape: exponentials and logarithms). The
//! inner loop minimises the robust criterion of the *linear* model, which costs a few
//! multiply-adds a row: Newton steps with the exact active set, damped by the matrix of the
//! iteratively reweighted problem, which majorises the criterion, and an exact line search.
//! The outer step is then checked against the true objective. Everything is relative to the
//! objective: there is no absolute tolerance.

use super::linear::{cholesky, cholesky_solve};
use super::sample::Workspace;
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

/// Steps on one linear model at most.
const MAX_INNER: usize = 40;

/// Small vectors and matrices of one descent; they live in the workspace between descents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Small {
    /// Free parameters where the current linear model was made.
    start: Vec<f64>,
    g: Vec<f64>,
    h: Vec<f64>,
    metric: Vec<f64>,
    step: Vec<f64>,
    d: Vec<f64>,
    look: Vec<f64>,
    limits: Vec<(f64, f64)>,
    held_start: Vec<f64>,
    held_d: Vec<f64>,
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

impl Small {
    fn resize(&mut self, p: usize) {
        for (list, size) in [(&mut self.start, p), (&mut self.g, p), (&mut self.step, p), (&mut self.d, p), (&mut self.look, p), (&mut self.held_start, p), (&mut self.held_d, p)] {
            list.clear();
            list.resize(size, 0.0);
        }
        self.limits.clear();
        self.limits.resize(p, (f64::NEG_INFINITY, f64::INFINITY));
        for list in [&mut self.h, &mut self.metric] {
            list.clear();
            list.resize(p * p, 0.0);
        }
    }
}

struct Descent<'w, 'p, 'g> {
    ws: &'w mut Workspace<'p>,
    goal: &'g Goal,
    theta: &'g mut [f64],
    small: Small,
    /// Weight of the proximal term (outer damping), in units of the metric.
    nu: f64,
    /// Inner damping, in units of the metric.
    damp: f64,
}

impl<'w, 'p, 'g> Descent<'w, 'p, 'g> {
    fn new(ws: &'w mut Workspace<'p>, goal: &'g Goal, theta: &'g mut [f64]) -> Self {
        let mut small = std::mem::take(&mut ws.small);
        small.resize(ws.free.len());
        for (x, &j) in small.start.iter_mut().zip(&ws.free) {
            *x = theta[j];
        }
        Descent { ws, goal, theta, small, nu: 0.0, damp: 1e-3 }
    }

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
            if predicted <= self.goal.tolerance * objective {
                return Outcome { objective, status: Status::Converged };
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
        Outcome { objective, status: Status::MaxIterations }
    }

    /// The priors' value at θ + d.
    fn prior(&self) -> f64 {
        let at = self.small.start.iter().zip(&self.small.d);
        at.zip(&self.goal.priors).map(|((x, d), (m, k))| 0.5 * k * (x + d - m).powi(2)).sum()
    }

    /// The priors' value at the parameters themselves.
    fn prior_here(&self) -> f64 {
        let at = self.ws.free.iter().map(|&j| self.theta[j]);
        at.zip(&self.goal.priors).map(|(x, (m, k))| 0.5 * k * (x - m).powi(2)).sum()
    }

    /// Scores the current residuals; leaves psi and curv.
    fn score_current(&mut self) -> f64 {
        let (n, k) = (self.ws.n, self.ws.problem.kernels);
        let w = &self.ws.w[..n];
        let v = &mut self.ws.vectors;
        let value = (k.score)(&self.goal.criterion, &v.r[..n], w, &mut v.psi[..n], &mut v.curv[..n]);
        value + self.prior()
    }

    fn restore(&mut self, objective: f64) -> f64 {
        self.small.d.fill(0.0);
        self.score_current();
        objective
    }

    /// Damping needs only a rough metric: the given one while all goes well.
    fn refresh_metric(&mut self, outer: usize) {
        if self.nu > 0.0 || (outer == 0 && self.goal.metric.is_empty()) {
            self.make_metric();
        } else if outer == 0 {
            self.small.metric.copy_from_slice(&self.goal.metric);
        }
    }

    /// The Gauss–Newton matrix of the reweighted problem, with the priors.
    fn make_metric(&mut self) {
        let (n, ld, k, p) = (self.ws.n, self.ws.ld, self.ws.problem.kernels, self.ws.free.len());
        let v = &mut self.ws.vectors;
        (k.irls)(&self.goal.criterion, &v.r[..n], &self.ws.w[..n], &mut v.trial[..n]);
        (k.gram)(&v.trial[..n], &v.jac, ld, p, &mut self.small.metric);
        for j in 0..p {
            let diagonal = &mut self.small.metric[j * p + j];
            *diagonal += 1e-10 * *diagonal + f64::MIN_POSITIVE;
        }
        for (j, (_, precision)) in self.goal.priors.iter().enumerate() {
            self.small.metric[j * p + j] += precision;
        }
    }

    /// Gradient of the linear model (with priors and proximal term) from psi.
    fn gradient(&mut self) {
        let (n, ld, k) = (self.ws.n, self.ws.ld, self.ws.problem.kernels);
        let p = self.small.g.len();
        (k.project)(&self.ws.vectors.psi[..n], &self.ws.vectors.jac, ld, &mut self.small.g);
        for (j, (mean, precision)) in self.goal.priors.iter().enumerate() {
            self.small.g[j] += precision * (self.small.start[j] + self.small.d[j] - mean);
        }
        if self.nu > 0.0 {
            for j in 0..p {
                self.small.g[j] += self.nu * dot(&self.small.metric[j * p..][..p], &self.small.d);
            }
        }
    }

    /// Half the squared length of d in the metric, times the proximal weight.
    fn proximal(&self) -> f64 {
        if self.nu == 0.0 {
            return 0.0;
        }
        let (p, d) = (self.small.d.len(), &self.small.d);
        0.5 * self.nu * (0..p).map(|j| d[j] * dot(&self.small.metric[j * p..][..p], d)).sum::<f64>()
    }

    /// Minimises the criterion over the linear model; leaves the step in `d`, returns the
    /// model's value without the proximal term.
    fn solve_linear(&mut self, objective: f64) -> f64 {
        self.small.d.fill(0.0);
        let n = self.ws.n;
        self.ws.vectors.linear[..n].copy_from_slice(&self.ws.vectors.r[..n]);
        let mut value = objective;
        self.set_limits();
        self.gradient();
        for _ in 0..MAX_INNER {
            if self.ws.cancelled() {
                break;
            }
            let slope = self.newton_step();
            if -slope <= (1e-3 * (objective - value)).max(0.1 * self.goal.tolerance * objective) {
                break;
            }
            match self.inner_search(value, slope) {
                Some(next) => value = next,
                None => break,
            }
            // Where the active set stayed, the last factor already tells that this is the end.
            if self.look_ahead() <= 0.1 * (1e-3 * (objective - value)).max(0.1 * self.goal.tolerance * objective) {
                break;
            }
        }
        value - self.proximal()
    }

    /// The decrease that a step with the last factor would promise.
    fn look_ahead(&mut self) -> f64 {
        let small = &mut self.small;
        small.look.copy_from_slice(&small.g);
        cholesky_solve(&small.h, small.g.len(), &mut small.look);
        dot(&small.look, &small.g)
    }

    /// The damped Newton step of the linear model; returns its slope (not positive).
    fn newton_step(&mut self) -> f64 {
        let (n, ld, k, p) = (self.ws.n, self.ws.ld, self.ws.problem.kernels, self.small.g.len());
        (k.gram)(&self.ws.vectors.curv[..n], &self.ws.vectors.jac, ld, p, &mut self.small.h);
        let damp = self.damp + self.nu;
        for (h, m) in self.small.h.iter_mut().zip(&self.small.metric) {
            *h += damp * m;
        }
        for (j, (_, precision)) in self.goal.priors.iter().enumerate() {
            self.small.h[j * p + j] += precision;
        }
        for (s, g) in self.small.step.iter_mut().zip(&self.small.g) {
            *s = -g;
        }
        self.hold_limits();
        cholesky(&mut self.small.h, p, 1e-14);
        cholesky_solve(&self.small.h, p, &mut self.small.step);
        self.clip_to_limits();
        dot(&self.small.step, &self.small.g)
    }

    /// How far each parameter may go from the start of this linear model: to its bounds, and a
    /// parameter that moves by its value to a tenth of it at least.
    fn set_limits(&mut self) {
        for (j, &parameter) in self.ws.free.iter().enumerate() {
            let by_value = self.ws.problem.by_value[parameter];
            let along = |gap: f64| if by_value { libm::expm1(gap) } else { gap };
            let (low, high) = self.goal.bounds.get(j).map_or((f64::NEG_INFINITY, f64::INFINITY), |b| {
                (along(b.0 - self.small.start[j]), along(b.1 - self.small.start[j]))
            });
            self.small.limits[j] = (if by_value { low.max(-0.9) } else { low }, high);
        }
    }

    /// Parameters at a limit that the gradient pushes against do not move.
    fn hold_limits(&mut self) {
        let p = self.small.g.len();
        for j in 0..p {
            let ((low, high), d) = (self.small.limits[j], self.small.d[j]);
            if (d <= low && self.small.g[j] > 0.0) || (d >= high && self.small.g[j] < 0.0) {
                for k in 0..p {
                    self.small.h[j * p + k] = 0.0;
                    self.small.h[k * p + j] = 0.0;
                }
                self.small.h[j * p + j] = 1.0;
                self.small.step[j] = 0.0;
            }
        }
    }

    /// Shortens the step where it would pass a limit.
    fn clip_to_limits(&mut self) {
        let mut share = 1.0_f64;
        for (j, &(low, high)) in self.small.limits.iter().enumerate() {
            let (d, s) = (self.small.d[j], self.small.step[j]);
            if d + s < low {
                share = share.min((low - d) / s);
            } else if d + s > high {
                share = share.min((high - d) / s);
            }
        }
        if share < 1.0 {
            self.small.step.iter_mut().for_each(|s| *s *= share.max(0.0));
        }
    }

    /// Moves along the step to about the minimum of the linear model on that line.
    fn inner_search(&mut self, value: f64, slope: f64) -> Option<f64> {
        let (next, end_slope) = self.inner_move(1.0);
        if next <= value + 1e-4 * slope && end_slope <= -0.5 * slope {
            self.keep_trial();
            self.damp = (0.2 * self.damp).max(1e-9);
            return Some(next);
        }
        // Back to the start of the line, then to its minimum.
        self.shift(-1.0);
        let share = self.line_minimum(slope);
        self.damp = (self.damp * if share < 0.1 { 10.0 } else if share < 0.5 { 2.0 } else { 1.0 }).min(1.0);
        let (next, _) = self.inner_move(share);
        if next < value {
            self.keep_trial();
            return Some(next);
        }
        self.shift(-share);
        self.gradient_of_linear();
        None
    }

    fn shift(&mut self, share: f64) {
        for (d, s) in self.small.d.iter_mut().zip(&self.small.step) {
            *d += share * s;
        }
    }

    fn keep_trial(&mut self) {
        std::mem::swap(&mut self.ws.vectors.linear, &mut self.ws.vectors.trial);
    }

    fn gradient_of_linear(&mut self) {
        let (n, k) = (self.ws.n, self.ws.problem.kernels);
        let v = &mut self.ws.vectors;
        (k.score)(&self.goal.criterion, &v.linear[..n], &self.ws.w[..n], &mut v.psi[..n], &mut v.curv[..n]);
        self.gradient();
    }

    /// Residuals, value and slope at `share` of the step; `d` moves with it.
    fn inner_move(&mut self, share: f64) -> (f64, f64) {
        let (n, ld, k) = (self.ws.n, self.ws.ld, self.ws.problem.kernels);
        if share != 1.0 {
            self.small.step.iter_mut().for_each(|s| *s *= share);
        }
        self.shift(1.0);
        let v = &mut self.ws.vectors;
        (k.affine)(&v.linear[..n], &v.jac, ld, &self.small.step, &mut v.trial[..n]);
        let score = (k.score)(&self.goal.criterion, &v.trial[..n], &self.ws.w[..n], &mut v.psi[..n], &mut v.curv[..n]);
        self.gradient();
        if share != 1.0 {
            self.small.step.iter_mut().for_each(|s| *s /= share);
        }
        let slope = dot(&self.small.g, &self.small.step);
        (score + self.prior() + self.proximal(), slope)
    }

    /// The share of the step at which the linear model's slope is about zero: safeguarded
    /// Newton on an increasing function, from the residuals at both ends.
    fn line_minimum(&mut self, slope: f64) -> f64 {
        let (n, k) = (self.ws.n, self.ws.problem.kernels);
        let v = &mut self.ws.vectors;
        for (t, l) in v.trial[..n].iter_mut().zip(&v.linear[..n]) {
            *t -= l;
        }
        let (constant, linear) = self.quadratic_part();
        let v = &self.ws.vectors;
        let (mut low, mut high, mut share) = (0.0, 1.0, 0.5);
        for _ in 0..30 {
            if self.ws.cancelled() {
                break;
            }
            let (_, data, bend) = (k.line)(&self.goal.criterion, &v.linear[..n], &v.trial[..n], &self.ws.w[..n], share);
            let here = data + constant + linear * share;
            if here.abs() <= -0.1 * slope {
                break;
            }
            if here > 0.0 {
                high = share;
            } else {
                low = share;
            }
            let newton = share - here / (bend + linear);
            share = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            if high - low < 1e-9 {
                break;
            }
        }
        share
    }

    /// Slope at zero and curvature along the step of priors and proximal term.
    fn quadratic_part(&self) -> (f64, f64) {
        let (mut constant, mut linear) = (0.0, 0.0);
        let s = &self.small.step;
        for (j, (mean, precision)) in self.goal.priors.iter().enumerate() {
            constant += precision * (self.small.start[j] + self.small.d[j] - mean) * s[j];
            linear += precision * s[j] * s[j];
        }
        if self.nu > 0.0 {
            let p = s.len();
            for j in 0..p {
                let row = &self.small.metric[j * p..][..p];
                constant += self.nu * s[j] * dot(row, &self.small.d);
                linear += self.nu * s[j] * dot(row, s);
            }
        }
        (constant, linear)
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
            self.theta[parameter] = self.small.start[j] + moved;
        }
    }

    fn score_next(&mut self) -> f64 {
        let (n, k) = (self.ws.n, self.ws.problem.kernels);
        let v = &mut self.ws.vectors;
        let value = (k.score)(&self.goal.criterion, &v.next_r[..n], &self.ws.w[..n], &mut v.psi[..n], &mut v.curv[..n]);
        let value = value + self.prior_here();
        if value.is_nan() { f64::INFINITY } else { value }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
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
