/* noise: see noise.h */
#include "pipeline/noise.h"

#include <inttypes.h>
#include <string.h>

#include "base/philox.h"

enum purpose { INITIAL, RENEW };

/* Streams: purpose in the highest byte, then the step, then the frame. */
static void draw(const struct noise_source *source, enum purpose purpose, int64_t step,
                 int64_t start, int64_t frames, float *out)
{
    for (int64_t f = 0; f < frames; f++) {
        uint64_t stream = (uint64_t)purpose << 56 | (uint64_t)step << 32 | (uint64_t)(start + f);
        philox_normal(source->seed, stream, 0, out + f * source->frame_size, source->frame_size);
    }
}

static void take(const struct noise_source *source, const float *from, int64_t first,
                 int64_t frames, float *out)
{
    memcpy(out, from + first * source->frame_size,
           (size_t)(frames * source->frame_size) * sizeof *out);
}

bool noise_initial(const struct noise_source *source, int64_t start, int64_t frames, float *out,
                   struct dn_error *err)
{
    if (!source->noise) {
        draw(source, INITIAL, 0, start, frames, out);
        return true;
    }
    int64_t first = start - source->first_frame;
    if (first < 0 || first + frames > source->noise_frames)
        return dn_fail(err, DN_E_ARG,
                       "the given noise has %" PRId64 " latent frames, %" PRId64 " are needed",
                       source->noise_frames, first + frames);
    take(source, source->noise, first, frames, out);
    return true;
}

bool noise_renew(const struct noise_source *source, int64_t chunk, int64_t step, int64_t start,
                 int64_t frames, float *out, struct dn_error *err)
{
    if (!source->renoise) {
        draw(source, RENEW, step, start, frames, out);
        return true;
    }
    if (chunk >= source->renoise_chunks || step >= source->renoise_steps ||
        frames > source->renoise_frames)
        return dn_fail(err, DN_E_ARG,
                       "the given renoise [%" PRId64 ",%" PRId64 ",%" PRId64
                       ",...] has no values for step %" PRId64 " of chunk %" PRId64 " of %" PRId64
                       " frames",
                       source->renoise_chunks, source->renoise_steps, source->renoise_frames, step,
                       chunk, frames);
    take(source, source->renoise, (chunk * source->renoise_steps + step) * source->renoise_frames,
         frames, out);
    return true;
}
