/* screen_studio: the prompt, the settings of the next clip, the clip that is being made, the queue
 * and what was made last. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/paths.h"
#include "config/option_value.h"
#include "store/catalog_search.h"
#include "ui/studio/history.h"
#include "ui/studio/preview.h"
#include "ui/studio/prompt_grid.h"
#include "ui/studio/settings_pane.h"
#include "ui/studio/studio_internal.h"

enum pane { PANE_PROMPT, PANE_SETTINGS, PANE_PREVIEW };
enum { DRAFT_MS = 1000, RECENT = 8, SWEEP_MAX = 64 };

struct studio_screen {
    struct editor prompt;
    enum pane pane;
    struct settings_pane settings;
    struct preview preview;
    struct history history;
    size_t history_at;       /* history.count: the draft */
    char *draft;             /* what was typed before walking the history */
    int64_t save_at_ms;      /* of the draft, 0 = it is saved */
    struct clip_list recent;
    bool recent_stale;
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
    char *draft = s->options->prompt ? dn_strdup(s->options->prompt) : history_load_draft();
    history_load(&v->history);
    v->history_at = v->history.count;
    editor_set(&v->prompt, draft);
    v->prompt.changed = false;
    v->settings.request = &s->settings->request;
    v->settings.seed_mode = s->options->random_seed ? SEED_RANDOM : SEED_FIXED;
    v->recent_stale = true;
    free(draft);
    return v;
}

static void save_draft(struct studio *s)
{
    struct dn_error err;
    struct studio_screen *v = get(s);
    v->save_at_ms = 0;
    if (!history_save_draft(editor_text(&v->prompt), &err))
        studio_tell_error(s, &err);
}

static void screen_close(struct studio *s)
{
    struct studio_screen *v = get(s);
    if (v->save_at_ms || v->prompt.changed)
        save_draft(s);
    editor_done(&v->prompt);
    editor_done(&v->settings.value);
    preview_done(&v->preview);
    history_done(&v->history);
    clip_list_done(&v->recent);
    free(v->draft);
    free(v);
}

static struct editor *screen_editor(struct studio *s)
{
    struct studio_screen *v = get(s);
    if (v->pane == PANE_PROMPT)
        return &v->prompt;
    return v->pane == PANE_SETTINGS && v->settings.editing ? &v->settings.value : NULL;
}

/* --- drawing --- */

static void refresh_recent(struct studio *s)
{
    struct studio_screen *v = get(s);
    struct catalog *catalog = studio_catalog(s);
    struct catalog_page page = {.limit = RECENT};
    struct dn_error err;
    if (!v->recent_stale || !catalog)
        return;
    clip_list_done(&v->recent);
    v->recent = (struct clip_list){0};
    v->recent_stale = false;
    if (!catalog_search(catalog, NULL, &page, &v->recent, &err))
        studio_tell_error(s, &err);
}

static const struct link_job *running_job(const struct studio *s)
{
    size_t count;
    const struct link_job *jobs = link_jobs(s->link, &count);
    for (size_t i = 0; i < count; i++)
        if (jobs[i].state == JOB_RUNNING)
            return &jobs[i];
    return NULL;
}

static void draw_progress(struct studio *s, int row, struct rect area)
{
    const struct link_job *job = running_job(s);
    struct studio_screen *v = get(s);
    if (job) {
        progress_draw(s, job, row, area.col + 1, area.cols - 2);
        return;
    }
    job = v->preview.job ? link_find_job(s->link, v->preview.job) : NULL;
    if (job && job->state == JOB_DONE) {
        int col = area.col + 1;
        col += canvas_symbol(s->canvas, row, col, ROLE_GOOD, SYMBOL_CHECK) + 1;
        canvas_printf(s->canvas, row, col, area.cols - col - 1, ROLE_DIM,
                      "#%lld is in the library", (long long)job->id);
    } else if (job && job->reason[0]) {
        canvas_printf(s->canvas, row, area.col + 1, area.cols - 2, ROLE_BAD, "#%lld %s: %s",
                      (long long)job->id, job_state_name(job->state), job->reason);
    }
}

static void draw_queue(struct studio *s, int row, struct rect area)
{
    size_t count;
    const struct link_job *jobs = link_jobs(s->link, &count);
    int col = area.col + 1, end = area.col + area.cols - 1, waiting = 0;
    for (size_t i = 0; i < count; i++)
        waiting += jobs[i].state == JOB_QUEUED || jobs[i].state == JOB_PAUSED;
    col += canvas_printf(s->canvas, row, col, 16, ROLE_TITLE, "Queue %d", waiting) + 2;
    for (size_t i = 0; i < count && col + 10 < end; i++) {
        if (jobs[i].state != JOB_QUEUED && jobs[i].state != JOB_PAUSED)
            continue;
        if (jobs[i].state == JOB_PAUSED)
            col += canvas_symbol(s->canvas, row, col, ROLE_WARN, SYMBOL_PAUSE) + 1;
        col += canvas_printf(s->canvas, row, col, 8, ROLE_KEY, "#%lld", (long long)jobs[i].id) + 1;
        col += canvas_text(s->canvas, row, col, end - col < 26 ? end - col : 26, ROLE_DIM,
                           jobs[i].prompt) + 2;
    }
    if (waiting == 0)
        canvas_text(s->canvas, row, col, end - col, ROLE_DIM, "nothing waits");
}

static void draw_recent(struct studio *s, int row, int rows, struct rect area)
{
    struct studio_screen *v = get(s);
    struct canvas *c = s->canvas;
    int col = area.col + 1, end = area.col + area.cols - 1;
    refresh_recent(s);
    int label = canvas_text(c, row, col, 8, ROLE_TITLE, "Recent") + 2;
    if (v->recent.count == 0) {
        canvas_text(c, row, col + label, end - col - label, ROLE_DIM, "nothing was made yet");
        return;
    }
    col += label;
    for (size_t i = 0; i < v->recent.count && (int)i < (rows > 1 ? rows : RECENT); i++) {
        const struct clip *clip = &v->recent.items[i];
        int y = rows > 1 ? row + (int)i : row;
        col = rows > 1 ? area.col + 1 + label : col;
        if (col + 8 > end)
            break;
        col += canvas_printf(c, y, col, 8, ROLE_KEY, "#%lld", (long long)clip->id) + 1;
        if (clip->status != JOB_DONE)
            col += canvas_text(c, y, col, 10, ROLE_WARN, job_state_name(clip->status)) + 1;
        int most = rows > 1 ? end - col : end - col < 22 ? end - col : 22;
        col += canvas_text(c, y, col, most, ROLE_DIM, clip->prompt) + 2;
    }
}

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
    if (!preview_draw(&v->preview, s, canvas_inside(box)))
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

/* What the chosen setting means, in the line below. */
static void draw_setting_help(struct studio *s, int row, struct rect area)
{
    char *text = settings_pane_help(&get(s)->settings);
    canvas_text(s->canvas, row, area.col + 1, area.cols - 2, ROLE_DIM, text);
    free(text);
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
    canvas_box(s->canvas, prompt, "Prompt", v->pane == PANE_PROMPT);
    v->prompt_area = canvas_inside(prompt);
    v->prompt_area.col++;
    v->prompt_area.cols -= 2;
    editor_draw(&v->prompt, s->canvas, v->prompt_area, v->pane == PANE_PROMPT,
                "a red butterfly flying over a meadow");
    bool covered = narrow && v->pane == PANE_SETTINGS;
    if (covered)
        settings = preview;
    else
        draw_preview(s, preview);
    if (!narrow || covered)
        draw_settings(s, settings);
    int row = area.row + area.rows - strip;
    if (v->pane == PANE_SETTINGS)
        draw_setting_help(s, row, area);
    else
        draw_progress(s, row, area);
    draw_queue(s, row + 1, area);
    draw_recent(s, row + 2, recent_rows, area);
}

/* --- making --- */

static void make_paths_absolute(struct request *r)
{
    char why[OPTION_WHY_SIZE];
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_rows[i];
        char *value = o->type == OPTION_PATH ? option_get(o, r) : NULL;
        char *whole = value && value[0] ? realpath(value, NULL) : NULL;
        if (whole)
            option_set(o, r, whole, why);
        free(whole);
        free(value);
    }
}

static const struct option *row_of(const char *name)
{
    return option_find(option_rows, option_count, name);
}

/* One clip of prompt with the seed number in the request. */
static bool send_one(struct studio *s, const char *prompt, bool next, int tag, struct dn_error *err)
{
    struct request r;
    char why[OPTION_WHY_SIZE];
    request_copy(&r, &s->settings->request);
    r.count = 1;
    make_paths_absolute(&r);
    bool ok = option_set(row_of("prompt"), &r, prompt, why) ||
              option_complain(err, "", "prompt", prompt, why);
    ok = ok && option_set(row_of("output"), &r, NULL, why);
    ok = ok && option_set(row_of("save-latents"), &r, NULL, why);
    ok = ok && request_validate(&r, err);
    if (ok) {
        char *json = request_to_json(&r);
        link_send_enqueue(s->link, &(struct link_enqueue){.request_json = json, .next = next,
                                                          .tag = tag});
        free(json);
    }
    request_done(&r);
    return ok;
}

static void draw_seed(struct studio *s)
{
    char why[OPTION_WHY_SIZE];
    if (get(s)->settings.seed_mode == SEED_RANDOM)
        option_set(row_of("seed"), &s->settings->request, "random", why);
}

/* The prompt, with each of its {a|b} in turn, count seeds of each. */
static void make(struct studio *s, int64_t count, bool next)
{
    struct studio_screen *v = get(s);
    struct prompt_grid grid = {0};
    struct dn_error err;
    const char *text = editor_text(&v->prompt);
    if (text[strspn(text, " \t\n")] == '\0') {
        studio_tell(s, ROLE_WARN, "the prompt is empty: type what you want to see");
        return;
    }
    if (link_state(s->link) != LINK_UP) {
        studio_tell(s, ROLE_WARN, "the engine is not ready yet");
        return;
    }
    bool ok = prompt_grid_expand(text, &grid, &err);
    int made = 0;
    for (size_t i = 0; ok && i < grid.count; i++) {
        draw_seed(s);
        for (int64_t k = 0; ok && k < count; k++) {
            ok = send_one(s, grid.prompts[i], next, running_job(s) || made > 0, &err);
            made += ok;
            if (ok && (v->settings.seed_mode == SEED_NEXT || k + 1 < count))
                s->settings->request.seed = (s->settings->request.seed + 1) & INT64_MAX;
        }
    }
    if (ok)
        ok = history_add(&v->history, text, &err);
    v->history_at = v->history.count;
    if (!ok)
        studio_tell_error(s, &err);
    prompt_grid_done(&grid);
}

static void do_take(struct studio *s, const char *argument)
{
    (void)argument;
    make(s, 1, true);
}

static void do_sweep(struct studio *s, const char *argument)
{
    long count = argument ? strtol(argument, NULL, 10) : 4;
    if (count < 1 || count > SWEEP_MAX)
        studio_tell(s, ROLE_WARN, "a sweep has 1 to %d seeds", SWEEP_MAX);
    else
        make(s, count, false);
}

static void do_stop(struct studio *s, const char *argument)
{
    const struct link_job *job = running_job(s);
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
    else if (v->recent.count)
        player_open(s, v->recent.items[0].id);
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

static void report(struct studio *s, bool ok, const struct dn_error *err)
{
    if (!ok)
        studio_tell_error(s, err);
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

static void do_make(struct studio *s, const char *argument)
{
    struct dn_error err;
    struct studio_screen *v = get(s);
    (void)argument;
    if (v->pane == PANE_SETTINGS && v->settings.editing)
        report(s, settings_pane_edit(&v->settings, &err), &err);
    else
        make(s, s->settings->request.count, false);
}

static void do_enter(struct studio *s, const char *argument)
{
    struct dn_error err;
    struct studio_screen *v = get(s);
    if (v->pane == PANE_SETTINGS)
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

static void walk_history(struct studio *s, int by)
{
    struct studio_screen *v = get(s);
    if ((by < 0 && v->history_at == 0) || (by > 0 && v->history_at >= v->history.count))
        return;
    if (v->history_at == v->history.count) {
        free(v->draft);
        v->draft = dn_strdup(editor_text(&v->prompt));
    }
    v->history_at += (size_t)(int64_t)by;
    editor_set(&v->prompt, v->history_at < v->history.count ? v->history.prompts[v->history_at]
                                                            : v->draft ? v->draft : "");
}

/* Up on the first line goes back in the history. */
static void do_history_up(struct studio *s, const char *argument)
{
    struct studio_screen *v = get(s);
    (void)argument;
    if (v->pane != PANE_PROMPT)
        move_setting(s, -1);
    else if (!editor_move(&v->prompt, s->canvas, MOVE_UP))
        walk_history(s, -1);
}

static void do_history_down(struct studio *s, const char *argument)
{
    struct studio_screen *v = get(s);
    (void)argument;
    if (v->pane != PANE_PROMPT)
        move_setting(s, 1);
    else if (!editor_move(&v->prompt, s->canvas, MOVE_DOWN))
        walk_history(s, 1);
}

/* The newest earlier prompt that has what stands left of the cursor in it; again: an older one. */
static void do_history_search(struct studio *s, const char *argument)
{
    struct studio_screen *v = get(s);
    char *wanted = argument ? dn_strdup(argument)
                            : dn_strndup(editor_text(&v->prompt), v->prompt.cursor);
    size_t cursor = v->prompt.cursor;
    for (size_t i = v->history_at; i-- > 0;)
        if (strcasestr(v->history.prompts[i], wanted) &&
            strcmp(v->history.prompts[i], editor_text(&v->prompt)) != 0) {
            if (v->history_at == v->history.count) {
                free(v->draft);
                v->draft = dn_strdup(editor_text(&v->prompt));
            }
            v->history_at = i;
            editor_set(&v->prompt, v->history.prompts[i]);
            if (!argument && strncasecmp(v->history.prompts[i], wanted, cursor) == 0)
                v->prompt.cursor = cursor;
            free(wanted);
            return;
        }
    studio_tell(s, ROLE_DIM, "no earlier prompt with \"%s\"", wanted);
    free(wanted);
}

static void do_clear(struct studio *s, const char *argument)
{
    struct studio_screen *v = get(s);
    (void)argument;
    if (v->pane != PANE_PROMPT) {
        do_leave(s, NULL);
        return;
    }
    editor_move(&v->prompt, s->canvas, MOVE_LAST);
    v->prompt.cursor = v->prompt.text.length;
    size_t length = v->prompt.text.length;
    v->prompt.killed.length = 0;
    strbuf_append(&v->prompt.killed, editor_text(&v->prompt), length);
    editor_set(&v->prompt, "");
    v->prompt.changed = true;
    if (length)
        studio_tell(s, ROLE_DIM, "cleared; Ctrl-Y brings it back");
}

static void do_edit_outside(struct studio *s, const char *argument)
{
    struct studio_screen *v = get(s);
    struct dn_error err;
    char *text = studio_edit_outside(s, editor_text(&v->prompt), &err);
    (void)argument;
    if (text)
        editor_set(&v->prompt, text);
    else
        studio_tell_error(s, &err);
    free(text);
}

/* --- time, mouse, events --- */

static void screen_tick(struct studio *s)
{
    struct studio_screen *v = get(s);
    if (v->prompt.changed) {
        v->prompt.changed = false;
        v->save_at_ms = s->now_ms + DRAFT_MS;
    }
    if (v->save_at_ms && s->now_ms >= v->save_at_ms)
        save_draft(s);
    if (studio_main(s)->number == SCREEN_STUDIO)
        preview_tick(&v->preview, s);
}

static int64_t screen_due(struct studio *s)
{
    struct studio_screen *v = get(s);
    int64_t due = studio_main(s)->number == SCREEN_STUDIO ? preview_due(&v->preview) : -1;
    if (v->prompt.changed)
        return s->now_ms;
    return v->save_at_ms && (due < 0 || v->save_at_ms < due) ? v->save_at_ms : due;
}

static void screen_frames(struct studio *s, const struct link_frames *frames)
{
    preview_take(&get(s)->preview, s, frames);
}

static void screen_job(struct studio *s, const struct link_job *job)
{
    preview_job(&get(s)->preview, s, job);
    get(s)->recent_stale = get(s)->recent_stale || job->state != JOB_RUNNING || !job->steps_done;
}

static void screen_edited(struct studio *s)
{
    get(s)->recent_stale = true;
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
        editor_click(&v->prompt, s->canvas, event->row - v->prompt_area.row,
                     event->col - v->prompt_area.col);
    }
}

static void screen_hint(struct studio *s, const char **names)
{
    static const char *const text[] = {"make", "next-pane", "newline", "history-search",
                                       "seed-mode", "help", "quit", NULL};
    static const char *const list[] = {"enter", "more", "less", "prompt", "sweep", "stop",
                                       "command", "help", "quit", NULL};
    const char *const *from = screen_editor(s) == &get(s)->prompt ? text : list;
    for (int i = 0; from[i]; i++)
        names[i] = from[i];
}

/* --- for other screens --- */

char *studio_request_of(struct studio *s, int64_t id, const char *prompt, bool new_seed)
{
    struct catalog *catalog = studio_catalog(s);
    struct clip clip;
    struct request r;
    struct dn_error err;
    char why[OPTION_WHY_SIZE], *json = NULL;
    if (!catalog || !catalog_get_clip(catalog, id, &clip, &err)) {
        if (catalog)
            studio_tell_error(s, &err);
        return NULL;
    }
    request_init(&r);
    bool ok = request_from_json(&r, clip.request_json, &err);
    if (ok && prompt)
        ok = option_set(row_of("prompt"), &r, prompt, why) ||
             option_complain(&err, "", "prompt", prompt, why);
    if (ok && new_seed)
        option_set(row_of("seed"), &r, "random", why);
    if (ok) {
        option_set(row_of("output"), &r, NULL, why);
        option_set(row_of("save-latents"), &r, NULL, why);
        json = request_to_json(&r);
    } else {
        studio_tell_error(s, &err);
    }
    request_done(&r);
    clip_done(&clip);
    return json;
}

void studio_recall(struct studio *s, int64_t id, enum recall what)
{
    struct studio_screen *v = get(s);
    char *json = studio_request_of(s, id, NULL, false);
    struct request r;
    struct dn_error err;
    char why[OPTION_WHY_SIZE];
    if (!json)
        return;
    request_init(&r);
    if (!request_from_json(&r, json, &err)) {
        studio_tell_error(s, &err);
    } else {
        editor_set(&v->prompt, r.prompt);
        v->prompt.changed = true;
        if (what != RECALL_PROMPT) {
            uint64_t seed = s->settings->request.seed;
            request_done(&s->settings->request);
            request_copy(&s->settings->request, &r);
            option_set(row_of("prompt"), &s->settings->request, "", why);
            if (what == RECALL_BUT_SEED)
                s->settings->request.seed = seed;
            v->settings.seed_mode = what == RECALL_ALL ? SEED_FIXED : SEED_RANDOM;
        }
        v->pane = PANE_PROMPT;
        studio_show(s, SCREEN_STUDIO);
        studio_tell(s, ROLE_GOOD, "#%lld: %s", (long long)id,
                    what == RECALL_ALL ? "everything, the seed too"
                    : what == RECALL_BUT_SEED ? "everything but the seed" : "the prompt");
    }
    request_done(&r);
    free(json);
}

static const struct action screen_actions[] = {
    {"make", "Enter", WHERE_TEXT, NULL, "make the clip that prompt and settings describe", do_make},
    {"enter", "Enter", WHERE_LIST, NULL, "type the setting's value; play the preview's clip", do_enter},
    {"take", "Alt-n", WHERE_ANY, NULL, "one more take, before all that wait", do_take},
    {"sweep", "x", WHERE_LIST, "[N]", "N clips with seeds one after the other (4)", do_sweep},
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
    {"seed-mode", "Ctrl-S", WHERE_ANY, NULL, "seed: random, fixed, one more each time",
     do_seed_mode},
    {"up", "Up k", WHERE_LIST, NULL, "the setting above", do_up},
    {"down", "Down j", WHERE_LIST, NULL, "the setting below", do_down},
    {"more", "+ = Right l", WHERE_LIST, NULL, "the setting's next value", do_more},
    {"less", "- Left h", WHERE_LIST, NULL, "the setting's previous value", do_less},
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
    .click = screen_click,
    .job = screen_job,
    .frames = screen_frames,
    .edited = screen_edited,
    .tick = screen_tick,
    .due = screen_due,
    .hint = screen_hint,
};
