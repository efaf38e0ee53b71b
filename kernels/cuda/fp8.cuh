/* fp8: rows as e4m3 (base/dtype.h) with one factor a row: q = round(x * 448 / max |x|), factor =
 * max |x| / 448. The CPU backend computes the same (cpu/fp8.c), so both agree to the last bit.
 *
 * Row i of x [rows, dim] in F32 or BF16 becomes q [rows, dim] and factors [rows]. A block a row,
 * each thread up to STEPS times 8 numbers of BF16 (4 of F32) in registers. Bytes: x and q once: 8.0
 * us (2.7 TB/s) for 4680 rows of 1536, 33.9 us (3.7 TB/s) of 8960 on an H200 (kernels/lab/fp8); 1
 * to 6 steps a thread are 8.0 to 8.7 and 33.9 to 40 us. */
#ifndef DANAUS_KERNELS_CUDA_FP8_CUH
#define DANAUS_KERNELS_CUDA_FP8_CUH

#include "kernels/cuda/cuda_rows.cuh"

/* Four numbers as e4m3, the first one lowest. */
__device__ inline uint32_t fp8_pack(float a, float b, float c, float d)
{
#if defined(DANAUS_EMULATE)
    return e4m3_from_f32(a) | (uint32_t)e4m3_from_f32(b) << 8 | (uint32_t)e4m3_from_f32(c) << 16 |
           (uint32_t)e4m3_from_f32(d) << 24;
#elif __CUDA_ARCH__ >= 890
    uint16_t low, high;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(low) : "f"(b), "f"(a));
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(high) : "f"(d), "f"(c));
    return low | (uint32_t)high << 16;
#else
    return 0; /* such GPUs are refused before */
#endif
}

/* What a row whose greatest number is `most` is multiplied with, and its factor. */
struct fp8_factor {
    float times, factor;

    __device__ explicit fp8_factor(float most)
    {
        bool counts = most >= FP8_LEAST;
        times = counts ? E4M3_MAX / most : 0.0f;
        factor = counts ? most / E4M3_MAX : 0.0f;
    }
};

/* A row of at most so many numbers has two steps of 8 a thread, up to the longest four. */
enum { FP8_SHORT = 2048, FP8_LONGEST = 16384 };

struct fp8_rows {
    const void *x;
    uint8_t *q;
    float *factors;
    int64_t x_stride;
    int dim;
};

template <bool X16, int STEPS> __global__ void __launch_bounds__(512) fp8_rows_kernel(fp8_rows p)
{
    constexpr int N = X16 ? 8 : 4;
    float v[STEPS][N], most = 0;
    int64_t row = blockIdx.x;
    cuda_await_queue();
#pragma unroll
    for (int s = 0; s < STEPS; s++) {
        int at = (s * (int)blockDim.x + (int)threadIdx.x) * N;
#pragma unroll
        for (int i = 0; i < N; i++)
            v[s][i] = 0;
        if (at < p.dim)
            cuda_widen<X16>(v[s], cuda_load_raw<X16, N>(p.x, row * p.x_stride + at));
    }
#pragma unroll
    for (int s = 0; s < STEPS; s++)
#pragma unroll
        for (int i = 0; i < N; i++)
            most = fmaxf(most, fabsf(v[s][i]));
    fp8_factor f(cuda_block_max(most, cuda_shared()));
    if (threadIdx.x == 0)
        p.factors[row] = f.factor;
#pragma unroll
    for (int s = 0; s < STEPS; s++) {
        int at = (s * (int)blockDim.x + (int)threadIdx.x) * N;
        cuda_words<N> out;
#pragma unroll
        for (int i = 0; i < N; i += 4)
            out.word[i / 4] = fp8_pack(v[s][i] * f.times, v[s][i + 1] * f.times,
                                       v[s][i + 2] * f.times, v[s][i + 3] * f.times);
        if (at < p.dim)
            *(cuda_words<N> *)(p.q + row * p.dim + at) = out;
    }
}

#endif
