/* norm: the norms of token rows.
 *
 *   layer_norm            y = (x - mean) / sqrt(var + eps) * weight + bias
 *   layer_norm_modulate   y = (x - mean) / sqrt(var + eps) * (1 + scale[f]) + shift[f]
 *   rms_norm              y = x / sqrt(mean(x^2) + eps) * weight
 *
 * x, y [rows, dim], row stride free. A row is read once into the first-level cache; the variance is
 * taken around the mean, in a second pass over the cached row, because E[x^2] - mean^2 loses the
 * digits that the 1e-6 of eps is about. Bytes: x and y once; about 8 FLOPs an element. */
#include <assert.h>
#include <math.h>

#include "kernels/cpu/cpu_exec.h"

/* mean and 1/sqrt(var + eps) of a row */
static void moments(const float *x, int64_t n, float eps, float *mean, float *inverse)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    float m = sum / (float)n, squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - m) * (x[i] - m);
    *mean = m;
    *inverse = 1.0f / sqrtf(squares / (float)n + eps);
}

static void check_rows(const struct tensor *y, const struct tensor *x)
{
    assert(x->ndim == 2 && y->ndim == 2 && cpu_is_activation(x) && cpu_is_activation(y));
    assert(x->shape[0] == y->shape[0] && x->shape[1] == y->shape[1]);
    assert(x->stride[1] == 1 && y->stride[1] == 1);
}

bool cpu_layer_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                    const struct tensor *weight, const struct tensor *bias, float eps,
                    struct dn_error *err)
{
    (void)err;
    check_rows(y, x);
    int64_t rows = x->shape[0], dim = x->shape[1];
    assert(!weight == !bias);
    assert(!weight || (weight->dtype == DTYPE_F32 && tensor_count(weight) == dim));
    const float *w = weight ? weight->data : NULL, *b = bias ? bias->data : NULL;
    cpu_enter(ex);
    size_t stride;
    char *scratch = cpu_scratch_per_thread(ex, 2 * (size_t)dim * 4, &stride);
#pragma omp parallel for schedule(static) if (rows * dim > CPU_GRAIN)
    for (int64_t r = 0; r < rows; r++) {
        float *tmp = (float *)(scratch + stride * (size_t)cpu_thread());
        const float *from = cpu_read(x, r * x->stride[0], dim, tmp);
        float *to = cpu_target(y, r * y->stride[0], tmp + dim);
        float mean, inverse;
        moments(from, dim, eps, &mean, &inverse);
        if (w) {
#pragma omp simd
            for (int64_t i = 0; i < dim; i++)
                to[i] = (from[i] - mean) * inverse * w[i] + b[i];
        } else {
#pragma omp simd
            for (int64_t i = 0; i < dim; i++)
                to[i] = (from[i] - mean) * inverse;
        }
        cpu_write(y, r * y->stride[0], dim, to);
    }
    return true;
}

bool cpu_layer_norm_modulate(struct exec *ex, const struct tensor *y, const struct tensor *x,
                             const struct tensor *shift, const struct tensor *scale,
                             int64_t rows_per_frame, float eps, struct dn_error *err)
{
    (void)err;
    check_rows(y, x);
    int64_t rows = x->shape[0], dim = x->shape[1];
    assert(rows_per_frame > 0 && shift->dtype == DTYPE_F32 && scale->dtype == DTYPE_F32);
    assert(shift->shape[1] == dim && scale->shape[1] == dim);
    assert(rows <= rows_per_frame * shift->shape[0] && rows <= rows_per_frame * scale->shape[0]);
    cpu_enter(ex);
    size_t stride;
    char *scratch = cpu_scratch_per_thread(ex, 2 * (size_t)dim * 4, &stride);
#pragma omp parallel for schedule(static) if (rows * dim > CPU_GRAIN)
    for (int64_t r = 0; r < rows; r++) {
        float *tmp = (float *)(scratch + stride * (size_t)cpu_thread());
        const float *from = cpu_read(x, r * x->stride[0], dim, tmp);
        float *to = cpu_target(y, r * y->stride[0], tmp + dim);
        int64_t frame = r / rows_per_frame;
        const float *add = (const float *)shift->data + frame * shift->stride[0];
        const float *times = (const float *)scale->data + frame * scale->stride[0];
        float mean, inverse;
        moments(from, dim, eps, &mean, &inverse);
#pragma omp simd
        for (int64_t i = 0; i < dim; i++)
            to[i] = (from[i] - mean) * inverse * (1.0f + times[i]) + add[i];
        cpu_write(y, r * y->stride[0], dim, to);
    }
    return true;
}

bool cpu_rms_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                  const struct tensor *weight, float eps, struct dn_error *err)
{
    (void)err;
    check_rows(y, x);
    int64_t rows = x->shape[0], dim = x->shape[1];
    assert(weight->dtype == DTYPE_F32 && tensor_count(weight) == dim);
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
        cpu_write(y, r * y->stride[0], dim, to);
    }
    return true;
}
