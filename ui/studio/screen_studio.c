/* screen_studio: the prompt, the settings of the next clip, the clip that is being made, the queue
 * and what was made last. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/option_value.h"
#include "ui/studio/clip_text.h"
#include "ui/studio/clipboard.h"
#include "ui/studio/dropped_path.h"
#include "ui/studio/left_behind.h"
#include "ui/studio/making.h"
#include "ui/studio/preview.h"
#include "ui/studio/prompt_grid.h"
#include "ui/studio/prompt_pane.h"
#include "ui/studio/recall_file.h"
#include "ui/studio/settings_pane.h"
#include "ui/studio/steering.h"
#include "ui/studio/work_strip.h"

enum pane { PANE_PROMPT, PANE_SETTINGS, PANE_PREVIEW };

struct studio_screen {
    enum pane pane;
    struct prompt_pane prompt;
    struct settings_pane settings;
    struct preview preview;
    struct left_behind left;
    struct work_strip strip;
    char parameters[512];                   /* of the grid that was made last */
    struct rect prompt_area, settings_area; /* drawn last, for clicks */
};

static struct studio_screen *get(struct studio *s)
{
    return s->state[SCREEN_STUDIO];
}

/* --- opening --- */

static void *screen_open(struct studio *s)
{
    struct studio_screen *v = dn_calloc(1, sizeof *v);
    prompt_pane_open(&v->prompt, s->options->prompt);
    v->settings.request = &s->settings->request;
    v->settings.seed_mode = s->options->random_seed ? SEED_RANDOM : SEED_FIXED;
    v->strip.stale = true;
    left_behind_open(&v->left, s, &v->preview);
    return v;
}

static void report(struct studio *s, bool ok, const struct dn_error *err)
{
    if (!ok)
        studio_tell_error(s, err);
}

static void screen_close(struct studio *s)
{
    struct studio_screen *v = get(s);
    struct dn_error err;
    report(s, prompt_pane_close(&v->prompt, &err), &err);
    report(s, left_behind_close(&v->left, &err), &err);
    editor_done(&v->settings.value);
    preview_done(&v->preview);
    work_strip_done(&v->strip);
    free(v);
}

static struct editor *screen_editor(struct studio *s)
{
    struct studio_screen *v = get(s);
    if (v->pane == PANE_PROMPT)
        return &v->prompt.editor;
    return v->pane == PANE_SETTINGS && v->settings.editing ? &v->settings.value : NULL;
}

/* --- drawing --- */

static void draw_welcome(struct studio *s, struct rect r)
{
    const char *way = painter_way(s->painter);
    int row = r.row + r.rows / 2 - 1;
    const char *text = "Type what you want to see, then press Enter.";
    const char *more = way || s->answer_by_ms
                           ? "The clip appears here while it is made."
                           : "This terminal shows no pictures; clips are made all the same.";
    if (r.rows < 2)
        return;
    canvas_text(s->canvas, row, r.col + (r.cols - (int)strlen(text)) / 2, r.cols, ROLE_TEXT, text);
    canvas_text(s->canvas, row + 1, r.col + (r.cols - (int)strlen(more)) / 2, r.cols, ROLE_DIM, more);
}

static void draw_preview(struct studio *s, struct rect box)
{
    struct studio_screen *v = get(s);
    struct playback *p = &v->preview.playback;
    const struct link_job *job = link_find_job(s->link, v->preview.job);
    char title[96] = "Preview";
    if (v->preview.job)
        snprintf(title, sizeof title, "Preview  #%lld  %lld/%lld%s", (long long)v->preview.job,
                 (long long)p->at + 1, (long long)(job && job->frames ? job->frames : p->count),
                 p->playing ? "" : "  paused");
    canvas_box(s->canvas, box, title, v->pane == PANE_PREVIEW);
    if (!preview_draw(&v->preview, s, 0, canvas_inside(box), false))
        draw_welcome(s, canvas_inside(box));
}

static void draw_settings(struct studio *s, struct rect box)
{
    struct studio_screen *v = get(s);
    canvas_box(s->canvas, box, "Settings", v->pane == PANE_SETTINGS);
    struct rect r = canvas_inside(box);
    v->settings_area = (struct rect){r.row, r.col, r.rows, r.cols};
    settings_pane_draw(&v->settings, s->canvas, v->settings_area, v->pane == PANE_SETTINGS);
}

/* What the chosen setting means, in the two lines below; returns the lines used. */
static int draw_setting_help(struct studio *s, int row, struct rect area)
{
    char *text = settings_pane_help(&get(s)->settings);
    int used = clip_draw_wrapped(s, (struct rect){row, area.col + 1, 2, area.cols - 2}, ROLE_DIM, text);
    free(text);
    return used;
}

/* How many clips its braces stand for. */
static void prompt_title(const struct studio_screen *v, char *out, size_t size)
{
    size_t count = prompt_grid_count(prompt_pane_text(&v->prompt));
    snprintf(out, size, "Prompt");
    if (count > 1 && count <= PROMPT_GRID_MAX)
        snprintf(out, size, "Prompt, %zu clips", count);
}

static void screen_draw(struct studio *s, struct rect area)
{
    struct studio_screen *v = get(s);
    bool narrow = area.cols < 76, tall = area.rows >= 34;
    int side = narrow ? 0 : area.cols >= 140 ? 46 : area.cols >= 100 ? 38 : 30;
    int prompt_rows = tall ? 7 : area.rows >= 20 ? 5 : 4, recent_rows = tall ? 5 : 1;
    int strip = 2 + recent_rows, left = area.cols - side;
    int middle = area.rows - prompt_rows - strip;
    struct rect prompt = {area.row, area.col, prompt_rows, left};
    struct rect preview = {area.row + prompt_rows, area.col, middle, left};
    struct rect settings = {area.row, area.col + left, area.rows - strip, side};
    char title[64];
    prompt_title(v, title, sizeof title);
    canvas_box(s->canvas, prompt, title, v->pane == PANE_PROMPT);
    v->prompt_area = canvas_inside(prompt);
    v->prompt_area.col++;
    v->prompt_area.cols -= 2;
    editor_draw(&v->prompt.editor, s->canvas, v->prompt_area, v->pane == PANE_PROMPT,
                "a red butterfly flying over a meadow");
    bool covered = narrow && v->pane == PANE_SETTINGS;
    if (covered)
        settings = preview;
    else
        draw_preview(s, preview);
    if (!narrow || covered)
        draw_settings(s, settings);
    int row = area.row + area.rows - strip;
    int told = v->pane == PANE_SETTINGS ? draw_setting_help(s, row, area) : 0;
    if (told == 0)
        work_strip_draw_progress(s, v->preview.job, row, area);
    if (told < 2)
        work_strip_draw_queue(s, row + 1, area);
    work_strip_draw_recent(&v->strip, s, row + 2, recent_rows, area);
}

/* --- making --- */

/* Several clips are looked at side by side. */
static void make(struct studio *s, struct making m)
{
    struct studio_screen *v = get(s);
    struct dn_error err;
    char sheet[SHEET_NAME_SIZE];
    m.prompt = prompt_pane_text(&v->prompt);
    m.seed_mode = v->settings.seed_mode;
    if (!making_send(s, &m, sheet, &err)) {
        studio_tell_error(s, &err);
        return;
    }
    report(s, prompt_pane_used(&v->prompt, &err), &err);
    if (sheet[0])
        sheet_show(s, sheet);
}

static void do_take(struct studio *s, const char *argument)
{
    (void)argument;
    make(s, (struct making){.count = 1, .next = true});
}

static void do_sweep(struct studio *s, const char *argument)
{
    long count = argument ? strtol(argument, NULL, 10) : 4;
    if (count < 1 || count > SWEEP_MAX)
        studio_tell(s, ROLE_WARN, "a sweep has 1 to %d seeds", SWEEP_MAX);
    else
        make(s, (struct making){.count = count});
}

/* With a key of its own: what Enter does must not hang on whether a clip has ended just now. */
static void do_steer(struct studio *s, const char *argument)
{
    struct studio_screen *v = get(s);
    struct dn_error err;
    const char *prompt = argument ? argument : prompt_pane_text(&v->prompt);
    if (!steering_send(s, v->preview.job, prompt, &err))
        studio_tell_error(s, &err);
    else if (!argument)
        report(s, prompt_pane_used(&v->prompt, &err), &err);
}

static void set_transition(struct studio *s, const char *chunks)
{
    struct dn_error err;
    char *set = dn_asprintf("transition %s", chunks);
    if (settings_pane_set(&get(s)->settings, set, &err))
        studio_tell(s, ROLE_TEXT, "transition of the next clips: %lld chunk%s",
                    (long long)s->settings->request.transition,
                    s->settings->request.transition == 1 ? "" : "s");
    else
        studio_tell_error(s, &err);
    free(set);
}

/* Without a number: 0, 1, 2, 4, 8, and 0 again. */
static void do_transition(struct studio *s, const char *argument)
{
    int64_t now = s->settings->request.transition;
    char next[32];
    snprintf(next, sizeof next, "%lld", (long long)(now == 0 ? 1 : now >= 8 ? 0 : now * 2));
    set_transition(s, argument ? argument : next);
}

static void make_grid(struct studio *s, int64_t data, const char *text)
{
    struct studio_screen *v = get(s);
    (void)data;
    snprintf(v->parameters, sizeof v->parameters, "%s", text);
    make(s, (struct making){.count = s->settings->request.count, .parameters = text});
}

static void do_grid(struct studio *s, const char *argument)
{
    if (argument)
        make_grid(s, 0, argument);
    else
        studio_ask_text(s, &(struct text_question){
                               .title = "Grid: a clip of every combination of settings",
                               .text = get(s)->parameters,
                               .empty = "guidance=1,3,5  seed=1..4  sampler=euler,unipc",
                               .one_line = true, .run = make_grid});
}

static void do_stop(struct studio *s, const char *argument)
{
    const struct link_job *job = making_running_job(s);
    (void)argument;
    if (job)
        link_send_order(s->link, ORDER_CANCEL, job->id);
    else
        studio_tell(s, ROLE_DIM, "nothing is being made");
}

static void do_preview_pause(struct studio *s, const char *argument)
{
    (void)argument;
    preview_pause(&get(s)->preview, s);
}

static void do_open(struct studio *s, const char *argument)
{
    struct studio_screen *v = get(s);
    const struct link_job *job = link_find_job(s->link, v->preview.job);
    (void)argument;
    if (job && job->state == JOB_DONE)
        player_open(s, job->id);
    else if (v->strip.recent.count)
        player_open(s, v->strip.recent.items[0].id);
}

/* --- panes and settings --- */

static void next_pane(struct studio *s, int by)
{
    struct studio_screen *v = get(s);
    v->settings.editing = false;
    v->pane = (enum pane)((v->pane + by + 3) % 3);
}

static void do_next_pane(struct studio *s, const char *argument)
{
    (void)argument;
    next_pane(s, 1);
}

static void do_previous_pane(struct studio *s, const char *argument)
{
    (void)argument;
    next_pane(s, -1);
}

static void do_prompt(struct studio *s, const char *argument)
{
    (void)argument;
    get(s)->pane = PANE_PROMPT;
    get(s)->settings.editing = false;
}

static void do_leave(struct studio *s, const char *argument)
{
    struct studio_screen *v = get(s);
    (void)argument;
    if (v->pane == PANE_SETTINGS && v->settings.editing)
        v->settings.editing = false;
    else
        v->pane = PANE_PREVIEW;
}

static void change(struct studio *s, int by)
{
    struct dn_error err;
    if (get(s)->pane == PANE_SETTINGS)
        report(s, settings_pane_change(&get(s)->settings, by, &err), &err);
}

static void do_more(struct studio *s, const char *argument)
{
    (void)argument;
    change(s, 1);
}

static void do_less(struct studio *s, const char *argument)
{
    (void)argument;
    change(s, -1);
}

/* A file's name as the whole prompt is no prompt: what the file was made from is asked for. */
static bool recall_prompt(struct studio *s)
{
    const struct strbuf *text = &get(s)->prompt.editor.text;
    char *path = text->length ? dropped_path(text->data, text->length, false) : NULL;
    bool is_file = path && recall_file_suits(path);
    if (is_file)
        recall_file_read(s, path, NULL);
    free(path);
    return is_file;
}

static bool screen_paste(struct studio *s, const char *text, size_t length)
{
    char *path = get(s)->pane == PANE_PROMPT ? dropped_path(text, length, false) : NULL;
    bool is_file = path && recall_file_suits(path);
    if (is_file) {
        char *pasted = dn_strndup(text, length);
        recall_file_read(s, path, pasted);
        free(pasted);
    }
    free(path);
    return is_file;
}

void studio_insert_text(struct studio *s, const char *text)
{
    editor_insert(&get(s)->prompt.editor, text, strlen(text));
}

void studio_keep_cut(struct studio *s, const char *text)
{
    editor_keep(&get(s)->prompt.editor, text);
}

static void do_copy_prompt(struct studio *s, const char *argument)
{
    (void)argument;
    clipboard_copy(s, prompt_pane_text(&get(s)->prompt));
}

static void do_recall(struct studio *s, const char *argument)
{
    if (argument)
        recall_file_command(s, argument);
    else
        studio_tell(s, ROLE_DIM, "recall which file? One can also be dropped on the prompt");
}

static void do_make(struct studio *s, const char *argument)
{
    struct dn_error err;
    struct studio_screen *v = get(s);
    (void)argument;
    if (v->pane == PANE_SETTINGS && v->settings.editing)
        report(s, settings_pane_edit(&v->settings, &err), &err);
    else if (!recall_prompt(s))
        make(s, (struct making){.count = s->settings->request.count});
}

static void take_negative(struct studio *s, int64_t data, const char *text)
{
    struct dn_error err;
    char *set = dn_asprintf("negative %s", text);
    (void)data;
    report(s, settings_pane_set(&get(s)->settings, set, &err), &err);
    free(set);
}

/* It may be as long as a prompt: a row of the settings is too little to write it in. */
static void do_negative(struct studio *s, const char *argument)
{
    if (argument)
        take_negative(s, 0, argument);
    else
        studio_ask_text(s, &(struct text_question){.title = "Negative prompt",
                                                   .text = s->settings->request.negative,
                                                   .empty = "what should not be seen",
                                                   .run = take_negative});
}

static void do_enter(struct studio *s, const char *argument)
{
    struct dn_error err;
    struct studio_screen *v = get(s);
    if (v->pane == PANE_SETTINGS && settings_pane_is_at(&v->settings, "negative"))
        do_negative(s, NULL);
    else if (v->pane == PANE_SETTINGS)
        report(s, settings_pane_edit(&v->settings, &err), &err);
    else
        do_open(s, argument);
}

static void do_set(struct studio *s, const char *argument)
{
    struct dn_error err;
    if (argument)
        report(s, settings_pane_set(&get(s)->settings, argument, &err), &err);
}

static void do_seed_mode(struct studio *s, const char *argument)
{
    struct settings_pane *p = &get(s)->settings;
    (void)argument;
    p->seed_mode = (enum seed_mode)((p->seed_mode + 1) % 3);
    studio_tell(s, ROLE_TEXT, "seed: %s", seed_mode_name(p->seed_mode));
}

static void move_setting(struct studio *s, int by)
{
    if (get(s)->pane == PANE_SETTINGS)
        settings_pane_move(&get(s)->settings, by);
}

static void do_up(struct studio *s, const char *argument)
{
    (void)argument;
    move_setting(s, -1);
}

static void do_down(struct studio *s, const char *argument)
{
    (void)argument;
    move_setting(s, 1);
}

/* --- history --- */

/* Up on the first line goes back in the history. */
static void do_history_up(struct studio *s, const char *argument)
{
    (void)argument;
    if (get(s)->pane != PANE_PROMPT)
        move_setting(s, -1);
    else
        prompt_pane_up(&get(s)->prompt, s->canvas);
}

static void do_history_down(struct studio *s, const char *argument)
{
    (void)argument;
    if (get(s)->pane != PANE_PROMPT)
        move_setting(s, 1);
    else
        prompt_pane_down(&get(s)->prompt, s->canvas);
}

static void do_history_search(struct studio *s, const char *argument)
{
    struct prompt_pane *p = &get(s)->prompt;
    if (prompt_pane_search(p, argument))
        return;
    studio_tell(s, ROLE_DIM, "no earlier prompt with \"%.*s\"",
                argument ? (int)strlen(argument) : (int)p->editor.cursor,
                argument ? argument : prompt_pane_text(p));
}

static void do_clear(struct studio *s, const char *argument)
{
    struct studio_screen *v = get(s);
    (void)argument;
    if (v->pane != PANE_PROMPT)
        do_leave(s, NULL);
    else if (prompt_pane_clear(&v->prompt))
        studio_tell(s, ROLE_DIM, "cleared; Ctrl-_ takes that back");
}

static void do_undo(struct studio *s, const char *argument)
{
    (void)argument;
    if (!editor_undo(&get(s)->prompt.editor))
        studio_tell(s, ROLE_DIM, "there is nothing to take back");
}

static void do_edit_outside(struct studio *s, const char *argument)
{
    struct studio_screen *v = get(s);
    struct dn_error err;
    char *text = studio_edit_outside(s, prompt_pane_text(&v->prompt), &err);
    (void)argument;
    if (text)
        prompt_pane_set(&v->prompt, text);
    else
        studio_tell_error(s, &err);
    free(text);
}

/* --- time, mouse, events --- */

static void screen_tick(struct studio *s)
{
    struct studio_screen *v = get(s);
    struct dn_error err;
    report(s, prompt_pane_tick(&v->prompt, s->now_ms, &err), &err);
    left_behind_tick(&v->left);
    if (studio_main(s)->number == SCREEN_STUDIO)
        preview_tick(&v->preview, s);
}

static int64_t screen_due(struct studio *s)
{
    struct studio_screen *v = get(s);
    int64_t save = prompt_pane_due(&v->prompt, s->now_ms);
    int64_t due = studio_main(s)->number == SCREEN_STUDIO ? preview_due(&v->preview) : -1;
    return save >= 0 && (due < 0 || save < due) ? save : due;
}

static void screen_frames(struct studio *s, const struct link_frames *frames)
{
    preview_take(&get(s)->preview, s, frames);
}

static void screen_job(struct studio *s, const struct link_job *job)
{
    preview_job(&get(s)->preview, s, job);
    get(s)->strip.stale = get(s)->strip.stale || job->state != JOB_RUNNING || !job->steps_done;
}

static void screen_edited(struct studio *s)
{
    get(s)->strip.stale = true;
}

static bool inside(struct rect r, const struct input_event *e)
{
    return e->row >= r.row && e->row < r.row + r.rows && e->col >= r.col && e->col < r.col + r.cols;
}

static void screen_click(struct studio *s, const struct input_event *event)
{
    struct studio_screen *v = get(s);
    struct dn_error err;
    bool wheel = event->button == BUTTON_WHEEL_UP || event->button == BUTTON_WHEEL_DOWN;
    if (!event->pressed || event->moved)
        return;
    if (inside(v->settings_area, event) && wheel) {
        v->pane = PANE_SETTINGS;
        settings_pane_move(&v->settings, event->button == BUTTON_WHEEL_UP ? -3 : 3);
    } else if (inside(v->settings_area, event)) {
        bool again = settings_pane_click(&v->settings, v->settings_area, event->row);
        if (again && v->pane == PANE_SETTINGS)
            report(s, settings_pane_edit(&v->settings, &err), &err);
        v->pane = PANE_SETTINGS;
    } else if (inside(v->prompt_area, event) && !wheel) {
        v->pane = PANE_PROMPT;
        editor_click(&v->prompt.editor, s->canvas, event->row - v->prompt_area.row,
                     event->col - v->prompt_area.col);
    }
}

static const char *const *screen_hint(struct studio *s)
{
    static const char *const text[] = {"make", "next-pane:settings", "help", "history-search:history",
                                       "seed-mode:seed", "newline:new line", "quit", NULL};
    static const char *const busy[] = {"make:queue", "steer", "next-pane:settings", "help",
                                       "history-search:history", "seed-mode:seed",
                                       "newline:new line", "quit", NULL};
    static const char *const setting[] = {"enter:type a value", "less", "more", "help",
                                          "next-pane:preview", "prompt", "sweep", "grid", "quit", NULL};
    static const char *const clip[] = {"enter:play", "preview-pause:pause", "prompt", "help", "sweep",
                                       "grid", "stop", "command", "quit", NULL};
    return get(s)->pane == PANE_SETTINGS  ? setting
           : get(s)->pane == PANE_PREVIEW ? clip
           : making_running_job(s)        ? busy : text;
}

void studio_take_request(struct studio *s, const struct request *r, enum recall what)
{
    struct studio_screen *v = get(s);
    struct request *settings = &s->settings->request;
    char why[OPTION_WHY_SIZE];
    uint64_t seed = settings->seed;
    char *prompt = prompt_grid_quote(r->prompt); /* it is this one prompt, whatever is in it */
    prompt_pane_set(&v->prompt, prompt);
    free(prompt);
    if (what != RECALL_PROMPT) {
        request_done(settings);
        request_copy(settings, r);
        option_set(option_find(option_rows, option_count, "prompt"), settings, "", why);
        if (what == RECALL_BUT_SEED)
            settings->seed = seed;
        v->settings.seed_mode = what == RECALL_ALL ? SEED_FIXED : SEED_RANDOM;
    }
    v->pane = PANE_PROMPT;
    studio_show(s, SCREEN_STUDIO);
}

static const struct action screen_actions[] = {
    {"make", "Enter", WHERE_TEXT, NULL, "make the clip that prompt and settings describe", do_make},
    {"enter", "Enter", WHERE_LIST, NULL, "type the setting's value; play the preview's clip", do_enter},
    {"take", "Alt-n", WHERE_ANY, NULL, "one more take, before all that wait", do_take},
    {"steer", "Alt-s", WHERE_ANY, "[TEXT]", "what is being made goes on with this",
     do_steer},
    {"transition", "Alt-t", WHERE_ANY, "[N]", "chunks between prompts: 0, 1, 2, 4, 8",
     do_transition},
    {"sweep", "x", WHERE_LIST, "[N]", "N clips with seeds one after the other (4)", do_sweep},
    {"grid", "g Alt-g", WHERE_ANY, "[NAME=VALUES]...",
     "a clip of every combination: guidance=1..5 seed=1,2", do_grid},
    {"stop", "X", WHERE_LIST, NULL, "stop what is being made; what is there is kept", do_stop},
    {"preview-pause", "Space", WHERE_LIST, NULL, "pause the preview or play it", do_preview_pause},
    {"next-pane", "Tab", WHERE_ANY, NULL, "prompt, settings, preview", do_next_pane},
    {"previous-pane", "Shift-Tab", WHERE_ANY, NULL, "the other way round", do_previous_pane},
    {"prompt", "i", WHERE_LIST, NULL, "type in the prompt", do_prompt},
    {"leave", "Esc", WHERE_ANY, NULL, "leave the text; letters are commands then", do_leave},
    {"clear", "Ctrl-C", WHERE_TEXT, NULL, "empty the prompt (it can be put back)", do_clear},
    {"history-up", "Up Ctrl-P", WHERE_TEXT, NULL, "line up; on the first, an earlier prompt",
     do_history_up},
    {"history-down", "Down Ctrl-N", WHERE_TEXT, NULL, "line down; on the last, a later prompt",
     do_history_down},
    {"history-search", "Ctrl-R", WHERE_TEXT, "[TEXT]",
     "an earlier prompt with the text left of the cursor", do_history_search},
    {"edit-outside", "Ctrl-X~Ctrl-E", WHERE_TEXT, NULL, "the prompt in your editor ($EDITOR)",
     do_edit_outside},
    {"copy-prompt", "y", WHERE_LIST, NULL, "copy the prompt", do_copy_prompt},
    {"undo", "u", WHERE_LIST, NULL, "take the last change of the prompt back", do_undo},
    {"negative", "N Alt-m", WHERE_ANY, "[TEXT]", "what should not be seen: the negative prompt",
     do_negative},
    {"seed-mode", "Ctrl-S", WHERE_ANY, NULL, "seed: random, fixed, one more each time",
     do_seed_mode},
    {"up", "Up k", WHERE_LIST, NULL, "the setting above", do_up},
    {"down", "Down j", WHERE_LIST, NULL, "the setting below", do_down},
    {"more", "+ = Right l", WHERE_LIST, NULL, "the setting's next value", do_more},
    {"less", "- Left h", WHERE_LIST, NULL, "the setting's previous value", do_less},
    {"recall", NULL, WHERE_ANY, "FILE", "what an exported file was made from; or drop it here",
     do_recall},
    {"set", NULL, WHERE_ANY, "NAME VALUE", "set a setting by name", do_set},
    {0},
};

const struct screen screen_studio_entry = {
    .number = SCREEN_STUDIO,
    .name = "studio",
    .title = "Studio",
    .actions = screen_actions,
    .open = screen_open,
    .close = screen_close,
    .draw = screen_draw,
    .editor = screen_editor,
    .paste = screen_paste,
    .click = screen_click,
    .job = screen_job,
    .frames = screen_frames,
    .edited = screen_edited,
    .tick = screen_tick,
    .due = screen_due,
    .hint = screen_hint,
};
