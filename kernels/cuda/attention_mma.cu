/* attention_mma: attention on the tensor cores that every GPU from sm_80 on has, bf16 in and out,
 * sums in float32: the running softmax of attention_softmax.cuh between two products.
 *
 * A block is a head and 128 queries, four warps of 32; keys and values come in tiles of 64, copied
 * asynchronously: values while logits are computed, the next keys while values are summed. Rows in
 * shared memory have 16 bytes more than they need, so that the 8 rows of a matrix lie in different
 * banks. FLOPs: 4 d a query and key. Bytes: q and out once, k and v once a block.
 * On an H200, 2026-11-25: 250 to 300 TFLOP/s at d 128; not measured on other GPUs. */
#include "kernels/cuda/attention_softmax.cuh"

#define OP "attention"

enum { ROWS = 128, WARP_ROWS = 32, KEYS = 64, THREADS = ROWS / WARP_ROWS * 32 };

struct attention_mma_job {
    attention_logits z;
    const uint16_t *q, *k, *v;
    uint16_t *out;
    int64_t q_stride, k_stride, v_stride, out_stride;                     /* rows */
    int64_t q_head_stride, k_head_stride, v_head_stride, out_head_stride; /* heads */
    int d;
};

/* Queues copies of `rows` rows of d numbers to rows of D, zeros where there is nothing: behind d,
 * and behind the `there` rows that exist. */
template <int D>
__device__ inline void fetch(uint16_t *to, const uint16_t *from, int64_t stride, int rows,
                             int there, int d)
{
    for (int e = (int)threadIdx.x; e < rows * (D / 8); e += THREADS) {
        int row = e / (D / 8), column = e % (D / 8) * 8;
        bool exists = row < there && column < d;
        copy_async_16(to + row * (D + 8) + column, exists ? from + row * stride + column : from,
                      exists);
    }
}

/* s += q k^T of a warp: two times 16 queries against all keys of the tile. */
template <int D>
__device__ inline void add_logits(float (&s)[2][KEYS / 2], const uint16_t *q, const uint16_t *k)
{
    int lane = (int)threadIdx.x % 32;
    q += lane % 16 * (D + 8) + lane / 16 * 8;
    k += (lane % 8 + lane / 16 * 8) * (D + 8) + lane / 8 % 2 * 8;
#pragma unroll
    for (int c = 0; c < D; c += 16) {
        uint32_t a[2][4], b[4];
        mma_load_4(a[0], q + c);
        mma_load_4(a[1], q + 16 * (D + 8) + c);
#pragma unroll
        for (int j = 0; j < KEYS; j += 16) {
            mma_load_4(b, k + j * (D + 8) + c);
#pragma unroll
            for (int m = 0; m < 2; m++) {
                mma_16x8x16(*(float(*)[4])(s[m] + j / 2), a[m], b[0], b[1]);
                mma_16x8x16(*(float(*)[4])(s[m] + j / 2 + 4), a[m], b[2], b[3]);
            }
        }
    }
}

/* o += weights v; s holds the weights. */
template <int D>
__device__ inline void add_values(float (&o)[2][D / 2], const float (&s)[2][KEYS / 2],
                                  const uint16_t *v)
{
    int lane = (int)threadIdx.x % 32;
    v += lane % 16 * (D + 8) + lane / 16 * 8;
#pragma unroll
    for (int j = 0; j < KEYS; j += 16) {
        uint32_t a[2][4], b[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
            for (int m = 0; m < 2; m++)
                a[m][i] = mma_pack(s[m][j / 2 + 2 * i], s[m][j / 2 + 2 * i + 1]);
#pragma unroll
        for (int c = 0; c < D; c += 16) {
            mma_load_4_trans(b, v + j * (D + 8) + c);
#pragma unroll
            for (int m = 0; m < 2; m++) {
                mma_16x8x16(*(float(*)[4])(o[m] + c / 2), a[m], b[0], b[1]);
                mma_16x8x16(*(float(*)[4])(o[m] + c / 2 + 4), a[m], b[2], b[3]);
            }
        }
    }
}

/* A warp's rows, divided by their totals, through its part of shared memory to `out`. */
template <int D>
__device__ inline void store_rows(const attention_mma_job &job, uint16_t *out, uint16_t *own,
                                  int row, float (&o)[2][D / 2], attention_rows (&rows)[2])
{
    int lane = (int)threadIdx.x % 32;
#pragma unroll
    for (int m = 0; m < 2; m++) {
        attention_rows_end(rows[m]);
        float share[2] = {attention_share(rows[m].total[0]), attention_share(rows[m].total[1])};
#pragma unroll
        for (int i = 0; i < D / 2; i += 2) {
            int r = i / 2 % 2;
            uint16_t *to = own + (16 * m + 8 * r + lane / 4) * (D + 8) + i / 4 * 8 + lane % 4 * 2;
            *(uint32_t *)to = mma_pack(o[m][i] * share[r], o[m][i + 1] * share[r]);
        }
    }
    __syncwarp();
    for (int e = lane; e < WARP_ROWS * (D / 8); e += 32) {
        int r = e / (D / 8), column = e % (D / 8) * 8;
        if (row + r < job.z.queries && column < job.d)
            memcpy(out + (row + r) * job.out_stride + column, own + r * (D + 8) + column, 16);
    }
}

template <int D, attention_bias BIAS>
__global__ void __launch_bounds__(THREADS)
    attention_mma_kernel(const __grid_constant__ attention_mma_job job)
{
    int head = (int)blockIdx.y, row = (int)blockIdx.x * ROWS, warp = (int)threadIdx.x / 32;
    int lane = (int)threadIdx.x % 32, own_row = row + warp * WARP_ROWS;
    uint16_t *q = (uint16_t *)cuda_shared(), *k = q + ROWS * (D + 8), *v = k + KEYS * (D + 8);
    const uint16_t *keys = job.k + head * job.k_head_stride;
    const uint16_t *values = job.v + head * job.v_head_stride;
    attention_span span = attention_seen(job.z, row, ROWS);
    attention_span all = attention_seen_by_all(job.z, own_row, WARP_ROWS);
    attention_rows rows[2];
    attention_added<BIAS, KEYS / 2> added;
    float s[2][KEYS / 2], o[2][D / 2], rescale[2];
    fetch<D>(q, job.q + head * job.q_head_stride + row * job.q_stride, job.q_stride, ROWS,
             job.z.queries - row, job.d);
    int key = span.first / KEYS * KEYS;
    if (key < span.end)
        fetch<D>(k, keys + key * job.k_stride, job.k_stride, KEYS, job.z.keys - key, job.d);
    copy_async_commit();
#pragma unroll
    for (int m = 0; m < 2; m++) {
        attention_rows_begin(job.z, own_row + 16 * m + lane / 4, &rows[m]);
#pragma unroll
        for (int i = 0; i < D / 2; i++)
            o[m][i] = 0;
    }
    for (; key < span.end; key += KEYS) {
        copy_async_wait<0>();
        __syncthreads(); /* keys are there, the values before are used up */
        fetch<D>(v, values + key * job.v_stride, job.v_stride, KEYS, job.z.keys - key, job.d);
        copy_async_commit();
#pragma unroll
        for (int i = 0; i < KEYS / 2; i++)
            s[0][i] = s[1][i] = 0;
        add_logits<D>(s, q + warp * WARP_ROWS * (D + 8), k);
        copy_async_wait<0>();
        __syncthreads(); /* values are there, the keys are used up */
        int next = key + KEYS;
        if (next < span.end)
            fetch<D>(k, keys + next * job.k_stride, job.k_stride, KEYS, job.z.keys - next, job.d);
        copy_async_commit();
#pragma unroll
        for (int m = 0; m < 2; m++) {
            added.load(job.z, head, key, rows[m]);
            attention_softmax(job.z, key, all, added, rows[m], s[m], rescale);
#pragma unroll
            for (int i = 0; i < D / 2; i++)
                o[m][i] *= rescale[i / 2 % 2];
        }
        add_values<D>(o, s, v);
    }
    copy_async_wait<0>();
    store_rows<D>(job, job.out + head * job.out_head_stride, q + warp * WARP_ROWS * (D + 8),
                  own_row, o, rows);
}

template <int D, attention_bias BIAS>
static bool start(struct exec *ex, const struct attention_call *c, struct dn_error *err)
{
    attention_mma_job job = {};
    attention_set_logits(&job.z, c);
    job.q = (const uint16_t *)c->q->data;
    job.k = (const uint16_t *)c->k->data;
    job.v = (const uint16_t *)c->v->data;
    job.out = (uint16_t *)c->out->data;
    job.q_stride = c->q->stride[0];
    job.k_stride = c->k->stride[0];
    job.v_stride = c->v->stride[0];
    job.out_stride = c->out->stride[0];
    job.q_head_stride = c->q->stride[1];
    job.k_head_stride = c->k->stride[1];
    job.v_head_stride = c->v->stride[1];
    job.out_head_stride = c->out->stride[1];
    job.d = (int)c->q->shape[2];
    dim3 grid = cuda_grid(job.z.queries, ROWS);
    grid.y = (unsigned)c->q->shape[1];
    size_t shared = (size_t)(ROWS + 2 * KEYS) * (D + 8) * sizeof(uint16_t);
    return cuda_launch(ex, OP, err, attention_mma_kernel<D, BIAS>, grid, THREADS, shared, job);
}

/* What copies of 16 bytes ask of addresses and strides. */
static bool can_copy(const struct tensor *t)
{
    return t->dtype == DTYPE_BF16 && (uintptr_t)t->data % 16 == 0 && t->stride[0] > 0 &&
           t->stride[0] % 8 == 0 &&
           (t->shape[1] == 1 || (t->stride[1] > 0 && t->stride[1] % 8 == 0));
}

bool attention_tiles_fit(const struct exec *ex, const struct attention_call *c)
{
    const struct attention_mask *mask = c->args->mask;
    int64_t d = c->q->shape[2], queries = c->q->shape[0], keys = c->k->shape[0];
    return ex->dtype == DTYPE_BF16 && d <= 128 && d % 8 == 0 && keys > 0 && keys < 1 << 24 &&
           queries < 1 << 24 && c->q->shape[1] < 1 << 12 && c->args->scale > 0 && can_copy(c->q) &&
           can_copy(c->k) && can_copy(c->v) && can_copy(c->out) &&
           (!mask || mask->blocks <= ATTENTION_MASK_BLOCKS);
}

template <attention_bias BIAS>
static bool start_for(struct exec *ex, const struct attention_call *c, struct dn_error *err)
{
    return c->q->shape[2] <= 64 ? start<64, BIAS>(ex, c, err) : start<128, BIAS>(ex, c, err);
}

bool attention_mma(struct exec *ex, const struct attention_call *c, struct dn_error *err)
{
    if (c->args->bias)
        return start_for<ATTENTION_BOTH_BIASES>(ex, c, err);
    return c->args->key_bias ? start_for<ATTENTION_KEY_BIAS>(ex, c, err)
                             : start_for<ATTENTION_PLAIN>(ex, c, err);
}
