/* cuda_rows: a row of numbers held in the registers of one warp or of one block, so that norms read
 * and write memory once, 8 or 16 bytes an access.
 *
 * Lane l of the row holds columns (step * lanes + l) * N .. + N of every step: N is 4 where a dtype
 * is F32 (16 bytes of it, 8 of BF16), 8 where all are BF16. */
#ifndef DANAUS_KERNELS_CUDA_ROWS_CUH
#define DANAUS_KERNELS_CUDA_ROWS_CUH

#include "kernels/cuda/cuda_util.cuh"

template <int BYTES> struct alignas(BYTES) cuda_words {
    uint32_t word[BYTES / 4];
};

/* Two numbers as BF16, to nearest even; low: the one at the lower address. */
__device__ inline uint32_t cuda_pack_bf16(float low, float high)
{
#ifdef DANAUS_EMULATE
    uint16_t pair[2];
    cuda_array to = {pair, 1};
    cuda_store(to, 0, low);
    cuda_store(to, 1, high);
    return pair[0] | (uint32_t)pair[1] << 16;
#else
    uint32_t out;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
    return out;
#endif
}

__device__ inline float cuda_float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* N numbers from element `at` of memory aligned to their size. */
template <bool BF16, int N>
__device__ inline void cuda_load_n(float *to, const void *data, int64_t at)
{
    if constexpr (BF16) {
        cuda_words<2 *N> raw = *(const cuda_words<2 * N> *)((const uint16_t *)data + at);
#pragma unroll
        for (int i = 0; i < N / 2; i++) {
            to[2 * i] = cuda_float_of(raw.word[i] << 16);
            to[2 * i + 1] = cuda_float_of(raw.word[i] & 0xFFFF0000u);
        }
    } else {
#pragma unroll
        for (int part = 0; part < N / 4; part++) {
            cuda_words<16> raw = *(const cuda_words<16> *)((const float *)data + at + 4 * part);
#pragma unroll
            for (int i = 0; i < 4; i++)
                to[4 * part + i] = cuda_float_of(raw.word[i]);
        }
    }
}

template <bool BF16, int N>
__device__ inline void cuda_store_n(void *data, int64_t at, const float *from)
{
    if constexpr (BF16) {
        cuda_words<2 * N> raw;
#pragma unroll
        for (int i = 0; i < N / 2; i++)
            raw.word[i] = cuda_pack_bf16(from[2 * i], from[2 * i + 1]);
        *(cuda_words<2 * N> *)((uint16_t *)data + at) = raw;
    } else {
#pragma unroll
        for (int part = 0; part < N / 4; part++) {
            cuda_words<16> raw;
            memcpy(&raw, from + 4 * part, 16);
            *(cuda_words<16> *)((float *)data + at + 4 * part) = raw;
        }
    }
}

template <int N, int STEPS, int WARPS> struct cuda_row {
    float v[STEPS][N];

    __device__ static int64_t column(int step)
    {
        return (int64_t)(step * 32 * WARPS + (int)(threadIdx.x % (32 * WARPS))) * N;
    }
    /* The row of this thread; with more than one warp a row, a row a block. */
    __device__ static int64_t index()
    {
        return (int64_t)blockIdx.x * (blockDim.x / (32 * WARPS)) + threadIdx.x / (32 * WARPS);
    }
    template <bool BF16> __device__ void load(const void *data, int64_t at, int64_t dim)
    {
#pragma unroll
        for (int s = 0; s < STEPS; s++) {
#pragma unroll
            for (int i = 0; i < N; i++)
                v[s][i] = 0;
            if (column(s) < dim)
                cuda_load_n<BF16, N>(v[s], data, at + column(s));
        }
    }
    template <bool BF16> __device__ void store(void *data, int64_t at, int64_t dim) const
    {
#pragma unroll
        for (int s = 0; s < STEPS; s++)
            if (column(s) < dim)
                cuda_store_n<BF16, N>(data, at + column(s), v[s]);
    }
    /* The sum of all threads of the row, in each of them. */
    __device__ static float total(float x)
    {
        return WARPS == 1 ? cuda_warp_sum(x) : cuda_block_sum(x, cuda_shared());
    }
    /* Sum of (v - mean)^2 over the dim columns. */
    __device__ float squares(float mean, int64_t dim) const
    {
        float sum = 0;
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int i = 0; i < N; i++)
                if (column(s) < dim)
                    sum += (v[s][i] - mean) * (v[s][i] - mean);
        return total(sum);
    }
    __device__ float sum() const
    {
        float all = 0;
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int i = 0; i < N; i++)
                all += v[s][i];
        return total(all);
    }
};

/* y = (x - mean) * inverse * (plus + times) + add; times, add F32 by frames of per_frame rows, or
 * NULL for 1 - plus and 0. */
struct cuda_norm {
    cuda_array y;
    int64_t y_stride;
    const float *times, *add;
    int64_t times_stride, add_stride, per_frame;
    float plus, eps;
    int centred; /* 0: rms, the mean counts as 0 */
};

/* Turns the numbers of row number `row` into their norm. */
template <int N, int STEPS, int WARPS>
__device__ inline void cuda_norm_row(cuda_row<N, STEPS, WARPS> &r, const cuda_norm &n, int64_t row,
                                     int64_t dim)
{
    int64_t frame = row / n.per_frame;
    float mean = n.centred ? r.sum() / (float)dim : 0.0f;
    float inverse = 1.0f / sqrtf(r.squares(mean, dim) / (float)dim + n.eps);
#pragma unroll
    for (int s = 0; s < STEPS; s++) {
        int64_t at = r.column(s);
        float times[N], add[N];
        if (at >= dim)
            continue;
#pragma unroll
        for (int i = 0; i < N; i++) {
            times[i] = 1 - n.plus;
            add[i] = 0;
        }
        if (n.times)
            cuda_load_n<false, N>(times, n.times, frame * n.times_stride + at);
        if (n.add)
            cuda_load_n<false, N>(add, n.add, frame * n.add_stride + at);
#pragma unroll
        for (int i = 0; i < N; i++)
            r.v[s][i] = (r.v[s][i] - mean) * inverse * (n.plus + times[i]) + add[i];
    }
}

/* Can rows at these distances be read and written 8 numbers at a time? A width that only 4 divide
 * is rare enough to take the slow way. */
static inline bool cuda_rows_fit(const void *data, int64_t stride, int64_t dim)
{
    return (uintptr_t)data % 16 == 0 && stride % 8 == 0 && dim % 8 == 0;
}

/* The same of a row that all rows share, or NULL. */
static inline bool cuda_vectors_fit(const float *data, int64_t stride)
{
    return (uintptr_t)data % 16 == 0 && stride % 4 == 0;
}

enum { CUDA_ROW_THREADS = 128, CUDA_ROW_LONGEST = 6144 };

static inline bool cuda_norm_fits(const struct cuda_norm *n, int64_t dim)
{
    return dim <= CUDA_ROW_LONGEST && cuda_rows_fit(n->y.data, n->y_stride, dim) &&
           cuda_vectors_fit(n->times, n->times_stride) && cuda_vectors_fit(n->add, n->add_stride);
}

/* Runs p.run<...>(row) for every one of p.rows rows; X16, Y16: what it reads, writes is BF16. */
template <typename P, bool X16, bool Y16, int N, int STEPS, int WARPS>
__global__ void __launch_bounds__(CUDA_ROW_THREADS) rows_kernel(P p)
{
    int64_t row = cuda_row<N, STEPS, WARPS>::index();
    if (row < p.rows)
        p.template run<X16, Y16, N, STEPS, WARPS>(row);
}

/* A warp a row up to 1536 numbers, then a block a row. */
template <bool X16, bool Y16, typename P>
bool cuda_launch_rows_of(const struct exec *ex, const char *op, struct dn_error *err, int64_t dim,
                         const P &p)
{
    constexpr int N = X16 && Y16 ? 8 : 4;
    constexpr int WARPS = CUDA_ROW_THREADS / 32;
    if (dim <= 256)
        return cuda_launch(ex, op, err, rows_kernel<P, X16, Y16, N, 256 / 32 / N, 1>,
                           cuda_grid(p.rows, WARPS), CUDA_ROW_THREADS, 0, p);
    if (dim <= 1536)
        return cuda_launch(ex, op, err, rows_kernel<P, X16, Y16, N, 1536 / 32 / N, 1>,
                           cuda_grid(p.rows, WARPS), CUDA_ROW_THREADS, 0, p);
    return cuda_launch(ex, op, err,
                       rows_kernel<P, X16, Y16, N, CUDA_ROW_LONGEST / CUDA_ROW_THREADS / N, WARPS>,
                       cuda_grid(p.rows, 1), CUDA_ROW_THREADS, 32 * sizeof(float), p);
}

template <typename P>
bool cuda_launch_rows(const struct exec *ex, const char *op, struct dn_error *err, int64_t dim,
                      bool x16, bool y16, const P &p)
{
    if (x16)
        return y16 ? cuda_launch_rows_of<true, true>(ex, op, err, dim, p)
                   : cuda_launch_rows_of<true, false>(ex, op, err, dim, p);
    return y16 ? cuda_launch_rows_of<false, true>(ex, op, err, dim, p)
               : cuda_launch_rows_of<false, false>(ex, op, err, dim, p);
}

#endif
