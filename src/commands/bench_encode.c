/* bench_encode: how fast frames become an mp4. The frames of random weights are noise, which no
 * encoder likes, so a drawn clip stands in for a real one. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "commands/bench.h"
#include "engine/frame_sink.h"
#include "train/scenes.h"

enum { FRAMES = 81, AT_A_TIME = 4 };

bool bench_encode_run(const struct bench_setup *setup, double *frames_per_second,
                      struct dn_error *err)
{
    const struct request *r = setup->request;
    const struct frame_sink_options options = {.width = r->width, .height = r->height,
                                               .fps = r->fps, .quality = r->quality,
                                               .force = true,
                                               .background = job_queues(setup->ops)};
    size_t frame = (size_t)(r->width * r->height * 3);
    uint8_t *rgb = dn_malloc(dn_mul_or_abort(frame, FRAMES));
    struct scene scene;
    struct frame_sink *sink = NULL;
    int64_t frames, bytes;
    scene_random(1, &scene);
    scene_draw_clip(&scene, 0, FRAMES, (int)r->width, (int)r->height, rgb);
    bool ok = frame_sink_open(setup->output, &options, &sink, err);
    int64_t start = dn_now_ns();
    for (int64_t i = 0; ok && i < FRAMES; i += AT_A_TIME)
        ok = frame_sink_add(sink, rgb + (size_t)i * frame, NULL,
                            FRAMES - i < AT_A_TIME ? FRAMES - i : AT_A_TIME, err);
    if (ok)
        ok = frame_sink_finish(sink, &frames, &bytes, err);
    else
        frame_sink_abort(sink);
    *frames_per_second = FRAMES * 1e9 / (double)(dn_now_ns() - start);
    free(rgb);
    return ok;
}
