/* frame_sink: see frame_sink.h */
#include "engine/frame_sink.h"

#include <stdlib.h>

#include "base/mem.h"
#include "engine/frame_queue.h"
#include "store/media_encode.h"

struct frame_sink {
    char *path;
    struct frame_sink_options options;
    char *recipe;
    int64_t frames;
    bool floats; /* are what media takes */
    struct media_writer *media;
    struct frame_queue *queue; /* of bytes to media; NULL: frames go there directly */
};

bool frame_sink_wants_float(const char *path)
{
    return media_takes_float(path);
}

/* The same on every machine, for the bytes of a file depend on it. */
enum { BACKGROUND_THREADS = 8 };

static struct media_options media_of(const struct frame_sink_options *o)
{
    struct media_options media = {.width = (int)o->width, .height = (int)o->height,
                                  .quality = (int)o->quality, .force = o->force,
                                  .recipe_json = o->recipe, .title = o->title,
                                  .threads = o->background ? BACKGROUND_THREADS : 1};
    media_rate(o->fps, &media.fps_num, &media.fps_den);
    return media;
}

bool frame_sink_check(const char *path, const struct frame_sink_options *options, int64_t frames,
                      struct dn_error *err)
{
    const struct media_options media = media_of(options);
    return media_check(path, &media, frames, err);
}

static bool open_media(struct frame_sink *s, struct dn_error *err)
{
    const struct frame_sink_options *o = &s->options;
    const struct media_options media = media_of(o);
    if (!media_writer_open(s->path, &media, &s->media, err))
        return false;
    if (o->background && !s->floats) /* NULL where no thread can be had */
        s->queue = frame_queue_start(s->media, (size_t)(o->width * o->height * 3));
    return true;
}

bool frame_sink_open(const char *path, const struct frame_sink_options *options,
                     struct frame_sink **out, struct dn_error *err)
{
    struct frame_sink *s = dn_calloc(1, sizeof *s);
    *out = NULL;
    s->path = dn_strdup(path);
    s->options = *options;
    s->recipe = options->recipe ? dn_strdup(options->recipe) : NULL;
    s->floats = media_takes_float(path);
    bool ok = open_media(s, err);
    if (ok)
        *out = s;
    else
        frame_sink_abort(s);
    return ok;
}

bool frame_sink_add(struct frame_sink *s, const uint8_t *rgb, const float *values, int64_t count,
                    struct dn_error *err)
{
    bool ok = s->queue    ? frame_queue_add(s->queue, rgb, count, err)
              : s->floats && values ? media_writer_add_float(s->media, values, count, err)
                                    : media_writer_add(s->media, rgb, count, err);
    s->frames += ok ? count : 0;
    return ok;
}

bool frame_sink_finish(struct frame_sink *s, int64_t *frames, int64_t *bytes, struct dn_error *err)
{
    bool ok = frame_queue_stop(s->queue, false, err);
    s->queue = NULL;
    *frames = s->frames;
    *bytes = 0;
    if (ok && s->frames) {
        struct media_result result = {0};
        ok = media_writer_finish(s->media, &result, err);
        s->media = NULL;
        *bytes = result.bytes;
    }
    frame_sink_abort(s);
    return ok;
}

void frame_sink_abort(struct frame_sink *s)
{
    if (!s)
        return;
    frame_queue_stop(s->queue, true, NULL);
    media_writer_abort(s->media);
    free(s->path);
    free(s->recipe);
    free(s);
}
