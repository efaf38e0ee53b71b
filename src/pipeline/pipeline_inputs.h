/* pipeline_inputs: what a clip is made of besides its prompt: contexts, noise, latents, an image.
 */
#ifndef DANAUS_PIPELINE_PIPELINE_INPUTS_H
#define DANAUS_PIPELINE_PIPELINE_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/request.h"
#include "kernels/tensor.h"

/* Host tensors; data NULL = not given. */
struct pipeline_inputs {
    struct tensor context;  /* F32 [rows, text_dim] instead of the text encoder */
    struct tensor negative; /* the same of the negative prompt */
    struct tensor noise;    /* F32 [frames to make, channels, h, w] */
    struct tensor renoise;  /* F32 [chunks, steps - 1, frames, channels, h, w]; samplers of the
                             * whole clip take [steps - 1, frames, channels, h, w] too */
    struct tensor latents;  /* F32 [frames, channels, h, w] that the clip begins with */
    struct tensor made;     /* F32 [frames, channels, h, w]: the clip's first latents as an earlier
                             * run of the same request handed them on, given ones included. The
                             * run goes on behind their last whole chunk, and what it hands on is
                             * what one run would have. Set by the caller, borrowed. */
    struct tensor frames;   /* U8 [n, height, width, 3] that the clip begins with: an image is one
                             * frame. Set by the caller, borrowed; not together with latents. */
};

/* Reads the files that r names: context (tensors context, and optionally negative), noise (noise,
 * and optionally renoise), extend (latents). r->image is the caller's to read. False: a file is
 * unreadable, or a tensor is missing or has too many or too few dimensions. done frees, also after
 * false. */
bool pipeline_inputs_load(const struct request *r, struct pipeline_inputs *in,
                          struct dn_error *err);
void pipeline_inputs_done(struct pipeline_inputs *in);

#endif
