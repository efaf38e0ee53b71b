/* clip_maker: one clip from request to files: runs the pipeline, hands frames to the sink as they
 * come, keeps latents, tells progress, and keeps what is done when it is stopped. */
#ifndef DANAUS_COMMANDS_CLIP_MAKER_H
#define DANAUS_COMMANDS_CLIP_MAKER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "commands/progress.h"
#include "config/request.h"
#include "pipeline/pipeline.h"

struct clip_maker {
    struct pipeline *pipeline;
    const volatile sig_atomic_t *stop;
    struct progress *progress;
    const char *model_name;   /* for the recipe */
    const char *model_sha256; /* of the transformer's file, "" = not known */
    bool background; /* frames are encoded while more are made, see frame_sink */
    /* Called with all frames [frames, height, width, 3] when the files are written, before the
     * result is told; NULL = frames are not kept. */
    bool (*show)(const struct request *r, const uint8_t *rgb, int64_t frames,
                 struct dn_error *err);
};

/* r->output and r->save_latents name this clip's own files; output NULL: no file. The result is
 * told through progress. False: failed or stopped (DN_E_CANCELLED); a clip that was stopped is kept
 * as a valid shorter file. */
bool clip_maker_run(struct clip_maker *maker, const struct request *r,
                    const struct pipeline_inputs *in, struct dn_error *err);

#endif
