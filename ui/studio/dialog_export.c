/* dialog_export: one clip or several as files: format, name, quality, size, speed, range, with or
 * without the settings inside. The work goes on in the background when the dialog is closed. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/paths.h"
#include "config/recipe.h"
#include "store/catalog.h"
#include "store/clip_files.h"
#include "store/export_work.h"
#include "ui/studio/studio_internal.h"

enum row {
    ROW_FORMAT,
    ROW_FILE,
    ROW_QUALITY,
    ROW_SIZE,
    ROW_SPEED,
    ROW_FIRST,
    ROW_LAST,
    ROW_HOW,
    ROW_RECIPE,
    ROW_COUNT
};
enum { SHOW_MS = 200, HOWS = 4 };

static const struct {
    const char *name, *extension;
} formats[] = {
    {"mp4, H.264", ".mp4"},
    {"webm, VP9", ".webm"},
    {"mov, ProRes 422 HQ", ".mov"},
    {"gif", ".gif"},
    {"animated png", ".apng"},
    {"animated webp", ".webp"},
    {"png frames in a folder", ""},
    {"float frames, safetensors", ".safetensors"},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

/* The first of each is the clip as it is. */
static const struct {
    int times, parts;
} sizes[] = {{1, 1}, {2, 1}, {3, 1}, {4, 1}, {6, 1}, {8, 1}, {1, 4}, {1, 2}};
static const double speeds[] = {1, 1.5, 2, 4, 0.25, 0.5};
enum { SIZES = sizeof sizes / sizeof sizes[0], SPEEDS = sizeof speeds / sizeof speeds[0] };

struct export_dialog {
    int64_t clips[EXPORT_CLIPS];
    int count;
    int format, quality, size, speed; /* rows of the tables above */
    enum export_how how;
    bool recipe;
    int64_t first, last; /* -1 = to the end */
    int64_t frames;      /* of the longest */
    int64_t width, height; /* of the first, px */
    enum row at;
    struct editor file;
    char *proposed; /* for the first, without its ending */
    struct export_work *work; /* under way, else NULL */
    int64_t show_at_ms;
};

static struct export_dialog *get(struct studio *s)
{
    return s->state[DIALOG_EXPORT];
}

static void *export_open_state(struct studio *s)
{
    struct export_dialog *d = dn_calloc(1, sizeof *d);
    (void)s;
    d->recipe = true;
    d->file.one_line = true;
    d->file.max = 4000;
    return d;
}

static void export_close(struct studio *s)
{
    struct export_dialog *d = get(s);
    if (d->work)
        d->work->cancel = true; /* the thread ends with the process, a half file goes with it */
    editor_done(&d->file);
    free(d->proposed);
    free(d);
}

/* --- opening --- */

/* "danaus-12-a-red-fox" */
static char *default_name(const struct clip *clip, const char *extension)
{
    char slug[41];
    size_t n = 0;
    for (const char *c = clip->prompt; *c && n < sizeof slug - 1; c++) {
        if (isalnum((unsigned char)*c))
            slug[n++] = (char)tolower((unsigned char)*c);
        else if (n > 0 && slug[n - 1] != '-')
            slug[n++] = '-';
    }
    while (n > 0 && slug[n - 1] == '-')
        n--;
    slug[n] = '\0';
    return dn_asprintf("danaus-%lld%s%s%s", (long long)clip->id, n ? "-" : "", slug, extension);
}

static void name_file(struct studio *s)
{
    struct export_dialog *d = get(s);
    struct catalog *catalog = studio_catalog(s);
    struct clip clip;
    struct dn_error err;
    if (!catalog || !catalog_get_clip(catalog, d->clips[0], &clip, &err))
        return;
    free(d->proposed);
    d->proposed = default_name(&clip, "");
    char *name = dn_asprintf("%s%s", d->proposed, formats[d->format].extension);
    editor_set(&d->file, name);
    d->frames = clip.frames;
    d->width = clip.width;
    d->height = clip.height;
    free(name);
    clip_done(&clip);
}

void export_open_range(struct studio *s, const int64_t *clips, int count, struct export_range range)
{
    studio_open_dialog(s, DIALOG_EXPORT);
    struct export_dialog *d = get(s);
    if (d->work) {
        studio_tell(s, ROLE_WARN, "an export is still being written");
        return;
    }
    d->count = count > EXPORT_CLIPS ? EXPORT_CLIPS : count;
    memcpy(d->clips, clips, (size_t)d->count * sizeof *clips);
    d->first = range.first;
    d->last = range.last;
    d->how = EXPORT_EACH;
    d->at = ROW_FORMAT;
    name_file(s);
}

void export_open(struct studio *s, const int64_t *clips, int count)
{
    export_open_range(s, clips, count, (struct export_range){0, -1});
}

static struct editor *export_editor(struct studio *s)
{
    struct export_dialog *d = get(s);
    return d->at == ROW_FILE && !d->work ? &d->file : NULL;
}

/* --- drawing --- */

/* A side at the chosen size: even, as codecs want it. */
static int scaled(const struct export_dialog *d, int64_t side)
{
    int64_t px = side * sizes[d->size].times / sizes[d->size].parts / 2 * 2;
    return (int)(px < 2 ? 2 : px > EXPORT_SIDE_MAX ? EXPORT_SIDE_MAX : px);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A folder was typed, or what was proposed stands there: each clip has a name of its own. */
static bool has_own_names(const struct export_dialog *d)
{
    const char *name = last_part(editor_text(&d->file));
    size_t n = d->proposed ? strlen(d->proposed) : 0;
    return !name[0] || (n && strncmp(name, d->proposed, n) == 0 &&
                        strcmp(name + n, formats[d->format].extension) == 0);
}

static void how_text(const struct export_dialog *d, char *out, size_t size)
{
    static const char *const hows[HOWS] = {"a file each, named for its clip", "joined into one",
                                           "side by side", "a grid that plays them all"};
    if (d->count == 1 || d->how != EXPORT_EACH || has_own_names(d)) {
        snprintf(out, size, "%s", d->count > 1 ? hows[d->how] : "-");
        return;
    }
    char *first = dn_path_number(editor_text(&d->file), 1);
    snprintf(out, size, "a file each: %s and so on", last_part(first));
    free(first);
}

static void value_text(const struct export_dialog *d, enum row row, char *out, size_t size)
{
    switch (row) {
    case ROW_FORMAT:
        snprintf(out, size, "%s", formats[d->format].name);
        break;
    case ROW_QUALITY:
        if (d->quality == 0)
            snprintf(out, size, "the format's default");
        else
            snprintf(out, size, "%d (lower is better)", d->quality);
        break;
    case ROW_SIZE:
        if (d->size == 0)
            snprintf(out, size, "as it is, %lldx%lld", (long long)d->width, (long long)d->height);
        else
            snprintf(out, size, "%dx%d", scaled(d, d->width), scaled(d, d->height));
        break;
    case ROW_SPEED:
        snprintf(out, size, "%gx", speeds[d->speed]);
        break;
    case ROW_FIRST:
        snprintf(out, size, "%lld", (long long)d->first + 1);
        break;
    case ROW_LAST:
        if (d->last < 0)
            snprintf(out, size, "the end");
        else
            snprintf(out, size, "%lld", (long long)d->last + 1);
        break;
    case ROW_HOW:
        how_text(d, out, size);
        break;
    default:
        snprintf(out, size, "%s", d->recipe ? "yes" : "no: nothing of them is in the file");
    }
}

static void export_draw(struct studio *s, struct rect area)
{
    static const char *const labels[ROW_COUNT] = {"format", "file", "quality", "size", "speed",
                                                  "first frame", "last frame", "several clips",
                                                  "settings inside"};
    struct export_dialog *d = get(s);
    struct canvas *c = s->canvas;
    int cols = area.cols - 6 > 78 ? 78 : area.cols - 6, rows = ROW_COUNT + 5;
    struct rect box = {area.row + (area.rows - rows) / 2, area.col + (area.cols - cols) / 2, rows,
                       cols};
    char title[64], value[128];
    snprintf(title, sizeof title, d->count == 1 ? "Export #%lld" : "Export %lld clips",
             (long long)(d->count == 1 ? d->clips[0] : d->count));
    studio_draw_dialog(s, box, title);
    for (int i = 0; i < ROW_COUNT; i++) {
        int row = box.row + 2 + i;
        bool here = (enum row)i == d->at && !d->work;
        struct rect field = {row, box.col + 20, 1, cols - 23};
        if (here)
            canvas_fill(c, (struct rect){row, box.col + 2, 1, cols - 4}, ROLE_SELECTED);
        canvas_text(c, row, box.col + 3, 16, here ? ROLE_SELECTED : ROLE_DIM, labels[i]);
        if (i == ROW_FILE && !here) {
            canvas_text(c, row, field.col, field.cols, ROLE_TEXT, editor_text(&d->file));
            continue;
        }
        if (i == ROW_FILE) {
            editor_draw(&d->file, c, field, here, NULL);
            continue;
        }
        value_text(d, (enum row)i, value, sizeof value);
        canvas_text(c, row, field.col, field.cols, here ? ROLE_SELECTED : ROLE_TEXT, value);
    }
    int row = box.row + rows - 2;
    if (d->work) {
        canvas_bar(c, row, box.col + 3, cols - 14, d->work->permille / 1000.0, ROLE_ACCENT);
        canvas_printf(c, row, box.col + cols - 9, 6, ROLE_TEXT, "%3d%%", d->work->permille / 10);
    } else {
        studio_draw_keys(s, DIALOG_EXPORT, (struct rect){row, box.col + 3, 1, cols - 6},
                         (const char *const[]){"write:write it", "less", "more", "leave", NULL});
    }
}

/* --- doing --- */

static void export_run(void *data)
{
    export_work_run(data);
}

static struct studio *owner; /* of the work under way: one at a time */

static void export_done(void *data, bool dropped)
{
    struct export_work *w = data;
    struct studio *s = owner;
    if (!dropped && s && get(s)) {
        get(s)->work = NULL;
        if (w->ok) {
            int files = w->how == EXPORT_EACH ? w->count : 1;
            char more[32] = "";
            if (files > 1)
                snprintf(more, sizeof more, " and %d more", files - 1);
            studio_tell(s, ROLE_GOOD, "written: %s%s, %.2f MB", w->clips[0].output, more,
                        (double)w->bytes / 1e6);
            if (studio_top(s)->number == DIALOG_EXPORT)
                studio_close_dialog(s);
        } else {
            studio_tell_error(s, &w->err);
        }
        s->dirty = true;
    }
    export_work_free(w);
}

/* Where clip number i goes: to the name that was typed, which gets numbers when it is for several
 * files, or to its own name in the folder that was. The caller frees. */
static char *output_of(const struct export_dialog *d, int i, const struct clip *clip)
{
    const char *typed = editor_text(&d->file);
    if (!has_own_names(d))
        return d->count > 1 && d->how == EXPORT_EACH ? dn_path_number(typed, i + 1)
                                                     : dn_strdup(typed);
    char *name = default_name(clip, formats[d->format].extension);
    char *path = dn_asprintf("%.*s%s", (int)(last_part(typed) - typed), typed, name);
    free(name);
    return path;
}

static bool fill_clip(struct studio *s, int i, struct export_clip *out, struct dn_error *err)
{
    struct export_dialog *d = get(s);
    struct catalog *catalog = studio_catalog(s);
    struct clip clip;
    if (!catalog)
        return dn_fail(err, DN_E_IO, "there is no library yet");
    if (!catalog_get_clip(catalog, d->clips[i], &clip, err))
        return false;
    bool ok = export_clip_fill(out, catalog, &clip, err) &&
              (out->video || dn_fail(err, DN_E_ARG, "#%lld has no video: it is %s",
                                     (long long)clip.id, job_state_name(clip.status)));
    out->recipe = d->recipe ? recipe_of(clip.model, clip.model_sha256, clip.request_json) : NULL;
    out->title = d->recipe ? dn_strdup(clip.prompt) : NULL;
    out->output = output_of(d, i, &clip);
    clip_done(&clip);
    return ok;
}

static void do_write(struct studio *s, const char *argument)
{
    struct export_dialog *d = get(s);
    struct dn_error err;
    (void)argument;
    if (d->work)
        return;
    struct export_work *w = dn_calloc(1, sizeof *w);
    w->how = d->count > 1 ? d->how : EXPORT_EACH;
    w->quality = d->quality;
    w->width = d->size ? scaled(d, d->width) : 0;
    w->height = d->size ? scaled(d, d->height) : 0;
    w->speed = speeds[d->speed];
    w->first = d->first;
    w->last = d->last;
    bool ok = true;
    for (int i = 0; ok && i < d->count; i++) {
        w->count++;
        ok = fill_clip(s, i, &w->clips[i], &err);
    }
    if (!ok) {
        studio_tell_error(s, &err);
        export_work_free(w);
        return;
    }
    owner = s;
    d->work = w;
    d->show_at_ms = s->now_ms + SHOW_MS;
    tasks_add(s->tasks, LANE_EXPORT, (struct task){export_run, export_done, w});
}

static void move_row(struct studio *s, int by)
{
    struct export_dialog *d = get(s);
    d->at = (enum row)(((int)d->at + by + ROW_COUNT) % ROW_COUNT);
}

static void do_up(struct studio *s, const char *argument)
{
    (void)argument;
    move_row(s, -1);
}

static void do_down(struct studio *s, const char *argument)
{
    (void)argument;
    move_row(s, 1);
}

/* The ending of the name follows the format. */
static void change_format(struct export_dialog *d, int by)
{
    const char *before = formats[d->format].extension, *name = editor_text(&d->file);
    size_t n = strlen(name), e = strlen(before);
    d->format = (d->format + by + FORMATS) % FORMATS;
    if (n >= e && strcmp(name + n - e, before) == 0) {
        char *renamed = dn_asprintf("%.*s%s", (int)(n - e), name, formats[d->format].extension);
        editor_set(&d->file, renamed);
        free(renamed);
    }
}

static void change(struct studio *s, int by)
{
    struct export_dialog *d = get(s);
    int64_t end = d->frames > 0 ? d->frames - 1 : 0;
    switch (d->at) {
    case ROW_FORMAT:
        change_format(d, by);
        break;
    case ROW_QUALITY:
        d->quality = (d->quality + by + 64) % 64;
        break;
    case ROW_SIZE:
        d->size = (d->size + by + SIZES) % SIZES;
        break;
    case ROW_SPEED:
        d->speed = (d->speed + by + SPEEDS) % SPEEDS;
        break;
    case ROW_FIRST:
        d->first = d->first + by < 0 ? 0 : d->first + by > end ? end : d->first + by;
        break;
    case ROW_LAST:
        d->last = d->last < 0 ? (by < 0 ? end - 1 : -1) : d->last + by >= end ? -1 : d->last + by;
        d->last = d->last >= 0 && d->last < d->first ? d->first : d->last;
        break;
    case ROW_HOW:
        d->how = (enum export_how)(((int)d->how + by + HOWS) % HOWS);
        break;
    case ROW_RECIPE:
        d->recipe = !d->recipe;
        break;
    default:
        break;
    }
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

/* Esc stops what is being written, and closes otherwise. */
static void do_leave(struct studio *s, const char *argument)
{
    struct export_dialog *d = get(s);
    (void)argument;
    if (d->work)
        d->work->cancel = true;
    else
        studio_close_dialog(s);
}

static void do_hide(struct studio *s, const char *argument)
{
    (void)argument;
    studio_close_dialog(s);
}

static void export_tick(struct studio *s)
{
    struct export_dialog *d = get(s);
    if (d->work && s->now_ms >= d->show_at_ms) {
        d->show_at_ms = s->now_ms + SHOW_MS;
        s->dirty = true;
    }
}

static int64_t export_due(struct studio *s)
{
    struct export_dialog *d = get(s);
    return d->work && studio_top(s)->number == DIALOG_EXPORT ? d->show_at_ms : -1;
}

static const struct action export_actions[] = {
    {"write", "Enter", WHERE_ANY, NULL, "write the file", do_write},
    {"up", "Up Shift-Tab k", WHERE_ANY, NULL, "the row above", do_up},
    {"down", "Down Tab j", WHERE_ANY, NULL, "the row below", do_down},
    {"more", "Right + = l", WHERE_LIST, NULL, "the next value", do_more},
    {"less", "Left - h", WHERE_LIST, NULL, "the value before", do_less},
    {"hide", "q", WHERE_LIST, NULL, "close it; what is being written goes on", do_hide},
    {"leave", "Esc Ctrl-C", WHERE_ANY, NULL, "stop what is being written, or close", do_leave},
    {0},
};

const struct screen dialog_export_entry = {
    .number = DIALOG_EXPORT,
    .name = "export",
    .title = "Export",
    .actions = export_actions,
    .open = export_open_state,
    .close = export_close,
    .draw = export_draw,
    .editor = export_editor,
    .tick = export_tick,
    .due = export_due,
};
