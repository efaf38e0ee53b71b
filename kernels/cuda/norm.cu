/* norm: the norms of token rows.
 *
 *   layer_norm            y = (x - mean) / sqrt(var + eps) * weight + bias
 *   layer_norm_modulate   y = (x - mean) / sqrt(var + eps) * (1 + scale[f]) + shift[f]
 *   rms_norm              y = x / sqrt(mean(x^2) + eps) * weight
 *
 * x, y [rows, dim], row stride free. A block a row; the row is read three times (twice for rms),
 * all but the first from the cache; the variance is taken around the mean. Bytes: x and y once;
 * about 8 FLOPs an element. Share of the memory limit: not measured yet. */
#include "kernels/cuda/cuda_util.cuh"

/* y = (x - mean) * inverse * (plus + times) + add; times, add F32 by frames of per_frame rows, or
 * NULL for 1 - plus and 0. */
struct norm_problem {
    cuda_array y, x;
    int64_t y_stride, x_stride, dim;
    const float *times, *add;
    int64_t times_stride, add_stride, per_frame;
    float plus, eps;
    int centred; /* 0: rms, the mean counts as 0 */
};

__global__ void norm_kernel(norm_problem p)
{
    float *shared = cuda_shared();
    int64_t row = blockIdx.x, frame = row / p.per_frame;
    int64_t from = row * p.x_stride, to = row * p.y_stride;
    float mean = 0, squares = 0;
    if (p.centred) {
        float sum = 0;
        for (int64_t i = threadIdx.x; i < p.dim; i += blockDim.x)
            sum += cuda_load(p.x, from + i);
        mean = cuda_block_sum(sum, shared) / (float)p.dim;
    }
    for (int64_t i = threadIdx.x; i < p.dim; i += blockDim.x) {
        float x = cuda_load(p.x, from + i) - mean;
        squares += x * x;
    }
    float inverse = 1.0f / sqrtf(cuda_block_sum(squares, shared) / (float)p.dim + p.eps);
    for (int64_t i = threadIdx.x; i < p.dim; i += blockDim.x) {
        float y = (cuda_load(p.x, from + i) - mean) * inverse;
        if (p.times)
            y *= p.plus + p.times[frame * p.times_stride + i];
        if (p.add)
            y += p.add[frame * p.add_stride + i];
        cuda_store(p.y, to + i, y);
    }
}

static norm_problem norm_of(const struct tensor *y, const struct tensor *x, float eps)
{
    assert(x->ndim == 2 && y->ndim == 2);
    assert(x->shape[0] == y->shape[0] && x->shape[1] == y->shape[1]);
    assert(x->stride[1] == 1 && y->stride[1] == 1);
    norm_problem p = {};
    p.y = cuda_array_of(y);
    p.x = cuda_array_of(x);
    p.y_stride = y->stride[0];
    p.x_stride = x->stride[0];
    p.dim = x->shape[1];
    p.per_frame = x->shape[0] ? x->shape[0] : 1;
    p.eps = eps;
    return p;
}

static bool run(struct exec *ex, const char *op, const norm_problem &p, int64_t rows,
                struct dn_error *err)
{
    return cuda_launch(ex, op, err, norm_kernel, cuda_grid(rows, 1), CUDA_BLOCK,
                       32 * sizeof(float), p);
}

extern "C" bool cuda_layer_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                                const struct tensor *weight, const struct tensor *bias, float eps,
                                struct dn_error *err)
{
    norm_problem p = norm_of(y, x, eps);
    p.centred = 1;
    assert(!weight == !bias);
    if (weight) {
        assert(weight->dtype == DTYPE_F32 && tensor_count(weight) == p.dim);
        assert(bias->dtype == DTYPE_F32 && tensor_count(bias) == p.dim);
        p.times = (const float *)weight->data;
        p.add = (const float *)bias->data;
    }
    return run(ex, "layer_norm", p, x->shape[0], err);
}

extern "C" bool cuda_layer_norm_modulate(struct exec *ex, const struct tensor *y,
                                         const struct tensor *x, const struct tensor *shift,
                                         const struct tensor *scale, int64_t rows_per_frame,
                                         float eps, struct dn_error *err)
{
    norm_problem p = norm_of(y, x, eps);
    assert(rows_per_frame > 0 && shift->dtype == DTYPE_F32 && scale->dtype == DTYPE_F32);
    assert(shift->shape[1] == p.dim && scale->shape[1] == p.dim);
    assert(x->shape[0] <= rows_per_frame * shift->shape[0]);
    assert(x->shape[0] <= rows_per_frame * scale->shape[0]);
    p.centred = 1;
    p.plus = 1;
    p.times = (const float *)scale->data;
    p.add = (const float *)shift->data;
    p.times_stride = scale->stride[0];
    p.add_stride = shift->stride[0];
    p.per_frame = rows_per_frame;
    return run(ex, "layer_norm_modulate", p, x->shape[0], err);
}

extern "C" bool cuda_rms_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                              const struct tensor *weight, float eps, struct dn_error *err)
{
    norm_problem p = norm_of(y, x, eps);
    assert(weight->dtype == DTYPE_F32 && tensor_count(weight) == p.dim);
    p.times = (const float *)weight->data;
    return run(ex, "rms_norm", p, x->shape[0], err);
}
