/* cuda_rows: rows of numbers in the registers of a block, so that norms read and write memory once,
 * 8 or 16 bytes an access.
 *
 * A block takes row after row, 8 numbers a thread: columns (step * threads + thread) * N .. + N of
 * every step, N being 4 where a dtype is F32 (16 bytes of it, 8 of BF16), 8 where all are BF16.
 * Vectors that rows share stay in registers, and the next row is loaded while one is worked on: a
 * warp a row without either reached 51 % of the memory's rate where this was to reach 70 (H200). */
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

/* What a thread holds of a row, as it came from memory. */
template <bool BF16, int N, int STEPS> struct cuda_row_raw {
    cuda_words<(BF16 ? 2 : 4) * N> part[STEPS];

    __device__ void load(const void *data, int64_t at, int64_t dim);
};

template <int N, int STEPS> struct cuda_row {
    float v[STEPS][N];

    __device__ static int64_t column(int step)
    {
        return (int64_t)((int)threadIdx.x + step * (int)blockDim.x) * N;
    }
    __device__ void fill(float x)
    {
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int i = 0; i < N; i++)
                v[s][i] = x;
    }
    /* Zeros behind the end of the row. */
    template <bool BF16> __device__ void unpack(const cuda_row_raw<BF16, N, STEPS> &raw)
    {
#pragma unroll
        for (int s = 0; s < STEPS; s++) {
            if constexpr (BF16) {
#pragma unroll
                for (int i = 0; i < N; i++)
                    v[s][i] = cuda_float_of(i % 2 ? raw.part[s].word[i / 2] & 0xFFFF0000u
                                                  : raw.part[s].word[i / 2] << 16);
            } else {
#pragma unroll
                for (int i = 0; i < N; i++)
                    v[s][i] = cuda_float_of(raw.part[s].word[i]);
            }
        }
    }
    template <bool BF16> __device__ void store(void *data, int64_t at, int64_t dim) const
    {
#pragma unroll
        for (int s = 0; s < STEPS; s++)
            if (column(s) < dim)
                cuda_store_n<BF16, N>(data, at + column(s), v[s]);
    }
    /* A vector that rows share, or x everywhere where there is none. */
    __device__ void load_vector(const float *data, int64_t dim, float x)
    {
        fill(x);
#pragma unroll
        for (int s = 0; s < STEPS; s++)
            if (data && column(s) < dim)
                cuda_load_n<false, N>(v[s], data + column(s), 0);
    }
};

template <bool BF16, int N, int STEPS>
__device__ inline void cuda_row_raw<BF16, N, STEPS>::load(const void *data, int64_t at, int64_t dim)
{
#pragma unroll
    for (int s = 0; s < STEPS; s++) {
        int64_t column = cuda_row<N, STEPS>::column(s);
        part[s] = {};
        if (column < dim)
            part[s] = *(const cuda_words<(BF16 ? 2 : 4) * N> *)((const char *)data +
                                                                (at + column) * (BF16 ? 2 : 4));
    }
}

/* Mean and sum of squares around it of row after row, one barrier a row: every warp takes its own
 * columns' around their own mean, and all combine what the warps have (Chan et al. 1979). */
template <int N, int STEPS> struct cuda_moments {
    float mean, squares;
    /* PRIVATE */
    float columns; /* of this warp */
    int turn;      /* what is written now may be read until the barrier after the next */

    __device__ explicit cuda_moments(int64_t dim) : mean(0), squares(0), turn(0)
    {
        int mine = 0;
#pragma unroll
        for (int s = 0; s < STEPS; s++)
            mine += cuda_row<N, STEPS>::column(s) < dim ? N : 0;
        columns = cuda_warp_sum((float)mine);
        if (threadIdx.x % 32 == 0)
            cuda_shared()[128 + threadIdx.x / 32] = columns;
    }

    __device__ void take(const cuda_row<N, STEPS> &r, int64_t dim, bool centred)
    {
        float sum = 0, own = 0, all = 0;
        if (centred) {
#pragma unroll
            for (int s = 0; s < STEPS; s++)
#pragma unroll
                for (int i = 0; i < N; i++)
                    sum += r.v[s][i];
            own = columns > 0 ? cuda_warp_sum(sum) / columns : 0.0f;
        }
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int i = 0; i < N; i++)
                if (r.column(s) < dim)
                    all += (r.v[s][i] - own) * (r.v[s][i] - own);
        all = cuda_warp_sum(all);
        mean = own;
        squares = all;
        if (blockDim.x > 32)
            combine(dim);
    }

    __device__ void combine(int64_t dim)
    {
        float *slot = cuda_shared() + turn * 64;
        const float *count = cuda_shared() + 128;
        int warps = (int)blockDim.x / 32;
        if (threadIdx.x % 32 == 0) {
            slot[threadIdx.x / 32 * 2] = mean;
            slot[threadIdx.x / 32 * 2 + 1] = squares;
        }
        turn ^= 1;
        __syncthreads();
        mean = squares = 0;
        for (int w = 0; w < warps; w++)
            mean += slot[2 * w] * count[w];
        mean /= (float)dim;
        for (int w = 0; w < warps; w++)
            squares += slot[2 * w + 1] + count[w] * (slot[2 * w] - mean) * (slot[2 * w] - mean);
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

/* A norm's vectors, kept while rows are of one frame. */
template <int N, int STEPS> struct cuda_norm_vectors {
    cuda_row<N, STEPS> times, add;
    int frame;

    __device__ cuda_norm_vectors() : frame(-1)
    {
    }
    __device__ void fit(const cuda_norm &n, int64_t row, int64_t dim)
    {
        int now = (int)row / (int)n.per_frame;
        if (now == frame)
            return;
        frame = now;
        times.load_vector(n.times ? n.times + now * n.times_stride : NULL, dim, 1 - n.plus);
        add.load_vector(n.add ? n.add + now * n.add_stride : NULL, dim, 0);
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int i = 0; i < N; i++)
                times.v[s][i] += n.plus;
    }
    /* Turns r, whose moments m has, into its norm. */
    __device__ void apply(cuda_row<N, STEPS> &r, const cuda_norm &n,
                          const cuda_moments<N, STEPS> &m, int64_t dim) const
    {
        float inverse = 1.0f / sqrtf(m.squares / (float)dim + n.eps);
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int i = 0; i < N; i++)
                r.v[s][i] = (r.v[s][i] - m.mean) * inverse * times.v[s][i] + add.v[s][i];
    }
};

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

enum { CUDA_ROW_LONGEST = 6144 };

static inline bool cuda_norm_fits(const struct cuda_norm *n, int64_t dim)
{
    return dim <= CUDA_ROW_LONGEST && cuda_rows_fit(n->y.data, n->y_stride, dim) &&
           cuda_vectors_fit(n->times, n->times_stride) && cuda_vectors_fit(n->add, n->add_stride);
}

/* Rows row, row + blocks, ...: while one is worked on, the next is on its way from memory. P has
 * `rows`, `dim`, and state<X16, Y16, N, STEPS> with fetch (start loading a row), take (have it) and
 * run; X16, Y16: what it reads, writes is BF16. */
template <typename P, bool X16, bool Y16, int THREADS>
__global__ void __launch_bounds__(THREADS) rows_kernel(P p)
{
    constexpr int N = X16 && Y16 ? 8 : 4, STEPS = 8 / N;
    typename P::template state<X16, Y16, N, STEPS> s(p);
    cuda_moments<N, STEPS> moments(p.dim);
    int64_t row = blockIdx.x;
    if (row < p.rows)
        s.fetch(p, row);
    for (; row < p.rows; row += gridDim.x) {
        s.take();
        if (row + gridDim.x < p.rows)
            s.fetch(p, row + gridDim.x);
        s.run(p, row, moments);
    }
}

template <typename P, bool X16, bool Y16, int THREADS>
bool cuda_launch_rows_by(const struct exec *ex, const char *op, struct dn_error *err, const P &p)
{
    const size_t shared = 160 * sizeof(float);
    int64_t threads = (p.dim + 255) / 256 * 32, blocks;
    int a_multiprocessor = 1;
    if (!cuda_enter(ex, op, err))
        return false;
    CUDA_TRY(op,
             cudaOccupancyMaxActiveBlocksPerMultiprocessor(
                 &a_multiprocessor, rows_kernel<P, X16, Y16, THREADS>, (int)threads, shared),
             err);
    blocks = (int64_t)a_multiprocessor * ex->multiprocessors;
    return cuda_launch(ex, op, err, rows_kernel<P, X16, Y16, THREADS>,
                       cuda_grid(blocks < p.rows ? blocks : p.rows, 1), (unsigned)threads, shared,
                       p);
}

template <bool X16, bool Y16, typename P>
bool cuda_launch_rows_of(const struct exec *ex, const char *op, struct dn_error *err, const P &p)
{
    return p.dim <= 2048 ? cuda_launch_rows_by<P, X16, Y16, 256>(ex, op, err, p)
                         : cuda_launch_rows_by<P, X16, Y16, CUDA_ROW_LONGEST / 8>(ex, op, err, p);
}

template <typename P>
bool cuda_launch_rows(const struct exec *ex, const char *op, struct dn_error *err, bool x16,
                      bool y16, const P &p)
{
    if (x16)
        return y16 ? cuda_launch_rows_of<true, true>(ex, op, err, p)
                   : cuda_launch_rows_of<true, false>(ex, op, err, p);
    return y16 ? cuda_launch_rows_of<false, true>(ex, op, err, p)
               : cuda_launch_rows_of<false, false>(ex, op, err, p);
}

#endif
