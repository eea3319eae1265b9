//! The registers of aarch64: two numbers, multiply-adds always fused.

use std::arch::aarch64::*;

use super::vector::{Simd, operators, register};

#[inline(always)]
fn int2(x: Neon) -> uint64x2_t {
    // SAFETY: a change of type; for the instruction set, see `register`.
    unsafe { vreinterpretq_u64_f64(x.0) }
}

#[inline(always)]
fn real2(x: uint64x2_t) -> Neon {
    // SAFETY: a change of type; for the instruction set, see `register`.
    Neon(unsafe { vreinterpretq_f64_u64(x) })
}

register! {
    Neon(float64x2_t) * 2, uint64x2_t,
    load(from) = vld1q_f64(from),
    store(to, x) = vst1q_f64(to, x),
    of(x: f64) -> Self = Self(vdupq_n_f64(x));
    plus(self: Self, b: Self) -> Self = Self(vaddq_f64(self.0, b.0));
    minus(self: Self, b: Self) -> Self = Self(vsubq_f64(self.0, b.0));
    times(self: Self, b: Self) -> Self = Self(vmulq_f64(self.0, b.0));
    over(self: Self, b: Self) -> Self = Self(vdivq_f64(self.0, b.0));
    fma(self: Self, b: Self, c: Self) -> Self = Self(vfmaq_f64(c.0, self.0, b.0));
    sqrt(self: Self) -> Self = Self(vsqrtq_f64(self.0));
    lt(self: Self, b: Self) -> uint64x2_t = vcltq_f64(self.0, b.0);
    le(self: Self, b: Self) -> uint64x2_t = vcleq_f64(self.0, b.0);
    eq(self: Self, b: Self) -> uint64x2_t = vceqq_f64(self.0, b.0);
    select(mask: uint64x2_t, a: Self, b: Self) -> Self = Self(vbslq_f64(mask, a.0, b.0));
    both(a: uint64x2_t, b: uint64x2_t) -> uint64x2_t = vandq_u64(a, b);
    all(mask: uint64x2_t) -> bool = vminvq_u32(vreinterpretq_u32_u64(mask)) != 0;
    and(self: Self, b: Self) -> Self = real2(vandq_u64(int2(self), int2(b)));
    or(self: Self, b: Self) -> Self = real2(vorrq_u64(int2(self), int2(b)));
    xor(self: Self, b: Self) -> Self = real2(veorq_u64(int2(self), int2(b)));
    add_bits(self: Self, b: Self) -> Self = real2(vaddq_u64(int2(self), int2(b)));
    sub_bits(self: Self, b: Self) -> Self = real2(vsubq_u64(int2(self), int2(b)));
    up_52(self: Self) -> Self = real2(vshlq_n_u64::<52>(int2(self)));
    down_52(self: Self) -> Self = real2(vshrq_n_u64::<52>(int2(self)));
    down_1(self: Self) -> Self = real2(vshrq_n_u64::<1>(int2(self)));
}
