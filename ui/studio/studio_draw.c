/* studio_draw: the bars round a screen, the screen, the dialogs over it. */
#include <stdio.h>
#include <string.h>

#include "ui/studio/studio_internal.h"

bool studio_area(const struct studio *s, struct rect *area)
{
    int rows = canvas_rows(s->canvas), cols = canvas_cols(s->canvas);
    *area = (struct rect){1, 0, rows - 2, cols};
    return rows >= MIN_ROWS && cols >= MIN_COLS;
}

/* --- top --- */

/* Columns from which on there is room for our name and long words, and for blanks between names. */
enum { WIDE_BAR = 100, NARROW_BAR = 76 };

/* What the engine does, in a few words; returns how that feels. */
static enum role engine_words(const struct studio *s, char *out, size_t size)
{
    const struct link_job *jobs;
    size_t count;
    int running = 0, waiting = 0;
    bool wide = canvas_cols(s->canvas) >= WIDE_BAR;
    char wait[32];
    if (link_state(s->link) == LINK_STARTING) {
        snprintf(out, size, wide ? "starting the engine" : "engine starts");
        return ROLE_BAR_WARN;
    }
    if (link_state(s->link) == LINK_LOST) {
        snprintf(out, size, "no engine");
        return ROLE_BAR_BAD;
    }
    jobs = link_jobs(s->link, &count);
    for (size_t i = 0; i < count; i++) {
        running += jobs[i].state == JOB_RUNNING;
        waiting += jobs[i].state == JOB_QUEUED;
    }
    snprintf(wait, sizeof wait, "%d wait%s", waiting, waiting == 1 ? "s" : "");
    if (link_queue_paused(s->link)) {
        snprintf(out, size, wide ? "queue paused, %s" : "paused, %s", wait);
        return ROLE_BAR_WARN;
    }
    if (running && waiting)
        snprintf(out, size, "making %d, %s", running, wait);
    else if (running)
        snprintf(out, size, "making a clip");
    else
        snprintf(out, size, "%s", waiting ? wait : "engine ready");
    return running ? ROLE_BAR_SIGN : ROLE_BAR_GOOD;
}

/* The same columns whatever is on and whatever the engine says. */
void studio_bar_name(const struct studio *s, int number, int *col, int *cols)
{
    int width = canvas_cols(s->canvas), gap = width < NARROW_BAR ? 1 : 2;
    *col = width < WIDE_BAR ? 1 : 9;
    for (int i = 0; i <= number; i++) {
        *col += i ? *cols + gap : 0;
        *cols = (int)strlen(screen_table[i]->title) + 2;
    }
}

static void draw_top(struct studio *s)
{
    struct canvas *c = s->canvas;
    int cols = canvas_cols(c), end = 1, col, width;
    char words[96];
    canvas_fill(c, (struct rect){0, 0, 1, cols}, ROLE_BAR);
    for (int i = 0; i < SCREEN_FULL_COUNT; i++) {
        bool on = studio_main(s) == screen_table[i];
        studio_bar_name(s, i, &col, &width);
        if (i == 0 && col > 8)
            canvas_text(c, 0, 1, 8, ROLE_BAR, "danaus");
        canvas_printf(c, 0, col, width, on ? ROLE_BAR_ON : ROLE_BAR, "%d %s", i + 1,
                      screen_table[i]->title);
        end = col + width + 2;
    }
    enum role role = engine_words(s, words, sizeof words);
    width = canvas_width(c, words, strlen(words));
    if (end + width + 2 < cols) {
        bool wrong = role == ROLE_BAR_WARN || role == ROLE_BAR_BAD;
        canvas_symbol(c, 0, cols - width - 3, role, SYMBOL_DOT);
        canvas_text(c, 0, cols - width - 1, width, wrong ? role : ROLE_BAR, words);
    }
}

/* --- bottom --- */

static const struct action *find_action(const struct screen *screen, bool text, const char *name)
{
    const struct action *tables[] = {screen->actions, text ? editor_actions : NULL, global_actions};
    const struct action *a = NULL;
    for (int i = 0; i < 3 && !a; i++)
        a = tables[i] ? action_named(tables[i], name, strcspn(name, ":")) : NULL;
    return a;
}

/* The first of its keys that works now. */
static void hint_key(const struct studio *s, const struct action *a, bool text, char *out, size_t size)
{
    char all[128];
    keymap_keys_text(s->options->keys, a, all, sizeof all);
    char *key = all;
    for (char *comma; text && (comma = strstr(key, ", ")) && comma - key == 1;)
        key = comma + 2; /* a character is typed here, the next one may be no character */
    char *end = strstr(key, ", ");
    if (end)
        *end = '\0';
    snprintf(out, size, "%s", key);
}

void studio_draw_keys(struct studio *s, enum screen_number number, struct rect line,
                      const char *const *names)
{
    struct canvas *c = s->canvas;
    const struct screen *screen = screen_table[number];
    bool text = screen->editor && screen->editor(s);
    int row = line.row, col = line.col, end = line.col + line.cols;
    for (int i = 0; names[i]; i++) {
        const struct action *a = find_action(screen, text, names[i]);
        char key[128];
        if (!a)
            continue;
        hint_key(s, a, text, key, sizeof key);
        const char *word = strchr(names[i], ':') ? strchr(names[i], ':') + 1 : a->name;
        int width = canvas_width(c, key, strlen(key)) + 1 + canvas_width(c, word, strlen(word));
        if (!key[0] || col + width > end)
            continue;
        col += canvas_text(c, row, col, end - col, ROLE_KEY, key) + 1;
        col += canvas_text(c, row, col, end - col, ROLE_DIM, word) + 2;
    }
}

static void draw_hints(struct studio *s, int row)
{
    studio_draw_keys(s, studio_top(s)->number, (struct rect){row, 1, 1, canvas_cols(s->canvas) - 2},
                     studio_top(s)->hint(s));
}

static void draw_bottom(struct studio *s)
{
    int row = canvas_rows(s->canvas) - 1;
    if (s->notice[0])
        canvas_text(s->canvas, row, 1, canvas_cols(s->canvas) - 2, s->notice_role, s->notice);
    else if (studio_top(s)->hint)
        draw_hints(s, row);
}

/* --- dialogs --- */

/* What would be left of a line beside the box is no line any more. */
void studio_draw_dialog(struct studio *s, struct rect box, const char *title)
{
    enum { LEAST = 10 };
    int cols = canvas_cols(s->canvas), right = cols - box.col - box.cols;
    int from = box.col < LEAST ? 0 : box.col - 1;
    int to = right < LEAST ? cols : box.col + box.cols + 1;
    canvas_fill(s->canvas, (struct rect){box.row, from, box.rows, to - from}, ROLE_TEXT);
    canvas_box(s->canvas, box, title, true);
}

/* --- all --- */

static void draw_too_small(struct studio *s)
{
    struct canvas *c = s->canvas;
    int row = canvas_rows(c) / 2, cols = canvas_cols(c);
    const char *times = canvas_symbol_text(c, SYMBOL_TIMES);
    char text[2][64];
    snprintf(text[0], sizeof text[0], "%d%s%d is too small", cols, times, canvas_rows(c));
    snprintf(text[1], sizeof text[1], "danaus likes %d%s%d", MIN_COLS, times, MIN_ROWS);
    for (int i = 0; i < 2; i++) {
        int width = canvas_width(c, text[i], strlen(text[i]));
        canvas_text(c, row > 0 ? row - 1 + i : i, width < cols ? (cols - width) / 2 : 0, cols,
                    i ? ROLE_DIM : ROLE_TEXT, text[i]);
    }
}

void studio_draw_screens(struct studio *s)
{
    struct rect area;
    if (!studio_area(s, &area)) {
        draw_too_small(s);
        return;
    }
    draw_top(s);
    for (int i = 0; i < s->depth; i++) {
        bool covered = false;
        for (int above = i + 1; above < s->depth; above++)
            covered = covered || !s->stack[above]->small;
        painter_hide(s->painter, covered);
        canvas_cursor(s->canvas, -1, -1); /* of the text below nothing is typed now */
        if (i > 0 && !s->stack[i]->small)
            canvas_repaint(s->canvas, area, ROLE_BEHIND);
        if (s->stack[i]->draw)
            s->stack[i]->draw(s, area);
    }
    if (studio_top(s)->number != DIALOG_COMMAND)
        draw_bottom(s);
}
