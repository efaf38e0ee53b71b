/* attention_tile: online softmax over tiles of keys, for attention and for Monarch's second stage.
 *
 *   m' = max(m, max z);  r = e^(m - m');  sum = r sum + sum e^(z - m');  o = r o + e^(z - m') v
 *
 * A block takes a tile of size x size (at most 32) queries and keys in float32 shared memory; keys
 * and values use the same place after one another. What is a query, a key, a logit is the source's:
 *
 *   float query(int64_t i, int c), key(int64_t j, int c), value(int64_t j, int c);
 *   float logit(int64_t i, int64_t j, float product);     scaled, biased; -inf hides the key
 *   void store(int64_t i, int c, float out); */
#ifndef DANAUS_KERNELS_CUDA_ATTENTION_TILE_CUH
#define DANAUS_KERNELS_CUDA_ATTENTION_TILE_CUH

#include "kernels/cuda/cuda_util.cuh"

#define ATTENTION_BLOCK 256
/* what every architecture grants a block */
#define ATTENTION_SHARED (99 * 1024)

/* Bytes for tiles of size rows of d numbers and `more` floats a row besides. */
static inline size_t attention_shared(int size, int64_t d, int64_t more)
{
    return (size_t)(size * (3 * (d + 1) + more)) * sizeof(float);
}

/* The largest size that fits; at least 1. */
static inline int attention_size(int64_t d, int64_t more)
{
    int size = 32;
    while (size > 1 && attention_shared(size, d, more) > ATTENTION_SHARED)
        size /= 2;
    return size;
}

/* Floats a row that attention_tile needs besides the three tiles: logits, highest, total, rescale.
 * 32 + 1 + 3 is enough for every size. */
#define ATTENTION_MORE 36

template <typename Source>
__device__ void attention_tile(const Source &s, int64_t first, int64_t end, int64_t first_key,
                               int64_t end_key, int d, int size)
{
    int pitch = d + 1, thread = (int)threadIdx.x, threads = (int)blockDim.x;
    float *q = cuda_shared(), *kv = q + size * pitch, *o = kv + size * pitch;
    float *z = o + size * pitch, *highest = z + size * (size + 1);
    float *total = highest + size, *rescale = total + size;
    for (int e = thread; e < size * d; e += threads) {
        int i = e / d, c = e % d;
        q[i * pitch + c] = first + i < end ? s.query(first + i, c) : 0.0f;
        o[i * pitch + c] = 0;
    }
    if (thread < size) {
        highest[thread] = -INFINITY;
        total[thread] = 0;
    }
    for (int64_t key = first_key; key < end_key; key += size) {
        __syncthreads();
        for (int e = thread; e < size * d; e += threads)
            kv[e / d * pitch + e % d] = key + e / d < end_key ? s.key(key + e / d, e % d) : 0.0f;
        __syncthreads();
        for (int e = thread; e < size * size; e += threads) {
            int i = e / size, j = e % size;
            float product = 0;
            for (int c = 0; c < d; c++)
                product += q[i * pitch + c] * kv[j * pitch + c];
            bool there = first + i < end && key + j < end_key;
            z[i * (size + 1) + j] = there ? s.logit(first + i, key + j, product) : -INFINITY;
        }
        __syncthreads();
        for (int e = thread; e < size * d; e += threads)
            kv[e / d * pitch + e % d] = key + e / d < end_key ? s.value(key + e / d, e % d) : 0.0f;
        for (int i = thread / 32; i < size; i += threads / 32) {
            int lane = thread % 32;
            float x = lane < size ? z[i * (size + 1) + lane] : -INFINITY, before = highest[i];
            /* while every key so far is hidden, a finite number stands in for the maximum */
            float high = fmaxf(before, cuda_warp_max(x)), safe = fmaxf(high, -3e38f);
            float weight = expf(x - safe), sum = cuda_warp_sum(weight);
            if (lane < size)
                z[i * (size + 1) + lane] = weight;
            __syncwarp(); /* all lanes have read `highest` */
            if (lane == 0) {
                rescale[i] = expf(before - safe);
                total[i] = total[i] * rescale[i] + sum;
                highest[i] = high;
            }
            __syncwarp();
        }
        __syncthreads();
        for (int e = thread; e < size * d; e += threads) {
            int i = e / d, c = e % d;
            float sum = o[i * pitch + c] * rescale[i];
            for (int j = 0; j < size; j++)
                sum += z[i * (size + 1) + j] * kv[j * pitch + c];
            o[i * pitch + c] = sum;
        }
    }
    __syncthreads();
    for (int e = thread; e < size * d; e += threads) {
        int i = e / d, c = e % d;
        if (first + i < end)
            s.store(first + i, c, total[i] > 0 ? o[i * pitch + c] / total[i] : 0.0f);
    }
}

#endif
