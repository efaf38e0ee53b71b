/* dialog_recall: what a file was made from, and how much of that is wanted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/studio/clip_text.h"
#include "ui/studio/recall_file.h"

struct recall_dialog {
    struct request request;
    bool filled;
    char title[160];
    char *pasted; /* NULL = nothing */
};

static struct recall_dialog *get(struct studio *s)
{
    return s->state[DIALOG_RECALL];
}

static void *recall_open(struct studio *s)
{
    (void)s;
    return dn_calloc(1, sizeof(struct recall_dialog));
}

static void empty(struct recall_dialog *d)
{
    if (d->filled)
        request_done(&d->request);
    d->filled = false;
    free(d->pasted);
    d->pasted = NULL;
}

static void recall_close(struct studio *s)
{
    empty(get(s));
    free(get(s));
}

void recall_file_ask(struct studio *s, const struct request *r, const char *name, const char *pasted)
{
    if (studio_top(s)->number != DIALOG_RECALL)
        studio_open_dialog(s, DIALOG_RECALL);
    struct recall_dialog *d = get(s);
    if (!d)
        return; /* dialogs lie as high as they can */
    empty(d);
    request_copy(&d->request, r);
    d->filled = true;
    d->pasted = pasted ? dn_strdup(pasted) : NULL;
    snprintf(d->title, sizeof d->title, "Recall from %s", name);
    s->dirty = true;
}

static void draw_choice(struct studio *s, int row, int col, int cols, const char *key,
                        const char *words)
{
    col += canvas_text(s->canvas, row, col, 5, ROLE_KEY, key) + 1;
    canvas_text(s->canvas, row, col, cols - 6, ROLE_TEXT, words);
}

static void recall_draw(struct studio *s, struct rect area)
{
    struct recall_dialog *d = get(s);
    const struct request *q = &d->request;
    struct canvas *c = s->canvas;
    int cols = area.cols - 8 > 80 ? 80 : area.cols - 8;
    int lines = 2 + canvas_width(c, q->prompt, strlen(q->prompt)) / (cols - 6);
    int most = area.rows < 18 ? 2 : 6, rows = 10 + (lines > most ? most : lines);
    struct rect box = {area.row + (area.rows - rows) / 2, area.col + (area.cols - cols) / 2, rows,
                       cols};
    studio_draw_dialog(s, box, d->title);
    int col = box.col + 3, width = cols - 6, row = box.row + rows - 6;
    clip_draw_wrapped(s, (struct rect){box.row + 2, col, rows - 10, width}, ROLE_TEXT, q->prompt);
    canvas_printf(c, row - 1, col, width, ROLE_DIM, "%lld%s%lld, %lld frames, seed %llu, %s",
                  (long long)q->width, canvas_symbol_text(c, SYMBOL_TIMES), (long long)q->height,
                  (long long)q->frames, (unsigned long long)q->seed, q->sampler);
    draw_choice(s, row + 1, col, width, "a", "everything, the seed too");
    draw_choice(s, row + 2, col, width, "s", "everything but the seed");
    draw_choice(s, row + 3, col, width, "p", "only the prompt");
    draw_choice(s, row + 4, col, width, "Esc", d->pasted ? "nothing: its name is text of the prompt"
                                                         : "nothing");
}

static void take(struct studio *s, enum recall what)
{
    struct recall_dialog *d = get(s);
    studio_close_dialog(s);
    studio_take_request(s, &d->request, what);
    studio_tell(s, ROLE_GOOD, "%s: %s", d->title, recall_name(what));
    empty(d);
}

static void do_all(struct studio *s, const char *argument)
{
    (void)argument;
    take(s, RECALL_ALL);
}

static void do_but_seed(struct studio *s, const char *argument)
{
    (void)argument;
    take(s, RECALL_BUT_SEED);
}

static void do_prompt(struct studio *s, const char *argument)
{
    (void)argument;
    take(s, RECALL_PROMPT);
}

static void do_close(struct studio *s, const char *argument)
{
    struct recall_dialog *d = get(s);
    (void)argument;
    studio_close_dialog(s);
    if (d->pasted)
        studio_insert_text(s, d->pasted);
    empty(d);
}

static const struct action recall_actions[] = {
    {"all", "a Enter", WHERE_ANY, NULL, "prompt, settings and seed", do_all},
    {"but-seed", "s", WHERE_ANY, NULL, "the same without the seed", do_but_seed},
    {"prompt-only", "p", WHERE_ANY, NULL, "only the prompt", do_prompt},
    {"close", "Esc q Ctrl-C", WHERE_ANY, NULL, "nothing of it", do_close},
    {0},
};

const struct screen dialog_recall_entry = {
    .number = DIALOG_RECALL,
    .name = "recall",
    .title = "Recall",
    .actions = recall_actions,
    .open = recall_open,
    .close = recall_close,
    .draw = recall_draw,
};
