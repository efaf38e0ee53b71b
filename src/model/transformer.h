/* transformer: the Wan video diffusion transformer, bidirectional and chunk-causal.
 *
 * One pass takes noisy latents [frames, channels, h, w] with a timestep a frame and predicts the
 * flow (noise - clean). Tokens are 2 x 2 latent pixels in (frame, row, column) order. Speaks to the
 * device only through struct ops. A transformer and all that is made from it belong to the thread
 * that owns the exec. */
#ifndef DANAUS_MODEL_TRANSFORMER_H
#define DANAUS_MODEL_TRANSFORMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/request.h"
#include "format/weights.h"
#include "kernels/ops.h"
#include "model/kv_cache.h"
#include "model/transformer_config.h"

struct transformer;
struct text_context;

/* Names, shapes and dtypes of every tensor, from the headers alone. False: one is missing, misfits
 * or is unknown; err names it with the shape it has and the one it needs. */
bool transformer_check(const struct weights *w, const struct transformer_config *config,
                       struct dn_error *err);
/* Calls fn for every tensor that a transformer of these sizes has; stops when fn says false and
 * returns false then. */
typedef bool transformer_tensor_fn(void *context, const char *name, int ndim, const int64_t *shape);
bool transformer_each_tensor(const struct transformer_config *config, transformer_tensor_fn *fn,
                             void *context);
/* Weights of the layers that linear_pack_narrow packs: those of every pass over the blocks. */
int64_t transformer_narrow_parameters(const struct transformer_config *config);
/* Checks and packs; w may be closed afterwards. The caller frees. */
bool transformer_open(const struct ops *ops, struct exec *ex, const struct weights *w,
                      const struct transformer_config *config, struct transformer **out,
                      struct dn_error *err);
void transformer_free(struct transformer *tr); /* NULL allowed; after its contexts and caches */
const struct transformer_config *transformer_get_config(const struct transformer *tr);
/* The table and exec that it runs on. */
const struct ops *transformer_ops(const struct transformer *tr);
struct exec *transformer_exec(const struct transformer *tr);

/* A text context: host [rows, text_dim], any float dtype and strides, 1 <= rows <= text_len. Rows
 * that are missing up to text_len count as zero rows, and zero rows at the end are attended as one
 * key with the weight of all (the model has no mask: they take part). Keys and values of all layers
 * are computed here, once. The caller frees, before the transformer. */
bool text_context_new(struct transformer *tr, const struct tensor *host, struct text_context **out,
                      struct dn_error *err);
void text_context_free(struct text_context *context); /* NULL allowed */

/* A cache for `frames` latent frames of rows x cols tokens, of which the first sink_frames stay. */
bool transformer_cache_new(struct transformer *tr, int64_t rows, int64_t cols, int64_t frames,
                           int64_t sink_frames, struct kv_cache **out, struct dn_error *err);

/* A twin for a plan (ops plan_begin): of the same weights, with buffers that begin as tr's. Freed
 * before plan_end, after what was made from it. */
struct transformer *transformer_twin(const struct transformer *tr);
void transformer_twin_free(struct transformer *twin); /* NULL allowed */

/* Bytes of exec memory that a first pass over so many frames takes beyond what is held already;
 * negative when it gives some back. */
int64_t transformer_pass_bytes(struct transformer *tr, int64_t frames, int64_t frame_tokens);

/* Receives intermediate results in tests: "patch_tokens", "e", "e0", "self_attn" (of a layer,
 * before gate and residual), ...; t is valid during the call, download waits. */
struct transformer_trace {
    void *user;
    bool (*tensor)(void *user, const char *name, int64_t layer, const struct tensor *t,
                   struct dn_error *err);
};

struct transformer_pass {
    const struct tensor *latents; /* F32 [frames, channels, h, w], h and w even */
    const float *timesteps;       /* host [frames], 0..1000, never rounded */
    const struct text_context *context;
    const struct attention_choice *attention; /* one a layer; NULL: dense everywhere */
    int64_t start_frame;                      /* absolute index of the first frame */
    struct kv_cache *cache;                   /* NULL: keys and values of this pass only */
    /* without a cache: 0 = every frame sees all; n = training form, a frame sees its own block of n
     * frames (the first block is one frame when first_alone) and all blocks before it, at most
     * window frames back from the end of its block (window <= 0: all) */
    int64_t block_frames;
    bool first_alone;
    int64_t window;
    const struct transformer_trace *trace; /* NULL outside tests */
};

/* flow: F32 like latents; or NULL, then the pass only writes the cache and what follows the last
 * layer's keys and values is left out. */
bool transformer_forward(struct transformer *tr, const struct transformer_pass *pass,
                         const struct tensor *flow, struct dn_error *err);

/* Does the choice fit query_frames and key_frames of rows x cols tokens? False: err says what does
 * not divide and which sizes would. Dense always fits. */
bool transformer_check_attention(const struct attention_choice *choice, int64_t query_frames,
                                 int64_t key_frames, int64_t rows, int64_t cols,
                                 struct dn_error *err);

#endif
