/* dtype: the number formats of tensors, their sizes and conversions. */
#ifndef DANAUS_BASE_DTYPE_H
#define DANAUS_BASE_DTYPE_H

#include <stdint.h>
#include <string.h>

enum dtype {
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_F64,
    DTYPE_I64,
    DTYPE_I32,
    DTYPE_I16,
    DTYPE_I8,
    DTYPE_U8,
    DTYPE_BOOL,
    DTYPE_F8_E4M3,
    DTYPE_F8_E5M2,
    DTYPE_COUNT
};

/* Bytes of one element. */
int64_t dtype_size(enum dtype dtype);
/* safetensors' name, "F32", "BF16", ... */
const char *dtype_name(enum dtype dtype);

/* float32 <-> bfloat16, to nearest even; NaN stays NaN. */
static inline uint16_t bf16_from_f32(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
}
static inline float f32_from_bf16(uint16_t x)
{
    uint32_t bits = (uint32_t)x << 16;
    float out;
    memcpy(&out, &bits, 4);
    return out;
}

/* float32 <-> e4m3 (Micikevicius et al., FP8 formats for deep learning, 2022: 3 bits of mantissa,
 * no infinities), to nearest even; beyond 448 it stays 448, NaN stays NaN. */
#define E4M3_MAX 448.0f
static inline uint8_t e4m3_from_f32(float x)
{
    const float units = 16384.0f; /* numbers from here on are multiples of 2^-9, the least e4m3 */
    uint32_t bits, unit_bits, code;
    memcpy(&bits, &x, 4);
    memcpy(&unit_bits, &units, 4);
    uint8_t sign = (uint8_t)(bits >> 24 & 0x80u);
    bits &= 0x7FFFFFFFu;
    if (bits > 0x7F800000u)
        return 0x7F;
    float size;
    memcpy(&size, &bits, 4);
    if (size < 0.015625f) { /* 2^-6: below it the distances are all the same */
        size += units;
        memcpy(&code, &size, 4);
        return (uint8_t)(sign | (code - unit_bits));
    }
    code = ((bits + 0x7FFFFu + (bits >> 20 & 1u)) >> 20) - (120u << 3);
    return (uint8_t)(sign | (size >= E4M3_MAX || code > 0x7Eu ? 0x7Eu : code));
}
static inline float f32_from_e4m3(uint8_t x)
{
    uint32_t bits, places = x & 0x7Fu;
    float out = (float)places / 512.0f;
    if (places >= 8) {
        bits = places == 0x7Fu ? 0x7FC00000u : (places << 20) + (120u << 23);
        memcpy(&out, &bits, 4);
    }
    return x & 0x80u ? -out : out;
}

/* float32 <-> IEEE half, to nearest even. */
uint16_t f16_from_f32(float x);
float f32_from_f16(uint16_t x);

/* Converts count elements of src (F32, F16, BF16, F64) to float32. */
void dtype_to_f32(float *dst, const void *src, enum dtype src_dtype, int64_t count);
/* Converts count float32 to dst (F32, F16, BF16, F64). */
void dtype_from_f32(void *dst, enum dtype dst_dtype, const float *src, int64_t count);

#endif
