/* video: everything on channels-last frames [T, h, w, c] that is not a convolution.
 *
 *   channel_norm       y = act(x / max(|x|_2 over channels, 1e-12) * sqrt(c) * gamma)
 *   upsample_nearest   y[t, i, j] = x[t, i/2, j/2]
 *   interleave_time    y[2t] = x[t, :, :, first half of channels], y[2t+1] = second half
 *   latents_to_video   y[t, i, j, c] = latents[t, c, i, j] * scale[c] + shift[c], and back
 *   video_to_rgb8      round(clamp(x, -1, 1) * 127.5 + 127.5)
 *
 * A warp a pixel in channel_norm, a thread an element elsewhere. Bytes: each operand once. Share of
 * the memory limit: not measured yet. */
#include "kernels/cuda/cuda_util.cuh"

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
    return cuda_launch(ex, "channel_norm", err, channel_norm_kernel,
                       cuda_grid(pixels, CUDA_BLOCK / 32), CUDA_BLOCK, 0, cuda_array_of(y),
                       cuda_array_of(x), (const float *)gamma->data, channels, pixels, (int)silu);
}

__global__ void upsample_kernel(cuda_array y, cuda_array x, int64_t h, int64_t w, int64_t c,
                                int64_t count)
{
    int64_t at = cuda_index();
    if (at >= count)
        return;
    int64_t channel = at % c, col = at / c % (2 * w), row = at / c / (2 * w) % (2 * h);
    int64_t t = at / c / (2 * w) / (2 * h);
    cuda_store(y, at, cuda_load(x, ((t * h + row / 2) * w + col / 2) * c + channel));
}

extern "C" bool cuda_upsample_nearest(struct exec *ex, const struct tensor *y,
                                      const struct tensor *x, struct dn_error *err)
{
    assert(x->ndim == 4 && y->ndim == 4 && tensor_is_contiguous(x) && tensor_is_contiguous(y));
    int64_t h = x->shape[1], w = x->shape[2], count = tensor_count(y);
    assert(y->shape[0] == x->shape[0] && y->shape[1] == 2 * h && y->shape[2] == 2 * w);
    assert(y->shape[3] == x->shape[3]);
    return cuda_launch(ex, "upsample_nearest", err, upsample_kernel, cuda_grid(count), CUDA_BLOCK,
                       0, cuda_array_of(y), cuda_array_of(x), h, w, x->shape[3], count);
}

__global__ void interleave_kernel(cuda_array y, cuda_array x, int64_t pixels, int64_t c,
                                  int64_t count)
{
    int64_t at = cuda_index();
    if (at >= count)
        return;
    int64_t channel = at % c, pixel = at / c % pixels, t = at / c / pixels;
    cuda_store(y, at, cuda_load(x, ((t / 2 * pixels + pixel) * 2 + t % 2) * c + channel));
}

extern "C" bool cuda_interleave_time(struct exec *ex, const struct tensor *y,
                                     const struct tensor *x, struct dn_error *err)
{
    assert(x->ndim == 4 && y->ndim == 4 && tensor_is_contiguous(x) && tensor_is_contiguous(y));
    assert(y->shape[0] == 2 * x->shape[0] && x->shape[3] == 2 * y->shape[3]);
    assert(y->shape[1] == x->shape[1] && y->shape[2] == x->shape[2]);
    int64_t count = tensor_count(y);
    return cuda_launch(ex, "interleave_time", err, interleave_kernel, cuda_grid(count), CUDA_BLOCK,
                       0, cuda_array_of(y), cuda_array_of(x), x->shape[1] * x->shape[2],
                       y->shape[3], count);
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
