/* video: everything on channels-last frames [T, h, w, c] that is not a convolution.
 *
 *   channel_norm       y = act(x / max(|x|_2 over channels, 1e-12) * sqrt(c) * gamma)
 *   upsample_nearest   y[t, i, j] = x[t, i/2, j/2]
 *   interleave_time    y[2t] = x[t, :, :, first half of channels], y[2t+1] = second half
 *   latents_to_video   y[t, i, j, c] = latents[t, c, i, j] * scale[c] + shift[c], and back
 *   video_to_rgb8      round(clamp(x, -1, 1) * 127.5 + 127.5)
 *
 * Where all is bf16 and channels come in eights, channel_norm keeps a pixel in the registers of 1
 * to 32 lanes; where both sides have one dtype, pixels are moved 16 bytes a thread. Otherwise a
 * warp a pixel in channel_norm, a thread an element elsewhere. Bytes: each operand once. */
#include "kernels/cuda/cuda_rows.cuh"

enum { NORM_PIXELS = 4 }; /* that a thread takes part in: gamma is loaded once for them */

/* `lanes` lanes (a power of two, to 32) a pixel; each holds STEPS times 8 channels. */
template <int STEPS>
__global__ void __launch_bounds__(CUDA_BLOCK)
    channel_norm_packed_kernel(uint16_t *y, const uint16_t *x, const float *gamma, int lanes,
                               int64_t pixels, int silu)
{
    const int lane = (int)threadIdx.x % lanes, per_block = CUDA_BLOCK / lanes;
    const int channels = 8 * STEPS * lanes;
    const float root = sqrtf((float)channels);
    float factors[STEPS][8];
#pragma unroll
    for (int s = 0; s < STEPS; s++)
#pragma unroll
        for (int i = 0; i < 8; i++)
            factors[s][i] = gamma[8 * (s * lanes + lane) + i] * root;
    int64_t pixel = (int64_t)blockIdx.x * NORM_PIXELS * per_block + (int)threadIdx.x / lanes;
    for (int n = 0; n < NORM_PIXELS; n++, pixel += per_block) {
        float v[STEPS][8], squares = 0;
        const int64_t first = pixel * channels + 8 * lane;
        if (pixel < pixels)
#pragma unroll
            for (int s = 0; s < STEPS; s++)
                cuda_load_n<true, 8>(v[s], x, first + 8 * s * lanes);
        else
            memset(v, 0, sizeof v);
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int i = 0; i < 8; i++)
                squares += v[s][i] * v[s][i];
        for (int with = lanes / 2; with > 0; with /= 2)
            squares += __shfl_xor_sync(0xFFFFFFFFu, squares, with);
        const float inverse = 1.0f / fmaxf(sqrtf(squares), 1e-12f);
#pragma unroll
        for (int s = 0; s < STEPS; s++) {
#pragma unroll
            for (int i = 0; i < 8; i++) {
                v[s][i] *= inverse * factors[s][i];
                v[s][i] = silu ? cuda_silu_fast(v[s][i]) : v[s][i];
            }
            if (pixel < pixels)
                cuda_store_n<true, 8>(y, first + 8 * s * lanes, v[s]);
        }
    }
}

/* Steps of a lane: the least of 1, 2, 3 with which a power of two of lanes holds the channels; 0:
 * none. */
static int norm_steps(int64_t channels)
{
    for (int steps = 1; steps <= 3; steps++)
        for (int64_t lanes = 1; lanes <= 32; lanes *= 2)
            if (8 * steps * lanes == channels)
                return steps;
    return 0;
}

__global__ void channel_norm_kernel(cuda_array y, cuda_array x, const float *gamma,
                                    int64_t channels, int64_t pixels, int silu)
{
    int64_t pixel = (int64_t)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (pixel >= pixels)
        return;
    int64_t first = pixel * channels;
    float squares = 0;
    for (int64_t c = threadIdx.x % 32; c < channels; c += 32) {
        float v = cuda_load(x, first + c);
        squares += v * v;
    }
    float factor = sqrtf((float)channels) / fmaxf(sqrtf(cuda_warp_sum(squares)), 1e-12f);
    for (int64_t c = threadIdx.x % 32; c < channels; c += 32) {
        float v = cuda_load(x, first + c) * factor * gamma[c];
        cuda_store(y, first + c, silu ? cuda_silu_of(v) : v);
    }
}

extern "C" bool cuda_channel_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                                  const struct tensor *gamma, bool silu, struct dn_error *err)
{
    int64_t channels = x->shape[x->ndim - 1], count = tensor_count(x);
    assert(tensor_is_contiguous(x) && tensor_is_contiguous(y) && tensor_count(y) == count);
    assert(gamma->dtype == DTYPE_F32 && tensor_count(gamma) == channels);
    int64_t pixels = count / channels;
    const int steps = norm_steps(channels);
    if (steps && x->dtype == DTYPE_BF16 && y->dtype == DTYPE_BF16 &&
        cuda_rows_fit(x->data, channels, channels) && cuda_rows_fit(y->data, channels, channels)) {
        const int lanes = (int)(channels / 8 / steps);
        auto kernel = steps == 1   ? channel_norm_packed_kernel<1>
                      : steps == 2 ? channel_norm_packed_kernel<2>
                                   : channel_norm_packed_kernel<3>;
        return cuda_launch(ex, "channel_norm", err, kernel,
                           cuda_grid(pixels, CUDA_BLOCK / lanes * NORM_PIXELS), CUDA_BLOCK, 0,
                           (uint16_t *)y->data, (const uint16_t *)x->data,
                           (const float *)gamma->data, lanes, pixels, (int)silu);
    }
    return cuda_launch(ex, "channel_norm", err, channel_norm_kernel,
                       cuda_grid(pixels, CUDA_BLOCK / 32), CUDA_BLOCK, 0, cuda_array_of(y),
                       cuda_array_of(x), (const float *)gamma->data, channels, pixels, (int)silu);
}

/* Pieces that pixels are moved in: 16 bytes, else elements. */
struct piece_array {
    cuda_array of;
    int whole; /* 16 bytes a piece */
};

__device__ inline void move_piece(const piece_array &y, int64_t to, const piece_array &x,
                                  int64_t from)
{
    if (x.whole)
        ((cuda_words<16> *)y.of.data)[to] = ((const cuda_words<16> *)x.of.data)[from];
    else
        cuda_store(y.of, to, cuda_load(x.of, from));
}

/* The pieces of both sides, and how many a run of c channels has. */
static int64_t pieces_of(const struct tensor *y, const struct tensor *x, int64_t c, piece_array *to,
                         piece_array *from)
{
    const int64_t bytes = c * dtype_size(x->dtype);
    const int whole = x->dtype == y->dtype && bytes % 16 == 0 && (uintptr_t)x->data % 16 == 0 &&
                      (uintptr_t)y->data % 16 == 0;
    *to = piece_array{cuda_array_of(y), whole};
    *from = piece_array{cuda_array_of(x), whole};
    return whole ? bytes / 16 : c;
}

__global__ void upsample_kernel(piece_array y, piece_array x, int64_t h, int64_t w, int64_t c,
                                int64_t count)
{
    int64_t at = cuda_index();
    if (at >= count)
        return;
    int64_t piece = at % c, col = at / c % (2 * w), row = at / c / (2 * w) % (2 * h);
    int64_t t = at / c / (2 * w) / (2 * h);
    move_piece(y, at, x, ((t * h + row / 2) * w + col / 2) * c + piece);
}

extern "C" bool cuda_upsample_nearest(struct exec *ex, const struct tensor *y,
                                      const struct tensor *x, struct dn_error *err)
{
    assert(x->ndim == 4 && y->ndim == 4 && tensor_is_contiguous(x) && tensor_is_contiguous(y));
    int64_t h = x->shape[1], w = x->shape[2];
    assert(y->shape[0] == x->shape[0] && y->shape[1] == 2 * h && y->shape[2] == 2 * w);
    assert(y->shape[3] == x->shape[3]);
    piece_array to, from;
    int64_t c = pieces_of(y, x, x->shape[3], &to, &from), count = y->shape[0] * 4 * h * w * c;
    return cuda_launch(ex, "upsample_nearest", err, upsample_kernel, cuda_grid(count), CUDA_BLOCK,
                       0, to, from, h, w, c, count);
}

/* A column of blocks a frame of y. */
__global__ void interleave_kernel(piece_array y, piece_array x, int64_t pixels, int64_t c)
{
    int64_t at = cuda_index(), t = blockIdx.y;
    if (at >= pixels * c)
        return;
    int64_t pixel = (int64_t)((uint32_t)at / (uint32_t)c);
    move_piece(y, t * pixels * c + at, x,
               ((t / 2 * pixels + pixel) * 2 + t % 2) * c + (at - pixel * c));
}

extern "C" bool cuda_interleave_time(struct exec *ex, const struct tensor *y,
                                     const struct tensor *x, struct dn_error *err)
{
    assert(x->ndim == 4 && y->ndim == 4 && tensor_is_contiguous(x) && tensor_is_contiguous(y));
    assert(y->shape[0] == 2 * x->shape[0] && x->shape[3] == 2 * y->shape[3]);
    assert(y->shape[1] == x->shape[1] && y->shape[2] == x->shape[2]);
    piece_array to, from;
    int64_t pixels = x->shape[1] * x->shape[2], c = pieces_of(y, x, y->shape[3], &to, &from);
    assert(pixels * c <= UINT32_MAX && y->shape[0] < 65536);
    dim3 grid = cuda_grid(pixels * c);
    grid.y = (unsigned)y->shape[0];
    return cuda_launch(ex, "interleave_time", err, interleave_kernel, grid, CUDA_BLOCK, 0, to, from,
                       pixels, c);
}

struct latents_problem {
    cuda_array video; /* [T, pixels, all] */
    float *latents;   /* [T, channels, pixels] */
    const float *scale, *shift;
    int64_t channels, all, pixels, count;
    int to_video;
};

__global__ void latents_kernel(latents_problem p)
{
    int64_t at = cuda_index();
    if (at >= p.count)
        return;
    int64_t c = at % p.channels, pixel = at / p.channels % p.pixels;
    int64_t t = at / p.channels / p.pixels;
    int64_t in_video = (t * p.pixels + pixel) * p.all + c;
    float *latent = p.latents + (t * p.channels + c) * p.pixels + pixel;
    if (p.to_video)
        cuda_store(p.video, in_video, *latent * p.scale[c] + p.shift[c]);
    else
        *latent = (cuda_load(p.video, in_video) - p.shift[c]) / p.scale[c];
}

static bool run_latents(struct exec *ex, const char *op, const struct tensor *latents,
                        const struct tensor *video, const struct tensor *scale,
                        const struct tensor *shift, int to_video, struct dn_error *err)
{
    assert(latents->ndim == 4 && video->ndim == 4 && latents->dtype == DTYPE_F32);
    assert(tensor_is_contiguous(latents) && tensor_is_contiguous(video));
    assert(latents->shape[0] == video->shape[0]);
    assert(latents->shape[2] == video->shape[1] && latents->shape[3] == video->shape[2]);
    assert(latents->shape[1] <= video->shape[3]);
    assert(scale->dtype == DTYPE_F32 && shift->dtype == DTYPE_F32);
    assert(tensor_count(scale) >= latents->shape[1] && tensor_count(shift) >= latents->shape[1]);
    latents_problem p = {cuda_array_of(video),
                         (float *)latents->data,
                         (const float *)scale->data,
                         (const float *)shift->data,
                         latents->shape[1],
                         video->shape[3],
                         latents->shape[2] * latents->shape[3],
                         tensor_count(latents),
                         to_video};
    return cuda_launch(ex, op, err, latents_kernel, cuda_grid(p.count), CUDA_BLOCK, 0, p);
}

extern "C" bool cuda_latents_to_video(struct exec *ex, const struct tensor *y,
                                      const struct tensor *latents, const struct tensor *scale,
                                      const struct tensor *shift, struct dn_error *err)
{
    assert(latents->shape[1] == y->shape[3]);
    return run_latents(ex, "latents_to_video", latents, y, scale, shift, 1, err);
}

extern "C" bool cuda_video_to_latents(struct exec *ex, const struct tensor *latents,
                                      const struct tensor *x, const struct tensor *scale,
                                      const struct tensor *shift, struct dn_error *err)
{
    return run_latents(ex, "video_to_latents", latents, x, scale, shift, 0, err);
}

__global__ void rgb8_kernel(uint8_t *to, cuda_array x, int64_t count)
{
    int64_t i = cuda_index();
    if (i >= count)
        return;
    float v = cuda_load(x, i);
    v = v > -1.0f ? v : -1.0f; /* a NaN becomes black, not garbage */
    v = v < 1.0f ? v : 1.0f;
    to[i] = (uint8_t)(int)rintf(v * 127.5f + 127.5f);
}

extern "C" bool cuda_video_to_rgb8(struct exec *ex, const struct tensor *host,
                                   const struct tensor *x, struct dn_error *err)
{
    int64_t count = tensor_count(x);
    assert(host->dtype == DTYPE_U8 && tensor_count(host) == count);
    assert(tensor_is_contiguous(x) && tensor_is_contiguous(host));
    void *rgb;
    if (count == 0)
        return true;
    if (!cuda_scratch(ex, "video_to_rgb8", (size_t)count, &rgb, err) ||
        !cuda_launch(ex, "video_to_rgb8", err, rgb8_kernel, cuda_grid(count), CUDA_BLOCK, 0,
                     (uint8_t *)rgb, cuda_array_of(x), count))
        return false;
    return cuda_receive(ex, "video_to_rgb8", host->data, rgb, (size_t)count, err);
}
