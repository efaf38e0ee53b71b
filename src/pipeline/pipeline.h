/* pipeline: request -> context, noise -> chunks of latents -> frames, as they come.
 *
 * A pipeline holds a model's parts for any number of clips, one after another, on the thread that
 * owns the exec. It knows no files of output and no terminal: everything leaves through events. */
#ifndef DANAUS_PIPELINE_PIPELINE_H
#define DANAUS_PIPELINE_PIPELINE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/request.h"
#include "kernels/ops.h"
#include "model/model_dir.h"
#include "model/transformer_config.h"
#include "model/vae.h"
#include "pipeline/events.h"
#include "pipeline/pipeline_inputs.h"

struct pipeline;

struct pipeline_needs {
    bool text;    /* prompts will be encoded: the text encoder is loaded */
    bool encoder; /* frames will be given: the VAE's encoder is loaded */
    bool use_ema; /* of a checkpoint that has both */
};

/* Loads what needs says of the model in dir; transformer and VAE decoder always. False: a part is
 * missing, broken, or does not fit the others. The caller closes. */
bool pipeline_open(const struct model_dir *dir, const struct pipeline_needs *needs,
                   const struct ops *ops, struct exec *ex, struct pipeline **out,
                   struct dn_error *err);
void pipeline_close(struct pipeline *p); /* NULL allowed */

/* What a request says of the machine, for ops->open; false: its dtype is none of auto, f32, bf16.
 */
bool pipeline_exec_options(const struct request *r, const struct ops *ops, struct exec_options *out,
                           struct dn_error *err);

const struct transformer_config *pipeline_transformer(const struct pipeline *p);
const struct vae_info *pipeline_vae(const struct pipeline *p);

/* Checks the request against the model: sampler, size, chunks, tiles, given material. Everything
 * that run would refuse before its first step. */
bool pipeline_check(struct pipeline *p, const struct request *r, const struct pipeline_inputs *in,
                    struct dn_error *err);

/* Bytes of a device's memory. */
struct pipeline_memory {
    int64_t held; /* already: weights, contexts, what the clip before left */
    int64_t more; /* taken by a clip beyond that, at most */
    /* of `more` */
    int64_t keys_values, pass, decoder; /* less what makes room for them */
    int64_t scratch;                    /* the backend's own */
};
/* What a clip will take, to the byte but for a prompt that has yet to be encoded: it counts as the
 * longest, and one that changes on the way as two more. False also where the backend's memory has no limit. */
bool pipeline_memory(struct pipeline *p, const struct request *r, const struct pipeline_inputs *in,
                     struct pipeline_memory *out, struct dn_error *err);

/* The latent frames before chunk number `chunk` (0-based) of such a clip, *latents. */
bool pipeline_chunk_start(struct pipeline *p, const struct request *r,
                          const struct pipeline_inputs *in, int64_t chunk, int64_t *latents,
                          struct dn_error *err);

/* Makes one clip (r->seed; count is the caller's loop). *stop nonzero ends it after the running
 * step with DN_E_CANCELLED; what was handed on until then is a valid shorter clip. */
bool pipeline_run(struct pipeline *p, const struct request *r, const struct pipeline_inputs *in,
                  const struct pipeline_events *events, const volatile sig_atomic_t *stop,
                  struct dn_error *err);

#endif
