/* sheet_draw: the contact sheet: a heading, the cells, and a line on the chosen clip. A cell is a line
 * with what tells its clip apart and, right below it, the clip as it is by now: its still, its newest frames,
 * or how far it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/studio/clip_text.h"
#include "ui/studio/sheet_labels.h"
#include "ui/studio/sheet_screen.h"

/* GAP: columns between cells. */
enum { GAP = 1 };

struct preview *sheet_preview_of(struct sheet_screen *v, int64_t clip)
{
    for (int i = 0; i < SHEET_LIVE; i++)
        if (v->live[i].job == clip && v->live[i].playback.count)
            return &v->live[i];
    return v->playing.job == clip && v->playing.playback.count ? &v->playing : NULL;
}

enum job_state sheet_state_of(const struct studio *s, const struct clip *clip)
{
    const struct link_job *job = link_find_job(s->link, clip->id);
    return job ? job->state : clip->status;
}

static double progress_of(const struct link_job *job)
{
    return job && job->steps_total > 0 ? (double)job->steps_done / (double)job->steps_total : 0;
}

/* How many of the queue come before it, itself included; 0: it does not wait. */
static int place_in_queue(const struct studio *s, int64_t id)
{
    size_t count;
    const struct link_job *jobs = link_jobs(s->link, &count);
    int place = 0;
    for (size_t i = 0; i < count; i++) {
        place += jobs[i].state == JOB_QUEUED;
        if (jobs[i].id == id)
            return jobs[i].state == JOB_QUEUED ? place : 0;
    }
    return 0;
}

/* --- heading --- */

/* The time that what is left will take, by what was made so far; 0 = cannot be told. */
static double seconds_left(const struct studio *s, const struct sheet *sheet)
{
    double took = 0, left = 0;
    int made = 0;
    for (size_t i = 0; i < sheet->count; i++) {
        const struct clip *c = &sheet->clips[i];
        enum job_state state = sheet_state_of(s, c);
        if (c->status == JOB_DONE && c->started_ms > 0 && c->finished_ms > c->started_ms) {
            took += (double)(c->finished_ms - c->started_ms) / 1e3;
            made++;
        }
        if (state == JOB_QUEUED)
            left += 1;
        else if (state == JOB_RUNNING)
            left += 1 - progress_of(link_find_job(s->link, c->id));
    }
    return made ? took / made * left : 0;
}

/* Clips of the sheet that the engine did not take. */
static size_t refused_of(const struct sheet_screen *v)
{
    return strcmp(v->refused.name, v->sheet.name) == 0 ? v->refused.count : 0;
}

static void draw_heading(struct studio *s, int row, struct rect area)
{
    const struct sheet *sheet = &sheet_screen_of(s)->sheet;
    size_t made = 0, going = 0;
    char words[96];
    for (size_t i = 0; i < sheet->count; i++) {
        enum job_state state = sheet_state_of(s, &sheet->clips[i]);
        made += state == JOB_DONE;
        going += state == JOB_QUEUED || state == JOB_PAUSED || state == JOB_RUNNING;
    }
    double left = going ? seconds_left(s, sheet) : 0;
    int n = snprintf(words, sizeof words, "%zu of %zu made", made, sheet->count);
    if (left > 0)
        n += snprintf(words + n, sizeof words - (size_t)n, left < 3600 ? ", %d:%02d left" : ", %d h left",
                 (int)(left < 3600 ? left / 60 : left / 3600 + 0.5), (int)left % 60);
    size_t refused = refused_of(sheet_screen_of(s));
    if (refused)
        snprintf(words + n, sizeof words - (size_t)n, ", %zu refused", refused);
    int width = canvas_width(s->canvas, words, strlen(words));
    int col = area.col + 1, end = area.col + area.cols - width - 2;
    canvas_text(s->canvas, row, end, width, going ? ROLE_ACCENT : ROLE_DIM, words);
    size_t head = strcspn(sheet->name, ":");
    col += canvas_bytes(s->canvas, row, col, end - col, ROLE_TITLE, sheet->name, head) + 1;
    canvas_text(s->canvas, row, col, end - col - 1, ROLE_TEXT, sheet_name_words(sheet->name));
}

/* --- cells --- */

/* The sign of its state, and how that looks. */
static enum symbol sign_of(enum job_state state, enum role *role)
{
    static const struct {
        enum symbol symbol;
        enum role role;
    } signs[JOB_STATES] = {
        [JOB_QUEUED] = {SYMBOL_NO_STAR, ROLE_DIM},  [JOB_PAUSED] = {SYMBOL_PAUSE, ROLE_WARN},
        [JOB_RUNNING] = {SYMBOL_PLAY, ROLE_ACCENT}, [JOB_DONE] = {SYMBOL_CHECK, ROLE_GOOD},
        [JOB_FAILED] = {SYMBOL_CROSS, ROLE_BAD},    [JOB_CANCELLED] = {SYMBOL_CROSS, ROLE_DIM},
        [JOB_SET_ASIDE] = {SYMBOL_CROSS, ROLE_BAD},
    };
    *role = signs[state].role;
    return signs[state].symbol;
}

static void draw_label(struct studio *s, size_t index, int row, int col, int cols)
{
    const struct sheet *sheet = &sheet_screen_of(s)->sheet;
    const struct clip *clip = &sheet->clips[index];
    struct canvas *c = s->canvas;
    bool here = index == sheet->at;
    enum role role;
    enum job_state state = sheet_state_of(s, clip);
    enum symbol sign = sign_of(state, &role);
    int end = col + cols;
    if (here)
        canvas_fill(c, (struct rect){row, col, 1, cols}, ROLE_SELECTED);
    if (clip->favourite) {
        end -= 2;
        canvas_symbol(c, row, end + 1, here ? ROLE_SELECTED : ROLE_BAD, SYMBOL_HEART);
    }
    if (state == JOB_RUNNING) {
        const struct link_job *job = link_find_job(s->link, clip->id);
        end -= 5;
        canvas_printf(c, row, end + 1, 4, here ? ROLE_SELECTED : ROLE_ACCENT, "%3d%%",
                      (int)(progress_of(job) * 100));
    }
    col += canvas_symbol(c, row, col, here ? ROLE_SELECTED : role, sign) + 1;
    const char *label = sheet->labels[index];
    char *less = canvas_width(c, label, strlen(label)) > end - col ? sheet_label_short(label) : NULL;
    canvas_text(c, row, col, end - col, here ? ROLE_SELECTED : ROLE_TEXT, less ? less : label);
    free(less);
}

/* What the state means for one who waits. */
static void state_words(struct studio *s, const struct clip *clip, char *out, size_t size)
{
    const struct link_job *job = link_find_job(s->link, clip->id);
    enum job_state state = sheet_state_of(s, clip);
    int place = state == JOB_QUEUED ? place_in_queue(s, clip->id) : 0;
    if (place == 1)
        snprintf(out, size, "next");
    else if (place)
        snprintf(out, size, "waits, %d before", place - 1);
    else if (state == JOB_QUEUED)
        snprintf(out, size, "waits");
    else if (state == JOB_RUNNING && job && job->steps_total > 0)
        snprintf(out, size, "chunk %lld/%lld", (long long)job->chunk + 1, (long long)job->chunks);
    else if (state == JOB_RUNNING)
        snprintf(out, size, "loading");
    else if (state == JOB_DONE)
        snprintf(out, size, "#%lld", (long long)clip->id);
    else
        snprintf(out, size, "%s", job_state_name(state));
}

/* Why a clip failed, all of it that fits. False: that is not known, or it has not. */
static bool draw_reason(struct studio *s, const struct clip *clip, struct rect r)
{
    const struct link_job *job = link_find_job(s->link, clip->id);
    enum job_state state = sheet_state_of(s, clip);
    if (!job_state_is_failure(state) || !job || !job->reason[0] || r.rows < 2)
        return false;
    canvas_text(s->canvas, r.row, r.col, r.cols, ROLE_BAD, job_state_name(state));
    clip_draw_wrapped(s, (struct rect){r.row + 1, r.col, r.rows - 1, r.cols}, ROLE_TEXT, job->reason);
    return true;
}

/* A cell without a picture yet. */
static void draw_empty(struct studio *s, const struct clip *clip, struct rect r)
{
    struct canvas *c = s->canvas;
    char words[64];
    state_words(s, clip, words, sizeof words);
    if (r.rows >= 3)
        canvas_box(c, r, NULL, false);
    if (r.rows < 1 || draw_reason(s, clip, (struct rect){r.row + 1, r.col + 2, r.rows - 2, r.cols - 4}))
        return;
    int width = canvas_width(c, words, strlen(words)), inside = r.cols - 2;
    width = width > inside ? inside : width;
    int row = r.row + (r.rows - 1) / 2;
    canvas_text(c, row, r.col + (r.cols - width) / 2, width, ROLE_DIM, words);
    double share = progress_of(link_find_job(s->link, clip->id));
    if (sheet_state_of(s, clip) == JOB_RUNNING && r.rows >= 4 && inside > 4)
        canvas_bar(c, row + 1, r.col + 2, inside - 2, share, ROLE_ACCENT);
}

static void draw_picture(struct studio *s, const struct clip *clip, int place, struct rect r)
{
    struct sheet_screen *v = sheet_screen_of(s);
    struct preview *preview = sheet_preview_of(v, clip->id);
    if (preview && preview_draw(preview, s, place, r, true))
        return;
    struct painter_picture picture = {
        .area = r, .corner = true, .frame = posters_get(v->posters, clip), .clip = (uint64_t)clip->id};
    if (picture.frame && painter_way(s->painter) && r.rows > 0)
        painter_place(s->painter, place, &picture);
    else
        draw_empty(s, clip, r);
}

/* Width by height of a picture, in columns by rows: a cell is taken to be twice as high as wide. */
static double aspect_of(const struct sheet *sheet)
{
    const struct clip *first = sheet->count ? &sheet->clips[0] : NULL;
    return first && first->width > 0 && first->height > 0
               ? 2.0 * (double)first->width / (double)first->height : 3.5;
}

static void draw_cells(struct studio *s, struct rect r)
{
    struct sheet_screen *v = sheet_screen_of(s);
    const struct sheet *sheet = &v->sheet;
    struct sheet_layout l = sheet_layout_for(sheet->count, r, aspect_of(sheet), sheet_run(sheet),
                                             PAINTER_PLACES);
    size_t columns = (size_t)l.columns, rows = (size_t)l.rows, line = sheet->at / columns;
    size_t lines = (sheet->count + columns - 1) / columns;
    v->layout = l;
    v->cells = r;
    v->first = line < v->first ? line : line >= v->first + rows ? line - rows + 1 : v->first;
    if (v->first + rows > lines)
        v->first = lines > rows ? lines - rows : 0;
    for (size_t i = 0; i < columns * rows && v->first * columns + i < sheet->count; i++) {
        size_t index = v->first * columns + i;
        int row = r.row + (int)(i / columns) * l.cell_rows;
        int col = r.col + (int)(i % columns) * l.cell_cols;
        draw_label(s, index, row, col, l.cell_cols - GAP);
        draw_picture(s, &sheet->clips[index], (int)i,
                     (struct rect){row + 1, col, l.cell_rows - 1, l.cell_cols - GAP});
    }
}

/* --- the chosen one --- */

static void draw_chosen(struct studio *s, int row, struct rect area)
{
    struct sheet_screen *v = sheet_screen_of(s);
    const struct clip *clip = sheet_chosen(&v->sheet);
    int col = area.col + 1, end = area.col + area.cols - 1;
    char size[64], words[64];
    if (!clip)
        return;
    const struct link_job *job = link_find_job(s->link, clip->id);
    enum job_state state = sheet_state_of(s, clip);
    if (state == JOB_RUNNING && job) {
        progress_draw(s, job, row, col, end - col);
        return;
    }
    col += canvas_printf(s->canvas, row, col, 10, ROLE_KEY, "#%lld", (long long)clip->id) + 1;
    col += clip_draw_stars(s, row, col, clip->rating, false) + 1;
    if (state != JOB_DONE) {
        state_words(s, clip, words, sizeof words);
        col += canvas_text(s->canvas, row, col, end - col, ROLE_WARN, words) + 1;
    }
    if (job && job->reason[0] && state != JOB_DONE) {
        canvas_text(s->canvas, row, col, end - col, ROLE_BAD, job->reason);
        return;
    }
    int n = snprintf(size, sizeof size, "seed %llu", (unsigned long long)clip->seed);
    if (end - col - n > 30)
        col += canvas_text(s->canvas, row, col, n, ROLE_DIM, size) + 1;
    canvas_text(s->canvas, row, col, end - col, ROLE_TEXT, clip->prompt);
}

static void draw_nothing(struct studio *s, struct rect area)
{
    static const char *const lines[] = {
        "A sheet shows clips side by side while they are made.",
        "In a prompt {red|blue} makes one of each, {1..4} one of each number.",
        "In the studio, outside the text: x makes a clip of each of some seeds,",
        "g one of each value of a setting."};
    enum { LINES_HERE = sizeof lines / sizeof lines[0] };
    for (int i = 0; i < LINES_HERE; i++) {
        int width = (int)strlen(lines[i]) < area.cols - 2 ? (int)strlen(lines[i]) : area.cols - 2;
        canvas_text(s->canvas, area.row + area.rows / 2 - 2 + i, area.col + (area.cols - width) / 2,
                    width, i ? ROLE_DIM : ROLE_TEXT, lines[i]);
    }
}

/* What was refused, in a line; on the whole page where there is nothing else. Returns what is left. */
static struct rect draw_refused(struct studio *s, struct rect r)
{
    const struct sheet_screen *v = sheet_screen_of(s);
    size_t count = refused_of(v);
    bool alone = v->sheet.count == 0;
    if (count == 0 || r.rows < 3)
        return r;
    char *text = dn_asprintf("%zu clip%s refused: %s", count, count == 1 ? " was" : "s were",
                             v->refused.why);
    clip_draw_wrapped(s, (struct rect){r.row + alone, r.col, alone ? r.rows - 1 : 1, r.cols - 1},
                      ROLE_BAD, text);
    free(text);
    return (struct rect){r.row + 1, r.col, r.rows - 1, r.cols};
}

void sheet_draw(struct studio *s, struct rect area)
{
    const struct sheet *sheet = &sheet_screen_of(s)->sheet;
    struct rect cells = {area.row + 1, area.col + 1, area.rows - 2, area.cols - 1};
    if (!sheet->name[0]) {
        draw_nothing(s, area);
        return;
    }
    draw_heading(s, area.row, area);
    draw_chosen(s, area.row + area.rows - 1, area);
    draw_cells(s, draw_refused(s, cells));
}
