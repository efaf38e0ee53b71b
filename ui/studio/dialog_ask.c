/* dialog_ask: yes or no, for what cannot be undone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/studio/studio_internal.h"

struct ask {
    char question[512];
    void (*run)(struct studio *s, int64_t data);
    int64_t data;
};

static struct ask *get(struct studio *s)
{
    return s->state[DIALOG_ASK];
}

static void *ask_open(struct studio *s)
{
    (void)s;
    return dn_calloc(1, sizeof(struct ask));
}

static void ask_close(struct studio *s)
{
    free(get(s));
}

void studio_ask(struct studio *s, const char *question, void (*run)(struct studio *s, int64_t data),
                int64_t data)
{
    studio_open_dialog(s, DIALOG_ASK);
    struct ask *a = get(s);
    snprintf(a->question, sizeof a->question, "%s", question);
    a->run = run;
    a->data = data;
}

static void ask_draw(struct studio *s, struct rect area)
{
    struct canvas *c = s->canvas;
    int width = canvas_width(c, get(s)->question, strlen(get(s)->question)) + 6;
    int cols = width < 34 ? 34 : width > area.cols - 4 ? area.cols - 4 : width;
    struct rect box = {area.row + area.rows / 2 - 3, area.col + (area.cols - cols) / 2, 6, cols};
    studio_draw_dialog(s, box, NULL);
    canvas_text(c, box.row + 2, box.col + 3, cols - 6, ROLE_TEXT, get(s)->question);
    studio_draw_keys(s, DIALOG_ASK, (struct rect){box.row + 4, box.col + 3, 1, cols - 6},
                     (const char *const[]){"yes", "no", NULL});
}

static void do_yes(struct studio *s, const char *argument)
{
    struct ask a = *get(s);
    (void)argument;
    studio_close_dialog(s);
    a.run(s, a.data);
}

static void do_no(struct studio *s, const char *argument)
{
    (void)argument;
    studio_close_dialog(s);
}

static const struct action ask_actions[] = {
    {"yes", "y Enter", WHERE_ANY, NULL, "do it", do_yes},
    {"no", "n Esc q Ctrl-C", WHERE_ANY, NULL, "leave it", do_no},
    {0},
};

const struct screen dialog_ask_entry = {
    .number = DIALOG_ASK,
    .name = "ask",
    .title = "Question",
    .actions = ask_actions,
    .open = ask_open,
    .close = ask_close,
    .draw = ask_draw,
};
