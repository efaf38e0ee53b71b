/* events: what a running pipeline tells; the only way out of it.
 *
 * Called one at a time, in the order started, then steps, latents and frames as they come, then
 * finished (also after a failure, once started was called). Latents and frames may come from a
 * thread of the pipeline's own while the next chunk is made, the others from the thread that runs
 * it. Data is borrowed for the call. Every function may be NULL. */
#ifndef DANAUS_PIPELINE_EVENTS_H
#define DANAUS_PIPELINE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct event_started {
    const char *sampler;
    int64_t width, height;
    int64_t frames;       /* that will come out */
    int64_t frames_whole; /* that the whole chunks would give; more than frames: the rest is cut */
    int64_t latents, given_latents; /* in all, and of these given */
    int64_t chunks, given_chunks;
    int64_t done_latents, done_chunks; /* given, or made by an earlier run (inputs.made) */
    int64_t steps_total; /* step events to come */
};

struct event_step {
    int64_t chunk, chunks; /* 0-based, of how many */
    int64_t step, steps;   /* 0-based; step = steps: the pass that fills the cache */
    int64_t done, total;   /* step events so far, this one included, of steps_total */
    double seconds;        /* since started */
};

struct event_latents {
    int64_t start, count; /* latent frames [start, start + count) of the clip */
    int64_t channels, height, width;
    const float *values; /* [count, channels, height, width] */
};

struct event_frames {
    int64_t start, count; /* output frames [start, start + count) */
    int64_t width, height;
    const uint8_t *rgb;  /* [count, height, width, 3] */
    const float *values; /* [count, height, width, 3], not clamped; NULL unless asked for */
    double seconds;      /* since started */
};

struct event_finished {
    int64_t frames, latents; /* that were handed on */
    double seconds;
    bool complete; /* false: stopped or failed; what was handed on is valid */
};

struct pipeline_events {
    void *user;
    bool in_turn;      /* decode between the passes, not beside them: for measuring either */
    bool float_frames; /* frames as float32 beside the bytes */
    void (*started)(void *user, const struct event_started *e);
    /* A chunk is about to be begun. Only during this call may the request's prompt_changes become
     * others, and only from this chunk on. */
    void (*chunk)(void *user, int64_t chunk);
    void (*step)(void *user, const struct event_step *e);
    /* False ends the run with err (disk full, ...). */
    bool (*latents)(void *user, const struct event_latents *e, struct dn_error *err);
    bool (*frames)(void *user, const struct event_frames *e, struct dn_error *err);
    void (*finished)(void *user, const struct event_finished *e);
};

#endif
