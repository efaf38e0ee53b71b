/* rope: norm of queries and keys with rotary embedding, written where attention reads it (a row of
 * the KV cache).
 *
 *   n = x / sqrt(mean(x^2) + eps) * weight          over the whole width, all heads together
 *   y[2i] = n[2i] cos[i] - n[2i+1] sin[i],  y[2i+1] = n[2i] sin[i] + n[2i+1] cos[i]   in each head
 *
 * x [rows, heads*d]; y [rows, heads, d]; cos, sin F32 [rows, d/2] or absent. A row is held in
 * registers (cuda_rows.cuh), the angles of a lane's columns too where every step falls on the same
 * ones. Rows that are not aligned go through a block, a thread a pair.
 *
 *   place_qkv   q and k of a product's row so, and v copied, in one pass over it
 *
 * Bytes: x, y and the table once; about 9 FLOPs an element. */
#include "kernels/cuda/cuda_rows.cuh"

template <int N> __device__ inline void load_angles(float *to, const float *from)
{
    cuda_words<2 *N> raw = *(const cuda_words<2 * N> *)from;
    memcpy(to, &raw, sizeof raw);
}

/* The pairs of N columns of a head by their angles. */
template <int N> __device__ inline void turn(float *v, const float *c, const float *s)
{
#pragma unroll
    for (int i = 0; i < N; i += 2) {
        float even = v[i], odd = v[i + 1];
        v[i] = even * c[i / 2] - odd * s[i / 2];
        v[i + 1] = even * s[i / 2] + odd * c[i / 2];
    }
}

struct rope_problem {
    cuda_array y, x;
    int64_t y_stride, x_stride, dim, d, rows;
    const float *weight, *cos, *sin;
    int64_t cos_stride, sin_stride;
    float eps, share; /* share: 1 / dim */

    template <bool X16, bool Y16, int N, int STEPS, bool ALONE>
    __device__ void run(int64_t row) const
    {
        cuda_row<N, STEPS, ALONE> r;
        float c[N / 2], s[N / 2];
        int head = 0, width = (int)d; /* columns are few: 32 bits divide faster */
        r.template load<X16>(x.data, row * x_stride, dim);
        float inverse = cuda_rsqrt(r.power((int)dim) * share + eps);
#pragma unroll
        for (int step = 0; step < STEPS; step++) {
            int at = r.column(step);
            float w[N];
            if (!r.holds(step, dim))
                continue;
            cuda_load_shared<N>(w, weight + at);
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
            turn<N>(r.v[step], c, s);
        }
        r.template store<Y16>(y.data, row * y_stride, dim);
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
    p.share = 1.0f / (float)dim;
    if (cos) {
        assert(cos->dtype == DTYPE_F32 && cos->shape[0] == rows && 2 * cos->shape[1] == d);
        assert(sin->dtype == DTYPE_F32 && sin->shape[0] == rows && 2 * sin->shape[1] == d);
        p.cos = (const float *)cos->data;
        p.sin = (const float *)sin->data;
        p.cos_stride = cos->stride[0];
        p.sin_stride = sin->stride[0];
    }
    bool fits = cuda_rows_fit(p.x.data, p.x_stride, dim) && cuda_rows_form(dim) &&
                cuda_rows_fit(p.y.data, p.y_stride, dim) && cuda_vectors_fit(p.weight, 0) &&
                d % 8 == 0 && cuda_vectors_fit(p.cos, p.cos_stride) &&
                cuda_vectors_fit(p.sin, p.sin_stride);
    if (fits)
        return cuda_launch_rows(ex, "qk_norm_rope", err, dim, p.x.bf16, p.y.bf16, p);
    return cuda_launch(ex, "qk_norm_rope", err, rope_kernel, cuda_grid(rows, 1), CUDA_BLOCK,
                       32 * sizeof(float), p);
}

/* q, k and v of a row side by side, all of one dtype: a row a block, 16 bytes of each a thread. */
struct place_problem {
    const void *qkv;
    void *to[3]; /* q, k, v; NULL: not wanted */
    const float *weight[2], *cos, *sin;
    int64_t qkv_stride, stride[3], cos_stride, sin_stride;
    int dim, d;
    float eps, share; /* share: 1 / dim */
};

template <bool BF16, int THREADS, int BLOCKS>
__global__ void __launch_bounds__(THREADS, BLOCKS) place_kernel(place_problem p)
{
    constexpr int N = BF16 ? 8 : 4, SIZE = 16 / N;
    cuda_await_queue();
    int64_t row = blockIdx.x;
    int at = (int)threadIdx.x * N;
    bool here = at < p.dim;
    float v[2][N], w[2][N], c[N / 2], s[N / 2], squares[2] = {0, 0};
    if (here) {
        const char *from = (const char *)p.qkv + (row * p.qkv_stride + at) * SIZE;
        cuda_words<16> raw[3] = {};
#pragma unroll
        for (int part = 0; part < 3; part++)
            if (p.to[part])
                raw[part] = cuda_load_once<16>(from + part * p.dim * SIZE);
#pragma unroll
        for (int part = 0; part < 2; part++)
            if (p.to[part])
                cuda_load_shared<N>(w[part], p.weight[part] + at);
        load_angles<N>(c, p.cos + row * p.cos_stride + at % p.d / 2);
        load_angles<N>(s, p.sin + row * p.sin_stride + at % p.d / 2);
        if (p.to[2])
            *(cuda_words<16> *)((char *)p.to[2] + (row * p.stride[2] + at) * SIZE) = raw[2];
#pragma unroll
        for (int part = 0; part < 2; part++) {
            cuda_widen<BF16>(v[part], raw[part]);
#pragma unroll
            for (int i = 0; i < N; i++)
                squares[part] += v[part][i] * v[part][i];
        }
    }
#pragma unroll
    for (int part = 0; part < 2; part++)
        squares[part] = cuda_warp_sum(squares[part]);
    cuda_block_sums(squares, cuda_shared());
    if (!here)
        return;
#pragma unroll
    for (int part = 0; part < 2; part++) {
        float inverse = cuda_rsqrt(squares[part] * p.share + p.eps);
        if (!p.to[part])
            continue;
#pragma unroll
        for (int i = 0; i < N; i++)
            v[part][i] *= inverse * w[part][i];
        turn<N>(v[part], c, s);
        cuda_store_n<BF16, N>(p.to[part], row * p.stride[part] + at, v[part]);
    }
}

template <bool BF16>
static bool launch_place(const struct exec *ex, const place_problem &p, int64_t rows,
                         struct dn_error *err)
{
    int threads = (p.dim / (BF16 ? 8 : 4) + 31) / 32 * 32;
    auto kernel = threads <= 256 ? place_kernel<BF16, 256, 4> : place_kernel<BF16, 1024, 1>;
    return cuda_launch_early(ex, "place_qkv", err, kernel, cuda_grid(rows, 1), (unsigned)threads,
                             2 * 32 * sizeof(float), p);
}

/* *taken: aligned, and queued when true comes back. */
static bool place_rows(struct exec *ex, const struct qkv_places *to, const struct tensor *qkv,
                       bool *taken, struct dn_error *err)
{
    const struct tensor *const parts[] = {to->q, to->k, to->v};
    int64_t d = to->k->shape[2], dim = to->k->shape[1] * d;
    bool bf16 = qkv->dtype == DTYPE_BF16;
    place_problem p = {};
    p.qkv = qkv->data;
    p.qkv_stride = qkv->stride[0];
    p.dim = (int)dim;
    p.d = (int)d;
    p.eps = to->eps;
    p.share = 1.0f / (float)dim;
    p.weight[0] = to->q ? (const float *)to->weight_q->data : NULL;
    p.weight[1] = (const float *)to->weight_k->data;
    p.cos = (const float *)to->cos->data;
    p.sin = (const float *)to->sin->data;
    p.cos_stride = to->cos->stride[0];
    p.sin_stride = to->sin->stride[0];
    *taken = cuda_rows_fit(p.qkv, p.qkv_stride, dim) && d % 8 == 0 &&
             dim <= 1024 * (bf16 ? 8 : 4) && cuda_vectors_fit(p.weight[0], 0) &&
             cuda_vectors_fit(p.weight[1], 0) && cuda_vectors_fit(p.cos, p.cos_stride) &&
             cuda_vectors_fit(p.sin, p.sin_stride);
    for (int i = 0; i < 3 && *taken; i++) {
        if (!parts[i])
            continue;
        p.to[i] = parts[i]->data;
        p.stride[i] = parts[i]->stride[0];
        *taken = parts[i]->dtype == qkv->dtype && cuda_rows_fit(p.to[i], p.stride[i], dim);
    }
    if (!*taken)
        return true;
    return bf16 ? launch_place<true>(ex, p, qkv->shape[0], err)
                : launch_place<false>(ex, p, qkv->shape[0], err);
}

extern "C" bool cuda_place_qkv(struct exec *ex, const struct qkv_places *to,
                               const struct tensor *qkv, struct dn_error *err)
{
    int64_t rows = qkv->shape[0], dim = qkv->shape[1] / 3;
    assert(qkv->ndim == 2 && qkv->shape[1] == 3 * dim && qkv->stride[1] == 1);
    assert(to->k->shape[1] * to->k->shape[2] == dim && !to->q == !to->weight_q);
    struct tensor q = tensor_columns(qkv, 0, dim), k = tensor_columns(qkv, dim, dim);
    struct tensor v = tensor_columns(qkv, 2 * dim, dim);
    bool taken;
    if (!place_rows(ex, to, qkv, &taken, err) || taken)
        return taken;
    if (to->v) {
        struct tensor flat = cuda_tensor(to->v->data, to->v->dtype, rows, dim);
        flat.stride[0] = to->v->stride[0];
        if (!cuda_copy(ex, &flat, &v, err))
            return false;
    }
    return cuda_qk_norm_rope(ex, to->k, &k, to->weight_k, to->cos, to->sin, to->eps, err) &&
           (!to->q ||
            cuda_qk_norm_rope(ex, to->q, &q, to->weight_q, to->cos, to->sin, to->eps, err));
}
