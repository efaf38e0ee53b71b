/* screen_player: a clip, or up to four at the same moment: play, step, scrub, and go on from there. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/catalog.h"
#include "store/catalog_search.h"
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
    p->clock.speed = 1;
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

/* Up to four clips side by side; what cannot be read is left out. */
static void load_clips(struct studio *s, const int64_t *clips, int count)
{
    struct player *p = player_get(s);
    int64_t wanted[PLAYER_SIDES]; /* clips may be the clips that are here */
    memcpy(wanted, clips, (size_t)count * sizeof *clips);
    for (int i = 0; i < PLAYER_SIDES; i++)
        side_clear(&p->sides[i]);
    p->count = 0;
    for (int i = 0; i < count; i++)
        p->count += side_load(s, &p->sides[p->count], wanted[i],
                              PLAYER_BYTES / (count > 2 ? count : 2));
    if (p->count > 1)
        sides_label(p->sides, p->count);
    p->mark_in = p->mark_out = -1;
    p->at = 0;
    p->alone = false;
    p->tags_of = 0;
    p->clock.at = p->clock.count = 0;
    p->clock.playing = false;
    p->waiting = true;
    p->rounds_until_ms = s->now_ms + PLAYER_ROUNDS_MS;
    s->dirty = true;
}

void player_open(struct studio *s, int64_t clip)
{
    studio_show(s, SCREEN_PLAYER);
    load_clips(s, &clip, 1);
}

void player_compare(struct studio *s, const int64_t *clips, int count)
{
    studio_show(s, SCREEN_PLAYER);
    load_clips(s, clips, count < PLAYER_SIDES ? count : PLAYER_SIDES);
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
    if (p->count || !catalog)
        return;
    if (clip_query_parse("status:done", &query, &err) &&
        catalog_search(catalog, query, &page, &list, &err) && list.count)
        load_clips(s, &list.items[0].id, 1);
    clip_list_done(&list);
    clip_query_free(query);
}

/* A clip that could not be shown while it was being made is whole now. */
static void player_job(struct studio *s, const struct link_job *job)
{
    struct player *p = player_get(s);
    int64_t clips[PLAYER_SIDES];
    bool waits = false;
    for (int i = 0; i < p->count; i++) {
        clips[i] = p->sides[i].clip.id;
        waits = waits || (clips[i] == job->id && p->sides[i].why[0]);
    }
    if (waits && job->state == JOB_DONE)
        load_clips(s, clips, p->count);
}

/* --- time --- */

static bool is_shown(const struct studio *s)
{
    return studio_main(s)->number == SCREEN_PLAYER;
}

/* Frames that have come set the clock; it starts when all are there. */
static void take_fresh(struct studio *s)
{
    struct player *p = player_get(s);
    bool fresh = false, loading = false;
    for (int i = 0; i < p->count; i++) {
        fresh = fresh || p->sides[i].fresh;
        loading = loading || p->sides[i].loading;
        p->sides[i].fresh = false;
    }
    if (fresh) {
        player_set_clock(p);
        s->dirty = true;
    }
    if (p->waiting && !loading && p->clock.count > 0) {
        p->waiting = false;
        playback_start(&p->clock, s->now_ms);
    }
}

static void player_tick(struct studio *s)
{
    struct player *p = player_get(s);
    struct playback *c = &p->clock;
    take_fresh(s);
    if (!is_shown(s))
        return;
    if (playback_tick(c, s->now_ms)) {
        player_follow(p);
        s->dirty = true;
    }
    if (c->playing && s->now_ms > p->rounds_until_ms && c->at + 1 >= c->count) {
        c->playing = false;
        s->dirty = true;
    }
}

static int64_t player_due(struct studio *s)
{
    return is_shown(s) ? playback_due(&player_get(s)->clock) : -1;
}

/* --- showing --- */

static void do_details(struct studio *s, const char *argument)
{
    (void)argument;
    player_get(s)->details = !player_get(s)->details;
}

static void do_zoom(struct studio *s, const char *argument)
{
    (void)argument;
    player_get(s)->natural = !player_get(s)->natural;
}

/* All together, each alone in turn, and all together again. */
static void do_flip(struct studio *s, const char *argument)
{
    struct player *p = player_get(s);
    const struct clip *clip = &p->sides[0].clip;
    (void)argument;
    if (p->count > 1) {
        bool last = p->alone && p->at + 1 == p->count;
        p->at = p->alone && !last ? p->at + 1 : 0;
        p->alone = !last;
    } else if (p->count == 1 && clip->parent_id) {
        player_compare(s, (int64_t[]){clip->parent_id, clip->id}, 2);
    } else {
        studio_tell(s, ROLE_WARN, "it has no parent; mark two to four clips in the library to compare");
    }
}

static void other(struct studio *s, int by)
{
    struct player *p = player_get(s);
    if (p->count > 1)
        p->at = (p->at + p->count + by) % p->count;
}

static void do_next(struct studio *s, const char *argument)
{
    (void)argument;
    other(s, 1);
}

static void do_previous(struct studio *s, const char *argument)
{
    (void)argument;
    other(s, -1);
}

/* Out of what is alone, of the comparison (the clip that keys mean stays), of the player. */
static void do_leave(struct studio *s, const char *argument)
{
    struct player *p = player_get(s);
    (void)argument;
    if (p->count > 1 && p->alone)
        p->alone = false;
    else if (p->count > 1)
        player_open(s, player_side(p)->clip.id);
    else
        studio_show(s, SCREEN_LIBRARY);
}

/* --- other clips --- */

/* The next or previous finished clip of the library. */
static void neighbour(struct studio *s, bool older)
{
    struct catalog *catalog = studio_catalog(s);
    int64_t id = player_side(player_get(s))->clip.id;
    struct catalog_page page = {.limit = 1, .below = older ? id : 0, .above = older ? 0 : id};
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
        player_seek(s, (int64_t)(event->col - p->bar.col) * (p->clock.count - 1) /
                    (p->bar.cols - 1));
    else if (!event->moved)
        player_do_pause(s, NULL);
}

static const char *const *player_hint(struct studio *s)
{
    static const char *const list[] = {"pause", "step", "forward", "branch", "help",
                                       "chunk-forward:chunk", "continue", "vary", "flip", "export", "details", NULL};
    (void)s;
    return list;
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
    {"recall", "e", WHERE_LIST, "[FILE]", "prompt, settings and seed into the studio", player_do_recall},
    {"copy-prompt", "y", WHERE_LIST, NULL, "copy the prompt, for Ctrl-Y", player_do_copy_prompt},
    {"flip", "c", WHERE_LIST, NULL, "compared clips together, each alone; or with the parent", do_flip},
    {"next-side", "Tab", WHERE_LIST, NULL, "keys mean the next of the compared clips", do_next},
    {"previous-side", "Shift-Tab", WHERE_LIST, NULL, "keys mean the one before", do_previous},
    {"zoom", "z", WHERE_LIST, NULL, "as large as fits, or pixel for pixel", do_zoom},
    {"details", "i", WHERE_LIST, NULL, "what it was made from", do_details},
    {"save", "s", WHERE_LIST, "[FILE]", "this frame as a png, its settings inside", player_do_save},
    {"save-plain", "S", WHERE_LIST, "[FILE]", "this frame as a png with nothing inside",
     player_do_save_plain},
    {"export", "o", WHERE_LIST, NULL, "the clip, or the range, as a file", player_do_export},
    {"older", "n PgDn", WHERE_LIST, NULL, "the clip made before it", do_older},
    {"newer", "N PgUp", WHERE_LIST, NULL, "the clip made after it", do_newer},
    {"leave", "Esc", WHERE_LIST, NULL, "out of the comparison, then to the library", do_leave},
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
    .job = player_job,
    .tick = player_tick,
    .due = player_due,
    .hint = player_hint,
};
