/* screen_player: a clip, or two at the same moment: play, step, scrub, and go on from there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/json.h"
#include "store/catalog.h"
#include "store/catalog_search.h"
#include "ui/studio/clip_loader.h"
#include "ui/studio/clip_text.h"

/* ROUNDS_MS: so long it plays over and over by itself. CHUNKS_MORE: that continue adds. */
enum { SIDES = 2, ROUNDS_MS = 120000, CHUNKS_MORE = 7 };
#define MAX_BYTES (96 * 1024 * 1024)

struct side {
    struct clip clip; /* id 0 = none */
    struct playback playback;
    bool loading;
    char why[512];
    int64_t block;       /* latent frames in a chunk */
    bool single_first;   /* the first chunk is one latent frame */
};

struct player {
    struct side sides[SIDES]; /* the first leads */
    bool compare, flipped;    /* flipped: the second alone is shown */
    bool details;
    int64_t mark_in, mark_out; /* frames, -1 = none */
    int64_t rounds_until_ms;
    struct rect bar;           /* the scrub bar drawn last */
    char *tags;
};

static struct player *get(struct studio *s)
{
    return s->state[SCREEN_PLAYER];
}

static void *player_open_state(struct studio *s)
{
    struct player *p = dn_calloc(1, sizeof *p);
    (void)s;
    p->mark_in = p->mark_out = -1;
    for (int i = 0; i < SIDES; i++)
        p->sides[i].playback.speed = 1;
    return p;
}

static void side_clear(struct side *side)
{
    clip_loader_forget(side);
    playback_clear(&side->playback);
    clip_done(&side->clip);
    side->loading = false;
    side->why[0] = '\0';
}

static void player_close(struct studio *s)
{
    struct player *p = get(s);
    for (int i = 0; i < SIDES; i++)
        side_clear(&p->sides[i]);
    free(p->tags);
    free(p);
}

/* --- loading --- */

static void take_loaded(void *context, struct loaded_clip *loaded)
{
    struct side *side = context;
    side->loading = false;
    snprintf(side->why, sizeof side->why, "%s", loaded->why);
    for (int64_t i = 0; i < loaded->count; i++)
        playback_put(&side->playback, i, loaded->frames[i], 0);
    side->playback.fps = side->clip.fps > 0 ? side->clip.fps : loaded->fps;
    side->playback.playing = true;
    side->playback.next_ms = 0; /* now */
}

/* How the clip was cut into chunks, by its request. */
static void read_chunks(struct side *side)
{
    json_t *request = json_loads(side->clip.request_json, 0, NULL);
    const json_t *block = json_object_get(request, "frames_per_block");
    side->block = json_is_integer(block) && json_integer_value(block) > 0
                      ? json_integer_value(block) : 3;
    side->single_first = json_is_true(json_object_get(request, "independent_first_frame"));
    json_decref(request);
}

static bool side_load(struct studio *s, struct side *side, int64_t id)
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
    side->loading = clip_loader_start(s, &side->clip, MAX_BYTES, side, take_loaded, &err);
    if (!side->loading)
        snprintf(side->why, sizeof side->why, "%.500s", err.message);
    return true;
}

static void restart(struct studio *s)
{
    struct player *p = get(s);
    struct catalog *catalog = studio_catalog(s);
    p->mark_in = p->mark_out = -1;
    p->flipped = false;
    p->rounds_until_ms = s->now_ms + ROUNDS_MS;
    free(p->tags);
    p->tags = catalog ? clip_tags_text(catalog, p->sides[0].clip.id) : NULL;
}

void player_open(struct studio *s, int64_t clip)
{
    studio_show(s, SCREEN_PLAYER);
    struct player *p = get(s);
    p->compare = false;
    side_clear(&p->sides[1]);
    side_load(s, &p->sides[0], clip);
    restart(s);
    s->dirty = true;
}

void player_compare(struct studio *s, int64_t left, int64_t right)
{
    studio_show(s, SCREEN_PLAYER);
    struct player *p = get(s);
    p->compare = side_load(s, &p->sides[0], left) && side_load(s, &p->sides[1], right);
    restart(s);
    s->dirty = true;
}

/* Without a clip the newest finished one is shown. */
static void player_enter(struct studio *s)
{
    struct player *p = get(s);
    struct catalog *catalog = studio_catalog(s);
    struct catalog_page page = {.limit = 1};
    struct clip_query *query = NULL;
    struct clip_list list = {0};
    struct dn_error err;
    p->rounds_until_ms = s->now_ms + ROUNDS_MS;
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

/* --- chunks --- */

/* The frame that chunk number begins with: a latent frame is four frames, the first one is one. */
static int64_t chunk_start(const struct side *side, int64_t chunk)
{
    int64_t latent = side->single_first ? chunk == 0 ? 0 : 1 + (chunk - 1) * side->block
                                        : chunk * side->block;
    return latent == 0 ? 0 : latent * 4 - 3;
}

static int64_t chunk_count(const struct side *side)
{
    int64_t n = 0;
    while (chunk_start(side, n) < side->playback.count)
        n++;
    return n;
}

static int64_t chunk_at(const struct side *side, int64_t frame)
{
    int64_t n = 0;
    while (chunk_start(side, n + 1) <= frame)
        n++;
    return n;
}

/* --- drawing --- */

static void draw_side(struct studio *s, struct side *side, int place, struct rect box, bool focused)
{
    struct playback *p = &side->playback;
    char title[512];
    snprintf(title, sizeof title, "#%lld  %s", (long long)side->clip.id, side->clip.prompt);
    canvas_box(s->canvas, box, title, focused);
    struct rect r = canvas_inside(box);
    struct painter_picture picture = {.area = r, .frame = playback_frame(p),
                                      .clip = (uint64_t)side->clip.id << 1 | 1};
    const char *text = side->loading ? "reading the video" : side->why;
    if (picture.frame && painter_way(s->painter)) {
        picture.sample_count = playback_samples(p, picture.samples, PAINTER_SAMPLES);
        painter_place(s->painter, place, &picture);
        return;
    }
    if (!text[0] && !painter_way(s->painter) && !s->answer_by_ms)
        text = "This terminal shows no pictures; o exports the clip as a file.";
    int width = canvas_width(s->canvas, text, strlen(text));
    canvas_text(s->canvas, r.row + r.rows / 2, r.col + (width < r.cols ? (r.cols - width) / 2 : 0),
                r.cols, ROLE_DIM, text);
}

/* Ticks where chunks begin, marks, and the place that is shown. */
static void draw_scrub(struct studio *s, struct rect r)
{
    struct player *p = get(s);
    const struct side *side = &p->sides[0];
    int64_t count = side->playback.count > 1 ? side->playback.count - 1 : 1;
    p->bar = r;
    for (int i = 0; i < r.cols; i++)
        canvas_symbol(s->canvas, r.row, r.col + i, ROLE_BORDER, SYMBOL_LINE);
    int head = (int)(side->playback.at * (r.cols - 1) / count);
    for (int i = 0; i < head; i++)
        canvas_symbol(s->canvas, r.row, r.col + i, ROLE_ACCENT, SYMBOL_LINE);
    for (int64_t n = 1; chunk_start(side, n) < side->playback.count && n < r.cols; n++)
        canvas_symbol(s->canvas, r.row, r.col + (int)(chunk_start(side, n) * (r.cols - 1) / count),
                      ROLE_DIM, SYMBOL_TICK);
    int64_t marks[] = {p->mark_in, p->mark_out};
    for (int i = 0; i < 2; i++)
        if (marks[i] >= 0 && marks[i] < side->playback.count)
            canvas_text(s->canvas, r.row, r.col + (int)(marks[i] * (r.cols - 1) / count), 1,
                        ROLE_GOOD, i ? "]" : "[");
    canvas_symbol(s->canvas, r.row, r.col + head, ROLE_ACCENT, SYMBOL_HEAD);
}

static void draw_state(struct studio *s, int row, struct rect area)
{
    static const char *const loops[] = {"loop", "once", "back and forth"};
    struct player *p = get(s);
    const struct side *side = &p->sides[0];
    const struct playback *b = &side->playback;
    struct canvas *c = s->canvas;
    int col = area.col + 1, end = area.col + area.cols - 1;
    double fps = b->fps > 0 ? b->fps : 16;
    col += canvas_symbol(c, row, col, ROLE_ACCENT, b->playing ? SYMBOL_PLAY : SYMBOL_PAUSE) + 1;
    col += canvas_printf(c, row, col, end - col, ROLE_TEXT, "frame %lld/%lld",
                         (long long)b->at + 1, (long long)b->count) + 2;
    col += canvas_printf(c, row, col, end - col, ROLE_DIM, "%.2f of %.2f s", (double)b->at / fps,
                         (double)b->count / fps) + 2;
    col += canvas_printf(c, row, col, end - col, ROLE_TEXT, "chunk %lld/%lld",
                         (long long)chunk_at(side, b->at) + 1, (long long)chunk_count(side)) + 2;
    col += canvas_printf(c, row, col, end - col, ROLE_DIM, "%gx  %s", b->speed, loops[b->loop]) + 2;
    if (p->compare)
        canvas_printf(c, row, col, end - col, ROLE_DIM, "%s",
                      p->flipped ? "B alone" : "A and B together");
}

static void player_draw(struct studio *s, struct rect area)
{
    struct player *p = get(s);
    struct rect box = {area.row, area.col, area.rows - 2, area.cols};
    if (!p->sides[0].clip.id) {
        const char *text = "Nothing is finished yet: 1 is the studio.";
        canvas_box(s->canvas, box, "Player", true);
        canvas_text(s->canvas, box.row + box.rows / 2, (box.cols - (int)strlen(text)) / 2, box.cols,
                    ROLE_DIM, text);
        return;
    }
    if (p->compare && !p->flipped && area.cols >= 60) {
        int half = area.cols / 2;
        draw_side(s, &p->sides[0], 0, (struct rect){box.row, box.col, box.rows, half}, true);
        draw_side(s, &p->sides[1], 1,
                  (struct rect){box.row, box.col + half, box.rows, area.cols - half}, false);
    } else if (p->details && area.cols >= 76) {
        int cols = area.cols >= 120 ? 50 : 34;
        struct rect side = {box.row, box.col + box.cols - cols, box.rows, cols};
        box.cols -= cols;
        draw_side(s, &p->sides[0], 0, box, true);
        canvas_box(s->canvas, side, "Details", false);
        struct rect r = canvas_inside(side);
        r.col++;
        r.cols -= 2;
        clip_draw_facts(s, r, &p->sides[0].clip, p->tags);
    } else {
        draw_side(s, &p->sides[p->compare && p->flipped ? 1 : 0], 0, box, true);
    }
    int row = area.row + area.rows - 2;
    draw_scrub(s, (struct rect){row, area.col + 1, 1, area.cols - 2});
    draw_state(s, row + 1, area);
}

/* --- time --- */

/* The second side shows the same moment as the first. */
static void follow(struct player *p)
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
    struct player *p = get(s);
    struct playback *b = &p->sides[0].playback;
    if (!is_shown(s))
        return;
    if (playback_tick(b, s->now_ms))
        s->dirty = true;
    if (b->playing && s->now_ms > p->rounds_until_ms && b->at + 1 >= b->count) {
        b->playing = false;
        s->dirty = true;
    }
    follow(p);
}

static int64_t player_due(struct studio *s)
{
    return is_shown(s) ? playback_due(&get(s)->sides[0].playback) : -1;
}

/* --- moving in time --- */

static void seek(struct studio *s, int64_t frame)
{
    struct player *p = get(s);
    playback_seek(&p->sides[0].playback, frame, s->now_ms);
    follow(p);
}

static void step(struct studio *s, int64_t by)
{
    struct playback *b = &get(s)->sides[0].playback;
    b->playing = false;
    seek(s, b->at + by);
}

static void do_pause(struct studio *s, const char *argument)
{
    struct player *p = get(s);
    struct playback *b = &p->sides[0].playback;
    (void)argument;
    p->rounds_until_ms = s->now_ms + ROUNDS_MS;
    if (b->playing) {
        b->playing = false;
        return;
    }
    if (b->loop == LOOP_OFF && b->at + 1 >= b->count)
        seek(s, 0);
    playback_start(b, s->now_ms);
}

static void do_step_back(struct studio *s, const char *argument)
{
    (void)argument;
    step(s, -1);
}

static void do_step(struct studio *s, const char *argument)
{
    (void)argument;
    step(s, 1);
}

static void jump(struct studio *s, int64_t by)
{
    seek(s, get(s)->sides[0].playback.at + by);
}

static void do_back(struct studio *s, const char *argument)
{
    (void)argument;
    jump(s, -10);
}

static void do_forward(struct studio *s, const char *argument)
{
    (void)argument;
    jump(s, 10);
}

static void do_first(struct studio *s, const char *argument)
{
    (void)argument;
    seek(s, 0);
}

static void do_last(struct studio *s, const char *argument)
{
    (void)argument;
    seek(s, get(s)->sides[0].playback.count - 1);
}

static void do_chunk_back(struct studio *s, const char *argument)
{
    const struct side *side = &get(s)->sides[0];
    int64_t at = side->playback.at, chunk = chunk_at(side, at);
    (void)argument;
    seek(s, chunk_start(side, at > chunk_start(side, chunk) || chunk == 0 ? chunk : chunk - 1));
}

static void do_chunk_forward(struct studio *s, const char *argument)
{
    const struct side *side = &get(s)->sides[0];
    (void)argument;
    seek(s, chunk_start(side, chunk_at(side, side->playback.at) + 1));
}

static void do_frame(struct studio *s, const char *argument)
{
    if (argument)
        seek(s, strtoll(argument, NULL, 10) - 1);
}

static void speed(struct studio *s, double factor)
{
    struct playback *b = &get(s)->sides[0].playback;
    double wanted = b->speed * factor;
    b->speed = wanted < 0.125 ? 0.125 : wanted > 8 ? 8 : wanted;
}

static void do_slower(struct studio *s, const char *argument)
{
    (void)argument;
    speed(s, 0.5);
}

static void do_faster(struct studio *s, const char *argument)
{
    (void)argument;
    speed(s, 2);
}

static void do_loop(struct studio *s, const char *argument)
{
    struct playback *b = &get(s)->sides[0].playback;
    (void)argument;
    b->loop = (enum loop_mode)((b->loop + 1) % 3);
}

static void do_mark(struct studio *s, const char *argument)
{
    struct player *p = get(s);
    int64_t at = p->sides[0].playback.at;
    (void)argument;
    if (p->mark_in < 0 || p->mark_out >= 0) {
        p->mark_in = at;
        p->mark_out = -1;
    } else {
        p->mark_out = at > p->mark_in ? at : p->mark_in;
        p->mark_in = at < p->mark_in ? at : p->mark_in;
    }
    studio_tell(s, ROLE_TEXT, p->mark_out < 0 ? "from frame %lld; m again sets the end"
                                              : "to frame %lld; o exports what lies between",
                (long long)at + 1);
}

/* --- showing --- */

static void do_details(struct studio *s, const char *argument)
{
    (void)argument;
    get(s)->details = !get(s)->details;
}

static void do_flip(struct studio *s, const char *argument)
{
    struct player *p = get(s);
    (void)argument;
    if (p->compare)
        p->flipped = !p->flipped;
    else if (p->sides[0].clip.parent_id)
        player_compare(s, p->sides[0].clip.parent_id, p->sides[0].clip.id);
    else
        studio_tell(s, ROLE_WARN, "it has no parent; mark two clips in the library to compare");
}

static bool has_clip(struct studio *s)
{
    if (get(s)->sides[0].clip.id)
        return true;
    studio_tell(s, ROLE_DIM, "there is no clip here");
    return false;
}

/* --- going on from it --- */

static void branch(struct studio *s, int64_t chunk, const char *prompt)
{
    struct player *p = get(s);
    int64_t id = p->sides[0].clip.id;
    char *json = studio_request_of(s, id, prompt, false);
    if (json)
        link_send_enqueue(s->link, &(struct link_enqueue){.request_json = json, .parent = id,
                                                          .parent_chunk = chunk,
                                                          .relation = "branch", .tag = 1});
    free(json);
}

/* What is shown is kept up to the start of the next chunk. */
static void do_branch(struct studio *s, const char *argument)
{
    struct side *side = &get(s)->sides[0];
    char title[160];
    if (!has_clip(s))
        return;
    int64_t chunk = chunk_at(side, side->playback.at) + 1, count = chunk_count(side);
    if (chunk >= count) {
        studio_tell(s, ROLE_WARN, "the last chunk is shown: C goes on behind it");
        return;
    }
    side->playback.playing = false;
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

static void do_continue(struct studio *s, const char *argument)
{
    struct side *side = &get(s)->sides[0];
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
                                                          .parent_chunk = chunk_count(side),
                                                          .relation = "extend", .tag = 1});
    }
    json_decref(request);
    free(json);
}

static void do_vary(struct studio *s, const char *argument)
{
    long count = argument ? strtol(argument, NULL, 10) : 1;
    if (!has_clip(s))
        return;
    for (long i = 0; i < count && i < 64; i++) {
        int64_t id = get(s)->sides[0].clip.id;
        char *json = studio_request_of(s, id, NULL, true);
        if (json)
            link_send_enqueue(s->link, &(struct link_enqueue){.request_json = json, .parent = id,
                                                              .relation = "vary", .tag = 1});
        free(json);
    }
}

static void do_recall(struct studio *s, const char *argument)
{
    (void)argument;
    if (has_clip(s))
        studio_recall(s, get(s)->sides[0].clip.id, RECALL_ALL);
}

static void do_export(struct studio *s, const char *argument)
{
    struct player *p = get(s);
    (void)argument;
    if (!has_clip(s))
        return;
    int64_t ids[SIDES] = {p->sides[0].clip.id, p->sides[1].clip.id};
    struct export_range range = {p->mark_in < 0 ? 0 : p->mark_in, p->mark_out};
    export_open_range(s, ids, p->compare ? 2 : 1, range);
}

/* A picture where the user is. */
static void do_save(struct studio *s, const char *argument)
{
    struct side *side = &get(s)->sides[0];
    struct frame *f = playback_frame(&side->playback);
    struct dn_error err;
    char path[512];
    if (!has_clip(s) || !f)
        return;
    if (argument)
        snprintf(path, sizeof path, "%.500s", argument);
    else
        snprintf(path, sizeof path, "clip-%lld-frame-%lld.jpg", (long long)side->clip.id,
                 (long long)side->playback.at + 1);
    if (export_picture(path, f, &err))
        studio_tell(s, ROLE_GOOD, "%s is written", path);
    else
        studio_tell_error(s, &err);
}

/* The next or previous finished clip of the library. */
static void neighbour(struct studio *s, bool older)
{
    struct catalog *catalog = studio_catalog(s);
    int64_t id = get(s)->sides[0].clip.id;
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
    struct player *p = get(s);
    if (!event->pressed)
        return;
    if (event->button == BUTTON_WHEEL_UP || event->button == BUTTON_WHEEL_DOWN)
        step(s, event->button == BUTTON_WHEEL_UP ? -1 : 1);
    else if (event->row == p->bar.row && event->col >= p->bar.col && p->bar.cols > 1)
        seek(s, (int64_t)(event->col - p->bar.col) * (p->sides[0].playback.count - 1) /
                    (p->bar.cols - 1));
    else if (!event->moved)
        do_pause(s, NULL);
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
    {"pause", "Space Enter", WHERE_LIST, NULL, "pause or play", do_pause},
    {"step", ".", WHERE_LIST, NULL, "one frame on", do_step},
    {"step-back", ",", WHERE_LIST, NULL, "one frame back", do_step_back},
    {"forward", "Right l", WHERE_LIST, NULL, "ten frames on", do_forward},
    {"backward", "Left h", WHERE_LIST, NULL, "ten frames back", do_back},
    {"chunk-forward", "Up k", WHERE_LIST, NULL, "to the next chunk", do_chunk_forward},
    {"chunk-back", "Down j", WHERE_LIST, NULL, "to the chunk before", do_chunk_back},
    {"first", "g Home", WHERE_LIST, NULL, "to the first frame", do_first},
    {"last", "G End", WHERE_LIST, NULL, "to the last frame", do_last},
    {"frame", NULL, WHERE_LIST, "N", "to frame N", do_frame},
    {"slower", "[", WHERE_LIST, NULL, "half the speed", do_slower},
    {"faster", "]", WHERE_LIST, NULL, "twice the speed", do_faster},
    {"loop", "L", WHERE_LIST, NULL, "over and over, once, back and forth", do_loop},
    {"mark", "m", WHERE_LIST, NULL, "start of a range, then its end", do_mark},
    {"branch", "b", WHERE_LIST, "[PROMPT]", "keep it up to this chunk, then another prompt",
     do_branch},
    {"continue", "C", WHERE_LIST, "[CHUNKS]", "go on behind its end", do_continue},
    {"vary", "V", WHERE_LIST, "[N]", "the same with a new seed", do_vary},
    {"recall", "e", WHERE_LIST, NULL, "prompt, settings and seed into the studio", do_recall},
    {"flip", "c", WHERE_LIST, NULL, "A and B, B alone; or compare with the parent", do_flip},
    {"details", "i", WHERE_LIST, NULL, "what it was made from", do_details},
    {"save", "s", WHERE_LIST, "[FILE]", "this frame as a jpg", do_save},
    {"export", "o", WHERE_LIST, NULL, "the clip, or the range, as a file", do_export},
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
