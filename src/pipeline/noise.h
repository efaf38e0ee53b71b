/* noise: where a clip's random numbers come from.
 *
 * A latent frame's noise depends on the seed, the frame's index in the clip and its use alone: not
 * on the clip's length, its chunks, the batch or the backend. Or it is given as tensors. */
#ifndef DANAUS_PIPELINE_NOISE_H
#define DANAUS_PIPELINE_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct noise_source {
    uint64_t seed;
    int64_t frame_size; /* elements of a latent frame */
    /* given values, borrowed; NULL: random */
    const float *noise; /* [noise_frames, frame_size], the first row is frame `first_frame` */
    int64_t noise_frames, first_frame;
    const float *renoise; /* [chunks, steps, frames, frame_size], chunks that are made only */
    int64_t renoise_chunks, renoise_steps, renoise_frames;
};

/* What a sampler starts from: frames [start, start + frames) to out. False: given too few. */
bool noise_initial(const struct noise_source *source, int64_t start, int64_t frames, float *out,
                   struct dn_error *err);
/* What is mixed in after `step` of the chunk-th chunk that is made, frames as above. */
bool noise_renew(const struct noise_source *source, int64_t chunk, int64_t step, int64_t start,
                 int64_t frames, float *out, struct dn_error *err);

#endif
