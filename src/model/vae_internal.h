/* vae_internal: what the files vae*.c share. */
#ifndef DANAUS_MODEL_VAE_INTERNAL_H
#define DANAUS_MODEL_VAE_INTERNAL_H

#include "model/vae.h"
#include "model/vae_blocks.h"

struct vae {
    struct vae_info info;
    struct vae_backend backend;
    struct vae_chain decoder, encoder;
    struct vae_conv pre_decoder;   /* "conv2", 1x1x1, before the decoder */
    struct vae_conv post_encoder;  /* "conv1", 1x1x1, behind the encoder */
    struct tensor mean, deviation; /* F32 [z] */
};

/* Sees decoder stages beside the layers: "unnormalised", "conv2"; encoder: "moments". */
void vae_decoder_trace(struct vae_decoder *dec, vae_trace_fn *trace, void *context);
void vae_encoder_trace(struct vae_encoder *enc, vae_trace_fn *trace, void *context);
/* The feature cache, for tests. */
const struct vae_state *vae_decoder_state(const struct vae_decoder *dec);

#endif
