//! Least squares from a given start: Levenberg–Marquardt with a trust region (Moré 1978).
//!
//! The solver of `solver` is made for robust criteria near good seeds. A start that the user gives
//! may lie far off, along a curved valley, where steps must be scaled by the columns of the
//! Jacobian and kept short. It is tried on two scales: internal values, which keep positive
//! parameters positive, and native ones.

use super::exact::squares;
use super::qr::{factorise, factorise_rows, solve_lower, solve_upper};
use super::sample::Workspace;
use super::solver::{Goal, Outcome};
use super::status::Status;
use crate::expr::Domain;

/// The first trust region, in units of the scaled parameters.
const FIRST_RADIUS: f64 = 100.0;
/// A step is taken from this share of the predicted decrease on.
const TAKEN: f64 = 1e-4;
/// Relative decrease of the objective, and relative size of the trust region, that end a descent.
const TOLERANCE: f64 = 1e-15;
const MOST_STEPS: usize = 3000;
const MOST_TRIALS: usize = 60;

/// Whether the goal is nothing but the sum of squares.
pub(crate) fn is_least_squares(goal: &Goal) -> bool {
    squares(&goal.criterion) && goal.bounds.is_empty() && goal.priors.is_empty()
}

/// Descends from `start` (internal) on both scales; the best end, none where the law is not finite.
pub(crate) fn least_squares(ws: &mut Workspace<'_>, start: &[f64]) -> Option<(Outcome, Vec<f64>)> {
    let curved = ws.free.iter().any(|&j| ws.problem.domains[j] != Domain::Real);
    let scales = if curved { &[false, true][..] } else { &[true][..] };
    let ends = scales.iter().filter_map(|&native| {
        let mut theta = start.to_vec();
        let outcome = Trust::new(ws, native, &theta)?.descend(ws, &mut theta);
        Some((outcome, theta))
    });
    ends.min_by(|a, b| a.0.objective.total_cmp(&b.0.objective))
}

/// One descent: where it is, and how far it may step.
struct Trust {
    native: bool,
    /// Free parameters on the scale of the descent.
    x: Vec<f64>,
    /// d internal / d x.
    slope: Vec<f64>,
    /// The largest length that each column has had: what makes steps comparable.
    size: Vec<f64>,
    radius: f64,
    damping: f64,
    /// R and Qᵀr at `x`, and the length of the residuals.
    upper: Vec<f64>,
    along: Vec<f64>,
    length: f64,
    independent: bool,
}

/// What came of one trial step.
struct Trial {
    actual: f64,
    predicted: f64,
}

impl Trust {
    fn new(ws: &mut Workspace<'_>, native: bool, theta: &[f64]) -> Option<Self> {
        let p = ws.free.len();
        let mut trust = Trust {
            native,
            x: ws.free.iter().map(|&j| outward(ws, native, j, theta[j])).collect(),
            slope: vec![1.0; p],
            size: vec![0.0; p],
            radius: 0.0,
            damping: 0.0,
            upper: vec![],
            along: vec![],
            length: 0.0,
            independent: true,
        };
        ws.evaluate(theta);
        trust.length = length(ws);
        trust.arrive(ws);
        let scaled = norm(trust.x.iter().zip(&trust.size).map(|(x, d)| x * d));
        trust.radius = FIRST_RADIUS * if scaled > 0.0 { scaled } else { 1.0 };
        (trust.length.is_finite() && p > 0).then_some(trust)
    }

    /// Makes the last evaluation the current one and factorises there.
    fn arrive(&mut self, ws: &mut Workspace<'_>) {
        ws.accept();
        for (k, &j) in ws.free.iter().enumerate() {
            self.slope[k] = if self.native { 1.0 / ws.problem.domains[j].slope(self.x[k]) } else { 1.0 };
        }
        self.independent = factorise_rows(ws, &self.slope, &mut self.upper, &mut self.along);
        let p = self.x.len();
        for j in 0..p {
            let column = norm((0..=j).map(|k| self.upper[k * p + j]));
            self.size[j] = self.size[j].max(if column > 0.0 { column } else { f64::MIN_POSITIVE });
        }
    }

    fn descend(mut self, ws: &mut Workspace<'_>, theta: &mut [f64]) -> Outcome {
        let mut status = Status::MaxIterations;
        for _ in 0..MOST_STEPS {
            if ws.cancelled() || !self.length.is_finite() {
                break;
            }
            let Some(last) = self.advance(ws, theta) else {
                status = Status::Converged;
                break;
            };
            if last.actual.abs() <= TOLERANCE && last.predicted <= TOLERANCE {
                status = Status::Converged;
                break;
            }
        }
        Outcome { objective: 0.5 * self.length * self.length, status }
    }

    /// Goes one step on, however short it must be; none where no step leads down any more.
    fn advance(&mut self, ws: &mut Workspace<'_>, theta: &mut [f64]) -> Option<Trial> {
        for _ in 0..MOST_TRIALS {
            let step = self.step()?;
            let x: Vec<f64> = self.x.iter().zip(&step).map(|(x, s)| x - s).collect();
            for (&j, &x) in ws.free.iter().zip(&x) {
                theta[j] = inward(ws, self.native, j, x);
            }
            ws.evaluate(theta);
            let next = length(ws);
            let trial = self.judge(&step, next);
            self.resize(&step, &trial);
            if trial.actual >= TAKEN * trial.predicted && trial.predicted > 0.0 {
                (self.x, self.length) = (x, next);
                self.arrive(ws);
                return Some(trial);
            }
            let scaled = norm(self.x.iter().zip(&self.size).map(|(x, d)| x * d));
            if self.radius <= TOLERANCE * scaled || trial.predicted <= TOLERANCE {
                break;
            }
        }
        for (&j, &x) in ws.free.iter().zip(&self.x) {
            theta[j] = inward(ws, self.native, j, x);
        }
        None
    }

    /// Actual and predicted decrease of the sum of squares, as shares of it.
    fn judge(&self, step: &[f64], next: f64) -> Trial {
        let share = next / self.length;
        let actual = if share < 10.0 { 1.0 - share * share } else { -1.0 };
        let p = step.len();
        let linear = norm((0..p).map(|i| (i..p).map(|j| self.upper[i * p + j] * step[j]).sum::<f64>())) / self.length;
        let damped = self.damping * self.scaled(step).powi(2) / (self.length * self.length);
        Trial { actual, predicted: linear * linear + 2.0 * damped }
    }

    fn scaled(&self, step: &[f64]) -> f64 {
        norm(step.iter().zip(&self.size).map(|(s, d)| s * d))
    }

    /// The next trust region: smaller after a poor step, twice the step after a good one.
    fn resize(&mut self, step: &[f64], trial: &Trial) {
        let ratio = trial.actual / trial.predicted;
        let taken = self.scaled(step);
        if !(ratio > 0.25) {
            let shrink = if trial.actual < 0.0 { 0.1 } else { 0.5 };
            self.radius = shrink * self.radius.min(10.0 * taken);
            self.damping /= shrink;
        } else if self.damping == 0.0 || ratio >= 0.75 {
            self.radius = 2.0 * taken;
            self.damping *= 0.5;
        }
    }

    /// The step (to be taken off) that minimises the linear model within the trust region.
    fn step(&mut self) -> Option<Vec<f64>> {
        let mut step = self.along.clone();
        let mut low = 0.0;
        if self.independent {
            solve_upper(&self.upper, &mut step);
            let beyond = self.scaled(&step) - self.radius;
            if beyond <= 0.1 * self.radius {
                self.damping = 0.0;
                return finite(step);
            }
            low = beyond / self.radius / self.bend(&step, &self.upper);
        }
        let p = step.len();
        let gradient =
            (0..p).map(|j| (0..=j).map(|i| self.upper[i * p + j] * self.along[i]).sum::<f64>() / self.size[j]);
        let mut high = norm(gradient) / self.radius;
        if !(high > 0.0) {
            return None;
        }
        let mut damping = self.damping.min(high).max(low);
        for _ in 0..10 {
            if !(damping > 0.0) {
                damping = (1e-3 * high).max((low * high).sqrt());
            }
            let upper;
            (upper, step) = self.damped(damping);
            let beyond = self.scaled(&step) - self.radius;
            if beyond.abs() <= 0.1 * self.radius {
                break;
            }
            if beyond > 0.0 {
                low = low.max(damping)
            } else {
                high = high.min(damping)
            }
            damping = (damping + beyond / self.radius / self.bend(&step, &upper)).max(low);
        }
        self.damping = damping;
        finite(step)
    }

    /// How fast the scaled length of a step falls as the damping grows: ‖R⁻ᵀ D (D step / ‖D step‖)‖².
    fn bend(&self, step: &[f64], upper: &[f64]) -> f64 {
        let length = self.scaled(step);
        let mut x: Vec<f64> = step.iter().zip(&self.size).map(|(s, d)| d * (d * s / length)).collect();
        solve_lower(upper, &mut x);
        x.iter().map(|x| x * x).sum()
    }

    /// The factor R of the damped problem, and its step.
    fn damped(&self, damping: f64) -> (Vec<f64>, Vec<f64>) {
        let p = self.x.len();
        let root = damping.sqrt();
        let mut columns: Vec<Vec<f64>> = (0..p)
            .map(|j| {
                let mut column = vec![0.0; 2 * p];
                (0..=j).for_each(|i| column[i] = self.upper[i * p + j]);
                column[p + j] = root * self.size[j];
                column
            })
            .collect();
        let mut left = self.along.clone();
        left.resize(2 * p, 0.0);
        let (mut upper, mut step) = (vec![0.0; p * p], vec![0.0; p]);
        factorise(&mut columns, &mut left, &mut upper, &mut step, |a, b| a.iter().zip(b).map(|(x, y)| x * y).sum());
        solve_upper(&upper, &mut step);
        (upper, step)
    }
}

fn finite(step: Vec<f64>) -> Option<Vec<f64>> {
    step.iter().all(|s| s.is_finite()).then_some(step)
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

/// The length of the weighted residuals of the last evaluation; infinite where the law is not finite.
fn length(ws: &Workspace<'_>) -> f64 {
    let squares = ws.vectors.next_r[..ws.n].iter().zip(&ws.w).filter(|(_, w)| **w > 0.0).map(|(r, w)| w * r * r);
    let sum: f64 = squares.sum();
    if sum.is_finite() { sum.sqrt() } else { f64::INFINITY }
}

fn outward(ws: &Workspace<'_>, native: bool, j: usize, theta: f64) -> f64 {
    if native { ws.problem.domains[j].outward(theta) } else { theta }
}

/// Back to the internal value: NaN outside the domain, so that such a step fails.
fn inward(ws: &Workspace<'_>, native: bool, j: usize, x: f64) -> f64 {
    if native { ws.problem.domains[j].inward(x) } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(radius: f64) -> Trust {
        Trust {
            native: true,
            x: vec![0.0; 2],
            slope: vec![1.0; 2],
            size: vec![2.0, 5.0],
            radius,
            damping: 0.0,
            upper: vec![2.0, 3.0, 0.0, 4.0],
            along: vec![4.0, 8.0],
            length: 10.0,
            independent: true,
        }
    }

    #[test]
    fn a_wide_region_takes_the_whole_step() {
        let mut wide = trust(1e3);
        assert_eq!(wide.step(), Some(vec![-1.0, 2.0]));
        assert_eq!(wide.damping, 0.0);
    }

    #[test]
    fn a_narrow_region_ends_the_step_at_its_edge() {
        let mut narrow = trust(0.5);
        let step = narrow.step().unwrap();
        assert!((narrow.scaled(&step) - 0.5).abs() <= 0.05);
        // (RᵀR + damping D²) step = Rᵀ along
        let (r, d) = (&narrow.upper, &narrow.size);
        let model = [r[0] * step[0] + r[1] * step[1] - 4.0, r[3] * step[1] - 8.0];
        let slope = [r[0] * model[0], r[1] * model[0] + r[3] * model[1]];
        for j in 0..2 {
            assert!((slope[j] + narrow.damping * d[j] * d[j] * step[j]).abs() < 1e-12);
        }
    }

    #[test]
    fn columns_that_vanish_still_give_a_step() {
        let mut flat =
            Trust { upper: vec![2.0, 3.0, 0.0, 0.0], along: vec![4.0, 0.0], independent: false, ..trust(0.5) };
        assert!(flat.step().unwrap().iter().all(|s| s.is_finite()));
    }
}
