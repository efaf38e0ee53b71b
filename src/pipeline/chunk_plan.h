/* chunk_plan: how a clip's latent frames are cut into the chunks that are made one after another.
 */
#ifndef DANAUS_PIPELINE_CHUNK_PLAN_H
#define DANAUS_PIPELINE_CHUNK_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* All in latent frames. Given frames come first and are run through the cache, not made. */
struct chunk_plan {
    int64_t block;    /* frames of a chunk */
    int64_t given;    /* frames given */
    int64_t done;     /* given, and made by an earlier run: whole chunks, >= given */
    int64_t total;    /* given and made; at least what was wanted, whole chunks */
    bool first_alone; /* the first frame of the clip is a chunk of its own */
};

struct chunk {
    int64_t start, frames;
    bool given;
};

/* Plans at least `wanted` frames, `given` of them there already. causal false: one chunk of all.
 * One given frame (an image) counts as a chunk of its own even when first_alone is not asked for,
 * where chunks would not fit otherwise. False: the given frames are no whole number of chunks, or
 * nothing is left to make. */
bool chunk_plan_make(struct chunk_plan *plan, bool causal, int64_t wanted, int64_t given,
                     int64_t block, bool first_alone, struct dn_error *err);
/* Says that an earlier run made the clip's first `frames` frames, given ones included; what is no
 * whole chunk of them is left out. Returns plan->done. */
int64_t chunk_plan_resume(struct chunk_plan *plan, int64_t frames);
/* Number of chunks in all, of the given ones (which come first) and of those that are done. */
int64_t chunk_plan_count(const struct chunk_plan *plan);
int64_t chunk_plan_given_count(const struct chunk_plan *plan);
int64_t chunk_plan_done_count(const struct chunk_plan *plan);
struct chunk chunk_plan_at(const struct chunk_plan *plan, int64_t i);

#endif
