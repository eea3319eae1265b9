//! The registers of x86-64: four numbers (AVX2 with FMA) and eight (AVX-512).

use std::arch::x86_64::*;

use super::vector::{Simd, operators, register};

#[inline(always)]
fn int4(x: Avx2) -> __m256i {
    // SAFETY: a change of type; for the instruction set, see `register`.
    unsafe { _mm256_castpd_si256(x.0) }
}

#[inline(always)]
fn real4(x: __m256i) -> Avx2 {
    // SAFETY: a change of type; for the instruction set, see `register`.
    Avx2(unsafe { _mm256_castsi256_pd(x) })
}

register! {
    Avx2(__m256d) * 4, __m256d,
    load(from) = _mm256_loadu_pd(from),
    store(to, x) = _mm256_storeu_pd(to, x),
    of(x: f64) -> Self = Self(_mm256_set1_pd(x));
    plus(self: Self, b: Self) -> Self = Self(_mm256_add_pd(self.0, b.0));
    minus(self: Self, b: Self) -> Self = Self(_mm256_sub_pd(self.0, b.0));
    times(self: Self, b: Self) -> Self = Self(_mm256_mul_pd(self.0, b.0));
    over(self: Self, b: Self) -> Self = Self(_mm256_div_pd(self.0, b.0));
    fma(self: Self, b: Self, c: Self) -> Self = Self(_mm256_fmadd_pd(self.0, b.0, c.0));
    sqrt(self: Self) -> Self = Self(_mm256_sqrt_pd(self.0));
    lt(self: Self, b: Self) -> __m256d = _mm256_cmp_pd::<_CMP_LT_OQ>(self.0, b.0);
    le(self: Self, b: Self) -> __m256d = _mm256_cmp_pd::<_CMP_LE_OQ>(self.0, b.0);
    eq(self: Self, b: Self) -> __m256d = _mm256_cmp_pd::<_CMP_EQ_OQ>(self.0, b.0);
    select(mask: __m256d, a: Self, b: Self) -> Self = Self(_mm256_blendv_pd(b.0, a.0, mask));
    both(a: __m256d, b: __m256d) -> __m256d = _mm256_and_pd(a, b);
    all(mask: __m256d) -> bool = _mm256_movemask_pd(mask) == 0b1111;
    and(self: Self, b: Self) -> Self = Self(_mm256_and_pd(self.0, b.0));
    or(self: Self, b: Self) -> Self = Self(_mm256_or_pd(self.0, b.0));
    xor(self: Self, b: Self) -> Self = Self(_mm256_xor_pd(self.0, b.0));
    add_bits(self: Self, b: Self) -> Self = real4(_mm256_add_epi64(int4(self), int4(b)));
    sub_bits(self: Self, b: Self) -> Self = real4(_mm256_sub_epi64(int4(self), int4(b)));
    up_52(self: Self) -> Self = real4(_mm256_slli_epi64::<52>(int4(self)));
    down_52(self: Self) -> Self = real4(_mm256_srli_epi64::<52>(int4(self)));
    down_1(self: Self) -> Self = real4(_mm256_srli_epi64::<1>(int4(self)));
}

#[inline(always)]
fn int8(x: Avx512) -> __m512i {
    // SAFETY: a change of type; for the instruction set, see `register`.
    unsafe { _mm512_castpd_si512(x.0) }
}

#[inline(always)]
fn real8(x: __m512i) -> Avx512 {
    // SAFETY: a change of type; for the instruction set, see `register`.
    Avx512(unsafe { _mm512_castsi512_pd(x) })
}

register! {
    Avx512(__m512d) * 8, __mmask8,
    load(from) = _mm512_loadu_pd(from),
    store(to, x) = _mm512_storeu_pd(to, x),
    of(x: f64) -> Self = Self(_mm512_set1_pd(x));
    plus(self: Self, b: Self) -> Self = Self(_mm512_add_pd(self.0, b.0));
    minus(self: Self, b: Self) -> Self = Self(_mm512_sub_pd(self.0, b.0));
    times(self: Self, b: Self) -> Self = Self(_mm512_mul_pd(self.0, b.0));
    over(self: Self, b: Self) -> Self = Self(_mm512_div_pd(self.0, b.0));
    fma(self: Self, b: Self, c: Self) -> Self = Self(_mm512_fmadd_pd(self.0, b.0, c.0));
    sqrt(self: Self) -> Self = Self(_mm512_sqrt_pd(self.0));
    lt(self: Self, b: Self) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(self.0, b.0);
    le(self: Self, b: Self) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_LE_OQ>(self.0, b.0);
    eq(self: Self, b: Self) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(self.0, b.0);
    select(mask: __mmask8, a: Self, b: Self) -> Self = Self(_mm512_mask_blend_pd(mask, b.0, a.0));
    both(a: __mmask8, b: __mmask8) -> __mmask8 = a & b;
    all(mask: __mmask8) -> bool = mask == 0xff;
    and(self: Self, b: Self) -> Self = Self(_mm512_and_pd(self.0, b.0));
    or(self: Self, b: Self) -> Self = Self(_mm512_or_pd(self.0, b.0));
    xor(self: Self, b: Self) -> Self = Self(_mm512_xor_pd(self.0, b.0));
    add_bits(self: Self, b: Self) -> Self = real8(_mm512_add_epi64(int8(self), int8(b)));
    sub_bits(self: Self, b: Self) -> Self = real8(_mm512_sub_epi64(int8(self), int8(b)));
    up_52(self: Self) -> Self = real8(_mm512_slli_epi64::<52>(int8(self)));
    down_52(self: Self) -> Self = real8(_mm512_srli_epi64::<52>(int8(self)));
    down_1(self: Self) -> Self = real8(_mm512_srli_epi64::<1>(int8(self)));
}
