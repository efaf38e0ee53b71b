/* video: everything on channels-last frames [T, h, w, c] that is not a convolution.
 *
 *   channel_norm       y = act(x / max(|x|_2 over channels, 1e-12) * sqrt(c) * gamma)
 *   upsample_nearest   y[t, i, j] = x[t, i/2, j/2]
 *   interleave_time    y[2t] = x[t, :, :, first half of channels], y[2t+1] = second half
 *   latents_to_video   y[t, i, j, c] = latents[t, c, i, j] * scale[c] + shift[c], and back
 *   video_to_rgb8      round(clamp(x, -1, 1) * 127.5 + 127.5)
 *
 * All are bound by memory: each operand is read or written once, in runs of whole pixels. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/cpu/cpu_exec.h"
#include "kernels/cpu/vector.h"

/* The factors sqrt(c) / max(|x|, 1e-12) of up to sixteen pixels. */
LANES_INLINE lanes pixel_factors(const float *in, int64_t pixels, int64_t channels)
{
    float squares[LANES] = {0};
    for (int64_t p = 0; p < pixels; p++) {
        lanes sum = {0};
        for (int64_t c = 0; c < channels; c += LANES) {
            lanes x = lanes_load(in + p * channels + c, channels - c);
            sum += x * x;
        }
        squares[p] = lanes_sum(sum)[0];
    }
    lanes length = lanes_sqrt(lanes_load(squares, LANES));
    return sqrtf((float)channels) / lanes_max(length, lanes_of(1e-12f));
}

/* Up to sixteen pixels; in and out may be the same. */
LANES_INLINE void norm_pixels(float *out, const float *in, const float *gamma, int64_t pixels,
                              int64_t channels, bool silu)
{
    lanes factors = pixel_factors(in, pixels, channels);
    float factor[LANES];
    lanes_store(factor, factors, LANES);
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t c = 0; c < channels; c += LANES) {
            int64_t at = p * channels + c, count = channels - c;
            lanes x = lanes_load(in + at, count) * factor[p] * lanes_load(gamma + c, count);
            lanes_store(out + at, silu ? lanes_silu(x) : x, count);
        }
}

/* The same with the common numbers of channels known to the compiler. */
static void norm_group(float *out, const float *in, const float *gamma, int64_t pixels,
                       int64_t channels, bool silu)
{
    for (int64_t p = 0; p < pixels; p += LANES) {
        int64_t at = p * channels, n = pixels - p < LANES ? pixels - p : LANES;
        if (channels == 16)
            norm_pixels(out + at, in + at, gamma, n, 16, silu);
        else if (channels == 32)
            norm_pixels(out + at, in + at, gamma, n, 32, silu);
        else if (channels % LANES == 0)
            norm_pixels(out + at, in + at, gamma, n, channels / LANES * LANES, silu);
        else
            norm_pixels(out + at, in + at, gamma, n, channels, silu);
    }
}

bool cpu_channel_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                      const struct tensor *gamma, bool silu, struct dn_error *err)
{
    (void)err;
    int64_t channels = x->shape[x->ndim - 1], count = tensor_count(x);
    assert(tensor_is_contiguous(x) && tensor_is_contiguous(y) && tensor_count(y) == count);
    assert(gamma->dtype == DTYPE_F32 && tensor_count(gamma) == channels);
    assert(cpu_is_activation(x) && cpu_is_activation(y));
    int64_t pixels = count / channels;
    int64_t group = channels < 1024 ? 1024 / channels : 1; /* pixels converted at once */
    int64_t groups = (pixels + group - 1) / group;
    cpu_enter(ex);
    size_t stride, elements = (size_t)(group * channels);
    char *scratch = cpu_scratch_per_thread(ex, 2 * elements * 4, &stride);
#pragma omp parallel for schedule(static) if (count > CPU_GRAIN_EXP)
    for (int64_t g = 0; g < groups; g++) {
        float *tmp = (float *)(scratch + stride * (size_t)cpu_thread());
        int64_t first = g * group, n = pixels - first < group ? pixels - first : group;
        const float *from = cpu_read(x, first * channels, n * channels, tmp);
        float *to = cpu_target(y, first * channels, tmp + elements);
        norm_group(to, from, gamma->data, n, channels, silu);
        cpu_write(y, first * channels, n * channels, to);
    }
    return true;
}

bool cpu_upsample_nearest(struct exec *ex, const struct tensor *y, const struct tensor *x,
                          struct dn_error *err)
{
    assert(x->ndim == 4 && y->ndim == 4 && cpu_is_activation(x) && cpu_is_activation(y));
    assert(tensor_is_contiguous(x) && tensor_is_contiguous(y));
    int64_t h = x->shape[1], w = x->shape[2], lines = x->shape[0] * h;
    assert(y->shape[0] == x->shape[0] && y->shape[1] == 2 * h && y->shape[2] == 2 * w);
    assert(y->shape[3] == x->shape[3]);
    if (x->dtype != y->dtype) {
        /* both as [T h, 2, w, 2, c], where x repeats itself by strides of 0 */
        int64_t c = x->shape[3], shape[] = {lines, 2, w, 2, c};
        struct tensor to = tensor_reshape(y, 5, shape), from = to;
        from.data = x->data;
        from.dtype = x->dtype;
        from.stride[0] = w * c;
        from.stride[1] = from.stride[3] = 0;
        from.stride[2] = c;
        return cpu_copy(ex, &to, &from, err);
    }
    size_t pixel = (size_t)(x->shape[3] * dtype_size(x->dtype)), line = pixel * (size_t)w;
    cpu_enter(ex);
#pragma omp parallel for schedule(static) if (tensor_count(y) > CPU_GRAIN)
    for (int64_t i = 0; i < lines; i++) {
        const char *from = (const char *)x->data + (size_t)i * line;
        char *to = (char *)y->data + 4 * (size_t)i * line;
        for (int64_t j = 0; j < w; j++) {
            memcpy(to + 2 * (size_t)j * pixel, from + (size_t)j * pixel, pixel);
            memcpy(to + (2 * (size_t)j + 1) * pixel, from + (size_t)j * pixel, pixel);
        }
        memcpy(to + 2 * line, to, 2 * line);
    }
    return true;
}

bool cpu_interleave_time(struct exec *ex, const struct tensor *y, const struct tensor *x,
                         struct dn_error *err)
{
    assert(x->ndim == 4 && y->ndim == 4 && cpu_is_activation(x) && cpu_is_activation(y));
    assert(tensor_is_contiguous(x) && tensor_is_contiguous(y));
    int64_t frames = x->shape[0], pixels = x->shape[1] * x->shape[2], channels = y->shape[3];
    assert(y->shape[0] == 2 * frames && y->shape[1] == x->shape[1] && y->shape[2] == x->shape[2]);
    assert(x->shape[3] == 2 * channels);
    if (x->dtype != y->dtype) {
        int64_t shape[] = {frames, 2, pixels, channels};
        struct tensor to = tensor_reshape(y, 4, shape), from = to;
        from.data = x->data;
        from.dtype = x->dtype;
        from.stride[1] = channels;
        from.stride[2] = 2 * channels;
        return cpu_copy(ex, &to, &from, err);
    }
    size_t size = (size_t)(channels * dtype_size(x->dtype));
    cpu_enter(ex);
#pragma omp parallel for collapse(2) schedule(static) if (tensor_count(y) > CPU_GRAIN)
    for (int64_t t = 0; t < 2 * frames; t++)
        for (int64_t row = 0; row < x->shape[1]; row++) {
            int64_t first = row * x->shape[2];
            const char *from =
                (const char *)x->data + (size_t)((t / 2 * pixels + first) * 2 + t % 2) * size;
            char *to = (char *)y->data + (size_t)(t * pixels + first) * size;
            for (int64_t j = 0; j < x->shape[2]; j++)
                memcpy(to + (size_t)j * size, from + 2 * (size_t)j * size, size);
        }
    return true;
}

static void check_latents(const struct tensor *latents, const struct tensor *video,
                          const struct tensor *scale, const struct tensor *shift)
{
    assert(latents->ndim == 4 && video->ndim == 4 && latents->dtype == DTYPE_F32);
    assert(tensor_is_contiguous(latents) && tensor_is_contiguous(video));
    assert(cpu_is_activation(video) && latents->shape[0] == video->shape[0]);
    assert(latents->shape[2] == video->shape[1] && latents->shape[3] == video->shape[2]);
    assert(latents->shape[1] <= video->shape[3]);
    assert(scale->dtype == DTYPE_F32 && shift->dtype == DTYPE_F32);
    assert(tensor_count(scale) >= latents->shape[1] && tensor_count(shift) >= latents->shape[1]);
}

bool cpu_latents_to_video(struct exec *ex, const struct tensor *y, const struct tensor *latents,
                          const struct tensor *scale, const struct tensor *shift,
                          struct dn_error *err)
{
    (void)ex;
    (void)err;
    check_latents(latents, y, scale, shift);
    assert(latents->shape[1] == y->shape[3]);
    int64_t channels = latents->shape[1], pixels = latents->shape[2] * latents->shape[3];
    const float *from = latents->data, *times = scale->data, *add = shift->data;
    for (int64_t t = 0; t < latents->shape[0]; t++)
        for (int64_t p = 0; p < pixels; p++)
            for (int64_t c = 0; c < channels; c++) {
                float value = from[(t * channels + c) * pixels + p] * times[c] + add[c];
                int64_t to = (t * pixels + p) * channels + c;
                if (y->dtype == DTYPE_F32)
                    ((float *)y->data)[to] = value;
                else
                    ((uint16_t *)y->data)[to] = bf16_from_f32(value);
            }
    return true;
}

bool cpu_video_to_latents(struct exec *ex, const struct tensor *latents, const struct tensor *x,
                          const struct tensor *scale, const struct tensor *shift,
                          struct dn_error *err)
{
    (void)ex;
    (void)err;
    check_latents(latents, x, scale, shift);
    int64_t channels = latents->shape[1], pixels = latents->shape[2] * latents->shape[3];
    int64_t all = x->shape[3];
    float *to = latents->data;
    const float *divide = scale->data, *subtract = shift->data;
    for (int64_t t = 0; t < latents->shape[0]; t++)
        for (int64_t p = 0; p < pixels; p++)
            for (int64_t c = 0; c < channels; c++) {
                int64_t from = (t * pixels + p) * all + c;
                float value = x->dtype == DTYPE_F32
                                  ? ((const float *)x->data)[from]
                                  : f32_from_bf16(((const uint16_t *)x->data)[from]);
                to[(t * channels + c) * pixels + p] = (value - subtract[c]) / divide[c];
            }
    return true;
}

bool cpu_video_to_rgb8(struct exec *ex, const struct tensor *host, const struct tensor *x,
                       struct dn_error *err)
{
    (void)err;
    int64_t count = tensor_count(x);
    assert(host->dtype == DTYPE_U8 && tensor_count(host) == count && cpu_is_activation(x));
    assert(tensor_is_contiguous(x) && tensor_is_contiguous(host));
    uint8_t *to = host->data;
    cpu_enter(ex);
#pragma omp parallel for schedule(static) if (count > CPU_GRAIN)
    for (int64_t at = 0; at < count; at += 512) {
        float tmp[512];
        int64_t n = count - at < 512 ? count - at : 512;
        const float *from = cpu_read(x, at, n, tmp);
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            float v = from[i] > -1.0f ? from[i] : -1.0f; /* a NaN becomes black, not garbage */
            v = v < 1.0f ? v : 1.0f;
            to[at + i] = (uint8_t)(int)nearbyintf(v * 127.5f + 127.5f);
        }
    }
    return true;
}
