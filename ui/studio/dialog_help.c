/* dialog_help: keys and commands that work now, from the tables; typing narrows the list. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/studio/clip_text.h"

struct help {
    struct editor filter;
    const struct screen *about; /* the screen it was asked on */
    bool about_text;            /* text was typed there */
    int first;
    int shown; /* rows at the last drawing */
};

static struct help *get(struct studio *s)
{
    return s->state[DIALOG_HELP];
}

static void *help_open(struct studio *s)
{
    struct help *h = dn_calloc(1, sizeof *h);
    (void)s;
    h->filter.one_line = true;
    return h;
}

static void help_close(struct studio *s)
{
    editor_done(&get(s)->filter);
    free(get(s));
}

static void help_enter(struct studio *s)
{
    struct help *h = get(s);
    h->about = s->stack[s->depth - 2];
    h->about_text = h->about->editor && h->about->editor(s);
    h->first = 0;
    editor_set(&h->filter, "");
}

static struct editor *help_editor(struct studio *s)
{
    return &get(s)->filter;
}

static bool matches(const struct action *a, const char *keys, const char *filter)
{
    return strcasestr(a->name, filter) || strcasestr(a->help, filter) || strcasestr(keys, filter);
}

static int help_columns(struct rect r)
{
    return r.cols >= 150 ? 2 : 1;
}

/* Where row number of the list is; false: out of sight. A wide window has two columns of rows. */
static bool find_line(struct rect r, int row, struct rect *out)
{
    int columns = help_columns(r);
    if (row < 0 || row >= columns * r.rows)
        return false;
    int cols = r.cols / columns;
    *out = (struct rect){r.row + row % r.rows, r.col + row / r.rows * cols, 1, cols - (columns > 1)};
    return true;
}

/* What is left of text behind its next line of cols columns, which is drawn if
 * there is a place for it. */
static const char *draw_part(struct studio *s, const struct rect *line, int col, int cols, enum role role,
                             const char *text)
{
    size_t length = clip_line_length(s->canvas, text, cols);
    length = length ? length : strlen(text);
    if (line && length)
        canvas_bytes(s->canvas, line->row, line->col + col, cols, role, text, length);
    return text + length + strspn(text + length, " ");
}

/* Keys, and what they do, over as many rows as that takes, as far as they are in sight. */
static void draw_row(struct studio *s, struct rect r, int *row, const char *keys, const char *name,
                     const char *help)
{
    int cols = r.cols / help_columns(r);
    /* in a narrow window what it does goes before what it is called */
    int keys_cols = cols > 90 ? 26 : 20, name_cols = cols > 90 ? 22 : cols > 72 ? 17 : 0;
    int before = 1 + keys_cols + name_cols;
    for (bool first = true; first || *keys || *help; first = false, ++*row) {
        struct rect place, *line = find_line(r, *row, &place) ? &place : NULL;
        keys = draw_part(s, line, 1, keys_cols - 1, ROLE_KEY, keys);
        if (first && line)
            canvas_text(s->canvas, line->row, line->col + 1 + keys_cols, name_cols - 1, ROLE_DIM, name);
        help = draw_part(s, line, before, cols - before - 1, ROLE_TEXT, help);
    }
}

static void draw_title(struct studio *s, struct rect r, const char *title, bool *titled, int *row)
{
    struct rect line;
    if (*titled)
        return;
    if (find_line(r, *row, &line))
        canvas_text(s->canvas, line.row, line.col, line.cols, ROLE_TITLE, title);
    ++*row;
    *titled = true;
}

/* The user's keys that do more than one action. */
static void draw_special(struct studio *s, struct rect r, const char *title,
                         const struct action *table, bool *titled, int *row)
{
    const struct keymap *m = s->options->keys;
    const char *filter = editor_text(&get(s)->filter);
    for (size_t i = 0; i < m->count; i++) {
        const struct binding *b = &m->rows[i];
        char keys[80], commands[256];
        if (b->table != table || !b->action || !binding_is_special(b))
            continue;
        binding_keys_text(b, keys, sizeof keys);
        binding_commands_text(b, commands, sizeof commands);
        if (!strcasestr(keys, filter) && !strcasestr(commands, filter))
            continue;
        draw_title(s, r, title, titled, row);
        draw_row(s, r, row, keys, "", commands);
    }
}

/* One table; *row goes from -h->first on. */
static void draw_table(struct studio *s, struct rect r, const char *title,
                       const struct action *table, int *row)
{
    struct help *h = get(s);
    const char *filter = editor_text(&h->filter);
    bool titled = false;
    for (const struct action *a = table; a && a->name; a++) {
        char keys[128], name[64];
        keymap_keys_text(s->options->keys, a, keys, sizeof keys);
        if (!matches(a, keys, filter))
            continue;
        draw_title(s, r, title, &titled, row);
        snprintf(name, sizeof name, ":%s", a->name);
        draw_row(s, r, row, keys, name, a->help);
    }
    draw_special(s, r, title, table, &titled, row);
    *row += titled;
}

enum { PARTS = 3 };
struct part {
    const char *title;
    const struct action *table;
};

/* The part that begins the second column, so that both are about as long; 0: they are one list. */
static int second_column(struct studio *s, struct rect r, const struct part *parts)
{
    enum { BELOW = 1 << 20 }; /* where nothing is in sight */
    int rows[PARTS], total = 0, best = 0, before = 0, most = r.rows + 1; /* a blank one ends each */
    for (int i = 0; i < PARTS; i++) {
        int row = BELOW;
        draw_table(s, r, parts[i].title, parts[i].table, &row);
        rows[i] = row - BELOW;
        total += rows[i];
    }
    for (int i = 1; help_columns(r) == 2 && total > most && i < PARTS; i++) {
        before += rows[i - 1];
        int longer = before > total - before ? before : total - before;
        if (longer <= most) {
            most = longer;
            best = i;
        }
    }
    if (best)
        get(s)->first = 0;
    return best;
}

static void help_draw(struct studio *s, struct rect area)
{
    struct help *h = get(s);
    struct rect box = {area.row, area.col, area.rows, area.cols};
    studio_draw_dialog(s, box, "Help");
    struct rect r = canvas_inside(box);
    int used = canvas_text(s->canvas, r.row, r.col + 1, 12, ROLE_DIM, "find");
    editor_draw(&h->filter, s->canvas, (struct rect){r.row, r.col + 2 + used, 1, r.cols - used - 4},
                true, "type to narrow the list; Up and Down scroll; Esc closes");
    struct rect list = {r.row + 2, r.col + 1, r.rows - 2, r.cols - 2};
    struct part parts[PARTS] = {{h->about->title, h->about->actions},
                                {"Everywhere", global_actions},
                                {"While text is typed", editor_actions}};
    if (h->about_text) { /* that comes first, then */
        struct part everywhere = parts[1];
        parts[1] = parts[2];
        parts[2] = everywhere;
    }
    int second = second_column(s, list, parts), row = -h->first;
    for (int i = 0; i < PARTS; i++) {
        row = second && i == second ? list.rows : row;
        draw_table(s, list, parts[i].title, parts[i].table, &row);
    }
    int total = row + h->first - 1;
    h->shown = list.rows * help_columns(list);
    if (h->first > 0 && h->first > total - h->shown)
        h->first = total > h->shown ? total - h->shown : 0;
}

static void scroll(struct studio *s, int by)
{
    struct help *h = get(s);
    h->first = h->first + by < 0 ? 0 : h->first + by; /* the end is found when drawing */
}

static void do_up(struct studio *s, const char *argument)
{
    (void)argument;
    scroll(s, -1);
}

static void do_down(struct studio *s, const char *argument)
{
    (void)argument;
    scroll(s, 1);
}

static void do_page_up(struct studio *s, const char *argument)
{
    (void)argument;
    scroll(s, -get(s)->shown + 1);
}

static void do_page_down(struct studio *s, const char *argument)
{
    (void)argument;
    scroll(s, get(s)->shown - 1);
}

static void help_click(struct studio *s, const struct input_event *event)
{
    if (event->button == BUTTON_WHEEL_UP)
        scroll(s, -3);
    else if (event->button == BUTTON_WHEEL_DOWN)
        scroll(s, 3);
}

static void do_close(struct studio *s, const char *argument)
{
    (void)argument;
    studio_close_dialog(s);
}

static const struct action help_actions[] = {
    {"scroll-up", "Up", WHERE_ANY, NULL, "one line up", do_up},
    {"scroll-down", "Down", WHERE_ANY, NULL, "one line down", do_down},
    {"page-up", "PgUp", WHERE_ANY, NULL, "one page up", do_page_up},
    {"page-down", "PgDn", WHERE_ANY, NULL, "one page down", do_page_down},
    {"close", "Esc Enter F12", WHERE_ANY, NULL, "close the help", do_close},
    {0},
};

const struct screen dialog_help_entry = {
    .number = DIALOG_HELP,
    .name = "help",
    .title = "Help",
    .actions = help_actions,
    .open = help_open,
    .close = help_close,
    .enter = help_enter,
    .draw = help_draw,
    .editor = help_editor,
    .click = help_click,
};
