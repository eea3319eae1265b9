//! Robust criteria: the loss of a residual, its slope and curvature, summed over rows.

use super::LANES;
use super::elementwise::rows;
use super::exp::expm1;
use super::log::log1p;
use super::reduce::{blocks, blocks_mut, lanes, tree};
use super::vector::Simd;

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

/// One loss, its constants in registers.
trait Loss<V: Simd>: Copy {
    /// rho, rho', rho''.
    fn score(self, r: V) -> [V; 3];
    /// rho'(r) / r.
    fn ratio(self, r: V) -> V;
}

#[derive(Clone, Copy)]
struct Squared;

#[derive(Clone, Copy)]
struct Huber<V> {
    delta: V,
}

#[derive(Clone, Copy)]
struct PseudoHuber<V> {
    inverse: V,
}

#[derive(Clone, Copy)]
struct LogCosh<V> {
    delta: V,
    inverse: V,
}

impl<V: Simd> Loss<V> for Squared {
    #[inline(always)]
    fn score(self, r: V) -> [V; 3] {
        [V::of(0.5) * r * r, r, V::of(1.0)]
    }

    #[inline(always)]
    fn ratio(self, _: V) -> V {
        V::of(1.0)
    }
}

impl<V: Simd> Loss<V> for Huber<V> {
    #[inline(always)]
    fn score(self, r: V) -> [V; 3] {
        let size = r.abs();
        let near = size.at_most(self.delta);
        let bend = V::select(size.le(self.delta), V::of(1.0), V::of(0.0));
        [near * near.fma(V::of(-0.5), size), near.copysign(r), bend]
    }

    #[inline(always)]
    fn ratio(self, r: V) -> V {
        let size = r.abs();
        V::select(size.le(self.delta), V::of(1.0), self.delta / size)
    }
}

impl<V: Simd> PseudoHuber<V> {
    /// sqrt(1 + (r / delta)^2), without overflow.
    #[inline(always)]
    fn root(self, r: V) -> V {
        let z = r.abs() * self.inverse;
        let root = z.fma(z, V::of(1.0)).sqrt();
        V::select(z.lt(V::of(1e9)), root, z)
    }
}

impl<V: Simd> Loss<V> for PseudoHuber<V> {
    #[inline(always)]
    fn score(self, r: V) -> [V; 3] {
        let root = self.root(r);
        let ratio = V::of(1.0) / root;
        [r * (r / (V::of(1.0) + root)), r * ratio, ratio * ratio * ratio]
    }

    #[inline(always)]
    fn ratio(self, r: V) -> V {
        V::of(1.0) / self.root(r)
    }
}

impl<V: Simd> LogCosh<V> {
    /// |z|, e^(-2|z|) - 1 and 1 / (1 + e^(-2|z|)), where z = r / delta.
    #[inline(always)]
    fn parts(self, r: V) -> (V, V, V) {
        let z = r.abs() * self.inverse;
        let fall = expm1(V::of(-2.0) * z);
        (z, fall, V::of(1.0) / (V::of(2.0) + fall))
    }
}

impl<V: Simd> Loss<V> for LogCosh<V> {
    #[inline(always)]
    fn score(self, r: V) -> [V; 3] {
        let (z, fall, q) = self.parts(r);
        let tanh = -fall * q;
        let e = V::of(1.0) + fall;
        // ln cosh z is -ln(1 - tanh^2 z) / 2 near zero and |z| - ln 2 + ln(1 + e^-2|z|) far out.
        let near = z.lt(V::of(0.5));
        let l = log1p(V::select(near, -tanh * tanh, e));
        let far = (z - V::of(std::f64::consts::LN_2)) + l;
        let ln_cosh = V::select(near, V::of(-0.5) * l, far);
        let delta = self.delta;
        [delta * (delta * ln_cosh), (delta * tanh).copysign(r), V::of(4.0) * e * q * q]
    }

    #[inline(always)]
    fn ratio(self, r: V) -> V {
        let (z, fall, q) = self.parts(r);
        V::select(z.lt(V::of(1e-9)), V::of(1.0), -fall * q / z)
    }
}

/// Runs `$body` with `$loss` bound to the loss that the criterion names.
macro_rules! with_loss {
    ($criterion:expr, $loss:ident => $body:expr) => {{
        let (delta, inverse) = (V::of($criterion.delta), V::of(1.0 / $criterion.delta));
        match $criterion.shape {
            _ if $criterion.delta > SQUARED => {
                let $loss = Squared;
                $body
            }
            Shape::Huber => {
                let $loss = Huber { delta };
                $body
            }
            Shape::PseudoHuber => {
                let $loss = PseudoHuber { inverse };
                $body
            }
            Shape::LogCosh => {
                let $loss = LogCosh { delta, inverse };
                $body
            }
        }
    }};
}

/// The factors of the two sides of zero.
#[derive(Clone, Copy)]
struct Sides<V> {
    over: V,
    under: V,
}

impl<V: Simd> Sides<V> {
    #[inline(always)]
    fn of(c: &Criterion) -> Sides<V> {
        Sides { over: V::of(c.over), under: V::of(c.under) }
    }

    /// The weight times the factor of the residual's side.
    #[inline(always)]
    fn weigh(self, r: V, w: V) -> V {
        w * V::select(V::of(0.0).lt(r), self.over, self.under)
    }
}

/// `r`, or 0 where the weight is: the row then adds an exact zero, whatever it holds.
#[inline(always)]
fn seen<V: Simd>(r: V, w: V) -> V {
    let zero = V::of(0.0);
    V::select(w.eq(zero), zero, r)
}

#[inline(always)]
pub(super) fn score<V: Simd>(c: &Criterion, r: &[f64], w: &[f64], psi: &mut [f64], curv: &mut [f64]) -> f64 {
    debug_assert!(r.len() == w.len() && r.len() == psi.len() && r.len() == curv.len());
    let (n, sides) = (r.len() / LANES, Sides::<V>::of(c));
    let (r, w) = (&blocks(r)[..n], &blocks(w)[..n]);
    let (psi, curv) = (&mut blocks_mut(psi)[..n], &mut blocks_mut(curv)[..n]);
    let [value] = with_loss!(c, loss => lanes!(V; 1, n; |acc, i, g| {
        let weight = V::load(&w[i][g..]);
        let r = seen(V::load(&r[i][g..]), weight);
        let weight = sides.weigh(r, weight);
        let [rho, slope, bend] = loss.score(r);
        acc[0] = weight.fma(rho, acc[0]);
        (weight * slope).store(&mut psi[i][g..]);
        (weight * bend).store(&mut curv[i][g..]);
    }));
    tree(value)
}

#[inline(always)]
pub(super) fn irls<V: Simd>(c: &Criterion, r: &[f64], w: &[f64], out: &mut [f64]) {
    debug_assert!(r.len() == out.len() && w.len() == out.len());
    let sides = Sides::<V>::of(c);
    with_loss!(c, loss => rows!(V, out = |r, w| {
        let r = seen(r, w);
        sides.weigh(r, w) * loss.ratio(r)
    }));
}

#[inline(always)]
pub(super) fn line<V: Simd>(c: &Criterion, r: &[f64], q: &[f64], w: &[f64], s: f64) -> (f64, f64, f64) {
    debug_assert!(r.len() == w.len() && r.len() == q.len());
    let (n, sides, s) = (r.len() / LANES, Sides::<V>::of(c), V::of(s));
    let (r, q, w) = (&blocks(r)[..n], &blocks(q)[..n], &blocks(w)[..n]);
    let [value, slope, bend] = with_loss!(c, loss => lanes!(V; 3, n; |acc, i, g| {
        let weight = V::load(&w[i][g..]);
        let q = seen(V::load(&q[i][g..]), weight);
        let t = seen(s.fma(q, V::load(&r[i][g..])), weight);
        let weight = sides.weigh(t, weight);
        let [rho, first, second] = loss.score(t);
        acc[0] = weight.fma(rho, acc[0]);
        acc[1] = (weight * first).fma(q, acc[1]);
        acc[2] = (weight * second * q).fma(q, acc[2]);
    }));
    (tree(value), tree(slope), tree(bend))
}
