/* screen_player: a clip, or two at the same moment: play, step, scrub, and go on from there. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/catalog.h"
#include "store/catalog_search.h"
#include "ui/studio/clip_text.h"
#include "ui/studio/player.h"

struct player *player_get(struct studio *s)
{
    return s->state[SCREEN_PLAYER];
}

static void *player_open_state(struct studio *s)
{
    struct player *p = dn_calloc(1, sizeof *p);
    (void)s;
    p->mark_in = p->mark_out = -1;
    for (int i = 0; i < PLAYER_SIDES; i++)
        p->sides[i].playback.speed = 1;
    return p;
}

static void player_close(struct studio *s)
{
    struct player *p = player_get(s);
    for (int i = 0; i < PLAYER_SIDES; i++)
        side_clear(&p->sides[i]);
    free(p->tags);
    free(p);
}

static void restart(struct studio *s)
{
    struct player *p = player_get(s);
    struct catalog *catalog = studio_catalog(s);
    p->mark_in = p->mark_out = -1;
    p->flipped = false;
    p->rounds_until_ms = s->now_ms + PLAYER_ROUNDS_MS;
    free(p->tags);
    p->tags = catalog ? clip_tags_text(catalog, p->sides[0].clip.id) : NULL;
}

void player_open(struct studio *s, int64_t clip)
{
    studio_show(s, SCREEN_PLAYER);
    struct player *p = player_get(s);
    p->compare = false;
    side_clear(&p->sides[1]);
    side_load(s, &p->sides[0], clip);
    restart(s);
    s->dirty = true;
}

void player_compare(struct studio *s, int64_t left, int64_t right)
{
    studio_show(s, SCREEN_PLAYER);
    struct player *p = player_get(s);
    p->compare = side_load(s, &p->sides[0], left) && side_load(s, &p->sides[1], right);
    restart(s);
    s->dirty = true;
}

/* Without a clip the newest finished one is shown. */
static void player_enter(struct studio *s)
{
    struct player *p = player_get(s);
    struct catalog *catalog = studio_catalog(s);
    struct catalog_page page = {.limit = 1};
    struct clip_query *query = NULL;
    struct clip_list list = {0};
    struct dn_error err;
    p->rounds_until_ms = s->now_ms + PLAYER_ROUNDS_MS;
    if (p->sides[0].clip.id || !catalog)
        return;
    if (clip_query_parse("status:done", &query, &err) &&
        catalog_search(catalog, query, &page, &list, &err) && list.count) {
        side_load(s, &p->sides[0], list.items[0].id);
        restart(s);
    }
    clip_list_done(&list);
    clip_query_free(query);
}

/* --- time --- */

/* The second side shows the same moment as the first. */
void player_follow(struct player *p)
{
    struct playback *other = &p->sides[1].playback;
    if (!p->compare || other->count == 0)
        return;
    int64_t at = p->sides[0].playback.at;
    other->at = at < other->count ? at : other->count - 1;
}

static bool is_shown(const struct studio *s)
{
    return studio_main(s)->number == SCREEN_PLAYER;
}

static void player_tick(struct studio *s)
{
    struct player *p = player_get(s);
    struct playback *b = &p->sides[0].playback;
    if (!is_shown(s))
        return;
    if (playback_tick(b, s->now_ms))
        s->dirty = true;
    if (b->playing && s->now_ms > p->rounds_until_ms && b->at + 1 >= b->count) {
        b->playing = false;
        s->dirty = true;
    }
    player_follow(p);
}

static int64_t player_due(struct studio *s)
{
    return is_shown(s) ? playback_due(&player_get(s)->sides[0].playback) : -1;
}

/* --- showing --- */

static void do_details(struct studio *s, const char *argument)
{
    (void)argument;
    player_get(s)->details = !player_get(s)->details;
}

static void do_flip(struct studio *s, const char *argument)
{
    struct player *p = player_get(s);
    (void)argument;
    if (p->compare)
        p->flipped = !p->flipped;
    else if (p->sides[0].clip.parent_id)
        player_compare(s, p->sides[0].clip.parent_id, p->sides[0].clip.id);
    else
        studio_tell(s, ROLE_WARN, "it has no parent; mark two clips in the library to compare");
}

/* The next or previous finished clip of the library. */
static void neighbour(struct studio *s, bool older)
{
    struct catalog *catalog = studio_catalog(s);
    int64_t id = player_get(s)->sides[0].clip.id;
    struct catalog_page page = {.limit = 1, .before = older ? id : 0, .after = older ? 0 : id};
    struct clip_query *query = NULL;
    struct clip_list list = {0};
    struct dn_error err;
    if (!catalog || !id)
        return;
    if (!clip_query_parse("status:done", &query, &err) ||
        !catalog_search(catalog, query, &page, &list, &err))
        studio_tell_error(s, &err);
    else if (list.count)
        player_open(s, list.items[0].id);
    else
        studio_tell(s, ROLE_DIM, older ? "this is the oldest clip" : "this is the newest clip");
    clip_list_done(&list);
    clip_query_free(query);
}

static void do_older(struct studio *s, const char *argument)
{
    (void)argument;
    neighbour(s, true);
}

static void do_newer(struct studio *s, const char *argument)
{
    (void)argument;
    neighbour(s, false);
}

static void player_click(struct studio *s, const struct input_event *event)
{
    struct player *p = player_get(s);
    if (!event->pressed)
        return;
    if (event->button == BUTTON_WHEEL_UP || event->button == BUTTON_WHEEL_DOWN)
        player_step(s, event->button == BUTTON_WHEEL_UP ? -1 : 1);
    else if (event->row == p->bar.row && event->col >= p->bar.col && p->bar.cols > 1)
        player_seek(s, (int64_t)(event->col - p->bar.col) * (p->sides[0].playback.count - 1) /
                    (p->bar.cols - 1));
    else if (!event->moved)
        player_do_pause(s, NULL);
}

static void player_hint(struct studio *s, const char **names)
{
    static const char *const list[] = {"pause", "step", "forward", "chunk-forward", "branch",
                                       "continue", "vary", "flip", "export", "details", "help", NULL};
    (void)s;
    for (int i = 0; list[i]; i++)
        names[i] = list[i];
}

static const struct action player_actions[] = {
    {"pause", "Space Enter", WHERE_LIST, NULL, "pause or play", player_do_pause},
    {"step", ".", WHERE_LIST, NULL, "one frame on", player_do_step},
    {"step-back", ",", WHERE_LIST, NULL, "one frame back", player_do_step_back},
    {"forward", "Right l", WHERE_LIST, NULL, "ten frames on", player_do_forward},
    {"backward", "Left h", WHERE_LIST, NULL, "ten frames back", player_do_back},
    {"chunk-forward", "Up k", WHERE_LIST, NULL, "to the next chunk", player_do_chunk_forward},
    {"chunk-back", "Down j", WHERE_LIST, NULL, "to the chunk before", player_do_chunk_back},
    {"first", "g Home", WHERE_LIST, NULL, "to the first frame", player_do_first},
    {"last", "G End", WHERE_LIST, NULL, "to the last frame", player_do_last},
    {"frame", NULL, WHERE_LIST, "N", "to frame N", player_do_frame},
    {"slower", "[", WHERE_LIST, NULL, "half the speed", player_do_slower},
    {"faster", "]", WHERE_LIST, NULL, "twice the speed", player_do_faster},
    {"loop", "L", WHERE_LIST, NULL, "over and over, once, back and forth", player_do_loop},
    {"mark", "m", WHERE_LIST, NULL, "start of a range, then its end", player_do_mark},
    {"branch", "b", WHERE_LIST, "[PROMPT]", "keep it up to this chunk, then another prompt",
     player_do_branch},
    {"continue", "C", WHERE_LIST, "[CHUNKS]", "go on behind its end", player_do_continue},
    {"vary", "V", WHERE_LIST, "[N]", "the same with a new seed", player_do_vary},
    {"recall", "e", WHERE_LIST, NULL, "prompt, settings and seed into the studio", player_do_recall},
    {"flip", "c", WHERE_LIST, NULL, "A and B, B alone; or compare with the parent", do_flip},
    {"details", "i", WHERE_LIST, NULL, "what it was made from", do_details},
    {"save", "s", WHERE_LIST, "[FILE]", "this frame as a jpg", player_do_save},
    {"export", "o", WHERE_LIST, NULL, "the clip, or the range, as a file", player_do_export},
    {"older", "n PgDn", WHERE_LIST, NULL, "the clip made before it", do_older},
    {"newer", "N PgUp", WHERE_LIST, NULL, "the clip made after it", do_newer},
    {0},
};

const struct screen screen_player_entry = {
    .number = SCREEN_PLAYER,
    .name = "player",
    .title = "Player",
    .actions = player_actions,
    .open = player_open_state,
    .close = player_close,
    .enter = player_enter,
    .draw = player_draw,
    .click = player_click,
    .tick = player_tick,
    .due = player_due,
    .hint = player_hint,
};
