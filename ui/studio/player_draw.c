/* player_draw: the player on the screen: one picture or up to four, the bar to scrub on, and where it
 * stands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/prompt_changes.h"
#include "ui/studio/clip_text.h"
#include "ui/studio/player.h"
#include "ui/studio/player_zoom.h"

static void side_title(const struct player *p, int number, bool label, char *out, size_t size)
{
    const struct player_side *side = &p->sides[number];
    int64_t at = player_frame_of(p, side, p->clock.at);
    bool ended = side->playback.count > 0 && at >= side->playback.count;
    if (p->count < 2) {
        size_t length;
        const char *prompt = side_prompt_at(side, at, &length);
        snprintf(out, size, "#%lld  %.*s", (long long)side->clip.id, (int)length, prompt);
    } else {
        snprintf(out, size, "%c  #%lld%s%s%s", 'A' + number, (long long)side->clip.id,
                 ended ? "  ended" : "", label ? "  " : "", label ? side->label : "");
    }
}

/* The picture, or why there is none. */
static void draw_picture(struct studio *s, int number, struct rect r)
{
    struct player *p = player_get(s);
    struct player_side *side = &p->sides[number];
    struct playback *b = &side->playback;
    struct painter_picture picture = {.area = r, .frame = playback_frame(b),
                                      .clip = (uint64_t)side->clip.id << 2 | 1};
    const char *text = side->loading ? "reading the video" : side->why;
    if (picture.frame && painter_way(s->painter)) {
        picture.sample_count = playback_samples(b, picture.samples, PAINTER_SAMPLES);
        if (p->natural) {
            picture.clip |= 2;
            player_zoom(s, side, &picture);
        }
        painter_place(s->painter, number, &picture);
        return;
    }
    if (!text[0] && !painter_way(s->painter) && !s->answer_by_ms)
        text = "This terminal shows no pictures; o exports the clip as a file.";
    int width = canvas_width(s->canvas, text, strlen(text));
    canvas_text(s->canvas, r.row + r.rows / 2, r.col + (width < r.cols ? (r.cols - width) / 2 : 0),
                r.cols, ROLE_DIM, text);
}

/* What tells it from the others stands below the picture, in the title where rows are few. */
static void draw_side(struct studio *s, int number, struct rect box)
{
    struct player *p = player_get(s);
    struct rect r = canvas_inside(box);
    int label = p->count < 2 || box.rows < 8 ? 0 : box.rows < 14 ? 1 : 2;
    char title[512];
    side_title(p, number, label == 0, title, sizeof title);
    canvas_box(s->canvas, box, title, number == p->at);
    r.rows -= label;
    if (label)
        clip_draw_wrapped(s, (struct rect){r.row + r.rows, r.col + 1, label, r.cols - 2}, ROLE_DIM,
                          p->sides[number].label);
    draw_picture(s, number, r);
}

/* Where another prompt begins. */
static void draw_changes(struct studio *s, struct rect r, int64_t count)
{
    struct player *p = player_get(s);
    const struct player_side *side = player_side(p);
    const char *text = side->changes ? side->changes : "";
    struct prompt_change c;
    while (prompt_changes_next(&text, &c) &&
           side_chunk_start(side, c.chunk) < side->playback.count) {
        int64_t tick = player_tick_of(p, side, side_chunk_start(side, c.chunk));
        canvas_symbol(s->canvas, r.row, r.col + (int)(tick * (r.cols - 1) / count), ROLE_ACCENT,
                      SYMBOL_MARK);
    }
}

/* Ticks where chunks of the clip that keys mean begin, its end, marks, and the place shown. */
static void draw_scrub(struct studio *s, struct rect r)
{
    struct player *p = player_get(s);
    const struct player_side *side = player_side(p);
    int64_t count = p->clock.count > 1 ? p->clock.count - 1 : 1;
    p->bar = r;
    for (int i = 0; i < r.cols; i++)
        canvas_symbol(s->canvas, r.row, r.col + i, ROLE_BORDER, SYMBOL_LINE);
    int head = (int)(p->clock.at * (r.cols - 1) / count);
    for (int i = 0; i < head; i++)
        canvas_symbol(s->canvas, r.row, r.col + i, ROLE_ACCENT, SYMBOL_LINE);
    for (int64_t n = 1; side_chunk_start(side, n) < side->playback.count && n < r.cols; n++) {
        int64_t tick = player_tick_of(p, side, side_chunk_start(side, n));
        canvas_symbol(s->canvas, r.row, r.col + (int)(tick * (r.cols - 1) / count), ROLE_DIM,
                      SYMBOL_TICK);
    }
    draw_changes(s, r, count);
    int64_t end = player_tick_of(p, side, side->playback.count);
    if (end > 0 && end < p->clock.count)
        canvas_text(s->canvas, r.row, r.col + (int)(end * (r.cols - 1) / count), 1, ROLE_DIM, "|");
    int64_t marks[] = {p->mark_in, p->mark_out};
    for (int i = 0; i < 2; i++)
        if (marks[i] >= 0 && marks[i] < p->clock.count)
            canvas_text(s->canvas, r.row, r.col + (int)(marks[i] * (r.cols - 1) / count), 1,
                        ROLE_GOOD, i ? "]" : "[");
    canvas_symbol(s->canvas, r.row, r.col + head, ROLE_ACCENT, SYMBOL_HEAD);
}

/* "A and B together", "B alone" */
static void compared_text(const struct player *p, char *out, size_t size)
{
    static const char *const together[] = {"", "", "A and B together", "A, B and C together",
                                           "A to D together"};
    if (p->alone)
        snprintf(out, size, "%c alone", 'A' + p->at);
    else
        snprintf(out, size, "%s", together[p->count]);
}

/* How many pixels of the clip are one of the screen: frames may be kept smaller than they are. */
static void zoom_text(const struct player_side *side, char *out, size_t size)
{
    const struct frame *f = playback_frame(&side->playback);
    int64_t by = f && f->width > 0 ? (side->clip.width + f->width / 2) / f->width : 1;
    snprintf(out, size, "%lld:1", (long long)(by > 1 ? by : 1));
}

static void draw_state(struct studio *s, int row, struct rect area)
{
    static const char *const loops[] = {"loop", "once", "back and forth"};
    struct player *p = player_get(s);
    const struct player_side *side = player_side(p);
    const struct playback *b = &side->playback;
    struct canvas *c = s->canvas;
    int col = area.col + 1, end = area.col + area.cols - 1;
    double fps = b->fps > 0 ? b->fps : 16;
    char text[32];
    col += canvas_symbol(c, row, col, ROLE_ACCENT, p->clock.playing ? SYMBOL_PLAY : SYMBOL_PAUSE) + 1;
    if (p->count > 1)
        col += canvas_printf(c, row, col, end - col, ROLE_ACCENT, "%c", 'A' + p->at) + 1;
    col += canvas_printf(c, row, col, end - col, ROLE_TEXT, "frame %lld/%lld",
                         (long long)b->at + 1, (long long)b->count) + 2;
    col += canvas_printf(c, row, col, end - col, ROLE_DIM, "%.2f of %.2f s", (double)b->at / fps,
                         (double)b->count / fps) + 2;
    col += canvas_printf(c, row, col, end - col, ROLE_TEXT, "chunk %lld/%lld",
                         (long long)side_chunk_at(side, b->at) + 1,
                         (long long)side_chunk_count(side)) + 2;
    col += canvas_printf(c, row, col, end - col, ROLE_DIM, "%gx  %s", p->clock.speed,
                         loops[p->clock.loop]) + 2;
    if (p->natural) {
        zoom_text(side, text, sizeof text);
        col += canvas_text(c, row, col, end - col, ROLE_DIM, text) + 2;
    }
    if (p->count > 1) {
        compared_text(p, text, sizeof text);
        canvas_text(c, row, col, end - col, ROLE_DIM, text);
    }
}

static void draw_details(struct studio *s, struct rect box)
{
    struct player *p = player_get(s);
    const struct clip *clip = &player_side(p)->clip;
    struct catalog *catalog = studio_catalog(s);
    if (p->tags_of != clip->id && catalog) {
        free(p->tags);
        p->tags = clip_tags_text(catalog, clip->id);
        p->tags_of = clip->id;
    }
    canvas_box(s->canvas, box, "Details", false);
    struct rect r = canvas_inside(box);
    r.col++;
    r.cols -= 2;
    clip_draw_facts(s, r, clip, p->tags);
}

/* Side by side, or in two rows; the last place of three is for the details. */
static void draw_sides(struct studio *s, struct rect box)
{
    struct player *p = player_get(s);
    int rows = p->count > 2 ? 2 : 1, half = box.cols / 2, upper = box.rows / rows;
    for (int i = 0; i < 2 * rows; i++) {
        struct rect r = {box.row + i / 2 * upper, box.col + i % 2 * half,
                         i / 2 == rows - 1 ? box.rows - i / 2 * upper : upper,
                         i % 2 ? box.cols - half : half};
        if (i < p->count)
            draw_side(s, i, r);
        else
            draw_details(s, r);
    }
}

void player_draw(struct studio *s, struct rect area)
{
    struct player *p = player_get(s);
    struct rect box = {area.row, area.col, area.rows - 2, area.cols};
    if (p->count == 0) {
        const char *text = "Nothing is finished yet: 1 is the studio.";
        canvas_box(s->canvas, box, "Player", true);
        canvas_text(s->canvas, box.row + box.rows / 2, (box.cols - (int)strlen(text)) / 2, box.cols,
                    ROLE_DIM, text);
        return;
    }
    bool several = p->count > 1 && !p->alone;
    if (p->details && p->count != 3 && area.cols >= (several ? 120 : 76)) {
        int cols = area.cols >= 120 ? 50 : 34;
        box.cols -= cols;
        draw_details(s, (struct rect){box.row, box.col + box.cols, box.rows, cols});
    }
    if (several)
        draw_sides(s, box);
    else
        draw_side(s, p->at, box);
    int row = area.row + area.rows - 2;
    draw_scrub(s, (struct rect){row, area.col + 1, 1, area.cols - 2});
    draw_state(s, row + 1, area);
}
