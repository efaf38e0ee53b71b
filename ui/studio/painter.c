/* painter: see painter.h */
#include "ui/studio/painter.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/graphics/probe.h"
#include "ui/graphics/tmux.h"
#include "ui/studio/flow.h"

/* FULL_MS: between pictures that do not build on the one before, on quick lines and on slow ones. GOAL_MS: for which the line should be
 * busy with a picture, 14 a second; its bytes are bounded to that. LATE_MS: when it is busy for so long,
 * bounds did not help; LATE_ANSWERS in a row, or two that are far too late, lower the quality, and it is raised again when for QUICK_MS
 * none was late and there is room for SPARE times as much. */
enum { PICTURES_OUT = 2, ANSWER_MS = 2000, STILL_MS = 1000, FULL_MS = 2000, SLOW_FULL_MS = 30000 };
/* SHARP_MS: a picture that stays so long is sent as good as it can be. */
enum { SHARP_MS = 300 };
enum { GOAL_MS = 70, LATE_MS = 110, LATE_ANSWERS = 6, QUICK_MS = 15000, SPARE = 4, LEVELS = 5 };
enum { LEAST_BUDGET = 1000, MOST_BUDGET = 64000 };
/* PASSED: bytes of a piece through tmux, which throws sequences of 1 MiB away. ROOM_MS: between looks
 * whether tmux has handed on what it had. */
enum { PASSED = 256 << 10, ROOM_MS = 15 };

struct place {
    struct painter_picture wanted; /* frames held; frame NULL = empty */
    bool mentioned, stale;
    bool drop;                     /* another quality, place or size: the picture shown goes first */
    bool full;                     /* the cells may show something else than was sent last */
    int64_t full_ms;               /* when a full one was encoded */
    int64_t changed_ms;            /* when another frame was wanted */
    bool sharp;                    /* what was encoded last is as good as it can be */
    int level;                     /* what graphics was made for */
    int turn;                      /* kitty: pictures sent to their end */
    struct graphics *graphics;     /* NULL while a thread has it, or none was made */
    struct rect graphics_area;     /* what graphics was made for */
    uint64_t graphics_clip;
    int graphics_width, graphics_height;
    struct rect covered;           /* cells that show a picture now; rows 0 = none */
};

/* An encoded picture that waits to be sent, or is sent in part. */
struct ready {
    struct strbuf bytes;
    struct graphics_cuts cuts;
    int sent;              /* pieces */
    int place;             /* -1 = none */
    struct rect covered;
    bool sharp;            /* sent without haste */
    bool text;             /* half blocks, placeholders: tmux knows what to do with them */
    size_t passed;         /* bytes in them that go past tmux all the same */
    int64_t began_ms;      /* its first piece was sent */
};

struct painter {
    struct tasks *tasks;
    struct canvas *canvas;
    struct graphics_caps caps;
    const struct graphics_entry *entry;
    struct place places[PAINTER_PLACES];
    int next;              /* place to be looked at first */
    bool encoding;
    struct ready ready;
    bool broken;           /* a picture was begun and not ended */
    struct flow flow;
    size_t budget;         /* bytes that a picture may have */
    int64_t picture_ms;    /* when the last one was there to its end */
    int64_t now_ms;
    int level;             /* of quality: 0 best, see open_graphics */
    int late;              /* answers in a row */
    int64_t level_ms;      /* when the level was changed, or an answer was late */
    struct painter_passage passage;
    int64_t passed;        /* bytes of pictures through tmux */
    bool room;             /* tmux has handed on what it had */
    int64_t room_ms;       /* when that is looked at next */
    bool silent;           /* the terminal does not answer */
    bool hidden;           /* painter_hide */
};

/* What a thread works on. */
struct encoding {
    struct painter *painter;
    int place, turn;
    struct painter_picture picture;
    struct graphics *graphics;
    struct graphics_caps caps;
    const struct graphics_entry *entry;
    int level;
    size_t piece, budget;
    bool sharp;
    struct strbuf bytes;
    bool ok;
};

struct painter *painter_new(struct tasks *tasks, struct canvas *canvas)
{
    struct painter *p = dn_calloc(1, sizeof *p);
    p->canvas = canvas;
    p->tasks = tasks;
    p->ready.place = -1;
    p->budget = MOST_BUDGET;
    flow_init(&p->flow);
    return p;
}

static void drop_picture(struct painter_picture *picture)
{
    frame_drop(&picture->frame);
    for (int i = 0; i < picture->sample_count; i++)
        frame_drop(&picture->samples[i]);
    picture->sample_count = 0;
}

static void hold_picture(struct painter_picture *to, const struct painter_picture *from)
{
    *to = *from;
    frame_hold(to->frame);
    for (int i = 0; i < to->sample_count; i++)
        frame_hold(to->samples[i]);
}

static void drop_ready(struct painter *p)
{
    strbuf_done(&p->ready.bytes);
    free(p->ready.cuts.at);
    p->ready = (struct ready){.place = -1};
}

/* What is left of it will not be sent: the terminal shows who knows which part. */
static void give_up_ready(struct painter *p)
{
    if (p->ready.place < 0)
        return;
    struct place *place = &p->places[p->ready.place];
    place->full = true;
    place->stale = place->wanted.frame != NULL;
    p->broken = p->broken || p->ready.sent > 0;
    drop_ready(p);
}

/* tmux has blank cells there and sends nothing for them: the terminal itself is told to clear them. */
static void clear_through(const struct painter *p, struct rect r, struct strbuf *out)
{
    struct strbuf inner = {0};
    strbuf_append_text(&inner, "\033[m");
    for (int i = 0; i < r.rows; i++)
        strbuf_printf(&inner, "\033[%d;%dH\033[%dX", p->passage.row + r.row + i + 1,
                      p->passage.col + r.col + 1, r.cols);
    tmux_wrap(out, inner.data, inner.length);
    strbuf_done(&inner);
}

/* ncurses would erase the cells: xterm keeps their sixels and shows them again when it scrolls. */
static void write_spaces(struct rect r, struct strbuf *out)
{
    strbuf_append_text(out, "\0337\033[r\033[m");
    for (int i = 0; i < r.rows; i++)
        strbuf_printf(out, "\033[%d;%dH%*s", r.row + i + 1, r.col + 1, r.cols, "");
    strbuf_append_text(out, "\0338");
}

/* Whether or not a thread has its graphics just now. */
static void remove_picture(const struct painter *p, const struct place *place, struct strbuf *out)
{
    struct graphics g = {.entry = p->entry, .caps = p->caps, .number = (int)(place - p->places)};
    if (p->entry)
        graphics_remove(&g, out);
    if (p->passage.on && p->passage.known && p->entry == &graphics_sixel_entry &&
        place->covered.rows > 0)
        clear_through(p, place->covered, out);
}

void painter_free(struct painter *p, struct strbuf *out)
{
    if (!p)
        return;
    for (int i = 0; i < PAINTER_PLACES; i++) {
        struct place *place = &p->places[i];
        if (place->covered.rows > 0)
            remove_picture(p, place, out);
        drop_picture(&place->wanted);
        graphics_close(place->graphics);
    }
    drop_ready(p);
    free(p);
}

void painter_set_caps(struct painter *p, const struct graphics_caps *caps, const char *wish)
{
    p->caps = *caps;
    p->entry = wish && strcmp(wish, "none") == 0 ? NULL : graphics_choose(wish, caps);
    for (int i = 0; i < PAINTER_PLACES; i++)
        p->places[i].graphics_area = (struct rect){0}; /* made for another size of cells */
    painter_forget(p);
}

void painter_set_passage(struct painter *p, const struct painter_passage *passage)
{
    p->passage = *passage;
}

int64_t painter_passed(const struct painter *p)
{
    return p->passed;
}

bool painter_is_idle(const struct painter *p)
{
    return p->flow.count == 0;
}

int64_t painter_sent_ms(const struct painter *p)
{
    return p->flow.last_sent_ms;
}

bool painter_has_pictures(const struct painter *p)
{
    for (int i = 0; i < PAINTER_PLACES; i++)
        if (p->places[i].wanted.frame || p->places[i].covered.rows > 0)
            return true;
    return false;
}

void painter_repeat(struct painter *p)
{
    for (int i = 0; i < PAINTER_PLACES; i++) {
        struct place *place = &p->places[i];
        place->full = true;
        if (place->sharp) /* once more as good as it can be */
            place->sharp = false;
        else
            place->stale = place->wanted.frame != NULL;
    }
}

const char *painter_way(const struct painter *p)
{
    return p->entry ? p->entry->name : NULL;
}

void painter_room(const struct painter *p, struct rect area, int *width, int *height)
{
    bool blocks = p->entry == &graphics_blocks_entry; /* a column and half a row a pixel */
    const struct graphics_caps *c = &p->caps;
    *width = p->entry ? area.cols * (blocks ? 1 : c->cell_width) : 0;
    *height = p->entry ? area.rows * (blocks ? 2 : c->cell_height) : 0;
    if (p->entry == &graphics_sixel_entry && c->sixel_width > 0 && c->sixel_height > 0) {
        *width = *width > c->sixel_width ? c->sixel_width : *width;
        *height = *height > c->sixel_height ? c->sixel_height : *height;
    }
}

void painter_forget(struct painter *p)
{
    give_up_ready(p);
    for (int i = 0; i < PAINTER_PLACES; i++) {
        p->places[i].stale = p->places[i].wanted.frame != NULL;
        p->places[i].full = true;
    }
}

void painter_interrupt(struct painter *p)
{
    flow_forget(&p->flow);
    p->broken = true;
    painter_forget(p);
}

/* --- placing --- */

void painter_hide(struct painter *p, bool hidden)
{
    p->hidden = hidden;
}

void painter_begin(struct painter *p, int64_t now_ms)
{
    p->now_ms = now_ms;
    p->hidden = false;
    for (int i = 0; i < PAINTER_PLACES; i++)
        p->places[i].mentioned = false;
}

static bool same_rect(struct rect a, struct rect b)
{
    return a.row == b.row && a.col == b.col && a.rows == b.rows && a.cols == b.cols;
}

static bool same_size(const struct frame *a, const struct frame *b)
{
    return a->width == b->width && a->height == b->height;
}

void painter_place(struct painter *p, int number, const struct painter_picture *picture)
{
    struct place *place = &p->places[number];
    if (!p->entry || p->hidden || !picture->frame || picture->area.rows < 1 || picture->area.cols < 2)
        return;
    bool moved = !same_rect(place->wanted.area, picture->area);
    canvas_claim(p->canvas, picture->area);
    place->mentioned = true;
    place->full = place->full || moved;
    if (moved || (place->wanted.frame && !same_size(place->wanted.frame, picture->frame))) {
        place->drop = true; /* it lies elsewhere, maybe still inside the new area */
        if (p->ready.place == number)
            give_up_ready(p);
    }
    if (moved || place->wanted.frame != picture->frame) {
        place->stale = true;
        place->changed_ms = p->now_ms;
    }
    struct painter_picture before = place->wanted;
    hold_picture(&place->wanted, picture);
    drop_picture(&before);
}

/* Takes a picture off the screen. Its neighbours on the same rows are drawn over as well. */
static void uncover(struct painter *p, struct place *place, struct strbuf *out)
{
    struct rect r = place->covered;
    if (r.rows == 0)
        return;
    if (p->entry && p->entry->remove && p->ready.sent > 0)
        give_up_ready(p); /* kitty takes nothing else between the pieces of a picture */
    remove_picture(p, place, out);
    if (p->entry == &graphics_sixel_entry && !p->passage.on)
        write_spaces(r, out);
    canvas_blank(p->canvas, r);
    place->covered = (struct rect){0};
    place->full = true;
    for (int i = 0; i < PAINTER_PLACES; i++) {
        struct place *other = &p->places[i];
        bool meets = other->covered.row < r.row + r.rows &&
                     r.row < other->covered.row + other->covered.rows;
        other->stale = other->stale || (meets && other->wanted.frame);
        other->full = other->full || meets;
    }
}

static bool covers(struct rect outer, struct rect inner)
{
    return inner.row >= outer.row && inner.col >= outer.col &&
           inner.row + inner.rows <= outer.row + outer.rows &&
           inner.col + inner.cols <= outer.col + outer.cols;
}

void painter_end(struct painter *p, struct strbuf *out)
{
    for (int i = 0; i < PAINTER_PLACES; i++) {
        struct place *place = &p->places[i];
        if (!place->mentioned) {
            drop_picture(&place->wanted);
            place->wanted.area = (struct rect){0};
            place->stale = false;
        }
        if (!place->mentioned || place->drop || !covers(place->wanted.area, place->covered))
            uncover(p, place, out);
        place->drop = false;
    }
}

/* --- encoding --- */

/* Colours are chosen from the samples, or from the picture itself. */
static void open_graphics(struct encoding *e)
{
    const struct painter_picture *pic = &e->picture;
    size_t size = (size_t)pic->frame->width * (size_t)pic->frame->height * 3;
    uint8_t *samples = dn_malloc(size * (size_t)(pic->sample_count + 1));
    int count = 0;
    for (int i = 0; i < pic->sample_count; i++)
        if (pic->samples[i]->width == pic->frame->width &&
            pic->samples[i]->height == pic->frame->height)
            memcpy(samples + size * (size_t)count++, pic->samples[i]->rgb24, size);
    if (count == 0)
        memcpy(samples + size * (size_t)count++, pic->frame->rgb24, size);
    struct graphics_caps caps = e->caps;
    caps.cols = pic->area.cols;
    caps.rows = pic->area.rows + 2; /* the ways leave two rows free, for use without a screen */
    caps.quality = e->level; /* the last level is half blocks */
    e->graphics = graphics_open(e->entry, &caps, pic->frame->width, pic->frame->height, samples,
                                count);
    free(samples);
}

static void encode(void *data)
{
    struct encoding *e = data;
    struct dn_error err;
    if (!e->graphics)
        open_graphics(e);
    struct graphics *g = e->graphics;
    if (!g)
        return;
    g->number = e->place;
    g->turn = e->turn;
    const struct rect *area = &e->picture.area;
    g->row = area->row + (e->picture.corner ? 0 : (area->rows - g->rows) / 2) + 1;
    g->col = area->col + (e->picture.corner ? 0 : (area->cols - g->cols) / 2) + 1;
    g->piece = e->piece;
    g->budget = e->budget;
    int near = g->near; /* what the line can take is known for when it moves again */
    g->near = e->sharp ? 0 : near;
    e->ok = graphics_encode(g, e->picture.frame->rgb24, &e->bytes, &err);
    g->near = e->sharp ? near : g->near;
}

static void encoded(void *data, bool dropped)
{
    struct encoding *e = data;
    struct painter *p = e->painter;
    if (!dropped) {
        struct place *place = &p->places[e->place];
        p->encoding = false;
        place->graphics = e->graphics;
        bool fits = same_rect(place->wanted.area, e->picture.area) && place->wanted.frame &&
                    same_size(place->wanted.frame, e->picture.frame) &&
                    (e->sharp || e->level == p->level);
        place->sharp = e->sharp || !e->ok || e->graphics->exact;
        place->full = place->full || !(e->ok && fits);
        place->stale = place->stale || (place->wanted.frame && !fits);
        if (e->ok && fits) {
            p->ready = (struct ready){
                .bytes = e->bytes, .cuts = e->graphics->cuts, .place = e->place, .sharp = e->sharp,
                .text = e->entry != &graphics_sixel_entry,
                .passed = e->graphics->passed,
                .covered = {e->graphics->row - 1, e->graphics->col - 1, e->graphics->rows,
                            e->graphics->cols}};
            e->bytes = (struct strbuf){0};
            e->graphics->cuts = (struct graphics_cuts){0};
        }
    } else {
        graphics_close(e->graphics);
    }
    drop_picture(&e->picture);
    strbuf_done(&e->bytes);
    free(e);
}

static void start_encoding(struct painter *p, int number, bool sharp)
{
    struct place *place = &p->places[number];
    struct frame *f = place->wanted.frame;
    struct encoding *e = dn_calloc(1, sizeof *e);
    bool fits = same_rect(place->graphics_area, place->wanted.area) &&
                place->graphics_clip == place->wanted.clip && place->graphics_width == f->width &&
                place->graphics_height == f->height && place->level == (sharp ? 0 : p->level);
    if (!fits) {
        graphics_close(place->graphics);
        place->graphics = NULL;
    }
    e->painter = p;
    e->place = number;
    e->turn = place->turn;
    e->graphics = place->graphics;
    e->caps = p->caps;
    e->sharp = sharp;
    e->level = place->level = sharp ? 0 : p->level;
    e->entry = e->level + 1 < LEVELS ? p->entry : &graphics_blocks_entry;
    e->budget = sharp ? 0 : p->budget;
    e->piece = p->silent ? 0 : flow_piece_bytes(&p->flow);
    if (p->passage.on && (e->piece == 0 || e->piece > PASSED))
        e->piece = PASSED;
    int64_t full_ms = p->budget < MOST_BUDGET ? SLOW_FULL_MS : FULL_MS;
    if (place->graphics && (place->full || sharp || p->now_ms >= place->full_ms + full_ms))
        place->graphics->full = true;
    if (!place->graphics || place->graphics->full)
        place->full_ms = p->now_ms;
    place->full = false;
    hold_picture(&e->picture, &place->wanted);
    place->graphics = NULL;
    place->graphics_area = place->wanted.area;
    place->graphics_clip = place->wanted.clip;
    place->graphics_width = f->width;
    place->graphics_height = f->height;
    place->stale = false;
    p->encoding = true;
    p->next = (number + 1) % PAINTER_PLACES;
    tasks_add(p->tasks, LANE_PAINT, (struct task){encode, encoded, e});
}

/* --- sending --- */

/* The bytes of a piece, where it belongs. */
static void put_piece(struct painter *p, const char *bytes, size_t size, struct strbuf *out)
{
    const struct rect *at = &p->ready.covered;
    struct strbuf inner = {0};
    if (p->passage.on && !p->ready.text) { /* tmux puts cursor and region right behind it */
        strbuf_printf(&inner, "\033[r\033[%d;%dH", p->passage.row + at->row + 1,
                      p->passage.col + at->col + 1);
        strbuf_append(&inner, bytes, size);
        tmux_wrap(out, inner.data, inner.length);
        p->passed += (int64_t)inner.length;
        strbuf_done(&inner);
        return;
    }
    strbuf_append_text(out, "\0337");
    strbuf_append_text(out, p->caps.sync ? probe_sync() : "");
    /* foot keeps ncurses' scroll region of before when its window grows */
    strbuf_printf(out, "\033[r\033[%d;%dH", at->row + 1, at->col + 1);
    strbuf_append(out, bytes, size);
    strbuf_append_text(out, p->caps.sync ? "\0338\033[?2026l" : "\0338");
}

/* Sends the next piece of the picture, in its place, with its question. */
static void send_piece(struct painter *p, int64_t now_ms, struct strbuf *out)
{
    struct ready *r = &p->ready;
    const struct graphics_cuts *cuts = &r->cuts;
    size_t start = r->sent ? cuts->at[r->sent - 1] : 0, before = out->length;
    bool cursor = canvas_cursor_shown(p->canvas), last = r->sent + 1 == cuts->count;
    if (r->sent == 0) {
        if (p->broken) /* kitty would take this one for the rest of that one */
            remove_picture(p, &p->places[r->place], out);
        p->broken = false;
        p->places[r->place].covered = r->covered;
        r->began_ms = now_ms;
    }
    /* the cursor would be seen where the picture begins */
    strbuf_append_text(out, cursor ? "\033[?25l" : "");
    put_piece(p, r->bytes.data + start, cuts->at[r->sent] - start, out);
    strbuf_append_text(out, probe_acknowledge());
    strbuf_append_text(out, cursor ? "\033[?25h" : "");
    struct flow_piece *piece = flow_sent(&p->flow, out->length - before, now_ms);
    if (last) {
        p->passed += (int64_t)r->passed;
        piece->began_ms = r->began_ms;
        piece->whole = r->sharp ? 0 : r->bytes.length;
        p->places[r->place].turn ^= 1;
        drop_ready(p);
        p->room = false;
        p->room_ms = now_ms;
    }
    else {
        r->sent++;
    }
}

/* Pictures begun and not answered to their end. */
static int pictures_out(const struct painter *p)
{
    int out = p->ready.sent > 0;
    for (int i = 0; i < p->flow.count; i++)
        out += p->flow.pieces[i].began_ms >= 0;
    return out;
}

static bool may_send(const struct painter *p, int64_t now_ms)
{
    const struct ready *r = &p->ready;
    if (p->passage.on && (!p->passage.open || (r->sent == 0 && !p->room)))
        return false;
    if (p->silent)
        return r->sent > 0 || now_ms >= p->flow.last_sent_ms + STILL_MS;
    size_t start = r->sent ? r->cuts.at[r->sent - 1] : 0;
    return (r->sent > 0 || pictures_out(p) < PICTURES_OUT) &&
           flow_may_send(&p->flow, r->cuts.at[r->sent] - start);
}

/* False: the screen must be drawn first. */
static bool send_ready(struct painter *p, int64_t now_ms, struct strbuf *out)
{
    if (p->ready.place >= 0 && p->flow.count == 0 && may_send(p, now_ms)) {
        strbuf_append_text(out, probe_acknowledge()); /* alone: how long is the way? */
        flow_sent(&p->flow, strlen(probe_acknowledge()), now_ms);
    }
    while (p->ready.place >= 0 && may_send(p, now_ms)) {
        struct place *place = &p->places[p->ready.place];
        bool late = p->ready.sharp && place->stale; /* it moves again */
        if (late || !place->wanted.frame || !covers(place->wanted.area, p->ready.covered)) {
            give_up_ready(p);
        } else if (p->ready.sent == 0 && place->covered.rows > 0 &&
                   !covers(p->ready.covered, place->covered)) {
            place->drop = true; /* it was a larger one */
            return false;
        } else {
            send_piece(p, now_ms, out);
        }
    }
    return true;
}

/* When the picture there is to be sent once more, -1 = never. */
static int64_t sharp_due(const struct place *place)
{
    bool still = place->wanted.frame && !place->stale && !place->sharp;
    return still ? place->changed_ms + SHARP_MS : -1;
}

/* A picture waits for tmux's terminal. */
static bool wants_room(const struct painter *p)
{
    return p->passage.open && !p->room && p->ready.place >= 0;
}

bool painter_pump(struct painter *p, int64_t now_ms, struct strbuf *out)
{
    p->now_ms = now_ms;
    if (wants_room(p) && now_ms >= p->room_ms) {
        p->room = tmux_has_room(p->passage.tty);
        p->room_ms = now_ms + ROOM_MS;
    }
    if (p->flow.count > 0 && now_ms >= p->flow.last_sent_ms + ANSWER_MS) {
        p->silent = true;
        flow_forget(&p->flow);
    }
    if (!send_ready(p, now_ms, out))
        return true;
    if (p->encoding || p->ready.place >= 0 || !p->entry)
        return false;
    for (int i = 0; i < 2 * PAINTER_PLACES; i++) {
        int number = (p->next + i) % PAINTER_PLACES;
        const struct place *place = &p->places[number];
        int64_t due = sharp_due(place);
        bool sharpen = i >= PAINTER_PLACES; /* when nothing else is to be done */
        if (sharpen ? due >= 0 && now_ms >= due : place->stale && place->wanted.frame) {
            start_encoding(p, number, sharpen);
            return false;
        }
    }
    return false;
}

/* Another quality: everything is made anew, and what is shown goes when the screen is drawn next. */
static void set_level(struct painter *p, int level, int64_t now_ms)
{
    bool blocks = graphics_blocks_entry.supported(&p->caps);
    if (level < 0 || level >= LEVELS - !blocks || p->entry == &graphics_blocks_entry)
        return;
    p->level = level;
    p->level_ms = now_ms;
    p->late = 0;
    for (int i = 0; i < PAINTER_PLACES; i++) {
        p->places[i].graphics_area = (struct rect){0};
        p->places[i].wanted.area = (struct rect){0}; /* counts as moved */
        p->places[i].drop = true;
    }
}

/* A picture is there to its end. How long did the line have it, and was that too long? */
static void judge(struct painter *p, const struct flow_piece *last, int64_t now_ms)
{
    int64_t from = last->began_ms + p->flow.way_ms;
    int64_t took = now_ms - (from > p->picture_ms ? from : p->picture_ms);
    p->picture_ms = now_ms;
    if (last->whole == 0)
        return;
    if (took > GOAL_MS)
        p->budget = (size_t)((int64_t)last->whole * GOAL_MS / took) + LEAST_BUDGET;
    else if (p->budget < MOST_BUDGET)
        p->budget += p->budget / 4;
    if (took > LATE_MS) {
        p->level_ms = now_ms;
        p->late += took > 4 * GOAL_MS ? LATE_ANSWERS / 2 : 1;
        if (p->late >= LATE_ANSWERS)
            set_level(p, p->level + 1, now_ms);
        return;
    }
    p->late = 0;
    if (p->level > 0 && now_ms > p->level_ms + QUICK_MS && took * SPARE <= GOAL_MS)
        set_level(p, p->level - 1, now_ms);
}

bool painter_acknowledge(struct painter *p, int count, int64_t now_ms)
{
    int before = p->level;
    struct flow_piece piece;
    p->silent = false;
    while (count-- > 0 && flow_answered(&p->flow, now_ms, &piece))
        if (piece.began_ms >= 0)
            judge(p, &piece, now_ms);
    return p->level != before;
}

bool painter_has_work(const struct painter *p)
{
    if (p->ready.place >= 0)
        return may_send(p, p->now_ms);
    for (int i = 0; i < PAINTER_PLACES && p->entry && !p->encoding; i++)
        if (p->places[i].stale && p->places[i].wanted.frame)
            return true;
    return false;
}

int64_t painter_due(const struct painter *p)
{
    if (wants_room(p))
        return p->room_ms;
    if (p->ready.place >= 0 && p->silent && (p->passage.open || !p->passage.on))
        return p->flow.last_sent_ms + STILL_MS;
    int64_t due = p->flow.count > 0 ? p->flow.last_sent_ms + ANSWER_MS : -1;
    bool idle = p->entry && !p->encoding && p->ready.place < 0;
    for (int i = 0; i < PAINTER_PLACES && idle; i++) {
        int64_t sharp = sharp_due(&p->places[i]);
        due = sharp >= 0 && (due < 0 || sharp < due) ? sharp : due;
    }
    return due;
}
