/* player_still: the frame that is shown as a PNG where the user is: read anew from the video, so
 * that it is as large as it was made, with the clip's settings inside or without. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/recipe.h"
#include "store/media_import.h"
#include "store/png_picture.h"
#include "ui/studio/clip_loader.h"
#include "ui/studio/player.h"

struct still {
    struct studio *studio;
    char *video, *output;
    char *prompt, *recipe; /* NULL = left out */
    int64_t frame;
    bool ok;
    struct dn_error err;
};

static void write_still(void *data)
{
    struct still *w = data;
    struct media_import_options options = {.skip_frames = w->frame, .max_frames = 1};
    struct png_texts texts = {.parameters = w->prompt, .recipe = w->recipe};
    struct media_frames *f = NULL;
    w->ok = media_import(w->video, &options, &f, &w->err) &&
            png_write(w->output, f->rgb24, f->width, f->height, &texts, &w->err);
    media_frames_free(f);
}

static void still_done(void *data, bool dropped)
{
    struct still *w = data;
    if (!dropped && w->ok)
        studio_tell(w->studio, ROLE_GOOD, "%s is written", w->output);
    else if (!dropped)
        studio_tell_error(w->studio, &w->err);
    if (!dropped)
        w->studio->dirty = true;
    free(w->video);
    free(w->output);
    free(w->prompt);
    free(w->recipe);
    free(w);
}

/* A name that is not taken: clip-12-frame-34.png, clip-12-frame-34-2.png, ... */
static char *free_name(const struct clip *clip, int64_t frame)
{
    char *name = dn_asprintf("clip-%lld-frame-%lld.png", (long long)clip->id, (long long)frame + 1);
    for (int i = 2; i < 1000 && access(name, F_OK) == 0; i++) {
        free(name);
        name = dn_asprintf("clip-%lld-frame-%lld-%d.png", (long long)clip->id, (long long)frame + 1,
                           i);
    }
    return name;
}

static void save(struct studio *s, const char *name, bool settings)
{
    struct player *p = player_get(s);
    const struct player_side *side = player_side(p);
    struct dn_error err;
    if (p->count == 0 || side->playback.count == 0) {
        studio_tell(s, ROLE_DIM, "there is no frame here");
        return;
    }
    char *video = clip_video_path(s, &side->clip, &err);
    if (!video) {
        studio_tell_error(s, &err);
        return;
    }
    struct still *w = dn_calloc(1, sizeof *w);
    *w = (struct still){.studio = s, .video = video, .frame = side->playback.at};
    w->output = name ? dn_strdup(name) : free_name(&side->clip, w->frame);
    w->prompt = settings ? dn_strdup(side->clip.prompt) : NULL;
    w->recipe = settings
                    ? recipe_of(side->clip.model, side->clip.model_sha256, side->clip.request_json)
                    : NULL;
    tasks_add(s->tasks, LANE_LOAD, (struct task){write_still, still_done, w});
}

void player_do_save(struct studio *s, const char *argument)
{
    save(s, argument, true);
}

void player_do_save_plain(struct studio *s, const char *argument)
{
    save(s, argument, false);
}
