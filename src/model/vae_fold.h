/* vae_fold: two convolutions of the autoencoder written as cheaper ones of the same result.
 *
 * Nearest x2 and a 3x3 convolution: of the nine pixels that an output sees, several are the same
 * small pixel. The four outputs around a corner of the small grid see the same 2x2 small pixels, so
 * one 2x2 convolution over the corners, [h+1, w+1, (dy, dx, out)], gives them all: 4/9 of the
 * products, and the enlarged picture is never written. A backend that puts corners in place itself
 * (video_habits) gives y at once.
 *
 * A convolution to few channels (the head's 3): vector units compute 16 at a time. Four
 * neighbouring outputs become channels of one, [h/2, w/2, (dy, dx, out)], by a 4x4 kernel of
 * stride 2: 16/36 of the products at 12 channels instead of 3. Where that is no gain
 * (video_habits.fold_narrow) it is not done. */
#ifndef DANAUS_MODEL_VAE_FOLD_H
#define DANAUS_MODEL_VAE_FOLD_H

#include "model/vae_blocks.h"

/* Convolutions to at most this many channels are folded. */
#define VAE_FOLD_MAX_OUT 4

/* Packs weight [out, in, 3, 3] and bias [out] of a convolution behind a nearest x2 for x [n, h, w,
 * in] -> corners [n, h+1, w+1, 4 out]; and puts these in place: y [n, 2h, 2w, out]. */
bool vae_fold_upsample(struct vae_conv *conv, const struct weight_view *weight,
                       const struct weight_view *bias, const struct vae_backend *backend,
                       struct dn_error *err);
bool vae_unfold_upsample(const struct tensor *y, const struct tensor *corners,
                         const struct vae_backend *backend, struct dn_error *err);

/* Packs weight [out, in, 3, 3, 3] and bias [out] for x [n+2, h, w, in] -> squares [n, h/2, w/2,
 * 4 out], h and w even; and puts these in place: y [n, h, w, out]. */
bool vae_fold_narrow(struct vae_conv *conv, const struct weight_view *weight,
                     const struct weight_view *bias, const struct vae_backend *backend,
                     struct dn_error *err);
bool vae_unfold_narrow(const struct tensor *y, const struct tensor *squares,
                       const struct vae_backend *backend, struct dn_error *err);

#endif
