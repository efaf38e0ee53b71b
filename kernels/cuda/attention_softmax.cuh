/* attention_softmax: what the kernels on tensor cores have in common: which keys a query sees, and
 * the running softmax over a tile of logits that a warp holds in registers.
 *
 *   m' = max(m, max z);  r = e^(m - m');  total = r total + sum e^(z - m');  weights e^(z - m')
 *
 * A thread's logits are as mma.sync and wgmma leave them: of two rows, 8 apart, and of every 8 keys
 * the two from 2 (lane % 4): s[4 j + 2 r + c] = z[row r][8 j + 2 (lane % 4) + c]. */
#ifndef DANAUS_KERNELS_CUDA_ATTENTION_SOFTMAX_CUH
#define DANAUS_KERNELS_CUDA_ATTENTION_SOFTMAX_CUH

#include "kernels/cuda/attention.h"
#include "kernels/cuda/mma.cuh"

#define ATTENTION_LOG2_E 1.4426950408889634f

/* Which biases a kernel is compiled for. */
enum attention_bias { ATTENTION_PLAIN, ATTENTION_KEY_BIAS, ATTENTION_BOTH_BIASES };

/* Small masks travel in the parameters of a kernel: nothing is sent, nothing waits. */
enum { ATTENTION_MASK_BLOCKS = 64 };

struct attention_logits {
    int queries, keys;
    float scale; /* log2(e) included */
    const float *bias, *key_bias;
    int64_t bias_head_stride, bias_stride;
    bool masked;
    int query_block; /* without a mask: one block for all */
    int mask_first[ATTENTION_MASK_BLOCKS], mask_end[ATTENTION_MASK_BLOCKS];
};

static inline void attention_set_logits(attention_logits *z, const struct attention_call *c)
{
    const struct attention_args *args = c->args;
    const struct attention_mask *mask = args->mask;
    z->queries = (int)c->q->shape[0];
    z->keys = (int)c->k->shape[0];
    z->scale = args->scale * ATTENTION_LOG2_E;
    if (args->bias) {
        z->bias = (const float *)args->bias->data;
        z->bias_head_stride = args->bias->stride[0];
        z->bias_stride = args->bias->stride[1];
    }
    if (args->key_bias)
        z->key_bias = (const float *)args->key_bias->data;
    z->query_block = INT32_MAX;
    z->mask_end[0] = z->keys;
    z->masked = mask != NULL;
    if (!mask)
        return;
    assert(mask->query_block > 0 && mask->blocks * mask->query_block >= z->queries);
    z->query_block = (int)(mask->query_block < z->queries ? mask->query_block : z->queries);
    for (int64_t i = 0; i < mask->blocks; i++) {
        z->mask_first[i] = (int)(mask->first[i] > 0 ? mask->first[i] : 0);
        z->mask_end[i] = (int)(mask->end[i] < z->keys ? mask->end[i] : z->keys);
    }
}

struct attention_span {
    int first, end;
};

/* Keys that at least one of the queries [row, row + count) sees lie in here. */
__device__ inline attention_span attention_seen(const attention_logits &z, int row, int count)
{
    attention_span span = {z.keys, 0};
    int last = (row + count < z.queries ? row + count : z.queries) - 1;
    for (int b = row / z.query_block; b <= last / z.query_block; b++) {
        span.first = z.mask_first[b] < span.first ? z.mask_first[b] : span.first;
        span.end = z.mask_end[b] > span.end ? z.mask_end[b] : span.end;
    }
    return span;
}

/* Keys that all of the queries [row, row + count) see. */
__device__ inline attention_span attention_seen_by_all(const attention_logits &z, int row,
                                                       int count)
{
    attention_span span = {0, z.keys};
    int last = (row + count < z.queries ? row + count : z.queries) - 1;
    for (int b = row / z.query_block; b <= last / z.query_block; b++) {
        span.first = z.mask_first[b] > span.first ? z.mask_first[b] : span.first;
        span.end = z.mask_end[b] < span.end ? z.mask_end[b] : span.end;
    }
    return span;
}

/* Two rows of a thread: queries `row` and `row` + 8 (or the last one, where there is none). */
struct attention_rows {
    int query[2], block[2]; /* of the mask */
    float high[2], total[2];
};

__device__ inline void attention_rows_begin(const attention_logits &z, int row,
                                            attention_rows *rows)
{
#pragma unroll
    for (int r = 0; r < 2; r++) {
        rows->query[r] = row + 8 * r < z.queries ? row + 8 * r : z.queries - 1;
        rows->block[r] = rows->query[r] / z.query_block;
        rows->high[r] = -INFINITY;
        rows->total[r] = 0;
    }
}

/* Hides keys that the rows do not see. */
template <int COUNT>
__device__ inline void attention_hide(const attention_logits &z, int key,
                                      const attention_rows &rows, float (&s)[COUNT])
{
    int column = key + (int)threadIdx.x % 4 * 2;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        int first = z.mask_first[rows.block[r]], end = z.mask_end[rows.block[r]];
#pragma unroll
        for (int i = 2 * r; i < COUNT; i += 4)
#pragma unroll
            for (int c = 0; c < 2; c++) {
                int j = column + i / 4 * 8 + c;
                if (j < first || j >= end)
                    s[i + c] = -INFINITY;
            }
    }
}

/* What is added to COUNT logits of a thread, biases of keys times log2 e; asked for early, it
 * travels while products run. Behind the last key anything may stand: attention_hide follows. */
template <attention_bias BIAS, int COUNT> struct attention_added {
    static constexpr int count = BIAS == ATTENTION_PLAIN      ? 1
                                 : BIAS == ATTENTION_KEY_BIAS ? COUNT / 2 /* of both rows */
                                                              : COUNT;
    float x[count];

    /* keys [first, first + 2 COUNT) */
    __device__ void load(const attention_logits &z, int head, int first, const attention_rows &rows)
    {
        int column = first + (int)threadIdx.x % 4 * 2;
        if constexpr (BIAS == ATTENTION_KEY_BIAS) {
#pragma unroll
            for (int i = 0; i < count; i++) {
                int j = column + i / 2 * 8 + i % 2;
                x[i] = z.key_bias[j < z.keys ? j : z.keys - 1] * ATTENTION_LOG2_E;
            }
        }
        if constexpr (BIAS == ATTENTION_BOTH_BIASES) {
            const float *of_head = z.bias + head * z.bias_head_stride;
            const float *row[2] = {of_head + rows.query[0] * z.bias_stride,
                                   of_head + rows.query[1] * z.bias_stride};
#pragma unroll
            for (int i = 0; i < count; i++) {
                int j = column + i / 4 * 8 + i % 2;
                j = j < z.keys ? j : z.keys - 1;
                x[i] = z.bias ? row[i / 2 % 2][j] : 0.0f;
                if (z.key_bias)
                    x[i] += z.key_bias[j];
            }
        }
    }

    /* The same from shared memory, where attention_fill_bias has put all biases of keys. */
    __device__ void load_shared(const float *biases, int first)
    {
        const float *from = biases + first + (int)threadIdx.x % 4 * 2;
#pragma unroll
        for (int i = 0; i < count; i++)
            x[i] = from[i / 2 * 8 + i % 2];
    }

    /* Logits times log2 e. */
    __device__ void add(const attention_logits &z, float (&s)[COUNT]) const
    {
        if constexpr (BIAS != ATTENTION_PLAIN) {
#pragma unroll
            for (int i = 0; i < COUNT; i++) {
                float more =
                    BIAS == ATTENTION_KEY_BIAS ? x[i / 4 * 2 + i % 2] : x[i] * ATTENTION_LOG2_E;
                s[i] = s[i] * z.scale + more;
            }
        }
    }
};

/* Biases of keys, times log2 e, for load_shared; to the next multiple of `round` keys that do not
 * exist are hidden. Thread `thread` of `threads` does its share. */
__device__ inline void attention_fill_bias(const attention_logits &z, float *biases, int round,
                                           int thread, int threads)
{
    for (int j = thread; j < (z.keys + round - 1) / round * round; j += threads)
        biases[j] = j < z.keys ? z.key_bias[j] * ATTENTION_LOG2_E : -INFINITY;
}

/* Logits of keys [key, key + 2 COUNT) become weights; sums so far are to be multiplied by
 * rescale. all: keys that need no hiding. The totals are of the thread's own keys until
 * attention_rows_end. */
template <attention_bias BIAS, int COUNT>
__device__ inline void attention_softmax(const attention_logits &z, int key, attention_span all,
                                         const attention_added<BIAS, COUNT> &added,
                                         attention_rows &rows, float (&s)[COUNT],
                                         float (&rescale)[2])
{
    const float scale = BIAS == ATTENTION_PLAIN ? z.scale : 1.0f;
    added.add(z, s);
    if (key < all.first || key + 2 * COUNT > all.end)
        attention_hide(z, key, rows, s);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float high = rows.high[r], sum = 0;
#pragma unroll
        for (int i = 2 * r; i < COUNT; i += 4)
            high = fmaxf(high, fmaxf(s[i], s[i + 1]));
        high = fmaxf(high, __shfl_xor_sync(0xFFFFFFFFu, high, 1));
        high = fmaxf(high, __shfl_xor_sync(0xFFFFFFFFu, high, 2));
        /* while every key so far is hidden, zero stands in for the maximum */
        float middle = high == -INFINITY ? 0.0f : high * scale;
        rescale[r] = mma_exp2(rows.high[r] * scale - middle);
        rows.high[r] = high;
#pragma unroll
        for (int i = 2 * r; i < COUNT; i += 4) {
            s[i] = mma_exp2(s[i] * scale - middle);
            s[i + 1] = mma_exp2(s[i + 1] * scale - middle);
            sum += s[i] + s[i + 1];
        }
        rows.total[r] = rows.total[r] * rescale[r] + sum;
    }
}

/* The totals of whole rows. */
__device__ inline void attention_rows_end(attention_rows &rows)
{
#pragma unroll
    for (int r = 0; r < 2; r++) {
        rows.total[r] += __shfl_xor_sync(0xFFFFFFFFu, rows.total[r], 1);
        rows.total[r] += __shfl_xor_sync(0xFFFFFFFFu, rows.total[r], 2);
    }
}

/* One over the total, zero for a row that saw nothing. */
__device__ inline float attention_share(float total)
{
    return total > 0 ? 1.0f / total : 0.0f;
}

#endif
