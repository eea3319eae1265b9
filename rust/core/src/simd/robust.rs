//! Robust criteria: the loss of a residual, its slope and curvature, summed over rows.

use super::LANES;
use super::elementwise::rows;
use super::exp::expm1;
use super::log::log1p;
use super::reduce::{affine, blocks, blocks_mut, columns, lanes, project, tree};
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

/// Runs `$body` with `$loss` bound to the loss that the criterion names and `$sides` to the
/// factors of the two sides of zero; equal sides of the usual loss get a copy without them.
macro_rules! with_loss {
    ($criterion:expr, $loss:ident, $sides:ident => $body:expr) => {{
        let (delta, inverse) = (V::of($criterion.delta), V::of(1.0 / $criterion.delta));
        let $sides = Sides { over: V::of($criterion.over), under: V::of($criterion.under) };
        match $criterion.shape {
            _ if $criterion.delta > SQUARED => {
                let $loss = Squared;
                $body
            }
            Shape::Huber if $criterion.over == 1.0 && $criterion.under == 1.0 => {
                let ($loss, $sides) = (Huber { delta }, Even);
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
trait Weigh<V: Simd>: Copy {
    /// The weight times the factor of the residual's side.
    fn weigh(self, r: V, w: V) -> V;
}

#[derive(Clone, Copy)]
struct Sides<V> {
    over: V,
    under: V,
}

/// Both factors are one.
#[derive(Clone, Copy)]
struct Even;

impl<V: Simd> Weigh<V> for Sides<V> {
    #[inline(always)]
    fn weigh(self, r: V, w: V) -> V {
        w * V::select(V::of(0.0).lt(r), self.over, self.under)
    }
}

impl<V: Simd> Weigh<V> for Even {
    #[inline(always)]
    fn weigh(self, _: V, w: V) -> V {
        w
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
    let n = r.len() / LANES;
    let (r, w) = (&blocks(r)[..n], &blocks(w)[..n]);
    let (psi, curv) = (&mut blocks_mut(psi)[..n], &mut blocks_mut(curv)[..n]);
    let [value] = with_loss!(c, loss, sides => lanes!(V; 1, n; |acc, i, g| {
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
    with_loss!(c, loss, sides => rows!(V, out = |r, w| {
        let r = seen(r, w);
        sides.weigh(r, w) * loss.ratio(r)
    }));
}

#[inline(always)]
pub(super) fn line<V: Simd>(c: &Criterion, r: &[f64], q: &[f64], w: &[f64], s: f64) -> (f64, f64, f64) {
    debug_assert!(r.len() == w.len() && r.len() == q.len());
    let (n, s) = (r.len() / LANES, V::of(s));
    let (r, q, w) = (&blocks(r)[..n], &blocks(q)[..n], &blocks(w)[..n]);
    let [value, slope, bend] = with_loss!(c, loss, sides => lanes!(V; 3, n; |acc, i, g| {
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

/// Calls `move_columns` with as many columns as there are, up to six.
macro_rules! by_count {
    ($count:expr, $f:ident($($arg:expr),*)) => {
        match $count {
            1 => $f::<V, 1>($($arg),*),
            2 => $f::<V, 2>($($arg),*),
            3 => $f::<V, 3>($($arg),*),
            4 => $f::<V, 4>($($arg),*),
            5 => $f::<V, 5>($($arg),*),
            _ => $f::<V, 6>($($arg),*),
        }
    };
}

/// `score` and `project` of its slopes in one pass over the rows where the columns are few, with
/// the same bits.
#[inline(always)]
pub(super) fn assess<V: Simd>(
    c: &Criterion,
    r: &[f64],
    cols: &[Vec<f64>],
    w: &[f64],
    psi: &mut [f64],
    curv: &mut [f64],
    g: &mut [f64],
) -> f64 {
    if (1..=6).contains(&g.len()) {
        return by_count!(g.len(), assess_columns(c, r, cols, w, curv, g));
    }
    let value = score::<V>(c, r, w, psi, curv);
    project::<V>(psi, cols, g);
    value
}

#[inline(always)]
fn assess_columns<V: Simd, const K: usize>(
    c: &Criterion,
    r: &[f64],
    cols: &[Vec<f64>],
    w: &[f64],
    curv: &mut [f64],
    slopes: &mut [f64],
) -> f64 {
    let n = r.len() / LANES;
    let cols = columns::<K>(cols, 0, r.len());
    let (r, w, curv) = (&blocks(r)[..n], &blocks(w)[..n], &mut blocks_mut(curv)[..n]);
    let sums = with_loss!(c, loss, sides => lanes!(V; 7, n; |acc, i, g| {
        let weight = V::load(&w[i][g..]);
        let r = seen(V::load(&r[i][g..]), weight);
        let weight = sides.weigh(r, weight);
        let [rho, slope, bend] = loss.score(r);
        acc[6] = weight.fma(rho, acc[6]);
        (weight * bend).store(&mut curv[i][g..]);
        let slope = weight * slope;
        for k in 0..K {
            acc[k] = slope.fma(V::load(&cols[k][i][g..]), acc[k]);
        }
    }));
    for k in 0..K {
        slopes[k] = tree(sums[k]);
    }
    tree(sums[6])
}

/// `affine`, `score` and `project` in one pass over the rows where the columns are few, with the
/// same bits.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
pub(super) fn advance<V: Simd>(
    c: &Criterion,
    base: &[f64],
    cols: &[Vec<f64>],
    d: &[f64],
    w: &[f64],
    out: &mut [f64],
    psi: &mut [f64],
    curv: &mut [f64],
    g: &mut [f64],
) -> f64 {
    if (1..=6).contains(&d.len()) {
        return by_count!(d.len(), move_columns(c, base, cols, d, w, out, curv, g));
    }
    affine::<V>(base, cols, d, out);
    let value = score::<V>(c, out, w, psi, curv);
    project::<V>(psi, cols, g);
    value
}

#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn move_columns<V: Simd, const K: usize>(
    c: &Criterion,
    base: &[f64],
    cols: &[Vec<f64>],
    d: &[f64],
    w: &[f64],
    out: &mut [f64],
    curv: &mut [f64],
    slopes: &mut [f64],
) -> f64 {
    let n = out.len() / LANES;
    let cols = columns::<K>(cols, 0, out.len());
    let (base, w) = (&blocks(base)[..n], &blocks(w)[..n]);
    let (out, curv) = (&mut blocks_mut(out)[..n], &mut blocks_mut(curv)[..n]);
    let sums = with_loss!(c, loss, sides => lanes!(V; 7, n; |acc, i, g| {
        let mut col = [V::of(0.0); K];
        let mut r = V::load(&base[i][g..]);
        for k in 0..K {
            col[k] = V::load(&cols[k][i][g..]);
            r = V::of(d[k]).fma(col[k], r);
        }
        r.store(&mut out[i][g..]);
        let weight = V::load(&w[i][g..]);
        let r = seen(r, weight);
        let weight = sides.weigh(r, weight);
        let [rho, slope, bend] = loss.score(r);
        acc[6] = weight.fma(rho, acc[6]);
        (weight * bend).store(&mut curv[i][g..]);
        let slope = weight * slope;
        for k in 0..K {
            acc[k] = slope.fma(col[k], acc[k]);
        }
    }));
    for k in 0..K {
        slopes[k] = tree(sums[k]);
    }
    tree(sums[6])
}

#[cfg(test)]
mod tests {
    use super::super::{Level, kernels_for};
    use super::*;

    /// One pass gives the bits of the passes that it stands for, at every level.
    #[test]
    fn fused_passes_are_their_parts() {
        let n = 104;
        let wave = |k: usize| (0..n).map(|i| ((i * (k + 3)) as f64 * 0.37).sin() * 2e-3).collect::<Vec<f64>>();
        let cols: Vec<Vec<f64>> = (0..8).map(wave).collect();
        let (base, w) = (wave(11), (0..n).map(|i| (i % 3) as f64).collect::<Vec<f64>>());
        for table in Level::available().into_iter().filter_map(kernels_for) {
            for (p, shape) in (1..=8).flat_map(|p| [Shape::Huber, Shape::PseudoHuber, Shape::LogCosh].map(|s| (p, s))) {
                let over = if p % 2 == 0 { 1.5 } else { 1.0 };
                let c = Criterion { shape, delta: 1e-3, over, under: 1.0 };
                let d: Vec<f64> = (0..p).map(|k| 0.3 - 0.1 * k as f64).collect();
                let [mut out, mut psi, mut curv] = [(); 3].map(|()| vec![0.0; n]);
                let [mut out2, mut psi2, mut curv2] = [(); 3].map(|()| vec![0.0; n]);
                let (mut g, mut g2, mut g3) = (vec![0.0; p], vec![0.0; p], vec![0.0; p]);
                let value = (table.advance)(&c, &base, &cols, &d, &w, &mut out, &mut psi, &mut curv, &mut g);
                (table.affine)(&base, &cols, &d, &mut out2);
                let value2 = (table.score)(&c, &out2, &w, &mut psi2, &mut curv2);
                (table.project)(&psi2, &cols, &mut g2);
                let value3 = (table.assess)(&c, &out2, &cols, &w, &mut psi, &mut curv, &mut g3);
                assert_eq!((value3.to_bits(), &curv, &g3), (value2.to_bits(), &curv2, &g2), "{p} {shape:?}");
                assert_eq!((value.to_bits(), &out, &curv, &g), (value2.to_bits(), &out2, &curv2, &g2), "{p} {shape:?}");
            }
        }
    }
}
