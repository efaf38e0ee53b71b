/* norm: the norms of token rows.
 *
 *   layer_norm            y = (x - mean) / sqrt(var + eps) * weight + bias
 *   layer_norm_modulate   y = (x - mean) / sqrt(var + eps) * (1 + scale[f]) + shift[f]
 *   rms_norm              y = x / sqrt(mean(x^2) + eps) * weight
 *
 * x, y [rows, dim], row stride free. A row is held in registers (cuda_rows.cuh); the variance is
 * taken around the mean. Rows that are not aligned, or of a width that has no such form, are read
 * three times by a block. Bytes: x and y once; about 8 FLOPs an element. */
#include "kernels/cuda/cuda_rows.cuh"

struct norm_problem {
    cuda_array x;
    int64_t x_stride, dim, rows;
    struct cuda_norm to;

    template <bool X16, bool Y16, int N, int STEPS, bool ALONE>
    __device__ void run(int64_t row) const
    {
        cuda_row<N, STEPS, ALONE> r;
        r.template load<X16>(x.data, row * x_stride, dim);
        cuda_norm_row(r, to, row, dim);
        r.template store<Y16>(to.y.data, row * to.y_stride, dim);
    }
};

__global__ void norm_kernel(norm_problem p)
{
    float *shared = cuda_shared();
    const struct cuda_norm &n = p.to;
    int64_t row = blockIdx.x, frame = row / n.per_frame;
    int64_t from = row * p.x_stride, to = row * n.y_stride;
    float mean = 0, squares = 0;
    if (n.centred) {
        float sum = 0;
        for (int64_t i = threadIdx.x; i < p.dim; i += blockDim.x)
            sum += cuda_load(p.x, from + i);
        mean = cuda_block_sum(sum, shared) / (float)p.dim;
    }
    for (int64_t i = threadIdx.x; i < p.dim; i += blockDim.x) {
        float x = cuda_load(p.x, from + i) - mean;
        squares += x * x;
    }
    float inverse = 1.0f / sqrtf(cuda_block_sum(squares, shared) / (float)p.dim + n.eps);
    for (int64_t i = threadIdx.x; i < p.dim; i += blockDim.x) {
        float y = (cuda_load(p.x, from + i) - mean) * inverse;
        if (n.times)
            y *= n.plus + n.times[frame * n.times_stride + i];
        if (n.add)
            y += n.add[frame * n.add_stride + i];
        cuda_store(n.y, to + i, y);
    }
}

static norm_problem norm_of(const struct tensor *y, const struct tensor *x, float eps)
{
    assert(x->ndim == 2 && y->ndim == 2);
    assert(x->shape[0] == y->shape[0] && x->shape[1] == y->shape[1]);
    assert(x->stride[1] == 1 && y->stride[1] == 1);
    norm_problem p = {};
    p.x = cuda_array_of(x);
    p.x_stride = x->stride[0];
    p.dim = x->shape[1];
    p.rows = x->shape[0];
    p.to.y = cuda_array_of(y);
    p.to.y_stride = y->stride[0];
    p.to.per_frame = p.rows ? p.rows : 1;
    p.to.eps = eps;
    p.to.share = 1.0f / (float)p.dim;
    return p;
}

static bool run(struct exec *ex, const char *op, const norm_problem &p, struct dn_error *err)
{
    if (cuda_rows_fit(p.x.data, p.x_stride, p.dim) && cuda_norm_fits(&p.to, p.dim))
        return cuda_launch_rows(ex, op, err, p.dim, p.x.bf16, p.to.y.bf16, p);
    return cuda_launch(ex, op, err, norm_kernel, cuda_grid(p.rows, 1), CUDA_BLOCK,
                       32 * sizeof(float), p);
}

extern "C" bool cuda_layer_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                                const struct tensor *weight, const struct tensor *bias, float eps,
                                struct dn_error *err)
{
    norm_problem p = norm_of(y, x, eps);
    p.to.centred = 1;
    assert(!weight == !bias);
    if (weight) {
        assert(weight->dtype == DTYPE_F32 && tensor_count(weight) == p.dim);
        assert(bias->dtype == DTYPE_F32 && tensor_count(bias) == p.dim);
        p.to.times = (const float *)weight->data;
        p.to.add = (const float *)bias->data;
    }
    return run(ex, "layer_norm", p, err);
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
    p.to.centred = 1;
    p.to.plus = 1;
    p.to.times = (const float *)scale->data;
    p.to.add = (const float *)shift->data;
    p.to.times_stride = scale->stride[0];
    p.to.add_stride = shift->stride[0];
    p.to.per_frame = rows_per_frame;
    return run(ex, "layer_norm_modulate", p, err);
}

extern "C" bool cuda_rms_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                              const struct tensor *weight, float eps, struct dn_error *err)
{
    norm_problem p = norm_of(y, x, eps);
    assert(weight->dtype == DTYPE_F32 && tensor_count(weight) == p.dim);
    p.to.times = (const float *)weight->data;
    return run(ex, "rms_norm", p, err);
}
