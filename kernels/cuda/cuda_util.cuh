/* cuda_util: numbers of either activation dtype, and sums over a warp and a block. */
#ifndef DANAUS_KERNELS_CUDA_UTIL_CUH
#define DANAUS_KERNELS_CUDA_UTIL_CUH

#include <math.h>

#include "kernels/cuda/cuda_launch.h"

/* Memory of F32 or BF16; which one is the same for all threads of a launch. */
struct cuda_array {
    void *data;
    int bf16;
};

static inline cuda_array cuda_array_of(const struct tensor *t)
{
    assert(cuda_is_activation(t));
    return cuda_array{t->data, t->dtype == DTYPE_BF16};
}

__device__ inline float cuda_load(const cuda_array &a, int64_t at)
{
    if (!a.bf16)
        return ((const float *)a.data)[at];
    uint32_t bits = (uint32_t)((const uint16_t *)a.data)[at] << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* to nearest even, as on the CPU; NaN stays NaN */
__device__ inline void cuda_store(const cuda_array &a, int64_t at, float x)
{
    if (!a.bf16) {
        ((float *)a.data)[at] = x;
        return;
    }
    uint32_t bits;
    memcpy(&bits, &x, 4);
    bool nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    bits = nan ? bits >> 16 | 0x40u : (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
    ((uint16_t *)a.data)[at] = (uint16_t)bits;
}

/* 1 / sqrt(x) to 2 units in the last place */
__device__ inline float cuda_rsqrt(float x)
{
#ifdef DANAUS_EMULATE
    return 1.0f / sqrtf(x);
#else
    return rsqrtf(x);
#endif
}

__device__ inline float cuda_silu_of(float x)
{
    return x / (1.0f + expf(-x));
}

/* For results that become bf16: off by 1e-6, where a bf16 is by 2e-3. */
__device__ inline float cuda_silu_fast(float x)
{
#ifdef DANAUS_EMULATE
    return cuda_silu_of(x);
#else
    return __fdividef(x, 1.0f + __expf(-x));
#endif
}

__device__ inline float cuda_gelu_tanh_of(float x)
{
    return 0.5f * x * (1.0f + tanhf(0.7978845608028654f * (x + 0.044715f * x * x * x)));
}

/* The same in all lanes, in one order of summation. */
__device__ inline float cuda_warp_sum(float x)
{
    for (int with = 16; with > 0; with /= 2)
        x += __shfl_xor_sync(0xFFFFFFFFu, x, with);
    return x;
}

__device__ inline float cuda_warp_max(float x)
{
    for (int with = 16; with > 0; with /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFu, x, with));
    return x;
}

/* Over a block of whole warps, the same in all threads; shared: 32 floats. */
__device__ inline float cuda_block_sum(float x, float *shared)
{
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    x = cuda_warp_sum(x);
    __syncthreads(); /* the sum before may still be read */
    if (lane == 0)
        shared[warp] = x;
    __syncthreads();
    return cuda_warp_sum(lane < blockDim.x / 32 ? shared[lane] : 0.0f);
}

__device__ inline float cuda_block_max(float x, float *shared)
{
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    x = cuda_warp_max(x);
    __syncthreads();
    if (lane == 0)
        shared[warp] = x;
    __syncthreads();
    return cuda_warp_max(lane < blockDim.x / 32 ? shared[lane] : -INFINITY);
}

#endif
