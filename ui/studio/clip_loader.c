/* clip_loader: see clip_loader.h */
#include "ui/studio/clip_loader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/clip_files.h"
#include "store/media_import.h"

struct loading {
    void *context; /* NULL: nobody waits any more */
    void (*done)(void *context, struct loaded_clip *loaded);
    char *path;
    struct media_import_options options;
    struct loaded_clip result;
    struct loading *next;
};

static struct loading *all; /* that are under way; the main thread's */

static void load(void *data)
{
    struct loading *l = data;
    struct loaded_clip *r = &l->result;
    struct media_frames *frames;
    struct dn_error err;
    if (!media_import(l->path, &l->options, &frames, &err)) {
        snprintf(r->why, sizeof r->why, "%.500s", err.message);
        return;
    }
    size_t size = (size_t)frames->width * (size_t)frames->height * 3;
    r->frames = dn_calloc((size_t)frames->count + 1, sizeof *r->frames);
    for (int64_t i = 0; i < frames->count; i++) {
        r->frames[i] = frame_new(frames->width, frames->height);
        memcpy(r->frames[i]->rgb24, frames->rgb24 + (size_t)i * size, size);
    }
    r->count = frames->count;
    r->fps = frames->fps_den > 0 && frames->fps_num > 0
                 ? (double)frames->fps_num / frames->fps_den : 16;
    if (r->count == 0)
        snprintf(r->why, sizeof r->why, "the video has no frames");
    media_frames_free(frames);
}

void loaded_clip_drop(struct loaded_clip *loaded)
{
    for (int64_t i = 0; i < loaded->count; i++)
        frame_drop(&loaded->frames[i]);
}

static void loaded(void *data, bool dropped)
{
    struct loading *l = data;
    struct loading **link = &all;
    while (*link != l)
        link = &(*link)->next;
    *link = l->next;
    if (l->context && !dropped)
        l->done(l->context, &l->result);
    else
        loaded_clip_drop(&l->result);
    free(l->result.frames);
    free(l->path);
    free(l);
}

char *clip_video_path(struct studio *s, const struct clip *clip, struct dn_error *err)
{
    struct catalog *catalog = studio_catalog(s);
    struct clip_file_list files = {0};
    char *path = NULL;
    if (!catalog || !catalog_list_files(catalog, clip->id, &files, err))
        return NULL;
    for (size_t i = 0; i < files.count; i++)
        if (strcmp(files.items[i].kind, CLIP_VIDEO) == 0)
            path = clip_file_path(catalog, clip, files.items[i].name);
    clip_file_list_done(&files);
    if (!path)
        dn_fail(err, DN_E_ARG, "#%lld has no video: it is %s", (long long)clip->id,
                job_state_name(clip->status));
    return path;
}

bool clip_loader_start(struct studio *s, const struct clip *clip, int64_t max_bytes, void *context,
                       void (*done)(void *context, struct loaded_clip *loaded),
                       struct dn_error *err)
{
    char *path = clip_video_path(s, clip, err);
    if (!path)
        return false;
    struct loading *l = dn_calloc(1, sizeof *l);
    *l = (struct loading){.context = context, .done = done, .path = path, .next = all};
    l->result.clip = clip->id;
    int64_t by = 1;
    while (clip->width / by * (clip->height / by) * 3 * clip->frames > max_bytes)
        by++;
    if (by > 1) {
        l->options.width = (int)(clip->width / by);
        l->options.height = (int)(clip->height / by);
    }
    all = l;
    tasks_add(s->tasks, LANE_LOAD, (struct task){load, loaded, l});
    return true;
}

void clip_loader_forget(void *context)
{
    for (struct loading *l = all; l; l = l->next)
        if (l->context == context)
            l->context = NULL;
}
