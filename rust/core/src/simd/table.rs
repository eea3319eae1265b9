//! The table of kernels and the macro that stamps one copy per level.

use super::level::Level;
#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::plain::Plain;
use super::robust::Criterion;
#[cfg(target_arch = "x86_64")]
use super::x86::{Avx2, Avx512};
use super::{elementwise, gram, lse, reduce, robust, root};

/// A kernel input: one value per row, or one for all rows.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// A value per row.
    V(&'a [f64]),
    /// The same value for every row.
    S(f64),
}

type Unary = fn(&[f64], &mut [f64]);
type Binary = fn(Arg, Arg, &mut [f64]);

#[allow(clippy::type_complexity)]
type Advance =
    fn(&Criterion, &[f64], &[f64], usize, &[f64], &[f64], &mut [f64], &mut [f64], &mut [f64], &mut [f64]) -> f64;

/// The kernels of one level. See the module for the contract on lengths.
#[allow(clippy::type_complexity)]
#[derive(Debug)]
pub struct Kernels {
    /// The level these copies were compiled for.
    pub level: Level,
    /// e^x, whole range with gradual underflow.
    pub exp: Unary,
    /// Natural logarithm; -inf at 0, NaN below.
    pub ln: Unary,
    /// e^x - 1, accurate near 0.
    pub expm1: Unary,
    /// ln(1 + x), accurate near 0.
    pub log1p: Unary,
    /// Square root.
    pub sqrt: Unary,
    /// Absolute value.
    pub abs: Unary,
    /// -x.
    pub neg: Unary,
    /// 1 / x.
    pub recip: Unary,
    /// 1 / (1 + e^-x).
    pub logistic: Unary,
    /// ln(1 + e^x).
    pub softplus: Unary,
    /// Sine (libm, row by row).
    pub sin: Unary,
    /// Cosine (libm, row by row).
    pub cos: Unary,
    /// Arc tangent (libm, row by row).
    pub atan: Unary,
    /// a + b.
    pub add: Binary,
    /// a - b.
    pub sub: Binary,
    /// a b.
    pub mul: Binary,
    /// a / b.
    pub div: Binary,
    /// The smaller; NaN if either is.
    pub min: Binary,
    /// The larger; NaN if either is.
    pub max: Binary,
    /// a^b as e^(b ln a); a negative `a` needs an integer `b`.
    pub pow: Binary,
    /// `(alpha, t)`: the u with alpha softplus(u) - softplus(-u) = t.
    pub root: Binary,
    /// a b + c, fused where the level can.
    pub fma: fn(&[f64], Arg, Arg, &mut [f64]),
    /// ln sum_k e^term_k, without overflow. `weights` is empty, or one slice per term that
    /// receives e^(term_k - out), the derivative of `out` by that term.
    pub lse: fn(&[Arg], &mut [f64], &mut [&mut [f64]]),
    /// Sum of all rows.
    pub sum: fn(&[f64]) -> f64,
    /// Sum of products.
    pub dot: fn(&[f64], &[f64]) -> f64,
    /// The largest absolute value, 0 for no rows, NaN if any row is.
    pub max_abs: fn(&[f64]) -> f64,
    /// `(base, cols, ld, d, out)`: out = base + sum_j d\[j\] col_j, where column j is
    /// `cols[j*ld..j*ld+n]`.
    pub affine: fn(&[f64], &[f64], usize, &[f64], &mut [f64]),
    /// `(v, cols, ld, g)`: g\[j\] = dot(v, col_j).
    pub project: fn(&[f64], &[f64], usize, &mut [f64]),
    /// `(w, cols, ld, p, h)`: h\[j*p+k\] = sum_i w_i col_j col_k, both triangles.
    pub gram: fn(&[f64], &[f64], usize, usize, &mut [f64]),
    /// `(c, r, w, psi, curv)`: returns sum w rho(r), writes w rho'(r) and w rho''(r). Rows of
    /// weight zero give exact zeros, whatever their residual.
    pub score: fn(&Criterion, &[f64], &[f64], &mut [f64], &mut [f64]) -> f64,
    /// `(c, base, cols, ld, d, w, out, psi, curv, g)`: `affine` to `out`, `score` of it and `project`
    /// of the slopes to `g`, in one pass; `psi` is scratch.
    pub advance: Advance,
    /// `(c, r, w, out)`: out = w rho'(r) / r, with its limit at r = 0.
    pub irls: fn(&Criterion, &[f64], &[f64], &mut [f64]),
    /// `(c, r, q, w, s)`: the objective along a line, with t = r + s q: sums of w rho(t),
    /// w rho'(t) q and w rho''(t) q^2.
    pub line: fn(&Criterion, &[f64], &[f64], &[f64], f64) -> (f64, f64, f64),
    /// out\[i\] = src\[idx\[i\]\]; panics when an index is out of range.
    pub gather: fn(&[f64], &[u32], &mut [f64]),
}

/// Stamps a module with a safe shim and a `#[target_feature]` copy per kernel, and `TABLE`.
macro_rules! stamp {
    ($module:ident, $level:ident, $simd:ident $(, $feature:meta)?) => {
        pub(super) mod $module {
            use super::*;

            stamp! { @kernels $level $simd ($(#[$feature])?)
                exp(x: &[f64], out: &mut [f64]) -> () = elementwise::exp;
                ln(x: &[f64], out: &mut [f64]) -> () = elementwise::ln;
                expm1(x: &[f64], out: &mut [f64]) -> () = elementwise::expm1;
                log1p(x: &[f64], out: &mut [f64]) -> () = elementwise::log1p;
                sqrt(x: &[f64], out: &mut [f64]) -> () = elementwise::sqrt;
                abs(x: &[f64], out: &mut [f64]) -> () = elementwise::abs;
                neg(x: &[f64], out: &mut [f64]) -> () = elementwise::neg;
                recip(x: &[f64], out: &mut [f64]) -> () = elementwise::recip;
                logistic(x: &[f64], out: &mut [f64]) -> () = elementwise::logistic;
                softplus(x: &[f64], out: &mut [f64]) -> () = elementwise::softplus;
                sin(x: &[f64], out: &mut [f64]) -> () = elementwise::sin;
                cos(x: &[f64], out: &mut [f64]) -> () = elementwise::cos;
                atan(x: &[f64], out: &mut [f64]) -> () = elementwise::atan;
                add(a: Arg, b: Arg, out: &mut [f64]) -> () = elementwise::add;
                sub(a: Arg, b: Arg, out: &mut [f64]) -> () = elementwise::sub;
                mul(a: Arg, b: Arg, out: &mut [f64]) -> () = elementwise::mul;
                div(a: Arg, b: Arg, out: &mut [f64]) -> () = elementwise::div;
                min(a: Arg, b: Arg, out: &mut [f64]) -> () = elementwise::min;
                max(a: Arg, b: Arg, out: &mut [f64]) -> () = elementwise::max;
                pow(a: Arg, b: Arg, out: &mut [f64]) -> () = elementwise::pow;
                root(alpha: Arg, t: Arg, out: &mut [f64]) -> () = root::root;
                fma(a: &[f64], b: Arg, c: Arg, out: &mut [f64]) -> () = elementwise::fma;
                lse(terms: &[Arg], out: &mut [f64], weights: &mut [&mut [f64]]) -> () = lse::lse;
                sum(x: &[f64]) -> f64 = reduce::sum;
                dot(a: &[f64], b: &[f64]) -> f64 = reduce::dot;
                max_abs(x: &[f64]) -> f64 = reduce::max_abs;
                affine(base: &[f64], cols: &[f64], ld: usize, d: &[f64], out: &mut [f64]) -> () = reduce::affine;
                project(v: &[f64], cols: &[f64], ld: usize, g: &mut [f64]) -> () = reduce::project;
                gram(w: &[f64], cols: &[f64], ld: usize, p: usize, h: &mut [f64]) -> () = gram::gram;
                score(c: &Criterion, r: &[f64], w: &[f64], psi: &mut [f64], curv: &mut [f64]) -> f64 = robust::score;
                advance(c: &Criterion, base: &[f64], cols: &[f64], ld: usize, d: &[f64], w: &[f64], out: &mut [f64], psi: &mut [f64], curv: &mut [f64], g: &mut [f64]) -> f64 = robust::advance;
                irls(c: &Criterion, r: &[f64], w: &[f64], out: &mut [f64]) -> () = robust::irls;
                line(c: &Criterion, r: &[f64], q: &[f64], w: &[f64], s: f64) -> (f64, f64, f64) = robust::line;
                gather(src: &[f64], idx: &[u32], out: &mut [f64]) -> () = elementwise::gather;
            }
        }
    };
    (@kernels $level:ident $simd:ident $feature:tt
        $($name:ident($($arg:ident: $type:ty),*) -> $ret:ty = $body:path;)*) => {
        $(stamp! { @one $simd $feature $name($($arg: $type),*) -> $ret = $body; })*

        /// The kernels of this level; `level::kernels_for` hands it out after detection.
        pub(in super::super) static TABLE: Kernels = Kernels { level: Level::$level, $($name),* };
    };
    (@one $simd:ident ($($feature:tt)*)
        $name:ident($($arg:ident: $type:ty),*) -> $ret:ty = $body:path;) => {
        #[allow(clippy::too_many_arguments)]
        fn $name($($arg: $type),*) -> $ret {
            #[allow(clippy::too_many_arguments)]
            $($feature)*
            fn compiled($($arg: $type),*) -> $ret {
                use $body as body;
                body::<$simd>($($arg),*)
            }
            // SAFETY: a table is reachable only after its level was detected.
            #[allow(unused_unsafe)] // the baseline needs nothing
            unsafe { compiled($($arg),*) }
        }
    };
}

stamp!(baseline, Baseline, Plain);
#[cfg(target_arch = "aarch64")]
stamp!(neon, Neon, Neon, target_feature(enable = "neon"));
#[cfg(target_arch = "x86_64")]
stamp!(avx2, Avx2, Avx2, target_feature(enable = "avx2,fma"));
#[cfg(target_arch = "x86_64")]
stamp!(avx512, Avx512, Avx512, target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"));
