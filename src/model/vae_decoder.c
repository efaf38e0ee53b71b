/* vae_decoder: latents in, frames out, one latent at a time through the feature cache. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/vae_internal.h"

struct vae_decoder {
    struct vae *vae;
    int64_t h, w;         /* latent size */
    struct vae_state *state;
    struct tensor staged; /* F32 [1, z, h, w]: a latent that came from the host */
    struct tensor scaled; /* [1, h, w, z] after z * deviation + mean */
    struct tensor input;  /* [1, h, w, z] after conv2 */
    int64_t frames;       /* handed out since the reset */
    vae_frames_fn *on_frames; /* of the push that runs */
    void *context;
};

bool vae_decoder_new(struct vae *vae, int64_t h, int64_t w, struct vae_decoder **out,
                     struct dn_error *err)
{
    const struct vae_backend *b = &vae->backend;
    assert(vae->info.has_decoder);
    *out = NULL;
    if (h < 1 || w < 1)
        return dn_fail(err, DN_E_ARG, "cannot decode latents of %" PRId64 "x%" PRId64, w, h);
    struct vae_decoder *dec = dn_calloc(1, sizeof *dec);
    const int64_t z = vae->info.z;
    const enum dtype dtype = exec_dtype(b->ex);
    dec->vae = vae;
    dec->h = h;
    dec->w = w;
    if (!vae_state_new(&vae->decoder, b, 1, h, w, &dec->state, err) ||
        !b->ops->tensor_alloc(b->ex, &dec->staged, DTYPE_F32, DIMS(1, z, h, w), err) ||
        !b->ops->tensor_alloc(b->ex, &dec->scaled, dtype, DIMS(1, h, w, z), err) ||
        !b->ops->tensor_alloc(b->ex, &dec->input, dtype, DIMS(1, h, w, z), err)) {
        vae_decoder_free(dec);
        return dn_error_while(err, "making a VAE decoder for %" PRId64 "x%" PRId64 " latents", w,
                              h);
    }
    *out = dec;
    return true;
}

void vae_decoder_free(struct vae_decoder *dec)
{
    if (!dec)
        return;
    const struct vae_backend *b = &dec->vae->backend;
    struct tensor *const own[] = {&dec->staged, &dec->scaled, &dec->input};
    vae_state_free(dec->state);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (own[i]->data)
            b->ops->tensor_free(b->ex, own[i]);
    free(dec);
}

bool vae_decoder_reset(struct vae_decoder *dec, struct dn_error *err)
{
    dec->frames = 0;
    return vae_state_reset(dec->state, err);
}

int64_t vae_decoder_bytes(const struct vae_decoder *dec)
{
    const int64_t z = tensor_count(&dec->staged);
    return dec->state->bytes + z * (4 + 2 * dtype_size(dec->scaled.dtype));
}

void vae_decoder_trace(struct vae_decoder *dec, vae_trace_fn *trace, void *context)
{
    dec->state->trace = trace;
    dec->state->trace_context = context;
}

const struct vae_state *vae_decoder_state(const struct vae_decoder *dec)
{
    return dec->state;
}

static bool hand_out(void *context, const struct tensor *video, struct dn_error *err)
{
    struct vae_decoder *dec = context;
    const int64_t first = dec->frames;
    dec->frames += video->shape[0];
    return dec->on_frames(dec->context, video, first, err);
}

static bool trace(const struct vae_decoder *dec, const char *name, const struct tensor *y,
                  struct dn_error *err)
{
    const struct vae_state *state = dec->state;
    return !state->trace || state->trace(state->trace_context, name, y, err);
}

/* latent F32 [1, z, h, w] in exec memory */
static bool decode_one(struct vae_decoder *dec, const struct tensor *latent, struct dn_error *err)
{
    const struct vae *vae = dec->vae;
    const struct vae_backend *b = &vae->backend;
    if (!b->ops->latents_to_video(b->ex, &dec->scaled, latent, &vae->deviation, &vae->mean, err) ||
        !trace(dec, "unnormalised", &dec->scaled, err) ||
        !b->ops->conv(b->ex, &dec->input, &dec->scaled, vae->pre_decoder.packed, NULL, err) ||
        !trace(dec, "conv2", &dec->input, err))
        return false;
    if (!vae_state_run(dec->state, &dec->input, hand_out, dec, err))
        return false;
    dec->state->first = false;
    return true;
}

static void check_latents(const struct vae_decoder *dec, const struct tensor *latents)
{
    assert(latents->ndim == 4 && latents->shape[1] == dec->vae->info.z &&
           latents->shape[2] == dec->h && latents->shape[3] == dec->w);
    (void)dec;
    (void)latents;
}

bool vae_decoder_push(struct vae_decoder *dec, const struct tensor *latents,
                      vae_frames_fn *on_frames, void *context, struct dn_error *err)
{
    check_latents(dec, latents);
    dec->on_frames = on_frames;
    dec->context = context;
    for (int64_t i = 0; i < latents->shape[0]; i++) {
        struct tensor one = tensor_slice(latents, i, 1);
        if (!decode_one(dec, &one, err))
            return false;
    }
    return true;
}

bool vae_decoder_push_host(struct vae_decoder *dec, const struct tensor *latents,
                           vae_frames_fn *on_frames, void *context, struct dn_error *err)
{
    const struct vae_backend *b = &dec->vae->backend;
    check_latents(dec, latents);
    dec->on_frames = on_frames;
    dec->context = context;
    for (int64_t i = 0; i < latents->shape[0]; i++) {
        struct tensor one = tensor_slice(latents, i, 1);
        if (!b->ops->upload(b->ex, &dec->staged, &one, err) || !decode_one(dec, &dec->staged, err))
            return false;
    }
    return true;
}

bool vae_frames_download(const struct vae_decoder *dec, const struct tensor *host,
                         const struct tensor *video, struct dn_error *err)
{
    const struct vae_backend *b = &dec->vae->backend;
    return b->ops->download(b->ex, host, video, err);
}
