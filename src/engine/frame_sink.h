/* frame_sink: where frames go: a media file, a directory of pictures, a .safetensors file of
 * floats. Whole or not at all; refuses what exists before any work. */
#ifndef DANAUS_ENGINE_FRAME_SINK_H
#define DANAUS_ENGINE_FRAME_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct frame_sink;

struct frame_sink_options {
    int64_t width, height;
    double fps;
    int64_t quality;
    bool force;
    const char *recipe; /* JSON or NULL */
    const char *title;  /* or NULL */
    bool background;    /* encode on threads of their own: frames come from a GPU, the CPU is free */
};

/* Does what path asks for hold more than bytes? */
bool frame_sink_wants_float(const char *path);

/* Could `frames` frames be written there, as far as path and options tell? Nothing is touched. */
bool frame_sink_check(const char *path, const struct frame_sink_options *options, int64_t frames,
                      struct dn_error *err);

bool frame_sink_open(const char *path, const struct frame_sink_options *options,
                     struct frame_sink **out, struct dn_error *err);
/* rgb [count, H, W, 3], or values of the same shape where floats are wanted (and given). */
bool frame_sink_add(struct frame_sink *sink, const uint8_t *rgb, const float *values, int64_t count,
                    struct dn_error *err);
/* Publishes; frees the sink in every case. No frames: nothing is written, *bytes = 0. */
bool frame_sink_finish(struct frame_sink *sink, int64_t *frames, int64_t *bytes,
                       struct dn_error *err);
void frame_sink_abort(struct frame_sink *sink); /* NULL allowed */

#endif
