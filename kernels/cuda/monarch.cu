/* monarch: Monarch attention (MonarchRT), the row-wise best rank-one fit of the attention map by
 * two block-diagonal factors, corrected by the entropy. In the two-phase form: what stage 1 makes
 * goes through scratch memory.
 *
 * The token grids of q and k are cut into tiles of b1 x b2: f_tied frames by rows/h_reduce by
 * cols/w_reduce; b1 counts (frame in tile, row), b2 columns. For a query tile a and a column j of
 * it, with s the scale, over all visible key tiles f:
 *
 *   stage 1, each key row k:  z_l = s q[a,k,j] . k[f,k,l];  R = softmax over l
 *     alpha = sum R_l k[f,k,l];  y = sum R_l v[f,k,l];  e = -sum R_l log R_l
 *   stage 2, each row i:  logit[f,k] = s q[a,i,j] . alpha[f,k] + e[f,k];  L = softmax over (f,k)
 *     out[a,i,j] = sum L[f,k] y[f,k]
 *
 * With n > 1 iterations both stages run n times: from the second on, stage 1's query of (f,k) is
 * sum_i L_i q[a,i,j] and z is multiplied by min(1 / (sum_i L_i + 1e-6), 1e4) (by 1 / (1 + 1e-6) the
 * first time); only the last y counts.
 *
 * A unit is a head and a query tile; as many units as 128 MiB of scratch hold run in one launch, n
 * being b1 times the key tiles: alpha, y [unit, b2, n, d], e [unit, b2, n], with iterations also L
 * [unit, b2, b1, n], all float32. FLOPs for a pair of tiles: 6 b1 b2 b2 d + 4 b1 b1 b2 d. Bytes a
 * unit: 16 b2 n d through scratch (480x832, 21 frames, d 128: 67 MB), which decides its speed.
 * Share of the limit: not measured yet. */
#include "kernels/cuda/attention_tile.cuh"
#include "kernels/cuda/monarch.cuh"

#define SCRATCH_MOST ((int64_t)128 << 20)

/* A unit of the running block. */
struct monarch_unit {
    int64_t head, tile, local; /* local: its place in scratch */
    int64_t n;                 /* key rows that it sees: the first ones */
};

__device__ inline monarch_unit unit_at(const monarch_problem &p, int64_t first, int64_t local)
{
    int64_t unit = first + local, tile = unit / p.heads;
    return monarch_unit{unit % p.heads, tile, local, monarch_seen(p, tile)};
}

__device__ inline float query_at(const monarch_problem &p, const monarch_unit &u, int64_t i,
                                 int64_t j, int c)
{
    return cuda_load(p.q,
                     monarch_token(p, u.tile, i, j) * p.q_stride + u.head * p.q_head_stride + c);
}

/* Stage 1's query of column j for key row fk, and what its logits are multiplied by. */
__device__ inline float stage_1_query(const monarch_problem &p, const monarch_unit &u, int iter,
                                      int64_t fk, int64_t j, int c, float *factor)
{
    if (iter == 0) {
        *factor = p.num_iters > 1 ? p.scale / (1.0f + 1e-6f) : p.scale;
        return query_at(p, u, fk % p.b1, j, c);
    }
    const float *weights = p.weights + (u.local * p.b2 + j) * p.b1 * p.n + fk;
    float query = 0, weight = 0;
    for (int i = 0; i < p.b1; i++) {
        float share = weights[i * p.n];
        weight += share;
        query += share * query_at(p, u, i, j, c);
    }
    *factor = fminf(1.0f / (weight + 1e-6f), 1e4f) * p.scale;
    return query;
}

/* Shared memory of stage 1: tiles of `size` rows of queries, keys or values, and sums; the whole
 * rows of R; a factor a row. */
struct stage_1_shared {
    float *query, *kv, *sum, *z, *factor;
    int pitch, size;
};

/* kv = columns [first, first + size) of key row fk. */
__device__ inline void stage_1_load(const monarch_problem &p, const monarch_unit &u,
                                    const stage_1_shared &m, int64_t fk, int first, int values)
{
    int64_t token = monarch_token(p, fk / p.b1, fk % p.b1, first);
    __syncthreads();
    for (int e = (int)threadIdx.x; e < m.size * p.d; e += (int)blockDim.x) {
        int l = e / p.d, c = e % p.d;
        float x = 0;
        if (first + l < p.b2)
            x = values ? cuda_load(p.v, (token + l) * p.v_stride + u.head * p.v_head_stride + c)
                       : cuda_load(p.k, (token + l) * p.k_stride + u.head * p.k_head_stride + c);
        m.kv[l * m.pitch + c] = x;
    }
    __syncthreads();
}

/* z of all columns l for the queries in m. */
__device__ inline void stage_1_logits(const monarch_problem &p, const monarch_unit &u,
                                      const stage_1_shared &m, int64_t fk)
{
    for (int first = 0; first < p.b2; first += m.size) {
        stage_1_load(p, u, m, fk, first, 0);
        for (int e = (int)threadIdx.x; e < m.size * m.size; e += (int)blockDim.x) {
            int i = e / m.size, l = e % m.size;
            float product = 0;
            for (int c = 0; c < p.d; c++)
                product += m.query[i * m.pitch + c] * m.kv[l * m.pitch + c];
            if (first + l < p.b2)
                m.z[i * p.b2 + first + l] = product * m.factor[i];
        }
    }
    __syncthreads();
}

/* z becomes R, a warp a row; entropy = log(sum e^(z - max)) - sum R (z - max): small
 * numbers only */
__device__ inline void stage_1_softmax(const monarch_problem &p, const stage_1_shared &m,
                                       float *entropy, int count)
{
    int lane = (int)threadIdx.x % 32;
    for (int i = (int)threadIdx.x / 32; i < count; i += (int)blockDim.x / 32) {
        float *row = m.z + i * p.b2, highest = -INFINITY, sum = 0, mean = 0;
        for (int l = lane; l < p.b2; l += 32)
            highest = fmaxf(highest, row[l]);
        highest = cuda_warp_max(highest);
        for (int l = lane; l < p.b2; l += 32) {
            float below = row[l] - highest, weight = expf(below);
            row[l] = weight;
            sum += weight;
            mean += weight * below;
        }
        sum = cuda_warp_sum(sum);
        mean = cuda_warp_sum(mean);
        for (int l = lane; l < p.b2; l += 32)
            row[l] /= sum;
        if (lane == 0)
            entropy[i * p.n] = logf(sum) - mean / sum;
    }
}

/* to[i, :] = sum_l R[i, l] (key or value)[l, :] for i < count */
__device__ inline void stage_1_sum(const monarch_problem &p, const monarch_unit &u,
                                   const stage_1_shared &m, int64_t fk, int values, float *to,
                                   int count)
{
    for (int e = (int)threadIdx.x; e < m.size * p.d; e += (int)blockDim.x)
        m.sum[e / p.d * m.pitch + e % p.d] = 0;
    for (int first = 0; first < p.b2; first += m.size) {
        stage_1_load(p, u, m, fk, first, values);
        int columns = p.b2 - first < m.size ? p.b2 - first : m.size;
        for (int e = (int)threadIdx.x; e < count * p.d; e += (int)blockDim.x) {
            int i = e / p.d, c = e % p.d;
            float sum = m.sum[i * m.pitch + c];
            for (int l = 0; l < columns; l++)
                sum += m.z[i * p.b2 + first + l] * m.kv[l * m.pitch + c];
            m.sum[i * m.pitch + c] = sum;
        }
    }
    for (int e = (int)threadIdx.x; e < count * p.d; e += (int)blockDim.x)
        to[e / p.d * p.n * p.d + e % p.d] = m.sum[e / p.d * m.pitch + e % p.d];
}

/* Block (fk, tile of columns j, unit). */
__global__ void monarch_stage_1_kernel(monarch_problem p, int64_t first_unit, int iter, int size)
{
    monarch_unit u = unit_at(p, first_unit, blockIdx.z);
    int64_t fk = blockIdx.x, first = (int64_t)blockIdx.y * size;
    if (fk >= u.n)
        return;
    int count = p.b2 - first < size ? (int)(p.b2 - first) : size;
    stage_1_shared m = {cuda_shared(), NULL, NULL, NULL, NULL, p.d + 1, size};
    m.kv = m.query + size * m.pitch;
    m.sum = m.kv + size * m.pitch;
    m.z = m.sum + size * m.pitch;
    m.factor = m.z + size * p.b2;
    for (int e = (int)threadIdx.x; e < size * p.d; e += (int)blockDim.x) {
        int i = e / p.d, c = e % p.d;
        float factor = 0, query = 0;
        if (i < count)
            query = stage_1_query(p, u, iter, fk, first + i, c, &factor);
        m.query[i * m.pitch + c] = query;
        if (c == 0)
            m.factor[i] = factor;
    }
    int64_t at = (u.local * p.b2 + first) * p.n + fk;
    stage_1_logits(p, u, m, fk);
    stage_1_softmax(p, m, p.entropy + at, count);
    stage_1_sum(p, u, m, fk, 0, p.alpha + at * p.d, count);
    stage_1_sum(p, u, m, fk, 1, p.y + at * p.d, count);
}

/* L of one row i, column j, unit: between iterations. */
__global__ void monarch_weights_kernel(monarch_problem p, int64_t first_unit)
{
    float *shared = cuda_shared(), *query = shared + 32;
    monarch_unit u = unit_at(p, first_unit, blockIdx.z);
    int64_t i = blockIdx.x, j = blockIdx.y, column = u.local * p.b2 + j;
    float *weights = p.weights + (column * p.b1 + i) * p.n, highest = -INFINITY, sum = 0;
    for (int c = (int)threadIdx.x; c < p.d; c += (int)blockDim.x)
        query[c] = query_at(p, u, i, j, c);
    __syncthreads();
    for (int64_t fk = threadIdx.x; fk < u.n; fk += blockDim.x) {
        const float *alpha = p.alpha + (column * p.n + fk) * p.d;
        float product = 0;
        for (int c = 0; c < p.d; c++)
            product += query[c] * alpha[c];
        weights[fk] = product * p.scale + p.entropy[column * p.n + fk];
        highest = fmaxf(highest, weights[fk]);
    }
    highest = cuda_block_max(highest, shared);
    for (int64_t fk = threadIdx.x; fk < u.n; fk += blockDim.x) {
        weights[fk] = expf(weights[fk] - highest);
        sum += weights[fk];
    }
    sum = cuda_block_sum(sum, shared);
    for (int64_t fk = threadIdx.x; fk < u.n; fk += blockDim.x)
        weights[fk] /= sum;
}

/* Stage 2 of one column as attention: rows i are the queries, alpha the keys, y the values. */
struct stage_2_source {
    monarch_problem p;
    monarch_unit u;
    int64_t j;
    const float *alpha, *y, *entropy;

    __device__ float query(int64_t i, int c) const
    {
        return query_at(p, u, i, j, c);
    }
    __device__ float key(int64_t fk, int c) const
    {
        return alpha[fk * p.d + c];
    }
    __device__ float value(int64_t fk, int c) const
    {
        return y[fk * p.d + c];
    }
    __device__ float logit(int64_t, int64_t fk, float product) const
    {
        return product * p.scale + entropy[fk];
    }
    __device__ void store(int64_t i, int c, float x) const
    {
        int64_t token = monarch_token(p, u.tile, i, j);
        cuda_store(p.out, token * p.out_stride + u.head * p.out_head_stride + c, x);
    }
};

/* Block (tile of rows i, column j, unit). */
__global__ void monarch_stage_2_kernel(monarch_problem p, int64_t first_unit, int size)
{
    monarch_unit u = unit_at(p, first_unit, blockIdx.z);
    int64_t column = (u.local * p.b2 + blockIdx.y) * p.n, first = (int64_t)blockIdx.x * size;
    stage_2_source s = {
        p, u, blockIdx.y, p.alpha + column * p.d, p.y + column * p.d, p.entropy + column};
    int64_t end = first + size < p.b1 ? first + size : p.b1;
    attention_tile(s, first, end, 0, u.n, p.d, size);
}

static bool run_units(struct exec *ex, const monarch_problem &p, int64_t first, int64_t units,
                      struct dn_error *err)
{
    const char *op = "monarch_attention";
    /* stage 1 keeps b2 logits and a factor a row besides its tiles, stage 2 what attention does */
    int one = attention_size(p.d, p.b2 + 1), two = attention_size(p.d, ATTENTION_MORE);
    dim3 stage_1 = cuda_grid(p.n, 1), stage_2 = cuda_grid(p.b1, two);
    stage_1.y = (unsigned)((p.b2 + one - 1) / one);
    stage_2.y = (unsigned)p.b2;
    dim3 between((unsigned)p.b1, (unsigned)p.b2, (unsigned)units);
    stage_1.z = stage_2.z = (unsigned)units;
    for (int iter = 0; iter < p.num_iters; iter++) {
        if (!cuda_launch(ex, op, err, monarch_stage_1_kernel, stage_1, ATTENTION_BLOCK,
                         attention_shared(one, p.d, p.b2 + 1), p, first, iter, one))
            return false;
        if (iter < p.num_iters - 1 &&
            !cuda_launch(ex, op, err, monarch_weights_kernel, between, CUDA_BLOCK,
                         (size_t)(32 + p.d) * sizeof(float), p, first))
            return false;
    }
    return cuda_launch(ex, op, err, monarch_stage_2_kernel, stage_2, ATTENTION_BLOCK,
                       attention_shared(two, p.d, ATTENTION_MORE), p, first, two);
}

static void check(const struct tensor *out, const struct tensor *q, const struct tensor *k,
                  const struct tensor *v, const struct monarch_args *args)
{
    const struct tensor *all[] = {out, q, k, v};
    for (int i = 0; i < 4; i++) {
        assert(all[i]->ndim == 3 && all[i]->stride[2] == 1);
        assert(all[i]->shape[1] == q->shape[1] && all[i]->shape[2] == q->shape[2]);
    }
    assert(out->shape[0] == q->shape[0] && k->shape[0] == v->shape[0]);
    assert(args->rows % args->h_reduce == 0 && args->cols % args->w_reduce == 0);
    int64_t block = args->causal_block_frames, group = args->f_tied * args->rows * args->cols;
    assert(q->shape[0] % group == 0 && k->shape[0] % group == 0);
    assert(block >= 0 && (block == 0 || block % args->f_tied == 0));
    assert(block == 0 || q->shape[0] == k->shape[0]);
    assert(args->num_iters >= 1 && args->num_iters <= 3);
}

static monarch_problem problem_of(const struct tensor *out, const struct tensor *q,
                                  const struct tensor *k, const struct tensor *v,
                                  const struct monarch_args *args)
{
    monarch_problem p = {};
    int64_t group = args->f_tied * args->rows * args->cols;
    int64_t bands = args->h_reduce * args->w_reduce;
    p.q = cuda_array_of(q);
    p.k = cuda_array_of(k);
    p.v = cuda_array_of(v);
    p.out = cuda_array_of(out);
    p.q_stride = q->stride[0];
    p.k_stride = k->stride[0];
    p.v_stride = v->stride[0];
    p.out_stride = out->stride[0];
    p.q_head_stride = q->stride[1];
    p.k_head_stride = k->stride[1];
    p.v_head_stride = v->stride[1];
    p.out_head_stride = out->stride[1];
    p.rows = args->rows;
    p.cols = args->cols;
    p.f_tied = args->f_tied;
    p.h_reduce = args->h_reduce;
    p.w_reduce = args->w_reduce;
    p.heads = q->shape[1];
    p.query_tiles = q->shape[0] / group * bands;
    p.d = (int)q->shape[2];
    p.b1 = (int)(args->f_tied * args->rows / args->h_reduce);
    p.b2 = (int)(args->cols / args->w_reduce);
    p.n = k->shape[0] / group * bands * p.b1;
    p.causal_tiles = args->causal_block_frames / args->f_tied * bands;
    p.num_iters = args->num_iters;
    p.scale = args->scale;
    return p;
}

extern "C" bool cuda_monarch_attention(struct exec *ex, const struct tensor *out,
                                       const struct tensor *q, const struct tensor *k,
                                       const struct tensor *v, const struct monarch_args *args,
                                       struct dn_error *err)
{
    check(out, q, k, v, args);
    monarch_problem p = problem_of(out, q, k, v, args);
    int64_t units = p.heads * p.query_tiles, pairs = p.b2 * p.n; /* pairs (j, fk) of a unit */
    if (units == 0)
        return true;
    assert(p.n > 0);
#ifndef DANAUS_EMULATE
    if (p.b2 <= MONARCH_NARROW && monarch_ring_sm90_can(ex, p))
        return monarch_ring_sm90(ex, p, err);
    if (monarch_sm90_can(ex, p))
        return monarch_sm90(ex, p, err);
#endif
    if (monarch_tensor_can(ex, p))
        return monarch_tensor(ex, p, err);
    int64_t floats = pairs * (2 * p.d + 1) + (p.num_iters > 1 ? pairs * p.b1 : 0);
    int64_t batch = SCRATCH_MOST / (floats * 4);
    batch = batch < 1 ? 1 : batch > units ? units : batch;
    batch = batch > 65535 ? 65535 : batch;
    void *memory;
    if (!cuda_scratch(ex, "monarch_attention", (size_t)(batch * floats) * 4, &memory, err))
        return false;
    p.alpha = (float *)memory;
    p.y = p.alpha + batch * pairs * p.d;
    p.entropy = p.y + batch * pairs * p.d;
    p.weights = p.entropy + batch * pairs;
    for (int64_t first = 0; first < units; first += batch)
        if (!run_units(ex, p, first, units - first < batch ? units - first : batch, err))
            return false;
    return true;
}
