/* weights_values: reading the elements of a view, whatever its strides, dtype and alignment. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "format/weight_format.h"

#define CHUNK 1024 /* elements gathered at a time */

static float f8_e4m3_to_f32(uint8_t x)
{
    int exponent = x >> 3 & 15, mantissa = x & 7;
    float value;
    if ((x & 0x7F) == 0x7F)
        value = NAN;
    else if (exponent == 0)
        value = ldexpf((float)mantissa, -9);
    else
        value = ldexpf((float)(8 + mantissa), exponent - 10);
    return x & 0x80 ? -value : value;
}

/* count elements at src, aligned for dtype, to float32. */
static void convert(float *dst, const void *src, enum dtype dtype, int64_t count)
{
#define BY_VALUE(type)                                                                             \
    for (int64_t i = 0; i < count; i++)                                                            \
        dst[i] = (float)((const type *)src)[i];                                                    \
    return
    switch (dtype) {
    case DTYPE_I64:
        BY_VALUE(int64_t);
    case DTYPE_I32:
        BY_VALUE(int32_t);
    case DTYPE_I16:
        BY_VALUE(int16_t);
    case DTYPE_I8:
        BY_VALUE(int8_t);
    case DTYPE_U8:
    case DTYPE_BOOL:
        BY_VALUE(uint8_t);
    case DTYPE_F8_E4M3:
        for (int64_t i = 0; i < count; i++)
            dst[i] = f8_e4m3_to_f32(((const uint8_t *)src)[i]);
        return;
    case DTYPE_F8_E5M2:
        for (int64_t i = 0; i < count; i++)
            dst[i] = f32_from_f16((uint16_t)(((const uint8_t *)src)[i] << 8));
        return;
    default:
        dtype_to_f32(dst, src, dtype, count);
    }
#undef BY_VALUE
}

/* Walks a view in row-major order: where the next run of elements starts, and how they step. */
struct walk {
    const struct weight_view *view;
    int64_t index[WEIGHTS_MAX_DIMS]; /* of the dimensions before the run */
    int64_t offset;                  /* elements from data */
    int64_t left;                    /* elements not yet visited */
};

/* Copies up to limit elements, without a change of dtype, to dst; returns how many. */
static int64_t gather(struct walk *k, uint8_t *dst, int64_t limit)
{
    const struct weight_view *v = k->view;
    int64_t size = dtype_size(v->dtype), done = 0;
    const uint8_t *src = v->data;
    if (limit > k->left)
        limit = k->left;
    if (v->contiguous) {
        memcpy(dst, src + k->offset * size, (size_t)(limit * size));
        k->offset += limit;
        k->left -= limit;
        return limit;
    }
    while (done < limit) {
        memcpy(dst + done * size, src + k->offset * size, (size_t)size);
        done++;
        int d = v->ndim - 1;
        while (d >= 0 && ++k->index[d] == v->shape[d]) {
            k->index[d] = 0;
            k->offset -= (v->shape[d] - 1) * v->stride[d];
            d--;
        }
        if (d >= 0)
            k->offset += v->stride[d];
    }
    k->left -= done;
    return done;
}

void weights_copy_f32(const struct weight_view *v, float *dst)
{
    if (v->contiguous && v->aligned) {
        convert(dst, v->data, v->dtype, v->count);
        return;
    }
    _Alignas(8) uint8_t chunk[CHUNK * 8];
    struct walk k = {.view = v, .left = v->count};
    while (k.left) {
        int64_t n = gather(&k, chunk, CHUNK);
        convert(dst, chunk, v->dtype, n);
        dst += n;
    }
}

void weights_copy(const struct weight_view *v, void *dst)
{
    struct walk k = {.view = v, .left = v->count};
    gather(&k, dst, v->count);
}

/* Which element of the view is not finite; -1 for none. */
static int64_t first_not_finite(const struct weight_view *v)
{
    _Alignas(8) uint8_t chunk[CHUNK * 8];
    float values[CHUNK];
    struct walk k = {.view = v, .left = v->count};
    while (k.left) {
        int64_t start = v->count - k.left, n = gather(&k, chunk, CHUNK);
        convert(values, chunk, v->dtype, n);
        float sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += values[i] * 0.0f;
        for (int64_t i = 0; sum != 0 && i < n; i++)
            if (!isfinite(values[i]))
                return start + i;
    }
    return -1;
}

static bool is_float(enum dtype dtype)
{
    return dtype == DTYPE_F32 || dtype == DTYPE_F16 || dtype == DTYPE_BF16 || dtype == DTYPE_F64 ||
           dtype == DTYPE_F8_E4M3 || dtype == DTYPE_F8_E5M2;
}

bool weights_check_finite(const struct weights *w, struct dn_error *err)
{
    for (int64_t i = 0; i < weights_count(w); i++) {
        const struct weight_view *v = weights_at(w, i);
        int64_t at = is_float(v->dtype) ? first_not_finite(v) : -1;
        if (at < 0)
            continue;
        dn_fail(err, DN_E_MODEL, "%s: tensor %.200s holds NaN or infinity (first at element %lld)",
                w->path, v->name, (long long)at);
        return dn_error_hint(err, "these weights were broken when they were saved; use others");
    }
    return true;
}

bool weights_verify_crc(const struct weights *w, struct dn_error *err)
{
    for (int64_t i = 0; i < w->crc_count; i++) {
        const struct weight_crc *c = &w->crcs[i];
        if (crc32_z(0, w->files[c->file].data + c->offset, c->size) == c->crc)
            continue;
        dn_fail(err, DN_E_FORMAT, "%s: record %s does not match its CRC-32 %08x", w->path, c->name,
                (unsigned)c->crc);
        return dn_error_hint(err, "the file was damaged on its way; get it again");
    }
    return true;
}
