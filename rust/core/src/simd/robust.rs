//! Robust criteria: the loss of a residual, its slope and curvature, summed over rows.

use super::LANES;
use super::elementwise::{blocks, blocks_mut};
use super::log::log1p;
use super::math::{Fma, expm1};
use super::reduce::tree;

/// The shape of the loss of a residual; all are r^2 / 2 near zero and linear far out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// r^2 / 2 up to delta, then delta (|r| - delta / 2).
    Huber,
    /// delta^2 (sqrt(1 + (r / delta)^2) - 1).
    PseudoHuber,
    /// delta^2 ln cosh(r / delta).
    LogCosh,
}

/// What a fit minimises over its residuals: sum of w rho(r).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Criterion {
    /// The shape of rho.
    pub shape: Shape,
    /// Where rho turns from quadratic to linear; `inf` makes every shape the squared one.
    pub delta: f64,
    /// Factor of rho and its derivatives where r > 0.
    pub over: f64,
    /// Factor of rho and its derivatives where r <= 0.
    pub under: f64,
}

/// Above this delta a loss is the squared one: (r / delta)^2 is nothing for any residual.
const SQUARED: f64 = 1e100;

/// One loss, ready to be evaluated.
trait Loss: Copy {
    /// rho, rho', rho''.
    fn score<F: Fma>(self, r: f64) -> (f64, f64, f64);
    /// rho'(r) / r.
    fn ratio<F: Fma>(self, r: f64) -> f64;
}

#[derive(Clone, Copy)]
struct Squared;

#[derive(Clone, Copy)]
struct Huber(f64);

#[derive(Clone, Copy)]
struct PseudoHuber {
    inverse: f64,
}

#[derive(Clone, Copy)]
struct LogCosh {
    delta: f64,
    inverse: f64,
}

impl Loss for Squared {
    #[inline(always)]
    fn score<F: Fma>(self, r: f64) -> (f64, f64, f64) {
        (0.5 * r * r, r, 1.0)
    }

    #[inline(always)]
    fn ratio<F: Fma>(self, _: f64) -> f64 {
        1.0
    }
}

impl Loss for Huber {
    #[inline(always)]
    fn score<F: Fma>(self, r: f64) -> (f64, f64, f64) {
        let size = r.abs();
        let inside = size <= self.0;
        let near = if inside { size } else { self.0 };
        (near * F::fma(-0.5, near, size), near.copysign(r), if inside { 1.0 } else { 0.0 })
    }

    #[inline(always)]
    fn ratio<F: Fma>(self, r: f64) -> f64 {
        let size = r.abs();
        if size <= self.0 { 1.0 } else { self.0 / size }
    }
}

impl PseudoHuber {
    /// sqrt(1 + (r / delta)^2), without overflow.
    #[inline(always)]
    fn root<F: Fma>(self, r: f64) -> f64 {
        let z = r.abs() * self.inverse;
        let root = F::fma(z, z, 1.0).sqrt();
        if z < 1e9 { root } else { z }
    }
}

impl Loss for PseudoHuber {
    #[inline(always)]
    fn score<F: Fma>(self, r: f64) -> (f64, f64, f64) {
        let root = self.root::<F>(r);
        let ratio = 1.0 / root;
        (r * (r / (1.0 + root)), r * ratio, ratio * ratio * ratio)
    }

    #[inline(always)]
    fn ratio<F: Fma>(self, r: f64) -> f64 {
        1.0 / self.root::<F>(r)
    }
}

impl LogCosh {
    /// |z|, e^(-2|z|) - 1 and 1 / (1 + e^(-2|z|)), where z = r / delta.
    #[inline(always)]
    fn parts<F: Fma>(self, r: f64) -> (f64, f64, f64) {
        let z = r.abs() * self.inverse;
        let fall = expm1::<F>(-2.0 * z);
        (z, fall, 1.0 / (2.0 + fall))
    }
}

impl Loss for LogCosh {
    #[inline(always)]
    fn score<F: Fma>(self, r: f64) -> (f64, f64, f64) {
        let (z, fall, q) = self.parts::<F>(r);
        let tanh = -fall * q;
        let e = 1.0 + fall;
        // ln cosh z is -ln(1 - tanh^2 z) / 2 near zero and |z| - ln 2 + ln(1 + e^-2|z|) far out.
        let near = z < 0.5;
        let l = log1p::<F>(if near { -tanh * tanh } else { e });
        let lncosh = if near { -0.5 * l } else { (z - std::f64::consts::LN_2) + l };
        (self.delta * self.delta * lncosh, (self.delta * tanh).copysign(r), 4.0 * e * q * q)
    }

    #[inline(always)]
    fn ratio<F: Fma>(self, r: f64) -> f64 {
        let (z, fall, q) = self.parts::<F>(r);
        if z < 1e-9 { 1.0 } else { -fall * q / z }
    }
}

/// Runs `$body` with `$loss` bound to the loss that the criterion names.
macro_rules! with_loss {
    ($criterion:expr, $loss:ident => $body:expr) => {{
        let delta = $criterion.delta;
        let inverse = 1.0 / delta;
        match $criterion.shape {
            _ if delta > SQUARED => { let $loss = Squared; $body }
            Shape::Huber => { let $loss = Huber(delta); $body }
            Shape::PseudoHuber => { let $loss = PseudoHuber { inverse }; $body }
            Shape::LogCosh => { let $loss = LogCosh { delta, inverse }; $body }
        }
    }};
}

impl Criterion {
    /// The weight times the factor of the residual's side.
    #[inline(always)]
    fn weigh(&self, r: f64, w: f64) -> f64 {
        w * if r > 0.0 { self.over } else { self.under }
    }
}

/// `r`, or 0 where the weight is: the row then adds an exact zero.
#[inline(always)]
fn seen(r: f64, w: f64) -> f64 {
    if w == 0.0 { 0.0 } else { r }
}

#[inline(always)]
pub(super) fn score<F: Fma>(c: &Criterion, r: &[f64], w: &[f64], psi: &mut [f64], curv: &mut [f64]) -> f64 {
    debug_assert!(r.len() == w.len() && r.len() == psi.len() && r.len() == curv.len());
    let mut acc = [0.0; LANES];
    with_loss!(c, loss => {
        let outs = blocks_mut(psi).iter_mut().zip(blocks_mut(curv));
        for ((r, w), (psi, curv)) in blocks(r).iter().zip(blocks(w)).zip(outs) {
            for l in 0..LANES {
                let r = seen(r[l], w[l]);
                let (rho, slope, bend) = loss.score::<F>(r);
                let w = c.weigh(r, w[l]);
                acc[l] = F::fma(w, rho, acc[l]);
                psi[l] = w * slope;
                curv[l] = w * bend;
            }
        }
    });
    tree(acc)
}

#[inline(always)]
pub(super) fn irls<F: Fma>(c: &Criterion, r: &[f64], w: &[f64], out: &mut [f64]) {
    debug_assert!(r.len() == w.len() && r.len() == out.len());
    with_loss!(c, loss => {
        for ((r, w), o) in blocks(r).iter().zip(blocks(w)).zip(blocks_mut(out)) {
            for l in 0..LANES {
                let r = seen(r[l], w[l]);
                o[l] = c.weigh(r, w[l]) * loss.ratio::<F>(r);
            }
        }
    });
}

#[inline(always)]
pub(super) fn line<F: Fma>(c: &Criterion, r: &[f64], q: &[f64], w: &[f64], s: f64) -> (f64, f64, f64) {
    debug_assert!(r.len() == w.len() && r.len() == q.len());
    let (mut value, mut slope, mut bend) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    with_loss!(c, loss => {
        for ((r, q), w) in blocks(r).iter().zip(blocks(q)).zip(blocks(w)) {
            for l in 0..LANES {
                let q = seen(q[l], w[l]);
                let t = seen(F::fma(s, q, r[l]), w[l]);
                let (rho, first, second) = loss.score::<F>(t);
                let w = c.weigh(t, w[l]);
                value[l] = F::fma(w, rho, value[l]);
                slope[l] = F::fma(w * first, q, slope[l]);
                bend[l] = F::fma(w * second * q, q, bend[l]);
            }
        }
    });
    (tree(value), tree(slope), tree(bend))
}
