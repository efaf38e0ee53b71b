/* worker_files: see worker_files.h */
#define _GNU_SOURCE
#include "engine/worker_files.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/paths.h"
#include "base/strbuf.h"
#include "engine/frame_sink.h"
#include "engine/latents_queue.h"
#include "engine/output_file.h"
#include "format/safetensors_write.h"
#include "store/atomic_file.h"
#include "store/clip_files.h"
#include "store/clip_latents.h"
#include "store/file_hash.h"
#include "store/file_tree.h"
#include "store/thumbnail.h"

#define VIDEO_NAME "video.mp4"
#define LATENTS_NAME "latents.safetensors"
#define POSTER_NAME "poster.jpg"
#define STRIP_NAME "strip.jpg"
/* Says that the user's copy may be there already: it is ours to replace after a kill. */
#define DELIVERED_NAME "delivered"

struct clip_output {
    struct clip_output_options options;
    struct clip_latents *latents; /* NULL until the first chunk */
    struct latents_queue *queue;  /* that writes them; NULL until something new is there */
    int64_t latents_there;        /* frames of the file, those in the queue included */
    float *made;                  /* what an earlier run, or the parent, made */
    int64_t made_shape[4];
    struct frame_sink *video, *copy; /* copy: another format than the library's */
    int64_t frames;
    uint8_t *stills; /* [still_count, height, width, 3] for poster and strip */
    int64_t still_count;
};

static char *path_in(const struct clip_output *o, const char *name)
{
    return dn_path_join(o->options.folder, name);
}

/* --- opening --- */

/* An mp4 is the library's own video once more, and not encoded twice. */
static bool copy_is_video(const struct request *r)
{
    return r->output && dn_ends_with(r->output, ".mp4");
}

static bool was_delivered(const struct clip_output *o)
{
    char *path = path_in(o, DELIVERED_NAME);
    bool there = dn_path_exists(path);
    free(path);
    return there;
}

static bool open_copy(struct clip_output *o, const struct frame_sink_options *sink,
                      struct dn_error *err)
{
    const struct request *r = o->options.request;
    struct frame_sink_options own = *sink;
    own.force = r->force || was_delivered(o);
    if (r->save_latents && !output_file_check(r->save_latents, own.force, err))
        return false;
    if (!r->output)
        return true;
    return copy_is_video(r) ? output_file_check(r->output, own.force, err)
                            : frame_sink_open(r->output, &own, &o->copy, err);
}

bool clip_output_open(const struct clip_output_options *options, struct clip_output **out,
                      struct dn_error *err)
{
    const struct request *r = options->request;
    struct clip_output *o = dn_calloc(1, sizeof *o);
    o->options = *options;
    struct frame_sink_options sink = {.width = r->width, .height = r->height, .fps = r->fps,
                                      .quality = r->quality, .force = true,
                                      .recipe = options->recipe,
                                      .title = options->recipe && r->prompt[0] ? r->prompt : NULL,
                                      .background = options->background};
    char *video = path_in(o, VIDEO_NAME);
    int64_t swept = 0;
    if (options->again && !tree_sweep(options->folder, &swept, err)) /* its last worker's */
        dn_warn("%s", err->message);
    if (options->again && r->output)
        output_file_sweep(r->output, r->save_latents);
    bool ok = open_copy(o, &sink, err) && frame_sink_open(video, &sink, &o->video, err);
    free(video);
    if (ok) {
        *out = o;
    } else {
        clip_output_close(o);
        *out = NULL;
    }
    return ok;
}

bool clip_output_wants_float(const struct clip_output *o)
{
    const char *output = o->options.request->output;
    return output && frame_sink_wants_float(output);
}

/* --- latents --- */

static bool read_latents(struct clip_output *o, struct clip_latents *from, int64_t frames,
                         struct dn_error *err)
{
    struct clip_latents_shape s = clip_latents_shape(from);
    int64_t shape[4] = {frames, s.channels, s.height, s.width};
    memcpy(o->made_shape, shape, sizeof shape);
    int64_t size = s.channels * s.height * s.width;
    o->made = dn_malloc(dn_mul_or_abort((size_t)frames, (size_t)size * sizeof(float)));
    return clip_latents_read(from, 0, frames, o->made, err);
}

/* A file that cannot be gone on with is kept under another name, never deleted. */
static void set_apart(const char *path, const struct dn_error *why)
{
    char *name = dn_asprintf("%s.broken", path);
    dn_warn("%s; it is now %s and the clip begins anew", why->message, name);
    if (rename(path, name) != 0)
        dn_warn("cannot rename it: %s", strerror(errno));
    free(name);
}

/* The worker of an engine that was killed may take seconds to die, a device's memory with it, and
 * holds its files until then. */
static bool open_own(const char *path, struct clip_latents **out, struct dn_error *err)
{
    int64_t end = dn_now_ms() + 20000;
    bool ok;
    while (!(ok = clip_latents_open(path, true, out, err)) && err->code == DN_E_EXISTS &&
           dn_now_ms() < end)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    return ok;
}

const float *clip_output_made(struct clip_output *o, int64_t shape[4], struct dn_error *err)
{
    char *path = path_in(o, LATENTS_NAME);
    if (!o->latents && !o->made && dn_path_exists(path)) {
        if (!open_own(path, &o->latents, err)) {
            set_apart(path, err);
        } else {
            o->latents_there = clip_latents_frames(o->latents);
            if (o->latents_there && !read_latents(o, o->latents, o->latents_there, err)) {
                clip_latents_close(o->latents);
                o->latents = NULL;
                o->latents_there = 0;
                free(o->made);
                o->made = NULL;
                set_apart(path, err);
            }
        }
    }
    free(path);
    memcpy(shape, o->made_shape, sizeof o->made_shape);
    return o->made;
}

bool clip_output_begin_like(struct clip_output *o, const char *path, int64_t frames,
                            struct dn_error *err)
{
    struct clip_latents *parent = NULL;
    bool ok = clip_latents_open(path, false, &parent, err);
    if (ok && clip_latents_frames(parent) < frames)
        ok = dn_fail(err, DN_E_ARG, "the parent clip has %lld latents, %lld are needed",
                     (long long)clip_latents_frames(parent), (long long)frames);
    ok = ok && read_latents(o, parent, frames, err);
    clip_latents_close(parent);
    return ok;
}

bool clip_output_latents(struct clip_output *o, const struct event_latents *e, int64_t total,
                         struct dn_error *err)
{
    if (e->start + e->count <= o->latents_there)
        return true;
    if (e->start != o->latents_there)
        return dn_fail(err, DN_E_FORMAT, "the latents of %s do not end with a chunk",
                       o->options.folder);
    if (!o->latents) {
        struct clip_latents_shape shape = {.frames = total, .channels = e->channels,
                                           .height = e->height, .width = e->width};
        char *path = path_in(o, LATENTS_NAME);
        bool ok = clip_latents_create(path, &shape, o->options.recipe, &o->latents, err);
        free(path);
        if (!ok)
            return false;
    }
    if (!o->queue)
        o->queue = latents_queue_start(o->latents, e->channels * e->height * e->width);
    if (!latents_queue_add(o->queue, e->values, e->count, err))
        return false;
    o->latents_there += e->count;
    return true;
}

int64_t clip_output_safe(struct clip_output *o)
{
    return o->queue ? latents_queue_safe(o->queue) : o->latents_there;
}

static bool write_queued_latents(struct clip_output *o, struct dn_error *err)
{
    bool ok = latents_queue_stop(o->queue, err);
    o->queue = NULL;
    return ok;
}

/* --- frames --- */

/* Frames for the strip: the middle of each of THUMBNAIL_STRIP_FRAMES parts. */
static void keep_stills(struct clip_output *o, const struct event_frames *e, int64_t total)
{
    size_t size = (size_t)(e->width * e->height * 3);
    if (!o->stills)
        o->stills = dn_malloc(dn_mul_or_abort(THUMBNAIL_STRIP_FRAMES, size));
    while (o->still_count < THUMBNAIL_STRIP_FRAMES) {
        int64_t want = (2 * o->still_count + 1) * total / (2 * THUMBNAIL_STRIP_FRAMES);
        if (want < e->start || want >= e->start + e->count)
            return;
        memcpy(o->stills + (size_t)o->still_count++ * size,
               e->rgb + (size_t)(want - e->start) * size, size);
    }
}

bool clip_output_frames(struct clip_output *o, const struct event_frames *e, int64_t total,
                        struct dn_error *err)
{
    keep_stills(o, e, total);
    o->frames += e->count;
    return frame_sink_add(o->video, e->rgb, e->values, e->count, err) &&
           (!o->copy || frame_sink_add(o->copy, e->rgb, e->values, e->count, err));
}

/* --- finishing --- */

static bool describe(struct clip_output *o, const char *kind, const char *name, int64_t frames,
                     json_t *files, struct dn_error *err)
{
    char hex[65], *path = path_in(o, name);
    int64_t bytes;
    bool ok = file_hash(path, hex, &bytes, err);
    free(path);
    if (ok)
        json_array_append_new(files, json_pack("{s:s, s:s, s:I, s:s, s:I}", "kind", kind, "name",
                                               name, "bytes", (json_int_t)bytes, "sha256", hex,
                                               "frames", (json_int_t)frames));
    return ok;
}

static bool write_stills(struct clip_output *o, json_t *files, struct dn_error *err)
{
    const struct request *r = o->options.request;
    char *poster = path_in(o, POSTER_NAME), *strip = path_in(o, STRIP_NAME);
    bool ok = thumbnail_from_frames(o->stills, o->still_count, (int)r->width, (int)r->height,
                                    poster, strip, err) &&
              describe(o, CLIP_POSTER, POSTER_NAME, 1, files, err) &&
              describe(o, CLIP_STRIP, STRIP_NAME, o->still_count, files, err);
    free(poster);
    free(strip);
    return ok;
}

static bool copy_video(struct clip_output *o, bool force, struct dn_error *err)
{
    char *from = path_in(o, VIDEO_NAME);
    bool ok = atomic_file_copy(from, o->options.request->output, force, err);
    free(from);
    return ok;
}

/* The whole clip's latents as danaus generate --save-latents writes them. */
static bool copy_latents(struct clip_output *o, bool force, struct dn_error *err)
{
    const struct request *r = o->options.request;
    struct clip_latents_shape s = clip_latents_shape(o->latents);
    int64_t shape[4] = {o->latents_there, s.channels, s.height, s.width};
    free(o->made);
    o->made = NULL;
    if (!read_latents(o, o->latents, o->latents_there, err))
        return false;
    struct safetensors_writer *w = safetensors_writer_new();
    if (o->options.recipe)
        safetensors_writer_metadata(w, "recipe", o->options.recipe);
    safetensors_writer_tensor(w, "latents", DTYPE_F32, 4, shape, o->made);
    bool ok = safetensors_writer_finish(w, r->save_latents, force, err);
    safetensors_writer_free(w);
    return ok;
}

/* What the user asked for by name. The mark comes first: from then on a file of that name may be
 * ours, should we be killed before the engine knows. So it must not be there before the mark is. */
static bool deliver(struct clip_output *o, struct dn_error *err)
{
    const struct request *r = o->options.request;
    bool force = r->force || was_delivered(o), ok = true;
    int64_t frames, bytes;
    if (!r->output && !r->save_latents)
        return true;
    if (!force) {
        char *mark = path_in(o, DELIVERED_NAME);
        ok = (!r->output || output_is_free(r->output, false, err)) &&
             (!r->save_latents || output_file_is_free(r->save_latents, false, err)) &&
             atomic_file_write(mark, "", 0, true, err);
        free(mark);
    }
    if (ok && copy_is_video(r))
        ok = copy_video(o, force, err);
    if (ok && o->copy) {
        ok = frame_sink_finish(o->copy, &frames, &bytes, err);
        o->copy = NULL;
    }
    return ok && (!r->save_latents || !o->latents_there || copy_latents(o, force, err));
}

/* The recipe of a clip that was steered is another than that of its first chunk. */
static bool renew_recipe(struct clip_output *o, struct dn_error *err)
{
    if (!o->latents || !o->options.recipe)
        return true;
    char *path = path_in(o, LATENTS_NAME);
    clip_latents_close(o->latents);
    o->latents = NULL;
    bool ok = clip_latents_retell(path, o->options.recipe, err) &&
              clip_latents_open(path, true, &o->latents, err);
    free(path);
    return ok;
}

bool clip_output_finish(struct clip_output *o, bool whole, json_t **files, struct dn_error *err)
{
    int64_t frames, bytes;
    *files = json_array();
    if (!write_queued_latents(o, err) || (whole && !renew_recipe(o, err)))
        return false;
    if (!o->frames)
        return true;
    bool ok = frame_sink_finish(o->video, &frames, &bytes, err);
    o->video = NULL;
    return ok && describe(o, CLIP_VIDEO, VIDEO_NAME, frames, *files, err) &&
           (!whole || describe(o, CLIP_LATENTS, LATENTS_NAME, o->latents_there, *files, err)) &&
           (!o->still_count || write_stills(o, *files, err)) && deliver(o, err);
}

void clip_output_close(struct clip_output *o)
{
    struct dn_error err;
    if (!o)
        return;
    if (!write_queued_latents(o, &err))
        dn_warn("%s", err.message);
    clip_latents_close(o->latents);
    frame_sink_abort(o->video);
    frame_sink_abort(o->copy);
    free(o->made);
    free(o->stills);
    free(o);
}
