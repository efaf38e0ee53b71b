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

/* float32 <-> IEEE half, to nearest even. */
uint16_t f16_from_f32(float x);
float f32_from_f16(uint16_t x);

/* Converts count elements of src (F32, F16, BF16, F64) to float32. */
void dtype_to_f32(float *dst, const void *src, enum dtype src_dtype, int64_t count);
/* Converts count float32 to dst (F32, F16, BF16, F64). */
void dtype_from_f32(void *dst, enum dtype dst_dtype, const float *src, int64_t count);

#endif
