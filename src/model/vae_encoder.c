/* vae_encoder: frames in, latents out, in groups of 1, 4, 4, ... frames through the feature
 * cache. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/vae_internal.h"

struct vae_encoder {
    struct vae *vae;
    int64_t height, width;
    int64_t group; /* frames of every group but the first */
    struct vae_state *state;
    struct tensor pending; /* [group, H, W, 3], the first `filled` frames are there */
    int64_t filled;
    float *staged;          /* host [H, W, 3], a frame being converted from bytes */
    struct tensor moments;  /* [1, h, w, 2z] */
    struct tensor latents;  /* where the push that runs writes */
    int64_t written;        /* latents written by it */
};

bool vae_encoder_new(struct vae *vae, int64_t height, int64_t width, struct vae_encoder **out,
                     struct dn_error *err)
{
    const struct vae_backend *b = &vae->backend;
    const int64_t factor = vae->info.spatial_factor;
    assert(vae->info.has_encoder);
    *out = NULL;
    if (height < factor || width < factor || height % factor || width % factor)
        return dn_fail(err, DN_E_ARG,
                       "cannot encode frames of %" PRId64 "x%" PRId64
                       ": width and height must be multiples of %" PRId64,
                       width, height, factor);
    struct vae_encoder *enc = dn_calloc(1, sizeof *enc);
    const enum dtype dtype = exec_dtype(b->ex);
    enc->vae = vae;
    enc->height = height;
    enc->width = width;
    enc->group = vae->info.temporal_factor;
    enc->staged = dn_malloc(dn_mul_or_abort((size_t)(height * width), 3 * sizeof(float)));
    if (!vae_state_new(&vae->encoder, b, enc->group, height, width, &enc->state, err) ||
        !b->ops->tensor_alloc(b->ex, &enc->pending, dtype, DIMS(enc->group, height, width, 3),
                              err) ||
        !b->ops->tensor_alloc(b->ex, &enc->moments, dtype,
                              DIMS(1, height / factor, width / factor, 2 * vae->info.z), err)) {
        vae_encoder_free(enc);
        return dn_error_while(err, "making a VAE encoder for %" PRId64 "x%" PRId64 " frames", width,
                              height);
    }
    *out = enc;
    return true;
}

void vae_encoder_free(struct vae_encoder *enc)
{
    if (!enc)
        return;
    const struct vae_backend *b = &enc->vae->backend;
    vae_state_free(enc->state);
    if (enc->pending.data)
        b->ops->tensor_free(b->ex, &enc->pending);
    if (enc->moments.data)
        b->ops->tensor_free(b->ex, &enc->moments);
    free(enc->staged);
    free(enc);
}

bool vae_encoder_reset(struct vae_encoder *enc, struct dn_error *err)
{
    enc->filled = 0;
    return vae_state_reset(enc->state, err);
}

void vae_encoder_trace(struct vae_encoder *enc, vae_trace_fn *trace, void *context)
{
    enc->state->trace = trace;
    enc->state->trace_context = context;
}

int64_t vae_encoder_latents(const struct vae_encoder *enc, int64_t frames)
{
    int64_t count = 0;
    frames += enc->filled;
    if (enc->state->first && frames > 0) {
        count++;
        frames--;
    }
    return count + frames / enc->group;
}

/* A frame [H, W, 3] of host bytes or floats, any strides -> slot `filled` of pending. */
static bool take_frame(struct vae_encoder *enc, const struct tensor *frame, struct dn_error *err)
{
    const struct vae_backend *b = &enc->vae->backend;
    struct tensor slot = tensor_slice(&enc->pending, enc->filled, 1);
    struct tensor host = *frame;
    if (frame->dtype == DTYPE_U8) {
        const int64_t *stride = frame->stride;
        float *to = enc->staged;
        for (int64_t y = 0; y < enc->height; y++)
            for (int64_t x = 0; x < enc->width; x++)
                for (int64_t c = 0; c < 3; c++) {
                    const uint8_t *from = frame->data;
                    uint8_t v = from[y * stride[1] + x * stride[2] + c * stride[3]];
                    *to++ = (float)v / 127.5f - 1.0f;
                }
        host = tensor_over(enc->staged, DTYPE_F32, DIMS(1, enc->height, enc->width, 3));
    }
    enc->filled++;
    return b->ops->upload(b->ex, &slot, &host, err);
}

/* Behind the chain: moments, and the normalised mean of each. */
static bool write_latents(void *context, const struct tensor *y, struct dn_error *err)
{
    struct vae_encoder *enc = context;
    const struct vae *vae = enc->vae;
    const struct vae_backend *b = &vae->backend;
    const struct vae_state *state = enc->state;
    for (int64_t i = 0; i < y->shape[0]; i++) {
        struct tensor from = tensor_slice(y, i, 1);
        struct tensor to = tensor_slice(&enc->latents, enc->written, 1);
        if (!b->ops->conv(b->ex, &enc->moments, &from, vae->post_encoder.packed, NULL, err) ||
            (state->trace && !state->trace(state->trace_context, "moments", &enc->moments, err)) ||
            !b->ops->video_to_latents(b->ex, &to, &enc->moments, &vae->deviation, &vae->mean, err))
            return false;
        enc->written++;
    }
    return true;
}

bool vae_encoder_push(struct vae_encoder *enc, const struct tensor *frames,
                      const struct tensor *latents, struct dn_error *err)
{
    assert(frames->ndim == 4 && frames->shape[1] == enc->height &&
           frames->shape[2] == enc->width && frames->shape[3] == 3);
    enc->written = 0;
    if (latents)
        enc->latents = *latents;
    for (int64_t i = 0; i < frames->shape[0]; i++) {
        struct tensor frame = tensor_slice(frames, i, 1);
        if (!take_frame(enc, &frame, err))
            return false;
        if (enc->filled < (enc->state->first ? 1 : enc->group))
            continue;
        struct tensor group = tensor_slice(&enc->pending, 0, enc->filled);
        if (!vae_state_run(enc->state, &group, write_latents, enc, err))
            return false;
        enc->state->first = false;
        enc->filled = 0;
    }
    return true;
}
