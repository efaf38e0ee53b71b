/* player_make: going on from what is shown: branch, continue, vary, recall, files. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "ui/studio/clipboard.h"
#include "ui/studio/player.h"
#include "ui/studio/recall_file.h"

/* That continue adds. */
enum { CHUNKS_MORE = 7 };

static bool has_clip(struct studio *s)
{
    if (player_get(s)->count)
        return true;
    studio_tell(s, ROLE_DIM, "there is no clip here");
    return false;
}

static void branch(struct studio *s, int64_t chunk, const char *prompt)
{
    struct player *p = player_get(s);
    int64_t id = player_side(p)->clip.id;
    char *json = studio_request_of(s, id, prompt, false);
    if (json)
        link_send_enqueue(s->link, &(struct link_enqueue){.request_json = json, .parent = id,
                                                          .parent_chunk = chunk,
                                                          .relation = "branch", .tag = 1});
    free(json);
}

/* What is shown is kept up to the start of the next chunk. */
void player_do_branch(struct studio *s, const char *argument)
{
    struct player_side *side = player_side(player_get(s));
    char title[160];
    if (!has_clip(s))
        return;
    int64_t chunk = side_chunk_at(side, side->playback.at) + 1, count = side_chunk_count(side);
    if (chunk >= count) {
        studio_tell(s, ROLE_WARN, "the last chunk is shown: C goes on behind it");
        return;
    }
    player_get(s)->clock.playing = false;
    if (argument) {
        branch(s, chunk, argument);
        return;
    }
    snprintf(title, sizeof title, "Branch of #%lld: keeps chunks 1 to %lld of %lld, then",
             (long long)side->clip.id, (long long)chunk, (long long)count);
    studio_ask_text(s, &(struct text_question){.title = title, .text = side->clip.prompt,
                                               .empty = "what happens instead", .run = branch,
                                               .data = chunk});
}

void player_do_continue(struct studio *s, const char *argument)
{
    struct player_side *side = player_side(player_get(s));
    long chunks = argument ? strtol(argument, NULL, 10) : CHUNKS_MORE;
    if (!has_clip(s) || chunks < 1)
        return;
    char *json = studio_request_of(s, side->clip.id, NULL, false);
    json_t *request = json ? json_loads(json, 0, NULL) : NULL;
    if (request) {
        int64_t more = (int64_t)chunks * side->block * 4;
        json_object_set_new(request, "frames", json_integer(side->clip.frames + more));
        free(json);
        json = json_dumps(request, JSON_COMPACT);
        link_send_enqueue(s->link, &(struct link_enqueue){.request_json = json,
                                                          .parent = side->clip.id,
                                                          .parent_chunk = side_chunk_count(side),
                                                          .relation = "extend", .tag = 1});
    }
    json_decref(request);
    free(json);
}

void player_do_vary(struct studio *s, const char *argument)
{
    long count = argument ? strtol(argument, NULL, 10) : 1;
    if (!has_clip(s))
        return;
    for (long i = 0; i < count && i < 64; i++) {
        int64_t id = player_side(player_get(s))->clip.id;
        char *json = studio_request_of(s, id, NULL, true);
        if (json)
            link_send_enqueue(s->link, &(struct link_enqueue){.request_json = json, .parent = id,
                                                              .relation = "vary", .tag = 1});
        free(json);
    }
}

void player_do_recall(struct studio *s, const char *argument)
{
    if (argument)
        recall_file_command(s, argument);
    else if (has_clip(s))
        studio_recall(s, player_side(player_get(s))->clip.id, RECALL_ALL);
}

void player_do_copy_prompt(struct studio *s, const char *argument)
{
    (void)argument;
    if (has_clip(s))
        clipboard_copy(s, player_side(player_get(s))->clip.prompt);
}

void player_do_export(struct studio *s, const char *argument)
{
    struct player *p = player_get(s);
    (void)argument;
    if (!has_clip(s))
        return;
    int64_t ids[PLAYER_SIDES];
    for (int i = 0; i < p->count; i++)
        ids[i] = p->sides[i].clip.id;
    const struct player_side *side = player_side(p);
    struct export_range range = {
        p->mark_in < 0 ? 0 : player_frame_of(p, side, p->mark_in),
        p->mark_out < 0 ? -1 : player_frame_of(p, side, p->mark_out)};
    export_open_range(s, p->alone ? &side->clip.id : ids, p->alone ? 1 : p->count, range);
}
