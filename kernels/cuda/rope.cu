/* rope: norm of queries and keys with rotary embedding, written where attention reads it (a row of
 * the KV cache).
 *
 *   n = x / sqrt(mean(x^2) + eps) * weight          over the whole width, all heads together
 *   y[2i] = n[2i] cos[i] - n[2i+1] sin[i],  y[2i+1] = n[2i] sin[i] + n[2i+1] cos[i]   in each head
 *
 * x [rows, heads*d]; y [rows, heads, d]; cos, sin F32 [rows, d/2] or absent. A warp a row, held in
 * registers (cuda_rows.cuh), the angles of a lane's columns too where every step falls on the same
 * ones (32 lanes of 8 columns hold whole heads). Rows that are not aligned go through a block, a
 * thread a pair. Bytes: x, y and the table once; about 9 FLOPs an element. */
#include "kernels/cuda/cuda_rows.cuh"

struct rope_problem {
    cuda_array y, x;
    int64_t y_stride, x_stride, dim, d, rows;
    const float *weight, *cos, *sin;
    int64_t cos_stride, sin_stride;
    float eps;

    template <bool X16, bool Y16, int N, int STEPS, int WARPS>
    __device__ void run(int64_t row) const
    {
        cuda_row<N, STEPS, WARPS> r;
        float c[N / 2], s[N / 2];
        int head = 0, width = (int)d; /* columns are few: 32 bits divide faster */
        r.template load<X16>(x.data, row * x_stride, dim);
        float inverse = 1.0f / sqrtf(r.squares(0, dim) / (float)dim + eps);
#pragma unroll
        for (int step = 0; step < STEPS; step++) {
            int64_t at = r.column(step);
            float w[N];
            if (at >= dim)
                continue;
            cuda_load_n<false, N>(w, weight, at);
#pragma unroll
            for (int i = 0; i < N; i++)
                r.v[step][i] *= inverse * w[i];
            if (!cos)
                continue;
            if (step == 0 || (int)at % width != head) {
                head = (int)at % width;
                load_angles<N>(c, cos + row * cos_stride + head / 2);
                load_angles<N>(s, sin + row * sin_stride + head / 2);
            }
#pragma unroll
            for (int i = 0; i < N; i += 2) {
                float even = r.v[step][i], odd = r.v[step][i + 1];
                r.v[step][i] = even * c[i / 2] - odd * s[i / 2];
                r.v[step][i + 1] = even * s[i / 2] + odd * c[i / 2];
            }
        }
        r.template store<Y16>(y.data, row * y_stride, dim);
    }

    template <int N> __device__ static void load_angles(float *to, const float *from)
    {
        cuda_words<2 *N> raw = *(const cuda_words<2 * N> *)from;
        memcpy(to, &raw, sizeof raw);
    }
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
    p.rows = rows;
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
    bool fits = cuda_rows_fit(p.x.data, p.x_stride, dim) && dim <= CUDA_ROW_LONGEST &&
                cuda_rows_fit(p.y.data, p.y_stride, dim) && cuda_vectors_fit(p.weight, 0) &&
                d % 8 == 0 && cuda_vectors_fit(p.cos, p.cos_stride) &&
                cuda_vectors_fit(p.sin, p.sin_stride);
    if (fits)
        return cuda_launch_rows(ex, "qk_norm_rope", err, dim, p.x.bf16, p.y.bf16, p);
    return cuda_launch(ex, "qk_norm_rope", err, rope_kernel, cuda_grid(rows, 1), CUDA_BLOCK,
                       32 * sizeof(float), p);
}
