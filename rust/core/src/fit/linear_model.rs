//! The inner loop: the robust criterion of the linear model, minimised.
//!
//! Costs a few multiply-adds a row: Newton steps with the exact active set, damped by the metric,
//! and a line search. Nothing here runs the tape.

use super::descent::{Descent, dot};
use super::linear::{factorise, solve_factored};

/// Steps on one linear model at most.
const MAX_INNER: usize = 40;

impl Descent<'_, '_, '_> {
    /// Minimises the criterion over the linear model; leaves the step in `d`, returns the
    /// model's value without the proximal term.
    pub fn solve_linear(&mut self, objective: f64) -> f64 {
        self.small.d.fill(0.0);
        let n = self.ws.n;
        self.ws.vectors.linear[..n].copy_from_slice(&self.ws.vectors.r[..n]);
        let mut value = objective;
        self.set_limits();
        self.add_penalties();
        for _ in 0..MAX_INNER {
            if self.ws.cancelled() {
                break;
            }
            let promised = self.newton_step();
            if -promised <= (1e-3 * (objective - value)).max(0.1 * self.goal.tolerance * objective) {
                break;
            }
            // A step that meets a limit is cut there, and goes on along it in the next round.
            self.clip_to_limits();
            let slope = dot(&self.small.step, &self.small.g);
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
        solve_factored(&small.h, small.g.len(), &mut small.look);
        dot(&small.look, &small.g)
    }

    /// The damped Newton step of the linear model; returns its slope (not positive). Parameters
    /// that would leave their limits at once are held, one after the other.
    fn newton_step(&mut self) -> f64 {
        if !self.touches_limits() {
            self.solve_step();
            return dot(&self.small.step, &self.small.g);
        }
        self.find_held();
        for _ in 0..=self.small.g.len() {
            self.solve_step();
            if !self.hold_leaving() {
                break;
            }
        }
        dot(&self.small.step, &self.small.g)
    }

    fn solve_step(&mut self) {
        let (n, k, p) = (self.ws.n, self.ws.problem.kernels, self.small.g.len());
        (k.gram)(&self.ws.vectors.curv[..n], &self.ws.vectors.jac, p, &mut self.small.h);
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
        for j in (0..p).filter(|&j| self.small.held[j]) {
            for i in 0..p {
                self.small.h[j * p + i] = 0.0;
                self.small.h[i * p + j] = 0.0;
            }
            self.small.h[j * p + j] = 1.0;
            self.small.step[j] = 0.0;
        }
        factorise(&mut self.small.h, p, 1e-14);
        solve_factored(&self.small.h, p, &mut self.small.step);
    }

    /// Whether a parameter is at its lower and at its upper limit: a step that was shortened to
    /// a limit may end a rounding error before it.
    fn at_limits(&self, j: usize) -> (bool, bool) {
        let ((low, high), d) = (self.small.limits[j], self.small.d[j]);
        let near = |limit: f64| 1e-10 * (1.0 + limit.abs());
        (d <= low + near(low), d >= high - near(high))
    }

    /// Whether any parameter is at a limit; if none is, none is held.
    fn touches_limits(&mut self) -> bool {
        self.small.held.fill(false);
        (0..self.small.g.len()).any(|j| self.at_limits(j) != (false, false))
    }

    /// Parameters at a limit that the gradient pushes against do not move.
    fn find_held(&mut self) {
        for j in 0..self.small.g.len() {
            let (below, above) = self.at_limits(j);
            self.small.held[j] = (below && self.small.g[j] > 0.0) || (above && self.small.g[j] < 0.0);
        }
    }

    /// Holds parameters at a limit that the step would push beyond it; whether there were any.
    fn hold_leaving(&mut self) -> bool {
        let mut any = false;
        for j in 0..self.small.g.len() {
            let (below, above) = self.at_limits(j);
            let leaves = (below && self.small.step[j] < 0.0) || (above && self.small.step[j] > 0.0);
            any |= leaves;
            self.small.held[j] |= leaves;
        }
        any
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
        self.damp = (self.damp
            * if share < 0.1 {
                10.0
            } else if share < 0.5 {
                2.0
            } else {
                1.0
            })
        .min(1.0);
        let (next, _) = self.inner_move(share);
        if next < value {
            self.keep_trial();
            return Some(next);
        }
        self.shift(-share);
        self.score_linear();
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

    /// Residuals, value and slope at `share` of the step; `d` moves with it.
    fn inner_move(&mut self, share: f64) -> (f64, f64) {
        let (n, k) = (self.ws.n, self.ws.problem.kernels);
        if share != 1.0 {
            self.small.step.iter_mut().for_each(|s| *s *= share);
        }
        self.shift(1.0);
        let v = &mut self.ws.vectors;
        let score = (k.advance)(
            &self.goal.criterion,
            &v.linear[..n],
            &v.jac,
            &self.small.step,
            &self.ws.w[..n],
            &mut v.trial[..n],
            &mut v.psi[..n],
            &mut v.curv[..n],
            &mut self.small.g,
        );
        self.add_penalties();
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
}
