/* dialog_command: the line behind `:`, with completion and a history of its own. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/studio/studio_internal.h"

enum { REMEMBERED = 50 };

struct command_line {
    struct editor line;
    char *history[REMEMBERED]; /* newest last */
    int count, at;             /* at = count: a new line */
};

static struct command_line *get(struct studio *s)
{
    return s->state[DIALOG_COMMAND];
}

static void *command_open(struct studio *s)
{
    struct command_line *c = dn_calloc(1, sizeof *c);
    (void)s;
    c->line.one_line = true;
    c->line.max = 4096;
    return c;
}

static void command_close(struct studio *s)
{
    struct command_line *c = get(s);
    for (int i = 0; i < c->count; i++)
        free(c->history[i]);
    editor_done(&c->line);
    free(c);
}

static void command_enter(struct studio *s)
{
    get(s)->at = get(s)->count;
    editor_set(&get(s)->line, "");
}

static struct editor *command_editor(struct studio *s)
{
    return &get(s)->line;
}

/* Actions whose names begin like what was typed: the screen's, then everywhere's. */
static int candidates(struct studio *s, const struct action **out, int most)
{
    const struct action *tables[] = {studio_main(s)->actions, global_actions};
    const char *text = editor_text(&get(s)->line);
    size_t length = strcspn(text, " ");
    int count = 0;
    for (int t = 0; t < 2 && !text[length]; t++)
        for (const struct action *a = tables[t]; a && a->name && count < most; a++)
            if (strncmp(a->name, text, length) == 0)
                out[count++] = a;
    return count;
}

static void command_draw(struct studio *s, struct rect area)
{
    struct canvas *c = s->canvas;
    const struct action *found[8];
    int row = area.row + area.rows, cols = canvas_cols(c);
    int count = candidates(s, found, 8);
    canvas_fill(c, (struct rect){row, 0, 1, cols}, ROLE_TEXT);
    canvas_text(c, row, 1, 1, ROLE_KEY, ":");
    editor_draw(&get(s)->line, c, (struct rect){row, 2, 1, cols - 3}, true, NULL);
    int col = 3 + canvas_width(c, editor_text(&get(s)->line), strlen(editor_text(&get(s)->line)));
    if (count == 1) {
        char keys[128];
        keymap_keys_text(s->options->keys, found[0], keys, sizeof keys);
        canvas_printf(c, row, col + 1, cols - col - 2, ROLE_DIM, "%s%s%s%s%s%s",
                      found[0]->argument ? found[0]->argument : "",
                      found[0]->argument ? "  " : "", found[0]->help, keys[0] ? "  (" : "", keys,
                      keys[0] ? ")" : "");
        return;
    }
    for (int i = 0; i < count && col + 3 < cols; i++)
        col += canvas_text(c, row, col + 1, cols - col - 2, ROLE_DIM, found[i]->name) + 1;
}

/* As far as all candidates agree. */
static void do_complete(struct studio *s, const char *argument)
{
    const struct action *found[64];
    int count = candidates(s, found, 64);
    (void)argument;
    if (count == 0)
        return;
    size_t length = strlen(found[0]->name);
    for (int i = 1; i < count; i++)
        while (strncmp(found[0]->name, found[i]->name, length) != 0)
            length--;
    char *text = dn_strndup(found[0]->name, length);
    editor_set(&get(s)->line, text);
    if (count == 1 && found[0]->argument)
        editor_insert(&get(s)->line, " ", 1);
    free(text);
}

static void do_run(struct studio *s, const char *argument)
{
    struct command_line *c = get(s);
    char *line = dn_strdup(editor_text(&c->line));
    (void)argument;
    if (line[0]) {
        if (c->count == REMEMBERED) {
            free(c->history[0]);
            memmove(c->history, c->history + 1, (REMEMBERED - 1) * sizeof c->history[0]);
            c->count--;
        }
        c->history[c->count++] = dn_strdup(line);
    }
    studio_close_dialog(s);
    studio_run_command(s, line);
    free(line);
}

static void walk(struct studio *s, int by)
{
    struct command_line *c = get(s);
    int at = c->at + by;
    if (at < 0 || at > c->count)
        return;
    c->at = at;
    editor_set(&c->line, at < c->count ? c->history[at] : "");
}

static void do_previous(struct studio *s, const char *argument)
{
    (void)argument;
    walk(s, -1);
}

static void do_next(struct studio *s, const char *argument)
{
    (void)argument;
    walk(s, 1);
}

static void do_close(struct studio *s, const char *argument)
{
    (void)argument;
    studio_close_dialog(s);
}

static const struct action command_actions[] = {
    {"run", "Enter", WHERE_ANY, NULL, "do what the line says", do_run},
    {"complete", "Tab", WHERE_ANY, NULL, "complete the name", do_complete},
    {"previous", "Up Ctrl-P", WHERE_ANY, NULL, "an earlier line", do_previous},
    {"next", "Down Ctrl-N", WHERE_ANY, NULL, "a later line", do_next},
    {"close", "Esc Ctrl-C", WHERE_ANY, NULL, "leave it", do_close},
    {0},
};

const struct screen dialog_command_entry = {
    .number = DIALOG_COMMAND,
    .name = "command",
    .title = "Command line",
    .actions = command_actions,
    .small = true,
    .open = command_open,
    .close = command_close,
    .enter = command_enter,
    .draw = command_draw,
    .editor = command_editor,
};
