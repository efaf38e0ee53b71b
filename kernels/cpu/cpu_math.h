/* cpu_math: exp, log and their kin as branch-free float32 expressions that the compiler turns into
 * vector code inside `#pragma omp simd` loops. Private to kernels/cpu.
 *
 * exp(x) = 2^n * 2^f with n = round(x log2 e): a polynomial of degree 6 on |f| <= 0.5 (Taylor in
 * f ln 2; the first term left out is below 1.3e-7), n put into the exponent bits. Largest relative
 * error against the C library over [-87, 88]: 2e-7. Below -87 the result is 0, above 88 it stays
 * at exp(88); NaN stays NaN. */
#ifndef DANAUS_KERNELS_CPU_MATH_H
#define DANAUS_KERNELS_CPU_MATH_H

#include <stdint.h>
#include <string.h>

static inline float cpu_expf(float x)
{
    float clamped = x > 88.0f ? 88.0f : x;
    clamped = clamped < -87.0f ? -87.0f : clamped;
    /* adding 1.5 * 2^23 leaves round(x log2 e) in the low mantissa bits */
    float shifted = clamped * 1.44269504088896341f + 12582912.0f;
    int32_t bits;
    memcpy(&bits, &shifted, 4);
    float n = shifted - 12582912.0f;
    /* x - n ln 2 in two parts, so that nothing is lost where n is large */
    float r = clamped - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    int32_t power = (bits << 23) + 0x3F800000; /* the magic number's own bits leave at the top */
    float scale;
    memcpy(&scale, &power, 4);
    float result = p * scale;
    return x < -87.0f ? 0.0f : result;
}

/* log(x) for positive, normal x: x = 2^n m with m in [0.7, 1.4], log m = 2 atanh((m-1)/(m+1)) by
 * its series; the first term left out is below 6e-10. */
static inline float cpu_logf(float x)
{
    int32_t bits;
    memcpy(&bits, &x, 4);
    int32_t n = (bits - 0x3F3504F3) >> 23; /* 0x3F3504F3 is sqrt(1/2) */
    bits -= n * (1 << 23);
    float m;
    memcpy(&m, &bits, 4);
    float s = (m - 1.0f) / (m + 1.0f), t = s * s;
    float p = 2.0f / 9;
    p = p * t + 2.0f / 7;
    p = p * t + 2.0f / 5;
    p = p * t + 2.0f / 3;
    p = p * t + 2.0f;
    return p * s + (float)n * 0.69314718055994531f;
}

/* x / (1 + e^-x) */
static inline float cpu_siluf(float x)
{
    return x / (1.0f + cpu_expf(-x));
}

/* 0.5 x (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3); written as x / (1 + e^(-2u)), which
 * loses nothing to cancellation for negative x. */
static inline float cpu_gelu_tanhf(float x)
{
    float u = 0.7978845608028654f * (x + 0.044715f * x * x * x);
    return x / (1.0f + cpu_expf(-2.0f * u));
}

#endif
