//! What a vector register can do: the one interface between kernels and instruction sets.
//!
//! Kernels are generic over [`Simd`]; `plain`, `x86` and `neon` implement it. Every operation
//! gives the same bits at every width; only `fma` rounds once or twice, by level.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A register of `WIDTH` (1, 2, 4 or 8) numbers. Comparisons with NaN are false.
pub(super) trait Simd:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// Numbers in the register; a divisor of `LANES`.
    const WIDTH: usize;
    /// A yes or no per number.
    type Mask: Copy;

    /// The same number everywhere.
    fn of(x: f64) -> Self;
    /// Reads the first `WIDTH` numbers.
    fn load(x: &[f64]) -> Self;
    /// Writes the first `WIDTH` numbers.
    fn store(self, out: &mut [f64]);

    fn plus(self, b: Self) -> Self;
    fn minus(self, b: Self) -> Self;
    fn times(self, b: Self) -> Self;
    fn over(self, b: Self) -> Self;
    /// `self * b + c`, fused where the level can.
    fn fma(self, b: Self, c: Self) -> Self;
    fn sqrt(self) -> Self;

    fn lt(self, b: Self) -> Self::Mask;
    fn le(self, b: Self) -> Self::Mask;
    fn eq(self, b: Self) -> Self::Mask;
    /// `a` where the mask says yes, else `b`.
    fn select(mask: Self::Mask, a: Self, b: Self) -> Self;
    fn both(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    fn all(mask: Self::Mask) -> bool;

    fn and(self, b: Self) -> Self;
    fn or(self, b: Self) -> Self;
    fn xor(self, b: Self) -> Self;
    /// Sum of the bits as 64-bit integers, wrapping.
    fn add_bits(self, b: Self) -> Self;
    /// Difference of the bits as 64-bit integers, wrapping.
    fn sub_bits(self, b: Self) -> Self;
    /// Bits shifted up by 52: a small integer becomes an exponent field.
    fn up_52(self) -> Self;
    /// Bits shifted down by 52, zeros coming in: sign and exponent field become an integer.
    fn down_52(self) -> Self;
    /// Bits shifted down by one, a zero coming in.
    fn down_1(self) -> Self;

    #[inline(always)]
    fn abs(self) -> Self {
        self.and(Self::of(f64::from_bits(!SIGN)))
    }

    /// `self` with the sign of `b`.
    #[inline(always)]
    fn copysign(self, b: Self) -> Self {
        self.abs().or(b.and(Self::of(-0.0)))
    }

    /// `b` where `self` is below `b`, else `self` (also where either is NaN).
    #[inline(always)]
    fn at_least(self, b: Self) -> Self {
        Self::select(self.lt(b), b, self)
    }

    /// `b` where `self` is above `b`, else `self` (also where either is NaN).
    #[inline(always)]
    fn at_most(self, b: Self) -> Self {
        Self::select(b.lt(self), b, self)
    }
}

/// The sign bit.
const SIGN: u64 = 1 << 63;

/// Operators from the methods of [`Simd`].
macro_rules! operators {
    ($type:ty) => {
        operators! { @binary $type, Add add plus, Sub sub minus, Mul mul times, Div div over }

        impl std::ops::Neg for $type {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                self.xor(Self::of(-0.0))
            }
        }
    };
    (@binary $type:ty, $($trait:ident $operator:ident $method:ident),*) => {$(
        impl std::ops::$trait for $type {
            type Output = Self;
            #[inline(always)]
            fn $operator(self, b: Self) -> Self {
                self.$method(b)
            }
        }
    )*};
}

/// Implements [`Simd`] for a register type from one line of intrinsics per method.
#[allow(unused_macros)] // an architecture without intrinsics here has only `plain`
macro_rules! register {
    ($type:ident($native:ty) * $width:literal, $mask:ty,
        load($from:ident) = $load:expr, store($to:ident, $value:ident) = $store:expr,
        $($name:ident($($arg:ident: $kind:ty),*) -> $ret:ty = $body:expr;)*) => {
        #[derive(Clone, Copy)]
        pub(super) struct $type($native);

        operators!($type);

        impl Simd for $type {
            const WIDTH: usize = $width;
            type Mask = $mask;

            #[inline(always)]
            fn load(x: &[f64]) -> Self {
                let $from = x[..$width].as_ptr();
                // SAFETY: `WIDTH` numbers were just seen to be there; for the instruction, see below.
                Self(unsafe { $load })
            }

            #[inline(always)]
            fn store(self, out: &mut [f64]) {
                let ($to, $value) = (out[..$width].as_mut_ptr(), self.0);
                // SAFETY: `WIDTH` numbers were just seen to fit; for the instruction, see below.
                unsafe { $store }
            }

            $(
                #[inline(always)]
                fn $name($($arg: $kind),*) -> $ret {
                    // SAFETY: registers of a level occur only in its table's kernels, which are
                    // reachable only after the level was detected. No memory is touched.
                    #[allow(unused_unsafe)] // some intrinsics are safe on some architectures
                    unsafe { $body }
                }
            )*
        }
    };
}

pub(super) use operators;
#[allow(unused_imports)]
pub(super) use register;
