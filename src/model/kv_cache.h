/* kv_cache: keys and values of the latent frames that a causal transformer has seen.
 *
 * Keys are stored normalised and rotated with the absolute frame index; nothing is rotated again.
 * When a new chunk does not fit, the frames behind the first `sink_frames` move to the left by the
 * overflow (the oldest of them are lost) and the chunk goes to the end. That happens once a chunk;
 * later passes over the same frames overwrite them in place. One thread, the exec's owner. */
#ifndef DANAUS_MODEL_KV_CACHE_H
#define DANAUS_MODEL_KV_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/ops.h"

struct kv_cache_sizes {
    int64_t layers, heads, head_dim;
    int64_t frame_tokens;
    int64_t frames;      /* capacity in latent frames */
    int64_t sink_frames; /* never moved, never lost */
};

struct kv_cache {
    struct kv_cache_sizes sizes;
    int64_t end_frame; /* frames of the video seen so far */
    int64_t filled;    /* frames held, the last of them is end_frame - 1 */
    /* PRIVATE */
    const struct ops *ops;
    struct exec *ex;
    struct tensor keys, values; /* [layers, frames * frame_tokens, heads, head_dim] */
};

/* Where a chunk lies, and what has to move first; the same for every layer. In frames. */
struct kv_place {
    int64_t first;                      /* slot of the chunk's first frame */
    int64_t end;                        /* one past its last slot: attention covers [0, end) */
    int64_t move_to, move_from, moving; /* moving = 0: nothing moves */
};

/* dtype of the stored keys and values: the exec's. The caller frees. False: no memory. */
bool kv_cache_new(const struct ops *ops, struct exec *ex, const struct kv_cache_sizes *sizes,
                  struct kv_cache **out, struct dn_error *err);
void kv_cache_free(struct kv_cache *cache); /* NULL allowed */
/* Forgets everything. */
void kv_cache_clear(struct kv_cache *cache);

/* Makes room for frames start .. start+frames of the video, which either go on from what is held or
 * are the last ones held, and tells where they lie. False: more frames than fit beside the sink,
 * or not adjacent. */
bool kv_cache_place(struct kv_cache *cache, int64_t start, int64_t frames, struct kv_place *place,
                    struct dn_error *err);
/* Moves one layer's old frames as place says; call once a layer, before the chunk is written. */
bool kv_cache_move(struct kv_cache *cache, const struct kv_place *place, int64_t layer,
                   struct dn_error *err);
/* Frames [first, end) of a layer, [frames * frame_tokens, heads, head_dim]; borrowed views. */
struct tensor kv_cache_keys(const struct kv_cache *cache, int64_t layer, int64_t first,
                            int64_t end);
struct tensor kv_cache_values(const struct kv_cache *cache, int64_t layer, int64_t first,
                              int64_t end);

#endif
