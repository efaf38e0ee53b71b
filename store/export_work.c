/* export_work: see export_work.h */
#include "store/export_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/clip_files.h"
#include "store/media_encode.h"
#include "store/media_import.h"

void export_work_free(struct export_work *w)
{
    for (int i = 0; i < w->count; i++) {
        free(w->clips[i].video);
        free(w->clips[i].recipe);
        free(w->clips[i].title);
        free(w->clips[i].output);
    }
    free(w);
}

bool export_clip_fill(struct export_clip *out, struct catalog *catalog, const struct clip *clip,
                      struct dn_error *err)
{
    struct clip_file_list files = {0};
    bool ok = catalog_list_files(catalog, clip->id, &files, err);
    for (size_t i = 0; ok && i < files.count && !out->video; i++)
        if (strcmp(files.items[i].kind, CLIP_VIDEO) == 0)
            out->video = clip_file_path(catalog, clip, files.items[i].name);
    clip_file_list_done(&files);
    out->fps = clip->fps;
    out->frames = clip->frames;
    return ok;
}

static bool open_writer(const struct export_work *w, const struct export_clip *clip, int width,
                        int height, struct media_writer **out, struct dn_error *err)
{
    double fps = clip->fps > 0 ? clip->fps : 16;
    int den = fps == floor(fps) ? 1 : 1000;
    struct media_options options = {.width = width,
                                    .height = height,
                                    .fps_num = (int)lround(fps * den),
                                    .fps_den = den,
                                    .quality = w->quality,
                                    .force = w->force,
                                    .recipe_json = clip->recipe,
                                    .title = clip->title};
    return media_writer_open(clip->output, &options, out, err);
}

static bool finish(struct export_work *w, struct media_writer *writer, bool ok,
                   struct dn_error *err)
{
    struct media_result result = {0};
    if (!ok) {
        media_writer_abort(writer);
        return false;
    }
    ok = media_writer_finish(writer, &result, err);
    w->bytes += result.bytes;
    return ok;
}

/* The clip's frames of the range, in the size that is asked for, else in this one when it is not
 * 0 (the first clip's), else in its own. */
static bool read_clip(const struct export_work *w, const struct export_clip *clip, int width,
                      int height, struct media_frames **out, struct dn_error *err)
{
    struct media_import_options options = {.width = w->width ? w->width : width,
                                           .height = w->height ? w->height : height,
                                           .max_frames = w->last >= 0 ? w->last + 1 : 0};
    if (!media_import(clip->video, &options, out, err))
        return false;
    if ((*out)->count > w->first)
        return true;
    media_frames_free(*out);
    *out = NULL;
    return dn_fail(err, DN_E_ARG, "the clip has no frame %lld", (long long)w->first + 1);
}

/* Adds the frames of the range; parts and part tell the progress. */
static bool add_frames(struct export_work *w, struct media_writer *writer,
                       const struct media_frames *f, int part, int parts, struct dn_error *err)
{
    int64_t size = (int64_t)f->width * f->height * 3, count = f->count - w->first;
    for (int64_t i = 0; i < count; i++) {
        if (w->cancel)
            return dn_fail(err, DN_E_CANCELLED, "the export was stopped");
        if (!media_writer_add(writer, f->rgb24 + (w->first + i) * size, 1, err))
            return false;
        w->permille = (int)((part * 1000 + 950 * (i + 1) / count) / parts);
    }
    return true;
}

static bool run_each(struct export_work *w, struct dn_error *err)
{
    bool ok = true;
    for (int i = 0; ok && i < w->count; i++) {
        struct media_frames *frames = NULL;
        struct media_writer *writer = NULL;
        ok = read_clip(w, &w->clips[i], 0, 0, &frames, err) &&
             open_writer(w, &w->clips[i], frames->width, frames->height, &writer, err);
        if (ok)
            ok = finish(w, writer, add_frames(w, writer, frames, i, w->count, err), err);
        media_frames_free(frames);
    }
    return ok;
}

/* One after the other, in the size of the first. */
static bool run_joined(struct export_work *w, struct dn_error *err)
{
    struct media_writer *writer = NULL;
    int width = 0, height = 0;
    bool ok = true;
    for (int i = 0; ok && i < w->count; i++) {
        struct media_frames *frames = NULL;
        ok = read_clip(w, &w->clips[i], width, height, &frames, err);
        if (ok && i == 0) {
            width = frames->width;
            height = frames->height;
            ok = open_writer(w, &w->clips[0], width, height, &writer, err);
        }
        ok = ok && add_frames(w, writer, frames, i, w->count, err);
        media_frames_free(frames);
    }
    return writer ? finish(w, writer, ok, err) : ok;
}

/* A picture of rows and columns of clips; the shorter ones hold their last frame. */
static void paste(uint8_t *picture, int columns, int k, const struct media_frames *clip, int64_t n)
{
    size_t row = (size_t)clip->width * 3, height = (size_t)clip->height;
    const uint8_t *from =
        clip->rgb24 + (size_t)(n < clip->count ? n : clip->count - 1) * row * height;
    uint8_t *to = picture + (size_t)(k / columns) * height * row * (size_t)columns +
                  (size_t)(k % columns) * row;
    for (size_t y = 0; y < height; y++)
        memcpy(to + y * row * (size_t)columns, from + y * row, row);
}

static bool add_tiled(struct export_work *w, struct media_writer *writer,
                      struct media_frames *const *clips, int columns, int rows,
                      struct dn_error *err)
{
    size_t one = (size_t)clips[0]->width * 3 * (size_t)clips[0]->height;
    size_t size = dn_mul_or_abort(one, (size_t)columns * (size_t)rows);
    uint8_t *picture = dn_malloc(size);
    int64_t most = 0;
    bool ok = true;
    memset(picture, 0, size); /* places without a clip stay black */
    for (int k = 0; k < w->count; k++)
        most = clips[k]->count > most ? clips[k]->count : most;
    for (int64_t i = w->first; ok && i < most; i++) {
        for (int k = 0; k < w->count; k++)
            paste(picture, columns, k, clips[k], i);
        w->permille = (int)(950 * (i - w->first + 1) / (most - w->first));
        ok = w->cancel ? dn_fail(err, DN_E_CANCELLED, "the export was stopped")
                       : media_writer_add(writer, picture, 1, err);
    }
    free(picture);
    return ok;
}

static bool run_tiled(struct export_work *w, int columns, struct dn_error *err)
{
    struct media_frames *clips[EXPORT_CLIPS] = {NULL};
    struct media_writer *writer = NULL;
    int rows = (w->count + columns - 1) / columns;
    bool ok = w->how != EXPORT_BESIDE || w->count <= 4 ||
              dn_fail(err, DN_E_ARG, "at most 4 clips go side by side");
    for (int i = 0; ok && i < w->count; i++)
        ok = read_clip(w, &w->clips[i], i ? clips[0]->width : 0, i ? clips[0]->height : 0,
                       &clips[i], err);
    ok = ok && open_writer(w, &w->clips[0], clips[0]->width * columns, clips[0]->height * rows,
                           &writer, err);
    if (ok)
        ok = finish(w, writer, add_tiled(w, writer, clips, columns, rows, err), err);
    for (int i = 0; i < w->count; i++)
        media_frames_free(clips[i]);
    return ok;
}

/* As wide as high, or a clip wider. */
static int grid_columns(int count)
{
    int columns = 1;
    while (columns * columns < count)
        columns++;
    return columns;
}

void export_work_run(struct export_work *w)
{
    w->ok = w->how == EXPORT_EACH     ? run_each(w, &w->err)
            : w->how == EXPORT_JOINED ? run_joined(w, &w->err)
            : w->how == EXPORT_BESIDE ? run_tiled(w, w->count, &w->err)
                                      : run_tiled(w, grid_columns(w->count), &w->err);
    w->permille = 1000;
}
