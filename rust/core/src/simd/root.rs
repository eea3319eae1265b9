//! The root of alpha softplus(u) - softplus(-u) = t: the implicit law M4 in its own unit.
//!
//! The left side rises with a slope between 1 and alpha and bends one way only, so Newton's steps
//! converge from anywhere: after the first they all go the same way.

use super::elementwise::Source;
use super::exp::exp;
use super::log::log1p;
use super::table::Arg;
use super::vector::Simd;

/// A step below this share of 1 + |u| is the last one: the error behind it is its square.
const LAST_STEP: f64 = 1e-8;
/// Far more than were ever needed (30 for alpha = 1e-12).
const MOST_STEPS: usize = 100;

/// u with alpha softplus(u) - softplus(-u) = t, for alpha > 0; NaN for others.
#[inline(always)]
pub(super) fn root<R: Simd>(alpha: Arg, t: Arg, out: &mut [f64]) {
    let n = out.len();
    for i in (0..n).step_by(R::WIDTH) {
        solve::<R>(alpha.at(i), t.at(i)).store(&mut out[i..n]);
    }
}

/// Rows that have converged rest, so that a row does not depend on its neighbours in the register.
#[inline(always)]
fn solve<R: Simd>(alpha: R, t: R) -> R {
    let (zero, one) = (R::of(0.0), R::of(1.0));
    let mut u = R::select(t.lt(zero), t, t / alpha);
    let mut moving = one;
    for _ in 0..MOST_STEPS {
        let tail = exp(-u.abs());
        let up = u.at_least(zero);
        let down = up - u;
        let height = (alpha - one).fma(log1p(tail), alpha.fma(up, -down)) - t;
        let far = tail / (one + tail);
        let share = R::select(u.lt(zero), far, one - far);
        let step = moving * (height / alpha.fma(share, one - share));
        u = u - step;
        moving = R::select((R::of(LAST_STEP) * (one + u.abs())).lt(step.abs()), one, zero);
        if R::all(moving.eq(zero)) {
            break;
        }
    }
    u
}
