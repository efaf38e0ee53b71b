/* rope: norm of queries and keys with rotary embedding, written where attention reads it (a row of
 * the KV cache).
 *
 *   n = x / sqrt(mean(x^2) + eps) * weight          over the whole width, all heads together
 *   y[2i] = n[2i] cos[i] - n[2i+1] sin[i],  y[2i+1] = n[2i] sin[i] + n[2i+1] cos[i]   in each head
 *
 * x [rows, heads*d]; y [rows, heads, d]; cos, sin F32 [rows, d/2] or absent. A block a row, a
 * thread a pair. Bytes: x, y and the table once; about 9 FLOPs an element. Share of the memory
 * limit: not measured yet. */
#include "kernels/cuda/cuda_util.cuh"

struct rope_problem {
    cuda_array y, x;
    int64_t y_stride, x_stride, dim, d;
    const float *weight, *cos, *sin;
    int64_t cos_stride, sin_stride;
    float eps;
};

__global__ void rope_kernel(rope_problem p)
{
    int64_t row = blockIdx.x, from = row * p.x_stride, to = row * p.y_stride;
    float squares = 0;
    for (int64_t i = threadIdx.x; i < p.dim; i += blockDim.x) {
        float x = cuda_load(p.x, from + i);
        squares += x * x;
    }
    float inverse = 1.0f / sqrtf(cuda_block_sum(squares, cuda_shared()) / (float)p.dim + p.eps);
    for (int64_t i = 2 * threadIdx.x; i < p.dim; i += 2 * blockDim.x) {
        float even = cuda_load(p.x, from + i) * inverse * p.weight[i];
        float odd = cuda_load(p.x, from + i + 1) * inverse * p.weight[i + 1];
        if (p.cos) {
            int64_t pair = i % p.d / 2;
            float c = p.cos[row * p.cos_stride + pair], s = p.sin[row * p.sin_stride + pair];
            float turned = even * c - odd * s;
            odd = even * s + odd * c;
            even = turned;
        }
        cuda_store(p.y, to + i, even);
        cuda_store(p.y, to + i + 1, odd);
    }
}

extern "C" bool cuda_qk_norm_rope(struct exec *ex, const struct tensor *y, const struct tensor *x,
                                  const struct tensor *weight, const struct tensor *cos,
                                  const struct tensor *sin, float eps, struct dn_error *err)
{
    assert(x->ndim == 2 && y->ndim == 3 && x->stride[1] == 1);
    int64_t rows = x->shape[0], d = y->shape[2], dim = y->shape[1] * d;
    assert(x->shape[1] == dim && y->shape[0] == rows && y->stride[2] == 1 && y->stride[1] == d);
    assert(weight->dtype == DTYPE_F32 && tensor_count(weight) == dim && d % 2 == 0);
    assert(!cos == !sin);
    rope_problem p = {};
    p.y = cuda_array_of(y);
    p.x = cuda_array_of(x);
    p.y_stride = y->stride[0];
    p.x_stride = x->stride[0];
    p.dim = dim;
    p.d = d;
    p.weight = (const float *)weight->data;
    p.eps = eps;
    if (cos) {
        assert(cos->dtype == DTYPE_F32 && cos->shape[0] == rows && 2 * cos->shape[1] == d);
        assert(sin->dtype == DTYPE_F32 && sin->shape[0] == rows && 2 * sin->shape[1] == d);
        p.cos = (const float *)cos->data;
        p.sin = (const float *)sin->data;
        p.cos_stride = cos->stride[0];
        p.sin_stride = sin->stride[0];
    }
    return cuda_launch(ex, "qk_norm_rope", err, rope_kernel, cuda_grid(rows, 1), CUDA_BLOCK,
                       32 * sizeof(float), p);
}
