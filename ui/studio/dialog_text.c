/* dialog_text: asks for a line or a few of text: a branch's prompt, tags, a note. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ui/studio/studio_internal.h"

struct text_dialog {
    struct editor text;
    struct text_question question;
    char title[160];
};

static struct text_dialog *get(struct studio *s)
{
    return s->state[DIALOG_TEXT];
}

static void *text_open(struct studio *s)
{
    (void)s;
    return dn_calloc(1, sizeof(struct text_dialog));
}

static void text_close(struct studio *s)
{
    editor_done(&get(s)->text);
    free(get(s));
}

void studio_ask_text(struct studio *s, const struct text_question *question)
{
    studio_open_dialog(s, DIALOG_TEXT);
    struct text_dialog *d = get(s);
    d->question = *question;
    snprintf(d->title, sizeof d->title, "%s", question->title);
    d->text.one_line = question->one_line;
    editor_set(&d->text, question->text ? question->text : "");
}

static struct editor *text_editor(struct studio *s)
{
    return &get(s)->text;
}

static void text_draw(struct studio *s, struct rect area)
{
    struct text_dialog *d = get(s);
    int cols = area.cols - 8 > 90 ? 90 : area.cols - 8, rows = d->text.one_line ? 5 : 9;
    struct rect box = {area.row + (area.rows - rows) / 2, area.col + (area.cols - cols) / 2, rows,
                       cols};
    studio_draw_dialog(s, box, d->title);
    struct rect r = {box.row + 1, box.col + 2, rows - 3, cols - 4};
    editor_draw(&d->text, s->canvas, r, true, d->question.empty);
    static const char *const line[] = {"take", "close:leave it as it was", NULL};
    static const char *const lines[] = {"take", "newline:new line", "close:leave it as it was", NULL};
    studio_draw_keys(s, DIALOG_TEXT, (struct rect){box.row + rows - 2, r.col, 1, r.cols},
                     d->text.one_line ? line : lines);
}

static void do_take(struct studio *s, const char *argument)
{
    struct text_dialog *d = get(s);
    char *text = dn_strdup(editor_text(&d->text));
    (void)argument;
    studio_close_dialog(s);
    d->question.run(s, d->question.data, text);
    free(text);
}

static void do_close(struct studio *s, const char *argument)
{
    (void)argument;
    studio_close_dialog(s);
}

static const struct action text_actions[] = {
    {"take", "Enter", WHERE_ANY, NULL, "take what was typed", do_take},
    {"close", "Esc Ctrl-C", WHERE_ANY, NULL, "leave it as it was", do_close},
    {0},
};

const struct screen dialog_text_entry = {
    .number = DIALOG_TEXT,
    .name = "text",
    .title = "Question",
    .actions = text_actions,
    .open = text_open,
    .close = text_close,
    .draw = text_draw,
    .editor = text_editor,
};
