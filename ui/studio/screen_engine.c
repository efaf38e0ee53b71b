/* screen_engine: the engine, its workers, and its log. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "store/catalog.h"
#include "ui/studio/studio_internal.h"

/* ASK_MS: between questions while this screen is shown. */
enum { ASK_MS = 2000, LOG_LINES = 200, LOG_BYTES = 64 * 1024 };

struct engine_screen {
    int64_t ask_at_ms;
    char *lines[LOG_LINES]; /* newest last */
    int count;
    int scroll;             /* lines up from the end */
};

static struct engine_screen *get(struct studio *s)
{
    return s->state[SCREEN_ENGINE];
}

static void *engine_open(struct studio *s)
{
    (void)s;
    return dn_calloc(1, sizeof(struct engine_screen));
}

static void forget_lines(struct engine_screen *e)
{
    for (int i = 0; i < e->count; i++)
        free(e->lines[i]);
    e->count = 0;
}

static void engine_close(struct studio *s)
{
    forget_lines(get(s));
    free(get(s));
}

/* The last lines of the log file. */
static void read_log(struct engine_screen *e, const char *path)
{
    FILE *file = path[0] ? fopen(path, "re") : NULL;
    char *line = NULL;
    size_t capacity = 0;
    forget_lines(e);
    if (!file)
        return;
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) > LOG_BYTES) {
        fseek(file, -LOG_BYTES, SEEK_END);
        if (getline(&line, &capacity, file) < 0) /* the rest of a line */
            rewind(file);
    } else {
        rewind(file);
    }
    for (ssize_t n; (n = getline(&line, &capacity, file)) > 0;) {
        if (e->count == LOG_LINES) {
            free(e->lines[0]);
            memmove(e->lines, e->lines + 1, (LOG_LINES - 1) * sizeof e->lines[0]);
            e->count--;
        }
        e->lines[e->count++] = dn_strndup(line, (size_t)n - (line[n - 1] == '\n'));
    }
    free(line);
    fclose(file);
}

static void refresh(struct studio *s)
{
    if (link_state(s->link) == LINK_UP)
        link_send_order(s->link, ORDER_STATUS, 0);
    read_log(get(s), link_status(s->link)->log);
    get(s)->ask_at_ms = s->now_ms + ASK_MS;
    s->dirty = true;
}

static void engine_enter(struct studio *s)
{
    refresh(s);
}

static bool is_shown(const struct studio *s)
{
    return studio_main(s)->number == SCREEN_ENGINE;
}

static void engine_tick(struct studio *s)
{
    if (is_shown(s) && s->now_ms >= get(s)->ask_at_ms)
        refresh(s);
}

static int64_t engine_due(struct studio *s)
{
    return is_shown(s) ? get(s)->ask_at_ms : -1;
}

/* --- drawing --- */

static void line(struct studio *s, struct rect r, int *row, const char *label, const char *value)
{
    if (*row < r.row + r.rows) {
        canvas_text(s->canvas, *row, r.col + 1, 13, ROLE_DIM, label);
        canvas_text(s->canvas, *row, r.col + 15, r.cols - 16, ROLE_TEXT, value);
    }
    ++*row;
}

static void draw_facts(struct studio *s, struct rect r)
{
    const struct link_status *st = link_status(s->link);
    char text[128];
    int row = r.row;
    if (link_state(s->link) != LINK_UP) {
        line(s, r, &row, "engine", link_state(s->link) == LINK_STARTING ? "starting" : "gone");
        if (link_why(s->link)[0])
            line(s, r, &row, "why", link_why(s->link));
    } else {
        long long up = (long long)st->seconds;
        snprintf(text, sizeof text, "process %lld, up %lldh %02lldm %02llds, %lld connections",
                 (long long)st->pid, up / 3600, up / 60 % 60, up % 60, (long long)st->clients);
        line(s, r, &row, "engine", text);
        snprintf(text, sizeof text, "%lld running, %lld waiting%s", (long long)st->running,
                 (long long)st->queued, link_queue_paused(s->link) ? ", paused" : "");
        line(s, r, &row, "queue", text);
    }
    line(s, r, &row, "library", s->options->library);
    line(s, r, &row, "socket", st->socket);
    line(s, r, &row, "log", st->log);
    snprintf(text, sizeof text, "%s%s%s", painter_way(s->painter) ? painter_way(s->painter) : "none",
             s->probe.version[0] ? ", " : "", s->probe.version);
    line(s, r, &row, "pictures", text);
}

static void draw_workers(struct studio *s, struct rect r)
{
    const struct link_status *st = link_status(s->link);
    for (int i = 0; i < st->worker_count && i < r.rows; i++) {
        const struct link_worker *w = &st->workers[i];
        const struct link_job *job = w->job ? link_find_job(s->link, w->job) : NULL;
        const char *slash = strrchr(w->model, '/');
        char state[64] = "not started";
        if (w->job)
            snprintf(state, sizeof state, "makes #%lld", (long long)w->job);
        else if (w->pid)
            snprintf(state, sizeof state, "idle");
        int col = r.col + 1;
        col += canvas_printf(s->canvas, r.row + i, col, 12, ROLE_KEY, "worker %lld",
                             (long long)w->device) + 2;
        col += canvas_text(s->canvas, r.row + i, col, 14, w->job ? ROLE_ACCENT : ROLE_TEXT, state) + 2;
        if (job && job->seconds > 0)
            col += canvas_printf(s->canvas, r.row + i, col, 16, ROLE_GOOD, "%.1f frames/s",
                                 (double)job->frames_ready / job->seconds) + 2;
        canvas_printf(s->canvas, r.row + i, col, r.col + r.cols - col - 1, ROLE_DIM,
                      "%s%sprocess %lld, started %lld time%s", slash ? slash + 1 : w->model,
                      w->model[0] ? ", " : "", (long long)w->pid, (long long)w->starts,
                      w->starts == 1 ? "" : "s");
    }
    if (st->worker_count == 0)
        canvas_text(s->canvas, r.row, r.col + 1, r.cols - 2, ROLE_DIM, "none yet");
}

static void draw_log(struct studio *s, struct rect r)
{
    struct engine_screen *e = get(s);
    int most = e->count > r.rows ? e->count - r.rows : 0;
    e->scroll = e->scroll > most ? most : e->scroll < 0 ? 0 : e->scroll;
    int first = most - e->scroll;
    for (int i = 0; i < r.rows && first + i < e->count; i++)
        canvas_text(s->canvas, r.row + i, r.col + 1, r.cols - 2, ROLE_DIM, e->lines[first + i]);
}

static void engine_draw(struct studio *s, struct rect area)
{
    int workers = link_status(s->link)->worker_count;
    workers = workers < 1 ? 1 : workers > 4 ? 4 : workers;
    struct rect facts = {area.row, area.col, 8, area.cols};
    struct rect list = {facts.row + facts.rows, area.col, workers + 2, area.cols};
    int used = facts.rows + list.rows;
    struct rect log = {area.row + used, area.col, area.rows - used, area.cols};
    canvas_box(s->canvas, facts, "Engine", false);
    draw_facts(s, canvas_inside(facts));
    canvas_box(s->canvas, list, "Workers", false);
    draw_workers(s, canvas_inside(list));
    if (log.rows >= 3) {
        canvas_box(s->canvas, log, "Log", true);
        draw_log(s, canvas_inside(log));
    }
}

static void do_up(struct studio *s, const char *argument)
{
    (void)argument;
    get(s)->scroll++;
}

static void do_down(struct studio *s, const char *argument)
{
    (void)argument;
    get(s)->scroll--;
}

static void do_refresh(struct studio *s, const char *argument)
{
    (void)argument;
    refresh(s);
}

static void engine_hint(struct studio *s, const char **names)
{
    static const char *const list[] = {"up", "down", "refresh", "pause-queue", "help", "quit", NULL};
    (void)s;
    for (int i = 0; list[i]; i++)
        names[i] = list[i];
}

static const struct action engine_actions[] = {
    {"up", "Up k", WHERE_LIST, NULL, "older lines of the log", do_up},
    {"down", "Down j", WHERE_LIST, NULL, "newer lines of the log", do_down},
    {"refresh", "r", WHERE_LIST, NULL, "ask the engine again", do_refresh},
    {0},
};

const struct screen screen_engine_entry = {
    .number = SCREEN_ENGINE,
    .name = "engine",
    .title = "Engine",
    .actions = engine_actions,
    .open = engine_open,
    .close = engine_close,
    .enter = engine_enter,
    .draw = engine_draw,
    .tick = engine_tick,
    .due = engine_due,
    .hint = engine_hint,
};
