/* left_behind: see left_behind.h */
#include "ui/studio/left_behind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ui/studio/kept.h"
#include "ui/studio/making.h"

#define NAME "studio.making"

void left_behind_open(struct left_behind *l, struct studio *s, struct preview *preview)
{
    char *text = kept_get(NAME);
    *l = (struct left_behind){.studio = s, .preview = preview};
    l->clip = text ? strtoll(text, NULL, 10) : 0;
    l->kept = l->clip > 0;
    free(text);
}

static void loaded(void *context, struct loaded_clip *clip)
{
    struct left_behind *l = context;
    if (l->preview->job == 0 && clip->count) {
        preview_fill(l->preview, l->studio, clip);
        l->studio->dirty = true;
        return;
    }
    loaded_clip_drop(clip);
}

void left_behind_tick(struct left_behind *l)
{
    struct catalog *catalog = l->clip > 0 ? studio_catalog(l->studio) : NULL;
    struct clip clip;
    struct dn_error err;
    if (!catalog || !painter_way(l->studio->painter))
        return;
    /* it may be in another library, or gone: then there is nothing to say */
    if (l->preview->job == 0 && catalog_get_clip(catalog, l->clip, &clip, &err)) {
        if (clip.status == JOB_DONE && !clip.trashed_ms)
            clip_loader_start(l->studio, &clip, PREVIEW_BYTES, l, loaded, &err);
        clip_done(&clip);
    }
    l->clip = 0;
}

bool left_behind_close(struct left_behind *l, struct dn_error *err)
{
    const struct link_job *job = making_running_job(l->studio);
    char text[24] = "";
    clip_loader_forget(l);
    if (job)
        snprintf(text, sizeof text, "%" PRId64, job->id);
    return (!job && !l->kept) || kept_set(NAME, text, err);
}
