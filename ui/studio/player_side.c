/* player_side: see player_side.h */
#include "ui/studio/player_side.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/prompt_changes.h"
#include "store/catalog.h"
#include "ui/studio/clip_loader.h"
#include "ui/studio/clip_text.h"
#include "ui/studio/player_zoom.h"

void side_clear(struct player_side *side)
{
    clip_loader_forget(side);
    playback_clear(&side->playback);
    clip_done(&side->clip);
    free(side->changes);
    side->changes = NULL;
    player_cut_clear(&side->cut);
    side->loading = side->fresh = false;
    side->why[0] = side->label[0] = '\0';
}

static void take_loaded(void *context, struct loaded_clip *loaded)
{
    struct player_side *side = context;
    side->loading = false;
    snprintf(side->why, sizeof side->why, "%s", loaded->why);
    for (int64_t i = 0; i < loaded->count; i++)
        playback_put(&side->playback, i, loaded->frames[i], 0);
    side->playback.fps = side->clip.fps > 0 ? side->clip.fps : loaded->fps;
    side->fresh = true;
}

/* How the clip was cut into chunks, by its request. */
static void read_chunks(struct player_side *side)
{
    json_t *request = json_loads(side->clip.request_json, 0, NULL);
    const json_t *block = json_object_get(request, "frames_per_block");
    side->block = json_is_integer(block) && json_integer_value(block) > 0
                      ? json_integer_value(block) : 3;
    side->single_first = json_is_true(json_object_get(request, "independent_first_frame"));
    json_decref(request);
}

bool side_load(struct studio *s, struct player_side *side, int64_t id, int64_t max_bytes)
{
    struct catalog *catalog = studio_catalog(s);
    struct dn_error err;
    side_clear(side);
    if (!catalog)
        return false;
    if (!catalog_get_clip(catalog, id, &side->clip, &err)) {
        studio_tell_error(s, &err);
        return false;
    }
    read_chunks(side);
    side->changes = clip_changes_text(&side->clip);
    side->loading = clip_loader_start(s, &side->clip, max_bytes, side, take_loaded, &err);
    if (!side->loading)
        snprintf(side->why, sizeof side->why, "%.500s", err.message);
    return true;
}

/* The frame that chunk number begins with: a latent frame is four frames, the first one is one. */
int64_t side_chunk_start(const struct player_side *side, int64_t chunk)
{
    int64_t latent = side->single_first ? chunk == 0 ? 0 : 1 + (chunk - 1) * side->block
                                        : chunk * side->block;
    return latent == 0 ? 0 : latent * 4 - 3;
}

int64_t side_chunk_count(const struct player_side *side)
{
    int64_t n = 0;
    while (side_chunk_start(side, n) < side->playback.count)
        n++;
    return n;
}

int64_t side_chunk_at(const struct player_side *side, int64_t frame)
{
    int64_t n = 0;
    while (side_chunk_start(side, n + 1) <= frame)
        n++;
    return n;
}

const char *side_prompt_at(const struct player_side *side, int64_t frame, size_t *length)
{
    const char *text = side->changes ? side->changes : "", *prompt = side->clip.prompt;
    struct prompt_change c;
    *length = strlen(prompt);
    while (prompt_changes_next(&text, &c) && side_chunk_start(side, c.chunk) <= frame) {
        prompt = c.prompt;
        *length = c.length;
    }
    return prompt;
}
