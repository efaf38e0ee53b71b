/* posters: see posters.h */
#include "ui/studio/posters.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/clip_files.h"
#include "store/media_import.h"

/* KEPT: a poster has at most 320 x 320 x 3 bytes, mostly half of that. */
enum { KEPT = 96 };

struct kept {
    int64_t clip; /* 0 = free */
    struct frame *frame;
    bool read;    /* frame NULL then means that there is none */
    uint64_t used;
};

struct posters {
    struct studio *studio;
    struct kept kept[KEPT];
    uint64_t clock;
    int64_t reading; /* clip, 0 = none */
    struct loading *loading;
};

struct loading {
    struct posters *posters; /* NULL: nobody waits any more */
    int64_t clip;
    char *path;
    struct frame *frame;
};

static void load(void *data)
{
    struct loading *l = data;
    struct media_import_options options = {.max_frames = 1};
    struct media_frames *frames;
    struct dn_error err;
    if (!media_import(l->path, &options, &frames, &err))
        return;
    if (frames->count > 0) {
        l->frame = frame_new(frames->width, frames->height);
        memcpy(l->frame->rgb24, frames->rgb24, (size_t)frames->width * (size_t)frames->height * 3);
    }
    media_frames_free(frames);
}

static struct kept *find(struct posters *p, int64_t clip)
{
    for (int i = 0; i < KEPT; i++)
        if (p->kept[i].clip == clip)
            return &p->kept[i];
    return NULL;
}

static void loaded(void *data, bool dropped)
{
    struct loading *l = data;
    struct posters *p = l->posters;
    if (p && !dropped) {
        struct kept *k = find(p, l->clip);
        if (k) {
            k->frame = frame_hold(l->frame);
            k->read = true;
        }
        p->reading = 0;
        p->loading = NULL;
        p->studio->dirty = true;
    }
    frame_drop(&l->frame);
    free(l->path);
    free(l);
}

/* The poster's path, or the video's where there is no poster; NULL: neither. The caller frees. */
static char *poster_path(struct catalog *catalog, const struct clip *clip)
{
    struct clip_file_list files;
    struct dn_error err;
    char *path = NULL;
    if (!catalog_list_files(catalog, clip->id, &files, &err))
        return NULL;
    static const char *const kinds[] = {CLIP_POSTER, CLIP_VIDEO};
    for (int k = 0; k < 2 && !path; k++)
        for (size_t i = 0; i < files.count && !path; i++)
            if (strcmp(files.items[i].kind, kinds[k]) == 0)
                path = clip_file_path(catalog, clip, files.items[i].name);
    clip_file_list_done(&files);
    return path;
}

/* A place for clip, the one that was not used for longest. */
static struct kept *make_room(struct posters *p, int64_t clip)
{
    struct kept *oldest = &p->kept[0];
    for (int i = 1; i < KEPT; i++)
        if (p->kept[i].used < oldest->used)
            oldest = &p->kept[i];
    frame_drop(&oldest->frame);
    *oldest = (struct kept){.clip = clip};
    return oldest;
}

struct frame *posters_get(struct posters *p, const struct clip *clip)
{
    struct kept *k = find(p, clip->id);
    bool unmade = clip->status != JOB_DONE && clip->status != JOB_CANCELLED;
    struct catalog *catalog = studio_catalog(p->studio);
    if (unmade || !catalog)
        return NULL;
    if (!k && p->reading)
        return NULL; /* its turn comes with the next drawing */
    k = k ? k : make_room(p, clip->id);
    k->used = ++p->clock;
    if (k->read || p->reading)
        return k->frame;
    struct loading *l = dn_calloc(1, sizeof *l);
    *l = (struct loading){p, clip->id, poster_path(catalog, clip), NULL};
    if (!l->path) {
        free(l);
        k->read = true;
        return NULL;
    }
    p->reading = clip->id;
    p->loading = l;
    tasks_add(p->studio->tasks, LANE_LOAD, (struct task){load, loaded, l});
    return NULL;
}

void posters_forget(struct posters *p, int64_t clip)
{
    struct kept *k = find(p, clip);
    if (k && p->reading != clip) {
        frame_drop(&k->frame);
        *k = (struct kept){0};
    }
}

void posters_shrink(struct posters *p)
{
    uint64_t oldest = p->clock > PAINTER_PLACES ? p->clock - PAINTER_PLACES : 0;
    for (int i = 0; i < KEPT; i++)
        if (p->kept[i].used <= oldest && p->kept[i].clip != p->reading)
            posters_forget(p, p->kept[i].clip);
}

struct posters *posters_new(struct studio *s)
{
    struct posters *p = dn_calloc(1, sizeof *p);
    p->studio = s;
    return p;
}

void posters_free(struct posters *p)
{
    if (!p)
        return;
    if (p->loading)
        p->loading->posters = NULL;
    for (int i = 0; i < KEPT; i++)
        frame_drop(&p->kept[i].frame);
    free(p);
}
