/* frame_sink: see frame_sink.h */
#include "engine/frame_sink.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "engine/frame_queue.h"
#include "engine/output_file.h"
#include "format/safetensors_write.h"
#include "store/media_encode.h"

struct frame_sink {
    char *path;
    struct frame_sink_options options;
    char *recipe;
    int64_t frames;
    struct media_writer *media; /* or, for floats, values */
    struct frame_queue *queue;  /* to media; NULL: frames go there directly */
    float *values;              /* [frames, 3, H, W] in -1..1 */
};

bool frame_sink_wants_float(const char *path)
{
    size_t n = strlen(path);
    return n > 12 && strcmp(path + n - 12, ".safetensors") == 0;
}

/* The same on every machine, for the bytes of a file depend on it. */
enum { BACKGROUND_THREADS = 8 };

/* 16 -> 16/1, 23.976 -> 23976/1000 */
static void fraction_of(double fps, int *num, int *den)
{
    *den = fps == floor(fps) ? 1 : 1000;
    *num = (int)lround(fps * *den);
}

static bool open_media(struct frame_sink *s, struct dn_error *err)
{
    const struct frame_sink_options *o = &s->options;
    struct media_options media = {.width = (int)o->width, .height = (int)o->height,
                                  .quality = (int)o->quality, .force = o->force,
                                  .recipe_json = o->recipe, .title = o->title,
                                  .threads = o->background ? BACKGROUND_THREADS : 1};
    fraction_of(o->fps, &media.fps_num, &media.fps_den);
    if (!media_writer_open(s->path, &media, &s->media, err))
        return false;
    if (o->background) /* NULL where no thread can be had */
        s->queue = frame_queue_start(s->media, (size_t)(o->width * o->height * 3));
    return true;
}

bool frame_sink_open(const char *path, const struct frame_sink_options *options,
                     struct frame_sink **out, struct dn_error *err)
{
    struct frame_sink *s = dn_calloc(1, sizeof *s);
    bool ok;
    *out = NULL;
    s->path = dn_strdup(path);
    s->options = *options;
    s->recipe = options->recipe ? dn_strdup(options->recipe) : NULL;
    if (frame_sink_wants_float(path)) {
        ok = output_file_check(path, options->force, err);
    } else {
        ok = open_media(s, err);
    }
    if (ok)
        *out = s;
    else
        frame_sink_abort(s);
    return ok;
}

/* [count, H, W, 3] -> [count, 3, H, W], clamped to what a picture can hold. */
static void append_floats(struct frame_sink *s, const float *values, int64_t count)
{
    int64_t pixels = s->options.width * s->options.height;
    s->values = dn_realloc(s->values, (size_t)((s->frames + count) * 3 * pixels), sizeof(float));
    for (int64_t f = 0; f < count; f++)
        for (int64_t c = 0; c < 3; c++) {
            float *to = s->values + ((s->frames + f) * 3 + c) * pixels;
            const float *from = values + f * pixels * 3 + c;
            for (int64_t i = 0; i < pixels; i++)
                to[i] = fmaxf(-1, fminf(1, from[i * 3]));
        }
}

bool frame_sink_add(struct frame_sink *s, const uint8_t *rgb, const float *values, int64_t count,
                    struct dn_error *err)
{
    bool ok = true;
    if (s->queue)
        ok = frame_queue_add(s->queue, rgb, count, err);
    else if (s->media)
        ok = media_writer_add(s->media, rgb, count, err);
    else
        append_floats(s, values, count);
    s->frames += ok ? count : 0;
    return ok;
}

static bool finish_floats(struct frame_sink *s, int64_t *bytes, struct dn_error *err)
{
    int64_t shape[4] = {s->frames, 3, s->options.height, s->options.width};
    struct safetensors_writer *w = safetensors_writer_new();
    if (s->recipe)
        safetensors_writer_metadata(w, "recipe", s->recipe);
    safetensors_writer_tensor(w, "frames", DTYPE_F32, 4, shape, s->values);
    bool ok = safetensors_writer_finish(w, s->path, s->options.force, err);
    safetensors_writer_free(w);
    struct stat st;
    *bytes = ok && stat(s->path, &st) == 0 ? st.st_size : 0;
    return ok;
}

bool frame_sink_finish(struct frame_sink *s, int64_t *frames, int64_t *bytes, struct dn_error *err)
{
    bool ok = frame_queue_stop(s->queue, false, err);
    s->queue = NULL;
    *frames = s->frames;
    *bytes = 0;
    if (ok && s->frames && s->media) {
        struct media_result result = {0};
        ok = media_writer_finish(s->media, &result, err);
        s->media = NULL;
        *bytes = result.bytes;
    } else if (ok && s->frames) {
        ok = finish_floats(s, bytes, err);
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
    free(s->values);
    free(s);
}
