/* vector: sixteen float32 at once, and exp, log and their kin on them. Private to kernels/cpu.
 *
 * `lanes` is the compiler's vector type: one AVX-512 register, or two or four smaller ones. The
 * functions are branch-free.
 *
 * exp(x) = 2^n * 2^f with n = round(x log2 e): a polynomial of degree 6 on |f| <= 0.5 (Taylor in
 * f ln 2; the first term left out is below 1.3e-7), n put into the exponent bits. Largest relative
 * error against the C library over [-87, 88]: 2e-7. Below -87.7 the result is 0, because n = -127
 * leaves no exponent bits; above 88 it stays at exp(88); NaN stays NaN. */
#ifndef DANAUS_KERNELS_CPU_VECTOR_H
#define DANAUS_KERNELS_CPU_VECTOR_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

/* Vectors are only ever local variables of inlined functions, so their passing convention, which
 * differs between machines and is what the compiler warns of, never matters. */
#pragma GCC diagnostic ignored "-Wpsabi"

#define LANES 16
#define LANES_INLINE static inline __attribute__((always_inline))

typedef float lanes __attribute__((vector_size(LANES * 4), aligned(64), may_alias));
typedef int32_t lanes_int __attribute__((vector_size(LANES * 4), aligned(64), may_alias));

LANES_INLINE lanes lanes_of(float x)
{
    return x - (lanes){0};
}

/* a > b ? a : b in each lane: b where one of them is NaN, as the machine's instruction does. */
LANES_INLINE lanes lanes_max(lanes a, lanes b)
{
    lanes out;
    for (int i = 0; i < LANES; i++)
        out[i] = a[i] > b[i] ? a[i] : b[i];
    return out;
}

/* a < b ? a : b */
LANES_INLINE lanes lanes_min(lanes a, lanes b)
{
    lanes out;
    for (int i = 0; i < LANES; i++)
        out[i] = a[i] < b[i] ? a[i] : b[i];
    return out;
}

LANES_INLINE lanes lanes_sqrt(lanes a)
{
#if defined(__AVX512F__)
    return (lanes)_mm512_sqrt_ps((__m512)a);
#else
    lanes out;
    for (int i = 0; i < LANES; i++)
        out[i] = __builtin_sqrtf(a[i]);
    return out;
#endif
}

/* The sum of all lanes, in every lane. */
LANES_INLINE lanes lanes_sum(lanes a)
{
    a += __builtin_shuffle(a, (lanes_int){8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7});
    a += __builtin_shuffle(a, (lanes_int){4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11});
    a += __builtin_shuffle(a, (lanes_int){2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13});
    a += __builtin_shuffle(a, (lanes_int){1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14});
    return a;
}

/* The first count (at most LANES) of sixteen numbers at any address; the rest is 0. */
LANES_INLINE lanes lanes_load(const float *from, int64_t count)
{
    lanes out = {0};
    if (count >= LANES)
        memcpy(&out, from, sizeof out);
    else
        memcpy(&out, from, (size_t)count * 4);
    return out;
}

LANES_INLINE void lanes_store(float *to, lanes from, int64_t count)
{
    if (count >= LANES)
        memcpy(to, &from, sizeof from);
    else
        memcpy(to, &from, (size_t)count * 4);
}

LANES_INLINE lanes lanes_exp(lanes x)
{
    lanes clamped = lanes_min(lanes_of(88.0f), lanes_max(lanes_of(-88.0f), x));
    /* adding 1.5 * 2^23 leaves round(x log2 e) in the low mantissa bits */
    lanes shifted = clamped * 1.44269504088896341f + 12582912.0f;
    lanes n = shifted - 12582912.0f;
    /* x - n ln 2 in two parts, so that nothing is lost where n is large */
    lanes r = clamped - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    lanes p = r * (1.0f / 720) + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    /* the magic number's own bits leave at the top */
    return p * (lanes)(((lanes_int)shifted << 23) + 0x3F800000);
}

/* log(x) for positive, normal x: x = 2^n m with m in [0.7, 1.4], log m = 2 atanh((m-1)/(m+1)) by
 * its series; the first term left out is below 6e-10. */
LANES_INLINE lanes lanes_log(lanes x)
{
    lanes_int n = ((lanes_int)x - 0x3F3504F3) >> 23; /* 0x3F3504F3 is sqrt(1/2) */
    lanes m = (lanes)((lanes_int)x - (n << 23));
    lanes s = (m - 1.0f) / (m + 1.0f), t = s * s;
    lanes p = t * (2.0f / 9) + 2.0f / 7;
    p = p * t + 2.0f / 5;
    p = p * t + 2.0f / 3;
    p = p * t + 2.0f;
    return p * s + __builtin_convertvector(n, lanes) * 0.69314718055994531f;
}

/* x / (1 + e^-x) */
LANES_INLINE lanes lanes_silu(lanes x)
{
    return x / (1.0f + lanes_exp(-x));
}

/* 0.5 x (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3); written as x / (1 + e^(-2u)), which
 * loses nothing to cancellation for negative x. */
LANES_INLINE lanes lanes_gelu_tanh(lanes x)
{
    lanes u = 0.7978845608028654f * (x + 0.044715f * x * x * x);
    return x / (1.0f + lanes_exp(-2.0f * u));
}

#endif
