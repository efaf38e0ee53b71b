/* dtype: see dtype.h */
#include "base/dtype.h"

#include <assert.h>

static const struct {
    const char *name;
    int size;
} dtypes[DTYPE_COUNT] = {
    [DTYPE_F32] = {"F32", 4},        [DTYPE_F16] = {"F16", 2},         [DTYPE_BF16] = {"BF16", 2},
    [DTYPE_F64] = {"F64", 8},        [DTYPE_I64] = {"I64", 8},         [DTYPE_I32] = {"I32", 4},
    [DTYPE_I16] = {"I16", 2},        [DTYPE_I8] = {"I8", 1},           [DTYPE_U8] = {"U8", 1},
    [DTYPE_BOOL] = {"BOOL", 1},      [DTYPE_F8_E4M3] = {"F8_E4M3", 1}, [DTYPE_F8_E5M2] = {"F8_E5M2", 1},
};

int64_t dtype_size(enum dtype dtype)
{
    assert((unsigned)dtype < DTYPE_COUNT);
    return dtypes[dtype].size;
}

const char *dtype_name(enum dtype dtype)
{
    return (unsigned)dtype < DTYPE_COUNT ? dtypes[dtype].name : "?";
}

uint16_t f16_from_f32(float x)
{
    _Float16 h = (_Float16)x;
    uint16_t bits;
    memcpy(&bits, &h, 2);
    return bits;
}

float f32_from_f16(uint16_t x)
{
    _Float16 h;
    memcpy(&h, &x, 2);
    return (float)h;
}

void dtype_to_f32(float *dst, const void *src, enum dtype src_dtype, int64_t count)
{
    const uint16_t *half = src;
    const double *wide = src;
    switch (src_dtype) {
    case DTYPE_F32:
        memcpy(dst, src, (size_t)count * 4);
        return;
    case DTYPE_BF16:
        for (int64_t i = 0; i < count; i++)
            dst[i] = f32_from_bf16(half[i]);
        return;
    case DTYPE_F16:
        for (int64_t i = 0; i < count; i++)
            dst[i] = f32_from_f16(half[i]);
        return;
    case DTYPE_F64:
        for (int64_t i = 0; i < count; i++)
            dst[i] = (float)wide[i];
        return;
    default:
        assert(!"dtype_to_f32: not a floating point type");
    }
}

void dtype_from_f32(void *dst, enum dtype dst_dtype, const float *src, int64_t count)
{
    uint16_t *half = dst;
    double *wide = dst;
    switch (dst_dtype) {
    case DTYPE_F32:
        memcpy(dst, src, (size_t)count * 4);
        return;
    case DTYPE_BF16:
        for (int64_t i = 0; i < count; i++)
            half[i] = bf16_from_f32(src[i]);
        return;
    case DTYPE_F16:
        for (int64_t i = 0; i < count; i++)
            half[i] = f16_from_f32(src[i]);
        return;
    case DTYPE_F64:
        for (int64_t i = 0; i < count; i++)
            wide[i] = src[i];
        return;
    default:
        assert(!"dtype_from_f32: not a floating point type");
    }
}
