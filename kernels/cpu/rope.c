/* rope: norm of queries and keys with rotary embedding, written where attention reads it (a row of
 * the KV cache).
 *
 *   n = x / sqrt(mean(x^2) + eps) * weight          over the whole width, all heads together
 *   y[2i] = n[2i] cos[i] - n[2i+1] sin[i],  y[2i+1] = n[2i] sin[i] + n[2i+1] cos[i]   in each head
 *
 * x [rows, heads*d]; y [rows, heads, d]; cos, sin F32 [rows, d/2] or absent. Bytes: x, y and the
 * table once; about 9 FLOPs an element. */
#include <assert.h>

#include "kernels/cpu/cpu_exec.h"

/* Turns the pairs of one row in place. */
static void rotate(float *row, int64_t heads, int64_t d, const float *c, const float *s)
{
    for (int64_t h = 0; h < heads; h++) {
        float *head = row + h * d;
#pragma omp simd
        for (int64_t i = 0; i < d / 2; i++) {
            float even = head[2 * i], odd = head[2 * i + 1];
            head[2 * i] = even * c[i] - odd * s[i];
            head[2 * i + 1] = even * s[i] + odd * c[i];
        }
    }
}

bool cpu_qk_norm_rope(struct exec *ex, const struct tensor *y, const struct tensor *x,
                      const struct tensor *weight, const struct tensor *cos,
                      const struct tensor *sin, float eps, struct dn_error *err)
{
    (void)err;
    assert(x->ndim == 2 && y->ndim == 3 && cpu_is_activation(x) && cpu_is_activation(y));
    int64_t rows = x->shape[0], heads = y->shape[1], d = y->shape[2], dim = heads * d;
    assert(x->shape[1] == dim && y->shape[0] == rows && y->stride[2] == 1 && y->stride[1] == d);
    assert(weight->dtype == DTYPE_F32 && tensor_count(weight) == dim);
    assert(!cos == !sin);
    assert(!cos || (cos->dtype == DTYPE_F32 && cos->shape[0] == rows && 2 * cos->shape[1] == d));
    const float *w = weight->data;
    cpu_enter(ex);
    size_t stride;
    char *scratch = cpu_scratch_per_thread(ex, 2 * (size_t)dim * 4, &stride);
#pragma omp parallel for schedule(static) if (rows * dim > CPU_GRAIN)
    for (int64_t r = 0; r < rows; r++) {
        float *tmp = (float *)(scratch + stride * (size_t)cpu_thread());
        const float *from = cpu_read(x, r * x->stride[0], dim, tmp);
        float *to = cpu_target(y, r * y->stride[0], tmp + dim);
        float inverse = cpu_inverse_rms(from, dim, eps);
#pragma omp simd
        for (int64_t i = 0; i < dim; i++)
            to[i] = from[i] * inverse * w[i];
        if (cos)
            rotate(to, heads, d, (const float *)cos->data + r * cos->stride[0],
                   (const float *)sin->data + r * sin->stride[0]);
        cpu_write(y, r * y->stride[0], dim, to);
    }
    return true;
}

bool cpu_place_qkv(struct exec *ex, const struct qkv_places *to, const struct tensor *qkv,
                   struct dn_error *err)
{
    int64_t dim = qkv->shape[1] / 3;
    struct tensor q = tensor_columns(qkv, 0, dim), k = tensor_columns(qkv, dim, dim);
    if (to->v) {
        struct tensor v = tensor_columns(qkv, 2 * dim, dim);
        struct tensor flat = tensor_over(to->v->data, to->v->dtype, DIMS(v.shape[0], dim));
        flat.stride[0] = to->v->stride[0];
        if (!cpu_copy(ex, &flat, &v, err))
            return false;
    }
    return cpu_qk_norm_rope(ex, to->k, &k, to->weight_k, to->cos, to->sin, to->eps, err) &&
           (!to->q ||
            cpu_qk_norm_rope(ex, to->q, &q, to->weight_q, to->cos, to->sin, to->eps, err));
}
