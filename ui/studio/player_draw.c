/* player_draw: the player on the screen: pictures, the bar to scrub on, and where it stands. */
#include <stdio.h>
#include <string.h>

#include "ui/studio/clip_text.h"
#include "ui/studio/player.h"

static void draw_side(struct studio *s, struct player_side *side, int place, struct rect box, bool focused)
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
    struct player *p = player_get(s);
    const struct player_side *side = &p->sides[0];
    int64_t count = side->playback.count > 1 ? side->playback.count - 1 : 1;
    p->bar = r;
    for (int i = 0; i < r.cols; i++)
        canvas_symbol(s->canvas, r.row, r.col + i, ROLE_BORDER, SYMBOL_LINE);
    int head = (int)(side->playback.at * (r.cols - 1) / count);
    for (int i = 0; i < head; i++)
        canvas_symbol(s->canvas, r.row, r.col + i, ROLE_ACCENT, SYMBOL_LINE);
    for (int64_t n = 1; side_chunk_start(side, n) < side->playback.count && n < r.cols; n++)
        canvas_symbol(s->canvas, r.row, r.col + (int)(side_chunk_start(side, n) * (r.cols - 1) / count),
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
    struct player *p = player_get(s);
    const struct player_side *side = &p->sides[0];
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
                         (long long)side_chunk_at(side, b->at) + 1, (long long)side_chunk_count(side)) + 2;
    col += canvas_printf(c, row, col, end - col, ROLE_DIM, "%gx  %s", b->speed, loops[b->loop]) + 2;
    if (p->compare)
        canvas_printf(c, row, col, end - col, ROLE_DIM, "%s",
                      p->flipped ? "B alone" : "A and B together");
}

void player_draw(struct studio *s, struct rect area)
{
    struct player *p = player_get(s);
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
