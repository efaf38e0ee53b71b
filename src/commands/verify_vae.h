/* verify_vae: what the files verify_vae*.c share. */
#ifndef DANAUS_COMMANDS_VERIFY_VAE_H
#define DANAUS_COMMANDS_VERIFY_VAE_H

#include "commands/verify.h"
#include "format/weights.h"
#include "model/vae.h"

/* A fixture of single modules: tensors CASE.parameter, CASE.x, CASE.y, CASE.callN.x, ... */
void verify_vae_modules(struct verify_run *run, const struct weights *fixture);
/* A fixture of every layer of the decoder: z, unnormalised, conv2, f0.conv1, f0.middle.0, ... */
void verify_vae_trace(struct verify_run *run, struct vae *vae, const struct weights *fixture);

#endif
