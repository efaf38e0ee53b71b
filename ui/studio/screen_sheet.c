/* screen_sheet: clips that differ in one thing, side by side, filling in as they are made; one is
 * picked and gone on from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/studio/sheet_screen.h"

/* LOAD_MS: between reads of the catalog while many clips are queued at once. REST_MS: how long the
 * choice rests before its clip plays. */
enum { LOAD_MS = 150, REST_MS = 350 };
#define PLAY_BYTES (12 * 1024 * 1024)

struct sheet_screen *sheet_screen_of(struct studio *s)
{
    return s->state[SCREEN_SHEET];
}

static void *sheet_open(struct studio *s)
{
    struct sheet_screen *v = dn_calloc(1, sizeof *v);
    v->studio = s;
    v->posters = posters_new(s);
    v->stale = true;
    v->layout.columns = 1;
    return v;
}

static void sheet_close(struct studio *s)
{
    struct sheet_screen *v = sheet_screen_of(s);
    clip_loader_forget(v);
    for (int i = 0; i < SHEET_LIVE; i++)
        preview_done(&v->live[i]);
    preview_done(&v->playing);
    posters_free(v->posters);
    free(v->refused.why);
    sheet_done(&v->sheet);
    free(v);
}

/* --- reading --- */

/* The newest sheet, when none was chosen yet. */
static bool choose_newest(struct sheet_screen *v, struct catalog *catalog, struct dn_error *err)
{
    struct sheet_name_list names;
    if (v->sheet.name[0])
        return true;
    if (!sheet_names_list(catalog, &names, err))
        return false;
    if (names.count)
        sheet_choose(&v->sheet, names.items[names.count - 1].name);
    sheet_names_done(&names);
    return true;
}

static void load(struct studio *s)
{
    struct sheet_screen *v = sheet_screen_of(s);
    struct catalog *catalog = studio_catalog(s);
    struct dn_error err;
    if (!catalog)
        return;
    v->stale = false;
    v->load_at_ms = s->now_ms + LOAD_MS;
    if (!choose_newest(v, catalog, &err) ||
        (v->sheet.name[0] && !sheet_load(&v->sheet, catalog, &err)))
        studio_tell_error(s, &err);
    s->dirty = true;
}

static void forget_frames(struct sheet_screen *v)
{
    for (int i = 0; i < SHEET_LIVE; i++) {
        preview_done(&v->live[i]);
        v->live[i].job = 0;
    }
    preview_done(&v->playing);
    v->playing.job = 0;
}

void sheet_show(struct studio *s, const char *name)
{
    studio_show(s, SCREEN_SHEET);
    struct sheet_screen *v = sheet_screen_of(s);
    if (strcmp(v->sheet.name, name) != 0)
        forget_frames(v);
    sheet_choose(&v->sheet, name);
    v->refused.count = 0; /* of a sheet that is just made none is answered yet */
    v->first = 0;
    load(s);
}

void sheet_refused(struct studio *s, const char *collection, const struct dn_error *why)
{
    struct sheet_screen *v = sheet_screen_of(s);
    if (!v)
        return;
    if (strcmp(v->refused.name, collection) != 0)
        v->refused.count = 0;
    snprintf(v->refused.name, sizeof v->refused.name, "%s", collection);
    v->refused.count++;
    free(v->refused.why);
    v->refused.why = dn_error_text(why);
    s->dirty = true;
}

/* --- the chosen clip plays --- */

static void move_to(struct studio *s, int64_t at)
{
    struct sheet_screen *v = sheet_screen_of(s);
    int64_t last = (int64_t)v->sheet.count - 1;
    v->sheet.at = (size_t)(at > last ? last < 0 ? 0 : last : at < 0 ? 0 : at);
    v->play_at_ms = s->now_ms + REST_MS;
}

static void loaded(void *context, struct loaded_clip *clip)
{
    struct sheet_screen *v = context;
    struct studio *s = v->studio;
    const struct clip *chosen = sheet_chosen(&v->sheet);
    v->loading = 0;
    if (chosen && chosen->id == clip->clip && clip->count) {
        preview_fill(&v->playing, s, clip);
        s->dirty = true;
        return;
    }
    loaded_clip_drop(clip);
}

/* Reads the chosen clip when it is made and is not playing already. */
static void play_chosen(struct studio *s)
{
    struct sheet_screen *v = sheet_screen_of(s);
    const struct clip *clip = sheet_chosen(&v->sheet);
    struct preview *now = clip ? sheet_preview_of(v, clip->id) : NULL;
    struct dn_error err;
    v->play_at_ms = 0;
    if (now && !now->playback.playing)
        preview_pause(now, s); /* it goes on */
    if (!clip || now || clip->status != JOB_DONE || v->loading || !painter_way(s->painter))
        return;
    if (clip_loader_start(s, clip, PLAY_BYTES, v, loaded, &err))
        v->loading = clip->id;
    else
        studio_tell_error(s, &err);
}

/* Of those that are made the chosen one plays; another one that has just grown comes to its end. */
static void rest(struct sheet_screen *v, struct preview *p)
{
    const struct clip *chosen = sheet_chosen(&v->sheet);
    if (!p->playback.growing && p->playback.at + 1 >= p->playback.count &&
        !(chosen && chosen->id == p->job))
        p->playback.playing = false;
}

static void sheet_tick(struct studio *s)
{
    struct sheet_screen *v = sheet_screen_of(s);
    if (studio_main(s)->number != SCREEN_SHEET)
        return;
    if (v->stale && s->now_ms >= v->load_at_ms)
        load(s);
    if (v->play_at_ms && s->now_ms >= v->play_at_ms)
        play_chosen(s);
    for (int i = 0; i < SHEET_LIVE; i++) {
        preview_tick(&v->live[i], s);
        rest(v, &v->live[i]);
    }
    preview_tick(&v->playing, s);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int64_t sheet_due(struct studio *s)
{
    struct sheet_screen *v = sheet_screen_of(s);
    if (studio_main(s)->number != SCREEN_SHEET)
        return -1;
    int64_t due = sooner(v->stale && studio_catalog(s) ? v->load_at_ms : -1,
                         v->play_at_ms ? v->play_at_ms : -1);
    for (int i = 0; i < SHEET_LIVE; i++)
        due = sooner(due, preview_due(&v->live[i]));
    return sooner(due, preview_due(&v->playing));
}

static void sheet_enter(struct studio *s)
{
    load(s);
    sheet_screen_of(s)->play_at_ms = s->now_ms + REST_MS;
}

/* --- what the engine tells --- */

/* Frames of a clip of this sheet go where its earlier ones are, else where the oldest one was. */
static void sheet_frames(struct studio *s, const struct link_frames *f)
{
    struct sheet_screen *v = sheet_screen_of(s);
    struct preview *to = NULL;
    int side = v->layout.cell_cols * 10;
    if (!sheet_find(&v->sheet, f->job))
        return;
    for (int i = 0; i < SHEET_LIVE; i++) {
        struct preview *p = &v->live[i];
        if (p->job == f->job) {
            to = p;
            break;
        }
        if (!p->playback.growing && (!to || p->job < to->job))
            to = p;
    }
    if (!to)
        return;
    if (to->job != f->job)
        to->side = side < 160 ? 160 : side > 480 ? 480 : side;
    preview_take(to, s, f);
}

static void sheet_job(struct studio *s, const struct link_job *job)
{
    struct sheet_screen *v = sheet_screen_of(s);
    for (int i = 0; i < SHEET_LIVE; i++)
        preview_job(&v->live[i], s, job);
    v->stale = v->stale || job->state != JOB_RUNNING || job->steps_done == 0;
    if (job->state == JOB_RUNNING || job->state == JOB_QUEUED || job->state == JOB_PAUSED)
        return;
    posters_forget(v->posters, job->id);
    sheet_job_ended(s, job->id);
}

static void sheet_edited(struct studio *s)
{
    sheet_screen_of(s)->stale = true;
}

/* --- moving --- */

static void move(struct studio *s, int by)
{
    move_to(s, (int64_t)sheet_screen_of(s)->sheet.at + by);
}

/* A row up or down; from the last but one also to a shorter last row. */
static void move_rows(struct studio *s, int by)
{
    const struct sheet_screen *v = sheet_screen_of(s);
    int64_t columns = v->layout.columns, at = (int64_t)v->sheet.at;
    int64_t lines = ((int64_t)v->sheet.count + columns - 1) / columns;
    int64_t line = at / columns + by;
    line = line < 0 ? 0 : line >= lines ? lines - 1 : line;
    move_to(s, line * columns + at % columns);
}

#define MOVE(name, call)                                                                           \
    static void name(struct studio *s, const char *argument)                                       \
    {                                                                                              \
        (void)argument;                                                                            \
        call;                                                                                      \
    }
MOVE(do_left, move(s, -1))
MOVE(do_right, move(s, 1))
MOVE(do_up, move_rows(s, -1))
MOVE(do_down, move_rows(s, 1))
MOVE(do_page_up, move_rows(s, -sheet_screen_of(s)->layout.rows))
MOVE(do_page_down, move_rows(s, sheet_screen_of(s)->layout.rows))
MOVE(do_first, move_to(s, 0))
MOVE(do_last, move_to(s, INT64_MAX))
MOVE(do_leave, studio_show(s, SCREEN_STUDIO))

/* The sheet by places after the one that is shown. */
static void other_sheet(struct studio *s, int by)
{
    const struct sheet_screen *v = sheet_screen_of(s);
    struct catalog *catalog = studio_catalog(s);
    struct sheet_name_list names = {0};
    struct dn_error err;
    if (catalog && !sheet_names_list(catalog, &names, &err))
        studio_tell_error(s, &err);
    size_t at = 0;
    while (at < names.count && strcmp(names.items[at].name, v->sheet.name) != 0)
        at++;
    if (at + (size_t)by < names.count) /* before the first is a huge number */
        sheet_show(s, names.items[at + (size_t)by].name);
    else
        studio_tell(s, ROLE_DIM, by < 0 ? "this is the oldest sheet" : "this is the newest sheet");
    sheet_names_done(&names);
}

MOVE(do_older, other_sheet(s, -1))
MOVE(do_newer, other_sheet(s, 1))

void sheet_show_number(struct studio *s, int64_t number)
{
    struct catalog *catalog = studio_catalog(s);
    struct sheet_name_list names = {0};
    struct dn_error err;
    if (catalog && !sheet_names_list(catalog, &names, &err))
        studio_tell_error(s, &err);
    size_t at = 0;
    while (at < names.count && names.items[at].number != number)
        at++;
    if (at < names.count)
        sheet_show(s, names.items[at].name);
    else
        studio_tell(s, ROLE_WARN, "there is no sheet %lld", (long long)number);
    sheet_names_done(&names);
}

/* --- mouse --- */

static void sheet_click(struct studio *s, const struct input_event *event)
{
    const struct sheet_screen *v = sheet_screen_of(s);
    const struct sheet_layout *l = &v->layout;
    int row = event->row - v->cells.row, col = event->col - v->cells.col;
    if (!event->pressed || event->moved)
        return;
    if (event->button == BUTTON_WHEEL_UP || event->button == BUTTON_WHEEL_DOWN) {
        move_rows(s, event->button == BUTTON_WHEEL_UP ? -1 : 1);
        return;
    }
    if (row < 0 || col < 0 || l->cell_rows < 1 || l->cell_cols < 1 ||
        row >= l->rows * l->cell_rows || col >= l->columns * l->cell_cols)
        return;
    size_t line = v->first + (size_t)(row / l->cell_rows);
    size_t index = line * (size_t)l->columns + (size_t)(col / l->cell_cols);
    if (index >= v->sheet.count)
        return;
    if (index == v->sheet.at)
        sheet_do_play(s, NULL);
    else
        move_to(s, (int64_t)index);
}

static const char *const *sheet_hint(struct studio *s)
{
    static const char *const list[] = {"play", "recall", "remix", "branch", "help", "favourite",
                                       "drop", "cancel-rest:cancel the rest", "undo", "older-sheet:older", "leave", NULL};
    static const char *const empty[] = {"leave:back to the studio", "help", "quit", NULL};
    return sheet_screen_of(s)->sheet.name[0] ? list : empty;
}

static const struct action sheet_table[] = {
    {"play", "Enter", WHERE_LIST, NULL, "play it in the player", sheet_do_play},
    {"left", "Left h", WHERE_LIST, NULL, "left", do_left},
    {"right", "Right l", WHERE_LIST, NULL, "right", do_right},
    {"up", "Up k", WHERE_LIST, NULL, "up", do_up},
    {"down", "Down j", WHERE_LIST, NULL, "down", do_down},
    {"page-up", "PgUp Ctrl-U", WHERE_LIST, NULL, "a page up", do_page_up},
    {"page-down", "PgDn Ctrl-D", WHERE_LIST, NULL, "a page down", do_page_down},
    {"first", "g Home", WHERE_LIST, NULL, "the first clip", do_first},
    {"last", "G End", WHERE_LIST, NULL, "the last clip", do_last},
    {"recall", "e", WHERE_LIST, "[FILE]", "prompt, settings and seed into the studio", sheet_do_recall},
    {"remix", "r", WHERE_LIST, NULL, "the same without the seed", sheet_do_remix},
    {"recall-prompt", "p", WHERE_LIST, NULL, "only the prompt", sheet_do_recall_prompt},
    {"copy-prompt", "y", WHERE_LIST, NULL, "copy the prompt, for Ctrl-Y", sheet_do_copy_prompt},
    {"branch", "b", WHERE_LIST, "[CHUNKS]", "keep its first chunks (1), then another prompt",
     sheet_do_branch},
    {"vary", "V", WHERE_LIST, NULL, "the same with a new seed, into this sheet", sheet_do_vary},
    {"favourite", "f", WHERE_LIST, NULL, "a heart, or none", sheet_do_favourite},
    {"more-stars", "+ =", WHERE_LIST, NULL, "a star more", sheet_do_more_stars},
    {"fewer-stars", "-", WHERE_LIST, NULL, "a star less", sheet_do_fewer_stars},
    {"drop", "d Delete", WHERE_LIST, NULL, "into the trash; what is not made yet is cancelled",
     sheet_do_drop},
    {"undo", "u", WHERE_LIST, NULL, "take the last drop back", sheet_do_undo},
    {"cancel-rest", "X", WHERE_LIST, NULL, "cancel all of the sheet that waits or runs",
     sheet_do_cancel_rest},
    {"retry", "R", WHERE_LIST, NULL, "queue it again where it stopped", sheet_do_retry},
    {"export", "o", WHERE_LIST, NULL, "the clip as a file", sheet_do_export},
    {"export-all", "O", WHERE_LIST, NULL, "the made ones as files, joined, or as a grid",
     sheet_do_export_all},
    {"older-sheet", "[", WHERE_LIST, NULL, "the sheet made before this one", do_older},
    {"newer-sheet", "]", WHERE_LIST, NULL, "the sheet made after it", do_newer},
    {"leave", "Esc", WHERE_LIST, NULL, "back to the studio", do_leave},
    {0},
};

static void sheet_rest(struct studio *s)
{
    posters_shrink(sheet_screen_of(s)->posters);
}

const struct screen screen_sheet_entry = {
    .number = SCREEN_SHEET,
    .name = "sheet",
    .title = "Sheet",
    .actions = sheet_table,
    .open = sheet_open,
    .close = sheet_close,
    .enter = sheet_enter,
    .draw = sheet_draw,
    .click = sheet_click,
    .job = sheet_job,
    .frames = sheet_frames,
    .edited = sheet_edited,
    .tick = sheet_tick,
    .due = sheet_due,
    .rest = sheet_rest,
    .hint = sheet_hint,
};
