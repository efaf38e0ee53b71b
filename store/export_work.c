/* export_work: see export_work.h */
#include "store/export_work.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/clip_files.h"
#include "store/media_encode.h"
#include "store/media_filter.h"

void export_work_free(struct export_work *w)
{
    for (int i = 0; i < w->count; i++) {
        free(w->clips[i].video);
        free(w->clips[i].latents);
        free(w->clips[i].recipe);
        free(w->clips[i].title);
        free(w->clips[i].label);
        free(w->clips[i].output);
    }
    free(w);
}

bool export_clip_fill(struct export_clip *out, struct catalog *catalog, const struct clip *clip,
                      struct dn_error *err)
{
    struct clip_file_list files = {0};
    bool ok = catalog_list_files(catalog, clip->id, &files, err);
    for (size_t i = 0; ok && i < files.count; i++) {
        const struct clip_file *f = &files.items[i];
        char **to = strcmp(f->kind, CLIP_VIDEO) == 0     ? &out->video
                    : strcmp(f->kind, CLIP_LATENTS) == 0 ? &out->latents
                                                         : NULL;
        if (to && !*to)
            *to = clip_file_path(catalog, clip, f->name);
    }
    clip_file_list_done(&files);
    out->id = clip->id;
    out->fps = clip->fps > 0 ? clip->fps : 16;
    out->frames = clip->frames;
    return ok;
}

/* Frames per second at which the clip's own frames are to be played. */
static double own_fps(const struct export_work *w, const struct export_clip *clip)
{
    return clip->fps * (w->speed > 0 ? w->speed : 1);
}

static double file_fps(const struct export_work *w, const struct export_clip *clip)
{
    return w->fps > 0 ? w->fps : own_fps(w, clip);
}

static bool open_writer(const struct export_work *w, const struct export_clip *clip, int width,
                        int height, struct media_writer **out, struct dn_error *err)
{
    struct media_options options = {.width = width,
                                    .height = height,
                                    .quality = w->quality,
                                    .plays = w->plays,
                                    .force = w->force,
                                    .recipe_json = clip->recipe,
                                    .title = clip->title};
    media_rate(file_fps(w, clip), &options.fps_num, &options.fps_den);
    return media_writer_open(clip->output, &options, out, err);
}

static bool finish(struct export_work *w, struct export_clip *clip, struct media_writer *writer,
                   bool ok, struct dn_error *err)
{
    struct media_result result = {0};
    if (!ok) {
        media_writer_abort(writer);
        return false;
    }
    ok = media_writer_finish(writer, &result, err);
    clip->written = result.frames;
    clip->bytes = result.bytes;
    w->bytes += result.bytes;
    return ok;
}

static bool stopped(struct export_work *w, struct dn_error *err)
{
    if (!w->cancel && !(w->stop && *w->stop))
        return false;
    dn_fail(err, DN_E_CANCELLED, "the export was stopped");
    return true;
}

/* The clip's frames of the range, in the size that is asked for, else in this one when it is not
 * 0 (the first clip's), else in its own, at the rate of `as`. */
static bool read_clip(struct export_work *w, const struct export_clip *clip,
                      const struct export_clip *as, int width, int height,
                      struct media_frames **out, struct dn_error *err)
{
    struct media_import_options all = {.max_frames = w->last >= 0 ? w->last + 1 : 0};
    struct media_filter filter = {.width = w->width ? w->width : width,
                                  .height = w->height ? w->height : height,
                                  .from_fps = own_fps(w, clip),
                                  .to_fps = file_fps(w, as),
                                  .smooth = w->smooth,
                                  .label = clip->label};
    if (stopped(w, err) ||
        !(w->source ? w->source(w->source_context, clip, all.max_frames, out, err)
                    : media_import(clip->video, &all, out, err)))
        return false;
    bool ok = (*out)->count > w->first || dn_fail(err, DN_E_ARG, "clip %lld has no frame %lld",
                                                  (long long)clip->id, (long long)w->first + 1);
    if (ok)
        media_frames_skip(*out, w->first);
    if (ok && w->how == EXPORT_SHEET && !filter.width) {
        filter.width = (*out)->width < EXPORT_SHEET_PX ? (*out)->width : EXPORT_SHEET_PX;
        filter.height = (int)((int64_t)(*out)->height * filter.width / (*out)->width);
    }
    ok = ok && media_filter_apply(&filter, out, err);
    if (!ok) {
        media_frames_free(*out);
        *out = NULL;
    }
    return ok;
}

/* Adds the frames; parts and part tell the progress. */
static bool add_frames(struct export_work *w, struct media_writer *writer,
                       const struct media_frames *f, int part, int parts, struct dn_error *err)
{
    int64_t size = (int64_t)f->width * f->height * 3;
    int64_t count = w->there_and_back && f->count > 1 ? 2 * f->count - 2 : f->count;
    if (media_holds_one(writer))
        count = 1;
    bool ok = true;
    for (int64_t i = 0; ok && i < count; i++) {
        int64_t at = (i < f->count ? i : 2 * f->count - 2 - i) * size;
        ok = !stopped(w, err) && (f->values ? media_writer_add_float(writer, f->values + at, 1, err)
                                            : media_writer_add(writer, f->rgb24 + at, 1, err));
        w->permille = (int)((part * 1000 + 950 * (i + 1) / count) / parts);
    }
    return ok;
}

static bool run_each(struct export_work *w, struct dn_error *err)
{
    bool ok = true;
    for (int i = 0; ok && i < w->count; i++) {
        struct export_clip *clip = &w->clips[i];
        struct media_frames *frames = NULL;
        struct media_writer *writer = NULL;
        ok = read_clip(w, clip, clip, 0, 0, &frames, err) &&
             open_writer(w, clip, frames->width, frames->height, &writer, err);
        if (ok)
            ok = finish(w, clip, writer, add_frames(w, writer, frames, i, w->count, err), err);
        media_frames_free(frames);
    }
    return ok;
}

/* One after the other, in the size and at the rate of the first. */
static bool run_joined(struct export_work *w, struct dn_error *err)
{
    struct export_clip *first = &w->clips[0];
    struct media_writer *writer = NULL;
    int width = 0, height = 0;
    bool ok = true;
    for (int i = 0; ok && i < w->count; i++) {
        struct media_frames *frames = NULL;
        ok = read_clip(w, &w->clips[i], first, width, height, &frames, err);
        if (ok && i == 0) {
            width = frames->width;
            height = frames->height;
            ok = open_writer(w, first, width, height, &writer, err);
        }
        ok = ok && add_frames(w, writer, frames, i, w->count, err);
        media_frames_free(frames);
    }
    return writer ? finish(w, first, writer, ok, err) : ok;
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
    int64_t count = media_holds_one(writer)          ? 1
                    : w->there_and_back && most > 1 ? 2 * most - 2
                                                    : most;
    for (int64_t i = 0; ok && i < count; i++) {
        for (int k = 0; k < w->count; k++)
            paste(picture, columns, k, clips[k], i < most ? i : 2 * most - 2 - i);
        w->permille = (int)(950 * (i + 1) / count);
        ok = !stopped(w, err) && media_writer_add(writer, picture, 1, err);
    }
    free(picture);
    return ok;
}

/* All clips, in the size and at the rate of the first, as bytes. */
static bool read_all(struct export_work *w, struct media_frames **clips, struct dn_error *err)
{
    bool ok = true;
    for (int i = 0; ok && i < w->count; i++) {
        ok = read_clip(w, &w->clips[i], &w->clips[0], i ? clips[0]->width : 0,
                       i ? clips[0]->height : 0, &clips[i], err);
        if (ok)
            media_frames_round(clips[i]);
    }
    return ok;
}

static bool run_tiled(struct export_work *w, int columns, struct dn_error *err)
{
    struct media_frames *clips[EXPORT_CLIPS] = {NULL};
    struct media_writer *writer = NULL;
    int rows = (w->count + columns - 1) / columns;
    bool ok = (w->how != EXPORT_BESIDE || w->count <= 4 ||
               dn_fail(err, DN_E_ARG, "at most 4 clips go side by side")) &&
              read_all(w, clips, err) &&
              open_writer(w, &w->clips[0], clips[0]->width * columns, clips[0]->height * rows,
                          &writer, err);
    if (ok)
        ok = finish(w, &w->clips[0], writer, add_tiled(w, writer, clips, columns, rows, err), err);
    for (int i = 0; i < w->count; i++)
        media_frames_free(clips[i]);
    return ok;
}

/* A row of frames of one clip, spread over it, in row k of the picture. */
static void paste_row(uint8_t *picture, int k, const struct media_frames *clip)
{
    enum { N = EXPORT_SHEET_FRAMES };
    for (int i = 0; i < N; i++)
        paste(picture, N, k * N + i, clip, (2 * i + 1) * clip->count / (2 * N));
}

static bool run_sheet(struct export_work *w, struct dn_error *err)
{
    struct media_writer *writer = NULL;
    uint8_t *picture = NULL;
    int cell_width = 0, cell_height = 0;
    bool ok = true;
    for (int i = 0; ok && i < w->count; i++) {
        struct media_frames *frames = NULL;
        ok = read_clip(w, &w->clips[i], &w->clips[i], cell_width, cell_height, &frames, err);
        if (ok && i == 0) {
            cell_width = frames->width;
            cell_height = frames->height;
            int width = cell_width * EXPORT_SHEET_FRAMES, height = cell_height * w->count;
            ok = open_writer(w, &w->clips[0], width, height, &writer, err);
            picture = ok ? dn_calloc(dn_mul_or_abort((size_t)width * 3, (size_t)height), 1) : NULL;
        }
        if (ok) {
            media_frames_round(frames);
            paste_row(picture, i, frames);
        }
        w->permille = 950 * (i + 1) / w->count;
        media_frames_free(frames);
    }
    ok = ok && media_writer_add(writer, picture, 1, err);
    free(picture);
    return writer ? finish(w, &w->clips[0], writer, ok, err) : ok;
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
    switch (w->how) {
    case EXPORT_EACH:
        w->ok = run_each(w, &w->err);
        break;
    case EXPORT_JOINED:
        w->ok = run_joined(w, &w->err);
        break;
    case EXPORT_BESIDE:
        w->ok = run_tiled(w, w->count, &w->err);
        break;
    case EXPORT_GRID:
        w->ok = run_tiled(w, grid_columns(w->count), &w->err);
        break;
    case EXPORT_SHEET:
        w->ok = run_sheet(w, &w->err);
        break;
    }
    w->permille = 1000;
}
