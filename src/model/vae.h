/* vae: the Wan video autoencoder, decoding and encoding as a stream.
 *
 * The structure (base width, stages, residual blocks a stage, which stages double time) is read
 * from tensor names and shapes, never assumed. Activations are channels-last [frames, h, w, c] in
 * the exec's dtype; latents are F32 [frames, z, h, w], normalised by the 16 per-channel constants
 * of the public model. Decoding always runs latent by latent through a feature cache, so pushing
 * latents one at a time, in chunks or all at once gives the same bytes.
 *
 * A `vae` and everything made from it belong to the thread that owns the exec. */
#ifndef DANAUS_MODEL_VAE_H
#define DANAUS_MODEL_VAE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "format/weights.h"
#include "kernels/ops.h"

struct vae;
struct vae_decoder;
struct vae_encoder;

struct vae_info {
    int64_t z;               /* latent channels */
    int64_t base_width;      /* channels at full resolution (public: 96) */
    int64_t spatial_factor;  /* pixels a latent pixel, per side (public: 8) */
    int64_t temporal_factor; /* frames a latent after the first (public: 4) */
    int64_t parameters;      /* of what was loaded */
    bool has_decoder, has_encoder;
};

enum vae_parts { VAE_DECODER = 1, VAE_ENCODER = 2, VAE_BOTH = 3 };

/* Loads the parts asked for; w may be closed afterwards. False: a tensor is missing or misfits
 * (err names tensor, shape had, shape needed), or the backend failed. The caller frees. */
bool vae_load(const struct weights *w, enum vae_parts parts, const struct ops *ops,
              struct exec *ex, struct vae **out, struct dn_error *err);
void vae_free(struct vae *vae); /* NULL allowed; after its decoders and encoders */
/* Borrowed from vae. */
const struct vae_info *vae_get_info(const struct vae *vae);
/* The same checks and numbers from names and shapes alone: nothing is packed or computed. */
bool vae_inspect(const struct weights *w, struct vae_info *info, struct dn_error *err);

/* 1 + (latents - 1) * temporal_factor; 0 of 0. */
int64_t vae_frames_of_latents(const struct vae_info *info, int64_t latents);
/* Latents that come out of so many frames; frames that do not fill a group are ignored. */
int64_t vae_latents_of_frames(const struct vae_info *info, int64_t frames);

/* --- decoding --- */

/* Receives decoded frames in order: video [n, H, W, 3] in exec memory, the exec's dtype, not
 * clamped to [-1, 1], valid during the call; first = number of frames since the reset. Work may
 * still be queued: ops->video_to_rgb8 and ops->download wait. False stops the push (fill err). */
typedef bool vae_frames_fn(void *context, const struct tensor *video, int64_t first,
                           struct dn_error *err);

/* A decoder for latents of h x w; allocates all buffers it will ever need. */
bool vae_decoder_new(struct vae *vae, int64_t h, int64_t w, struct vae_decoder **out,
                     struct dn_error *err);
void vae_decoder_free(struct vae_decoder *dec); /* NULL allowed */
/* Forgets the past: the next latent is the first of a clip. */
bool vae_decoder_reset(struct vae_decoder *dec, struct dn_error *err);
/* Decodes latents F32 [n, z, h, w], n >= 0, in exec memory, as the continuation of what was pushed
 * before. on_frames is called as soon as frames exist (at least once a latent). After a failure
 * only reset and free are allowed. */
bool vae_decoder_push(struct vae_decoder *dec, const struct tensor *latents,
                      vae_frames_fn *on_frames, void *context, struct dn_error *err);
/* The same from host memory, any strides and float dtype. */
bool vae_decoder_push_host(struct vae_decoder *dec, const struct tensor *latents,
                           vae_frames_fn *on_frames, void *context, struct dn_error *err);
/* Bytes of exec memory that the decoder holds. */
int64_t vae_decoder_bytes(const struct vae_decoder *dec);

/* For on_frames: video [n, H, W, 3] -> host float32 of any strides, shape [n, H, W, 3]; waits.
 * A [3, T, H, W] or [T, 3, H, W] array is such a tensor with permuted strides (see below). */
bool vae_frames_download(const struct vae_decoder *dec, const struct tensor *host,
                         const struct tensor *video, struct dn_error *err);
/* Views of a host array as [n, H, W, 3] frames first .. first+n: of [T, 3, H, W] and of
 * [3, T, H, W]. dtype F32. */
struct tensor vae_view_of_tchw(float *array, int64_t first, int64_t n, int64_t height,
                               int64_t width);
struct tensor vae_view_of_cthw(float *array, int64_t frames, int64_t first, int64_t n,
                               int64_t height, int64_t width);

/* --- encoding --- */

/* An encoder for frames of height x width, multiples of the spatial factor. */
bool vae_encoder_new(struct vae *vae, int64_t height, int64_t width, struct vae_encoder **out,
                     struct dn_error *err);
void vae_encoder_free(struct vae_encoder *enc); /* NULL allowed */
bool vae_encoder_reset(struct vae_encoder *enc, struct dn_error *err);
/* How many latents a push of so many further frames completes. */
int64_t vae_encoder_latents(const struct vae_encoder *enc, int64_t frames);
/* Takes host frames [n, H, W, 3]: U8 (0..255) or a float dtype in [-1, 1], any strides. Groups of
 * 1, 4, 4, ... frames become latents as they fill; writes vae_encoder_latents(enc, n) normalised
 * means to latents F32 [that many, z, h, w] in exec memory (may be NULL when none). */
bool vae_encoder_push(struct vae_encoder *enc, const struct tensor *frames,
                      const struct tensor *latents, struct dn_error *err);

#endif
