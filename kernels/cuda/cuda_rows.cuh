/* cuda_rows: a row of numbers held in the registers of one warp or of one block, so that norms read
 * and write memory once, 8 or 16 bytes an access.
 *
 * Lane l of the row holds columns (step * lanes + l) * N .. + N of every step: N is 4 where a dtype
 * is F32 (16 bytes of it, 8 of BF16), 8 where all are BF16.
 *
 * Kernels of rows wait for the work before them themselves (cuda_launch_early). */
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

/* The numbers in some words; by value, for words that are only referred to are loaded one by one.
 */
template <bool BF16, int BYTES>
__device__ inline void cuda_widen(float *to, cuda_words<BYTES> words)
{
#pragma unroll
    for (int i = 0; i < BYTES / 4; i++) {
        if constexpr (BF16) {
            to[2 * i] = cuda_float_of(words.word[i] << 16);
            to[2 * i + 1] = cuda_float_of(words.word[i] & 0xFFFF0000u);
        } else {
            to[i] = cuda_float_of(words.word[i]);
        }
    }
}

/* N numbers from element `at` of memory aligned to their size. */
template <bool BF16, int N>
__device__ inline void cuda_load_n(float *to, const void *data, int64_t at)
{
    constexpr int PART = BF16 ? N : 4;
#pragma unroll
    for (int part = 0; part < N / PART; part++) {
        const char *from = (const char *)data + (at + part * PART) * (BF16 ? 2 : 4);
        cuda_widen<BF16>(to + part * PART, *(const cuda_words<BF16 ? 2 * N : 16> *)from);
    }
}

/* N of F32 that all rows share, so that they are near. Loaded where it stands and no earlier: what
 * waits in registers keeps other rows from the multiprocessor. */
template <int N> __device__ inline void cuda_load_shared(float *to, const float *from)
{
#ifdef DANAUS_EMULATE
    cuda_load_n<false, N>(to, from, 0);
#else
#pragma unroll
    for (int i = 0; i < N; i += 4)
        asm volatile("ld.global.v4.f32 {%0, %1, %2, %3}, [%4];"
                     : "=f"(to[i]), "=f"(to[i + 1]), "=f"(to[i + 2]), "=f"(to[i + 3])
                     : "l"(from + i));
#endif
}

/* 8 or 16 bytes that nobody reads a second time soon: they leave the first-level cache to what all
 * rows share. */
template <int BYTES> __device__ inline cuda_words<BYTES> cuda_load_once(const void *from)
{
    cuda_words<BYTES> out;
#ifdef DANAUS_EMULATE
    out = *(const cuda_words<BYTES> *)from;
#else
    if constexpr (BYTES == 16)
        asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(out.word[0]), "=r"(out.word[1]), "=r"(out.word[2]), "=r"(out.word[3])
                     : "l"(from)
                     : "memory");
    else
        asm volatile("ld.global.L1::no_allocate.v2.u32 {%0, %1}, [%2];"
                     : "=r"(out.word[0]), "=r"(out.word[1])
                     : "l"(from)
                     : "memory");
#endif
    return out;
}

/* N numbers of a row as they lie in memory. */
template <bool BF16, int N> using cuda_raw = cuda_words<(BF16 ? 2 : 4) * N>;

template <bool BF16, int N>
__device__ inline cuda_raw<BF16, N> cuda_load_raw(const void *data, int64_t at)
{
    return cuda_load_once<(BF16 ? 2 : 4) * N>((const char *)data + at * (BF16 ? 2 : 4));
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

/* COUNT sums over a block of whole warps, the same in all threads; once in a kernel, for one
 * barrier is all it takes. shared: COUNT * 32 floats. */
template <int COUNT> __device__ inline void cuda_block_sums(float (&x)[COUNT], float *shared)
{
    unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (lane == 0) {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            shared[COUNT * warp + i] = x[i];
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        x[i] = cuda_warp_sum(lane < blockDim.x / 32 ? shared[COUNT * lane + i] : 0.0f);
}

/* ALONE: the row has the block for itself and fills it; else it has a warp, and may be shorter. */
template <int N, int STEPS, bool ALONE> struct cuda_row {
    float v[STEPS][N];

    __device__ static int column(int step)
    {
        int lane = ALONE ? threadIdx.x : threadIdx.x % 32, lanes = ALONE ? blockDim.x : 32;
        return (step * lanes + lane) * N;
    }
    __device__ static bool holds(int step, int dim)
    {
        return ALONE || column(step) < dim;
    }
    /* The row of this thread. */
    __device__ static int64_t index()
    {
        return ALONE ? (int64_t)blockIdx.x
                     : (int64_t)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    }
    template <bool BF16> __device__ void load(const void *data, int64_t at, int dim)
    {
#pragma unroll
        for (int s = 0; s < STEPS; s++) {
#pragma unroll
            for (int i = 0; i < N; i++)
                v[s][i] = 0;
            if (holds(s, dim))
                cuda_widen<BF16>(v[s], cuda_load_raw<BF16, N>(data, at + column(s)));
        }
    }
    template <bool BF16> __device__ void store(void *data, int64_t at, int dim) const
    {
#pragma unroll
        for (int s = 0; s < STEPS; s++)
            if (holds(s, dim))
                cuda_store_n<BF16, N>(data, at + column(s), v[s]);
    }
    /* The sum of (v - mean)^2 over the columns of this thread's warp. */
    __device__ float squares(float mean, int dim) const
    {
        float sum = 0;
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int i = 0; i < N; i++)
                if (holds(s, dim))
                    sum += (v[s][i] - mean) * (v[s][i] - mean);
        return cuda_warp_sum(sum);
    }
    /* The sum of v^2, the same in all threads of the row. At most one of this and moments a kernel:
     * they take one barrier. */
    __device__ float power(int dim) const
    {
        float sum[1] = {squares(0, dim)};
        if (ALONE)
            cuda_block_sums(sum, cuda_shared());
        return sum[0];
    }
    /* The mean and the sum of (v - mean)^2, share = 1 / dim. Where several warps hold the row, each
     * takes them of its own columns before they are put together (Chan, Golub, LeVeque, 1979). */
    __device__ void moments(int dim, float share, float *mean, float *spread) const
    {
        constexpr float held = 32 * N * STEPS;
        float sum = 0;
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int i = 0; i < N; i++)
                sum += v[s][i];
        sum = cuda_warp_sum(sum);
        *mean = sum * (ALONE ? 1 / held : share);
        *spread = squares(*mean, dim);
        if (!ALONE)
            return;
        unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
        float *shared = cuda_shared(), its_mean = *mean, its_spread = 0;
        if (lane == 0) {
            shared[2 * warp] = *mean;
            shared[2 * warp + 1] = *spread;
        }
        __syncthreads();
        if (lane < warps) {
            its_mean = shared[2 * lane];
            its_spread = shared[2 * lane + 1];
        }
        *mean = cuda_warp_sum(lane < warps ? its_mean : 0.0f) * (held * share);
        float off = lane < warps ? its_mean - *mean : 0.0f;
        *spread = cuda_warp_sum(its_spread + held * off * off);
    }
};

/* row / rows of a group; mostly there is one, and 32 bits divide faster. */
__device__ inline int64_t cuda_group_of(int64_t row, int64_t rows)
{
    return row < rows ? 0 : (int64_t)((uint32_t)row / (uint32_t)rows);
}

/* y = (x - mean) * inverse * (plus + times) + add; times, add F32 by frames of per_frame rows, or
 * NULL for 1 - plus and 0. */
struct cuda_norm {
    cuda_array y;
    int64_t y_stride;
    const float *times, *add;
    int64_t times_stride, add_stride, per_frame;
    float plus, eps;
    float share; /* 1 / dim */
    int centred; /* 0: rms, the mean counts as 0 */
};

/* Turns the numbers of row number `row` into their norm. */
template <int N, int STEPS, bool ALONE>
__device__ inline void cuda_norm_row(cuda_row<N, STEPS, ALONE> &r, const cuda_norm &n, int64_t row,
                                     int dim)
{
    int64_t frame = cuda_group_of(row, n.per_frame);
    float mean = 0, spread;
    if (n.centred)
        r.moments(dim, n.share, &mean, &spread);
    else
        spread = r.power(dim);
    float inverse = cuda_rsqrt(spread * n.share + n.eps);
#pragma unroll
    for (int s = 0; s < STEPS; s++) {
        int at = r.column(s);
        float times[N], add[N];
        if (!r.holds(s, dim))
            continue;
#pragma unroll
        for (int i = 0; i < N; i++) {
            times[i] = 1 - n.plus;
            add[i] = 0;
        }
        if (n.times)
            cuda_load_shared<N>(times, n.times + frame * n.times_stride + at);
        if (n.add)
            cuda_load_shared<N>(add, n.add + frame * n.add_stride + at);
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

enum { CUDA_ROW_SHORT = 256, CUDA_ROW_MIDDLE = 2048, CUDA_ROW_LONGEST = 5120 };

/* Is there a form for rows so long? Those of more than a warp are held by warps that are full; the
 * widths of all models we know are. */
static inline bool cuda_rows_form(int64_t dim)
{
    return dim <= CUDA_ROW_SHORT || (dim <= CUDA_ROW_MIDDLE && dim % 256 == 0) ||
           (dim <= CUDA_ROW_LONGEST && dim % 512 == 0);
}

static inline bool cuda_norm_fits(const struct cuda_norm *n, int64_t dim)
{
    return cuda_rows_form(dim) && cuda_rows_fit(n->y.data, n->y_stride, dim) &&
           cuda_vectors_fit(n->times, n->times_stride) && cuda_vectors_fit(n->add, n->add_stride);
}

/* Runs p.run<...>(row) for every one of p.rows rows; X16, Y16: what it reads, writes is BF16. */
template <typename P, bool X16, bool Y16, int N, int STEPS, bool ALONE, int THREADS, int BLOCKS>
__global__ void __launch_bounds__(THREADS, BLOCKS) rows_kernel(P p)
{
    cuda_await_queue();
    int64_t row = cuda_row<N, STEPS, ALONE>::index();
    if (row < p.rows)
        p.template run<X16, Y16, N, STEPS, ALONE>(row);
}

/* A row a block, 8 numbers a thread (16 of long ones), so that a thread has few registers, a
 * multiprocessor many rows under way and none waits for the end of another. Short ones a warp a
 * row. */
template <bool X16, bool Y16, typename P>
bool cuda_launch_rows_of(const struct exec *ex, const char *op, struct dn_error *err, int64_t dim,
                         const P &p)
{
    constexpr int N = X16 && Y16 ? 8 : 4;
    assert(p.rows <= 0x7FFFFFFF && cuda_rows_form(dim));
    if (dim <= CUDA_ROW_SHORT)
        return cuda_launch_early(ex, op, err, rows_kernel<P, X16, Y16, N, 8 / N, false, 128, 8>,
                                 cuda_grid(p.rows, 4), 128, 0, p);
    bool middle = dim <= CUDA_ROW_MIDDLE;
    auto kernel = middle ? rows_kernel<P, X16, Y16, N, 8 / N, true, 256, 5>
                         : rows_kernel<P, X16, Y16, N, 16 / N, true, 320, 3>;
    return cuda_launch_early(ex, op, err, kernel, cuda_grid(p.rows, 1),
                             (unsigned)(dim / (middle ? 8 : 16)), 2 * 32 * sizeof(float), p);
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
