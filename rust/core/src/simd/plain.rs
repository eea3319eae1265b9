//! The baseline: pairs of numbers in plain Rust, on any architecture.

use std::array::from_fn;

use super::vector::{Simd, operators};

/// Two numbers; multiply-adds are not fused (that would be a library call).
#[derive(Clone, Copy)]
pub(super) struct Plain([f64; 2]);

operators!(Plain);

impl Plain {
    #[inline(always)]
    fn map(self, b: Plain, f: impl Fn(f64, f64) -> f64) -> Plain {
        Plain(from_fn(|l| f(self.0[l], b.0[l])))
    }

    #[inline(always)]
    fn bits(self, b: Plain, f: impl Fn(u64, u64) -> u64) -> Plain {
        self.map(b, |a, b| f64::from_bits(f(a.to_bits(), b.to_bits())))
    }

    #[inline(always)]
    fn test(self, b: Plain, f: impl Fn(f64, f64) -> bool) -> [bool; 2] {
        from_fn(|l| f(self.0[l], b.0[l]))
    }
}

impl Simd for Plain {
    const WIDTH: usize = 2;
    type Mask = [bool; 2];

    #[inline(always)]
    fn of(x: f64) -> Plain {
        Plain([x; 2])
    }

    #[inline(always)]
    fn load(x: &[f64]) -> Plain {
        Plain([x[0], x[1]])
    }

    #[inline(always)]
    fn store(self, out: &mut [f64]) {
        out[..2].copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn plus(self, b: Plain) -> Plain {
        self.map(b, |a, b| a + b)
    }

    #[inline(always)]
    fn minus(self, b: Plain) -> Plain {
        self.map(b, |a, b| a - b)
    }

    #[inline(always)]
    fn times(self, b: Plain) -> Plain {
        self.map(b, |a, b| a * b)
    }

    #[inline(always)]
    fn over(self, b: Plain) -> Plain {
        self.map(b, |a, b| a / b)
    }

    #[inline(always)]
    fn fma(self, b: Plain, c: Plain) -> Plain {
        self * b + c
    }

    #[inline(always)]
    fn sqrt(self) -> Plain {
        Plain(self.0.map(f64::sqrt))
    }

    #[inline(always)]
    fn lt(self, b: Plain) -> [bool; 2] {
        self.test(b, |a, b| a < b)
    }

    #[inline(always)]
    fn le(self, b: Plain) -> [bool; 2] {
        self.test(b, |a, b| a <= b)
    }

    #[inline(always)]
    fn eq(self, b: Plain) -> [bool; 2] {
        self.test(b, |a, b| a == b)
    }

    #[inline(always)]
    fn select(mask: [bool; 2], a: Plain, b: Plain) -> Plain {
        Plain(from_fn(|l| if mask[l] { a.0[l] } else { b.0[l] }))
    }

    #[inline(always)]
    fn both(a: [bool; 2], b: [bool; 2]) -> [bool; 2] {
        [a[0] & b[0], a[1] & b[1]]
    }

    #[inline(always)]
    fn all(mask: [bool; 2]) -> bool {
        mask[0] & mask[1]
    }

    #[inline(always)]
    fn and(self, b: Plain) -> Plain {
        self.bits(b, |a, b| a & b)
    }

    #[inline(always)]
    fn or(self, b: Plain) -> Plain {
        self.bits(b, |a, b| a | b)
    }

    #[inline(always)]
    fn xor(self, b: Plain) -> Plain {
        self.bits(b, |a, b| a ^ b)
    }

    #[inline(always)]
    fn add_bits(self, b: Plain) -> Plain {
        self.bits(b, u64::wrapping_add)
    }

    #[inline(always)]
    fn sub_bits(self, b: Plain) -> Plain {
        self.bits(b, u64::wrapping_sub)
    }

    #[inline(always)]
    fn up_52(self) -> Plain {
        self.bits(self, |a, _| a << 52)
    }

    #[inline(always)]
    fn down_52(self) -> Plain {
        self.bits(self, |a, _| a >> 52)
    }

    #[inline(always)]
    fn down_1(self) -> Plain {
        self.bits(self, |a, _| a >> 1)
    }
}
