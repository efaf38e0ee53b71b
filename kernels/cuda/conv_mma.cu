/* conv on mma.sync: implicit matrix product on the tensor units of any GPU from sm_80 on.
 *
 *   the equation is conv.cu's; strides, runs and corners are looked up pixel by pixel
 *
 * A block makes 128 pixels by N channels with 8 warps of 32 x N/2. Steps go along (kt, kh, kw, c),
 * 32 channels each: 16-byte copies bring a step's pixels (zeros outside of the picture) and weights
 * into one of 4 stages of shared memory, three steps ahead. Rows of 64 bytes, their four 16-byte
 * pieces exchanged by bits of the row, so that ldmatrix meets every bank once.
 * FLOPs: 2 kt kh kw in out a pixel. Bytes: x once for N channels of out and tap, mostly from L2. */
#include "kernels/cuda/conv.cuh"
#include "kernels/cuda/mma.cuh"

enum { PIXELS = 128, DEEP = 32, STAGES = 4, THREADS = 256, ROW = DEEP * 2 };

/* Piece (8 channels) of a row of a stage. */
__device__ inline char *piece(char *rows, int row, int piece_of_row)
{
    return rows + row * ROW + (piece_of_row ^ (row / 2 & 3)) * 16;
}

/* What a thread copies of every step: one piece of pixels line and line + 64. */
struct conv_copier {
    conv_window at[2];
    int line, piece;
    int tap, channel; /* of the next step */
};

template <int N>
__device__ inline void copy_step(const conv_problem &p, conv_copier &c, char *stage, int first_out)
{
    const int kw = c.tap % p.kw, kh = c.tap / p.kw % p.kh, kt = c.tap / p.kw / p.kh;
    const int channel = c.channel + 8 * c.piece;
    const bool any = c.tap * p.in < p.depth && channel < p.in;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        int64_t row = c.at[i].row + kh, col = c.at[i].col + kw;
        bool there = any && c.at[i].frame >= 0 && row >= 0 && row < p.h && col >= 0 && col < p.w;
        int64_t frame = conv_frame(p, c.at[i].frame + kt);
        int64_t from = there ? ((frame * p.h + row) * p.w + col) * p.in + channel : 0;
        copy_async_16(piece(stage, c.line + 64 * i, c.piece), (const uint16_t *)p.x.data + from,
                      there);
    }
    for (int line = c.line; line < N; line += THREADS / 4) {
        int o = first_out + line;
        bool there = any && o < p.out;
        int64_t from = there ? (int64_t)o * p.depth + c.tap * p.in + channel : 0;
        copy_async_16(piece(stage + PIXELS * ROW, line, c.piece),
                      (const uint16_t *)p.weights.data + from, there);
    }
    copy_async_commit();
    c.channel += DEEP;
    if (c.channel >= p.in) {
        c.channel = 0;
        c.tap++;
    }
}

/* d += the step's products of a warp's 32 pixels and N/2 channels. */
template <int N>
__device__ inline void multiply_step(char *stage, int pixel, int channel, float (&d)[2][N / 16][4])
{
    const int lane = (int)threadIdx.x % 32, in_eight = lane % 8, matrix = lane / 8;
#pragma unroll
    for (int k = 0; k < DEEP / 16; k++) {
        uint32_t a[2][4];
#pragma unroll
        for (int m = 0; m < 2; m++)
            mma_load_4(
                a[m], piece(stage, pixel + 16 * m + matrix % 2 * 8 + in_eight, 2 * k + matrix / 2));
#pragma unroll
        for (int n = 0; n < N / 32; n++) { /* 16 channels */
            uint32_t b[4];
            mma_load_4(b, piece(stage + PIXELS * ROW, channel + 16 * n + matrix / 2 * 8 + in_eight,
                                2 * k + matrix % 2));
#pragma unroll
            for (int m = 0; m < 2; m++) {
                mma_16x8x16(d[m][2 * n], a[m], b[0], b[1]);
                mma_16x8x16(d[m][2 * n + 1], a[m], b[2], b[3]);
            }
        }
    }
}

/* Channels o and o + 1 of a pixel. */
__device__ inline void finish_two(const conv_problem &p, int64_t pixel, int o, float low,
                                  float high)
{
    if (p.corners || p.out % 2 != 0 || !p.y.bf16 || (p.residual.data && !p.residual.bf16)) {
        conv_finish(p, pixel, o, low);
        conv_finish(p, pixel, o + 1, high);
        return;
    }
    if (pixel >= p.pixels || o >= p.out)
        return;
    const int64_t at = (pixel * p.out + o) / 2;
    if (p.bias) {
        low += p.bias[o];
        high += p.bias[o + 1];
    }
    if (p.residual.data) {
        low += cuda_load(p.residual, 2 * at);
        high += cuda_load(p.residual, 2 * at + 1);
    }
    ((uint32_t *)p.y.data)[at] = mma_pack(low, high);
}

template <int N> __global__ void __launch_bounds__(THREADS) conv_mma_kernel(conv_problem p)
{
    constexpr int STAGE = (PIXELS + N) * ROW;
    char *stages = (char *)cuda_shared();
    const int thread = (int)threadIdx.x, warp = thread / 32, lane = thread % 32;
    const int64_t first = (int64_t)blockIdx.x * PIXELS;
    const int first_out = (int)blockIdx.y * N, pixel = warp / 2 * 32, channel = warp % 2 * (N / 2);
    const int steps = p.depth / p.in * ((p.in + DEEP - 1) / DEEP);
    conv_copier c = {};
    c.line = thread / 4;
    c.piece = thread % 4;
    c.at[0] = conv_window_of(p, first + c.line);
    c.at[1] = conv_window_of(p, first + c.line + 64);
    float d[2][N / 16][4] = {};
    for (int s = 0; s < STAGES - 1; s++)
        copy_step<N>(p, c, stages + s * STAGE, first_out);
    for (int s = 0; s < steps; s++) {
        copy_async_wait<STAGES - 2>();
        __syncthreads();
        /* the stage that all have left behind; steps beyond the last bring zeros */
        copy_step<N>(p, c, stages + (s + STAGES - 1) % STAGES * STAGE, first_out);
        multiply_step<N>(stages + s % STAGES * STAGE, pixel, channel, d);
    }
    copy_async_wait<0>();
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
        for (int n = 0; n < N / 16; n++)
#pragma unroll
            for (int half = 0; half < 2; half++)
                finish_two(p, first + pixel + 16 * m + 8 * half + lane / 4,
                           first_out + channel + 8 * n + lane % 4 * 2, d[m][n][2 * half],
                           d[m][n][2 * half + 1]);
}

bool conv_mma_suits(const struct exec *ex, const struct tensor *x, const struct conv *c)
{
    return ex->dtype == DTYPE_BF16 && x->dtype == DTYPE_BF16 && x->shape[3] % 8 == 0 &&
           (uintptr_t)x->data % 16 == 0 && c->weights.dtype == DTYPE_BF16;
}

template <int N> static bool launch(struct exec *ex, const conv_problem &p, struct dn_error *err)
{
    dim3 grid = cuda_grid(p.pixels, PIXELS);
    grid.y = (unsigned)((p.out + N - 1) / N);
    return cuda_launch(ex, "conv", err, conv_mma_kernel<N>, grid, THREADS,
                       (size_t)(STAGES * (PIXELS + N) * ROW), p);
}

bool conv_mma(struct exec *ex, const struct tensor *y, const struct tensor *x, const struct conv *c,
              const struct conv_extra *extra, struct dn_error *err)
{
    const conv_problem p = conv_problem_of(y, x, c, extra);
    if (p.out <= 32)
        return launch<32>(ex, p, err);
    return p.out % 96 == 0 ? launch<96>(ex, p, err) : launch<64>(ex, p, err);
}
