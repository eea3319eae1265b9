//! The state of one descent: where the linear model was made, how it is damped, its matrices.

use super::sample::{Vectors, Workspace};
use super::solver::Goal;

/// Small vectors and matrices of one descent; they live in the workspace between descents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Small {
    /// Free parameters where the current linear model was made.
    pub start: Vec<f64>,
    pub g: Vec<f64>,
    pub h: Vec<f64>,
    pub metric: Vec<f64>,
    pub step: Vec<f64>,
    pub d: Vec<f64>,
    pub look: Vec<f64>,
    pub limits: Vec<(f64, f64)>,
    /// Parameters that a step may not move.
    pub held: Vec<bool>,
    pub held_start: Vec<f64>,
    pub held_d: Vec<f64>,
}

impl Small {
    pub fn resize(&mut self, p: usize) {
        for (list, size) in [
            (&mut self.start, p),
            (&mut self.g, p),
            (&mut self.step, p),
            (&mut self.d, p),
            (&mut self.look, p),
            (&mut self.held_start, p),
            (&mut self.held_d, p),
        ] {
            list.clear();
            list.resize(size, 0.0);
        }
        self.held.clear();
        self.held.resize(p, false);
        self.limits.clear();
        self.limits.resize(p, (f64::NEG_INFINITY, f64::INFINITY));
        for list in [&mut self.h, &mut self.metric] {
            list.clear();
            list.resize(p * p, 0.0);
        }
    }
}

/// One descent of a workspace; `solver` moves it, `linear_model` finds each step.
pub(super) struct Descent<'w, 'p, 'g> {
    pub ws: &'w mut Workspace<'p>,
    pub goal: &'g Goal,
    pub theta: &'g mut [f64],
    pub small: Small,
    /// Weight of the proximal term (outer damping), in units of the metric.
    pub nu: f64,
    /// Inner damping, in units of the metric.
    pub damp: f64,
}

impl<'w, 'p, 'g> Descent<'w, 'p, 'g> {
    pub fn new(ws: &'w mut Workspace<'p>, goal: &'g Goal, theta: &'g mut [f64]) -> Self {
        let mut small = std::mem::take(&mut ws.small);
        small.resize(ws.free.len());
        for (x, &j) in small.start.iter_mut().zip(&ws.free) {
            *x = theta[j];
        }
        Descent { ws, goal, theta, small, nu: 0.0, damp: 0.1 }
    }

    /// The priors' value at θ + d.
    pub fn prior(&self) -> f64 {
        let at = self.small.start.iter().zip(&self.small.d);
        at.zip(&self.goal.priors).map(|((x, d), (m, k))| 0.5 * k * (x + d - m).powi(2)).sum()
    }

    /// The priors' value at the parameters themselves.
    pub fn prior_here(&self) -> f64 {
        let at = self.ws.free.iter().map(|&j| self.theta[j]);
        at.zip(&self.goal.priors).map(|(x, (m, k))| 0.5 * k * (x - m).powi(2)).sum()
    }

    /// Scores the current residuals; leaves their curvature and the gradient (without penalties).
    pub fn score_current(&mut self) -> f64 {
        self.assess(|v| (&v.r, &v.jac)) + self.prior()
    }

    /// Scores the residuals of the last evaluation in the same way.
    pub fn score_next(&mut self) -> f64 {
        let value = self.assess(|v| (&v.next_r, &v.next_jac)) + self.prior_here();
        if value.is_nan() { f64::INFINITY } else { value }
    }

    /// Scores the residuals of the linear model where it stands; its gradient has the penalties.
    pub fn score_linear(&mut self) {
        self.assess(|v| (&v.linear, &v.jac));
        self.add_penalties();
    }

    fn assess(&mut self, which: impl Fn(&Vectors) -> (&Vec<f64>, &Vec<Vec<f64>>)) -> f64 {
        let (n, k) = (self.ws.n, self.ws.problem.kernels);
        let v = &mut self.ws.vectors;
        let (mut psi, mut curv) = (std::mem::take(&mut v.psi), std::mem::take(&mut v.curv));
        let (r, jac) = which(v);
        let (c, w) = (&self.goal.criterion, &self.ws.w[..n]);
        let value = (k.assess)(c, &r[..n], jac, w, &mut psi[..n], &mut curv[..n], &mut self.small.g);
        (v.psi, v.curv) = (psi, curv);
        value
    }

    /// Damping needs only a rough metric: the given one while all goes well.
    pub fn refresh_metric(&mut self, outer: usize) {
        if self.nu > 0.0 || (outer == 0 && self.goal.metric.is_empty()) {
            self.make_metric();
        } else if outer == 0 {
            self.small.metric.copy_from_slice(&self.goal.metric);
        }
    }

    /// The Gauss–Newton matrix of the reweighted problem, with the priors.
    pub fn make_metric(&mut self) {
        let (n, k, p) = (self.ws.n, self.ws.problem.kernels, self.ws.free.len());
        let v = &mut self.ws.vectors;
        (k.irls)(&self.goal.criterion, &v.r[..n], &self.ws.w[..n], &mut v.trial[..n]);
        (k.gram)(&v.trial[..n], &v.jac, p, &mut self.small.metric);
        for j in 0..p {
            let diagonal = &mut self.small.metric[j * p + j];
            *diagonal += 1e-10 * *diagonal + f64::MIN_POSITIVE;
        }
        for (j, (_, precision)) in self.goal.priors.iter().enumerate() {
            self.small.metric[j * p + j] += precision;
        }
    }

    /// Adds the slopes of the priors and of the proximal term to the gradient.
    pub fn add_penalties(&mut self) {
        for (j, (mean, precision)) in self.goal.priors.iter().enumerate() {
            self.small.g[j] += precision * (self.small.start[j] + self.small.d[j] - mean);
        }
        if self.nu > 0.0 {
            let p = self.small.g.len();
            for j in 0..p {
                self.small.g[j] += self.nu * dot(&self.small.metric[j * p..][..p], &self.small.d);
            }
        }
    }

    /// Half the squared length of d in the metric, times the proximal weight.
    pub fn proximal(&self) -> f64 {
        if self.nu == 0.0 {
            return 0.0;
        }
        let (p, d) = (self.small.d.len(), &self.small.d);
        0.5 * self.nu * (0..p).map(|j| d[j] * dot(&self.small.metric[j * p..][..p], d)).sum::<f64>()
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
