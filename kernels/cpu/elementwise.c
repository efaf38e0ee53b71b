/* elementwise: silu, row addition, linear combination, embedding lookup.
 *
 *   silu       y = x / (1 + e^-x)          add_row   y[r] = a[r] + b
 *   axpby      y = a x + b z               gather    y[i] = table[ids[i]]
 *
 * Contiguous tensors are walked in pieces of 512 elements that stay in the first-level cache
 * between conversion, arithmetic and store. Bytes: each operand once. */
#include <assert.h>

#include "kernels/cpu/cpu_exec.h"
#include "kernels/cpu/vector.h"

#define PIECE 512

bool cpu_silu(struct exec *ex, const struct tensor *y, const struct tensor *x, struct dn_error *err)
{
    (void)err;
    int64_t count = tensor_count(x);
    assert(tensor_is_contiguous(x) && tensor_is_contiguous(y) && tensor_count(y) == count);
    cpu_enter(ex);
#pragma omp parallel for schedule(static) if (count > CPU_GRAIN_EXP)
    for (int64_t at = 0; at < count; at += PIECE) {
        float in[PIECE], out[PIECE];
        int64_t n = count - at < PIECE ? count - at : PIECE;
        const float *from = cpu_read(x, at, n, in);
        float *to = cpu_target(y, at, out);
        for (int64_t i = 0; i < n; i += LANES)
            lanes_store(to + i, lanes_silu(lanes_load(from + i, n - i)), n - i);
        cpu_write(y, at, n, to);
    }
    return true;
}

bool cpu_add_row(struct exec *ex, const struct tensor *y, const struct tensor *a,
                 const struct tensor *b, struct dn_error *err)
{
    (void)err;
    assert(a->ndim == 2 && y->ndim == 2 && y->shape[0] == a->shape[0]);
    int64_t rows = a->shape[0], dim = a->shape[1];
    assert(y->shape[1] == dim && tensor_count(b) == dim);
    cpu_enter(ex);
#pragma omp parallel for schedule(static) if (rows * dim > CPU_GRAIN)
    for (int64_t r = 0; r < rows; r++) {
        float in[PIECE], row[PIECE], out[PIECE];
        for (int64_t at = 0; at < dim; at += PIECE) {
            int64_t n = dim - at < PIECE ? dim - at : PIECE;
            const float *left = cpu_read(a, r * a->stride[0] + at, n, in);
            const float *right = cpu_read(b, at, n, row);
            float *to = cpu_target(y, r * y->stride[0] + at, out);
#pragma omp simd
            for (int64_t i = 0; i < n; i++)
                to[i] = left[i] + right[i];
            cpu_write(y, r * y->stride[0] + at, n, to);
        }
    }
    return true;
}

bool cpu_axpby(struct exec *ex, const struct tensor *y, float a, const struct tensor *x, float b,
               const struct tensor *z, struct dn_error *err)
{
    (void)err;
    int64_t count = tensor_count(x);
    assert(tensor_is_contiguous(x) && tensor_is_contiguous(y) && tensor_count(y) == count);
    assert(!z || (tensor_is_contiguous(z) && tensor_count(z) == count));
    cpu_enter(ex);
#pragma omp parallel for schedule(static) if (count > CPU_GRAIN)
    for (int64_t at = 0; at < count; at += PIECE) {
        float in[PIECE], other[PIECE], out[PIECE];
        int64_t n = count - at < PIECE ? count - at : PIECE;
        const float *xs = cpu_read(x, at, n, in);
        float *to = cpu_target(y, at, out);
        if (z) {
            const float *zs = cpu_read(z, at, n, other);
#pragma omp simd
            for (int64_t i = 0; i < n; i++)
                to[i] = a * xs[i] + b * zs[i];
        } else {
#pragma omp simd
            for (int64_t i = 0; i < n; i++)
                to[i] = a * xs[i];
        }
        cpu_write(y, at, n, to);
    }
    return true;
}

bool cpu_gather_rows(struct exec *ex, const struct tensor *y, const struct tensor *table,
                     const int32_t *host_ids, struct dn_error *err)
{
    assert(y->ndim == 2 && table->ndim == 2 && y->shape[1] == table->shape[1]);
    for (int64_t r = 0; r < y->shape[0]; r++) {
        assert(host_ids[r] >= 0 && host_ids[r] < table->shape[0]);
        struct tensor to = tensor_slice(y, r, 1);
        struct tensor from = tensor_slice(table, host_ids[r], 1);
        if (!cpu_copy(ex, &to, &from, err))
            return false;
    }
    return true;
}
