/* screen_engine: the engine, its workers, what they made over time, and its log or the doctor. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/catalog.h"
#include "ui/studio/machine_facts.h"
#include "ui/studio/studio_internal.h"

/* ASK_MS: between questions while this screen is shown. */
enum { ASK_MS = 2000, LOG_LINES = 200, LOG_BYTES = 64 * 1024 };
#define SENSORS "/sys/class/hwmon"
/* Frames are counted in slots of SLOT_MS. */
enum { SLOTS = 180, SLOT_MS = 2000 };

struct engine_screen {
    int64_t ask_at_ms;
    char *lines[LOG_LINES]; /* newest last */
    int count;
    int scroll;             /* lines up from the end */
    bool doctor;            /* the lines are the doctor's */
    bool asking;            /* it has not answered yet */
    int64_t slot;           /* the newest, as time / SLOT_MS */
    int made[SLOTS];        /* frames, [slot % SLOTS] */
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

static void add_line(struct engine_screen *e, const char *line, size_t length)
{
    if (e->count == LOG_LINES) {
        free(e->lines[0]);
        memmove(e->lines, e->lines + 1, (LOG_LINES - 1) * sizeof e->lines[0]);
        e->count--;
    }
    e->lines[e->count++] = dn_strndup(line, length);
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
    for (ssize_t n; (n = getline(&line, &capacity, file)) > 0;)
        add_line(e, line, (size_t)n - (line[n - 1] == '\n'));
    free(line);
    fclose(file);
}

static void refresh(struct studio *s)
{
    if (link_state(s->link) == LINK_UP)
        link_send_order(s->link, ORDER_STATUS, 0);
    if (!get(s)->doctor)
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

/* --- frames over time --- */

/* Slots that have gone by without frames. */
static void pass_time(struct engine_screen *e, int64_t now_ms)
{
    int64_t slot = now_ms / SLOT_MS;
    if (slot - e->slot > SLOTS)
        e->slot = slot - SLOTS;
    while (e->slot < slot)
        e->made[++e->slot % SLOTS] = 0;
}

static void engine_frames(struct studio *s, const struct link_frames *frames)
{
    struct engine_screen *e = get(s);
    pass_time(e, s->now_ms);
    e->made[e->slot % SLOTS] += (int)frames->count;
}

/* A column a slot, the newest on the right. */
static void draw_rate(struct studio *s, struct rect r)
{
    static const char *const bars[] = {"\u2581", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586",
                                       "\u2587", "\u2588"};
    static const char plain[] = "..:-=+*#@";
    struct engine_screen *e = get(s);
    int most = 0, cols = r.cols - 32 < SLOTS ? r.cols - 32 : SLOTS;
    pass_time(e, s->now_ms);
    for (int i = 0; i < cols; i++)
        most = e->made[(e->slot - i) % SLOTS] > most ? e->made[(e->slot - i) % SLOTS] : most;
    canvas_text(s->canvas, r.row, r.col + 1, 13, ROLE_DIM, "frames/s");
    canvas_printf(s->canvas, r.row, r.col + 15, 15, ROLE_TEXT, "%.0f at most", most * 1e3 / SLOT_MS);
    for (int i = 0; i < cols; i++) {
        int made = e->made[(e->slot - i) % SLOTS];
        int height = made > 0 ? (made * 8 + most - 1) / most : 0;
        char sign[2] = {plain[height], '\0'};
        canvas_text(s->canvas, r.row, r.col + r.cols - 2 - i, 1, made > 0 ? ROLE_ACCENT : ROLE_BORDER,
                    canvas_is_utf8(s->canvas) ? bars[height] : sign);
    }
}

/* --- the doctor --- */

struct visit {
    struct studio *s;
    char *text;
    size_t size;
};

static void visit_run(void *data)
{
    struct visit *v = data;
    char program[4096], line[8192];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = '\0';
    FILE *out = open_memstream(&v->text, &v->size);
    /* in quotes, where a quote would have to be written otherwise: then it is not asked */
    snprintf(line, sizeof line, "'%s' doctor 2>&1 </dev/null", program);
    FILE *f = n > 0 && !strchr(program, '\'') ? popen(line, "re") : NULL;
    while (f && fgets(line, sizeof line, f))
        fputs(line, out);
    if (f)
        pclose(f);
    fclose(out);
}

static void visit_done(void *data, bool dropped)
{
    struct visit *v = data;
    struct engine_screen *e = dropped ? NULL : get(v->s);
    if (e && e->doctor) {
        forget_lines(e);
        for (char *p = v->text; *p;) {
            size_t length = strcspn(p, "\n");
            add_line(e, p, length);
            p += length + (p[length] != '\0');
        }
        e->scroll = e->count; /* from the top */
        v->s->dirty = true;
    }
    if (e)
        e->asking = false;
    free(v->text);
    free(v);
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
        line(s, r, &row, "engine", link_state(s->link) == LINK_STARTING ? "starting" : "not connected");
        if (link_why(s->link)[0])
            line(s, r, &row, "why", link_why(s->link));
        if (link_cure(s->link)[0])
            line(s, r, &row, "what to do", link_cure(s->link));
    } else {
        long long up = (long long)st->seconds;
        int n = snprintf(text, sizeof text, "process %lld, up ", (long long)st->pid);
        n += snprintf(text + n, sizeof text - (size_t)n, up < 3600 ? "%lld min %02lld s" : "%lld h %02lld min",
                      up < 3600 ? up / 60 : up / 3600, up < 3600 ? up % 60 : up / 60 % 60);
        snprintf(text + n, sizeof text - (size_t)n, ", %lld connection%s", (long long)st->clients,
                 st->clients == 1 ? "" : "s");
        line(s, r, &row, "engine", text);
        snprintf(text, sizeof text, "%lld running, %lld waiting%s", (long long)st->running,
                 (long long)st->queued, link_queue_paused(s->link) ? ", paused" : "");
        line(s, r, &row, "queue", text);
    }
    line(s, r, &row, "library", s->options->library);
    if (link_state(s->link) == LINK_UP) {
        line(s, r, &row, "socket", st->socket);
        line(s, r, &row, "log", st->log);
    }
    draw_rate(s, (struct rect){row++, r.col, 1, r.cols});
    snprintf(text, sizeof text, "%s%s%s", painter_way(s->painter) ? painter_way(s->painter) : "none",
             s->probe.version[0] ? ", " : "", s->probe.version);
    line(s, r, &row, "pictures", text);
}

/* Its GPU, in one line below it. */
static void draw_gpu(struct studio *s, const struct gpu_reading *gpu, struct rect r)
{
    char part[GPU_PART_SIZE];
    int col = r.col, end = r.col + r.cols;
    for (int i = 0; i < GPU_PARTS; i++)
        if (gpu_reading_part(gpu, (enum gpu_part)i, canvas_is_utf8(s->canvas), part)) {
            bool hot = i == GPU_HEAT && gpu->celsius >= GPU_READING_HOT;
            enum role role = i == GPU_NAME ? ROLE_DIM : hot ? ROLE_WARN : ROLE_TEXT;
            col += canvas_text(s->canvas, r.row, col, end - col, role, part) + 2;
        }
}

static void draw_worker(struct studio *s, const struct link_worker *w, struct rect r)
{
    const struct link_job *job = w->job ? link_find_job(s->link, w->job) : NULL;
    const char *slash = strrchr(w->model, '/');
    char state[64] = "not started";
    if (w->job)
        snprintf(state, sizeof state, "makes #%lld", (long long)w->job);
    else if (w->pid)
        snprintf(state, sizeof state, "idle");
    int col = r.col;
    col += canvas_printf(s->canvas, r.row, col, 12, ROLE_KEY, "worker %lld", (long long)w->device) + 2;
    col += canvas_text(s->canvas, r.row, col, 14, w->job ? ROLE_ACCENT : ROLE_TEXT, state) + 2;
    double memory = (double)machine_process_memory(w->pid), degrees = machine_temperature(SENSORS);
    if (memory > 0)
        col += canvas_printf(s->canvas, r.row, col, 10, ROLE_TEXT, memory < 1e9 ? "%.0f MB" : "%.1f GB",
                             memory < 1e9 ? memory / 1e6 : memory / 1e9) + 2;
    if (degrees > 0) /* of the processor, which all workers heat */
        col += canvas_printf(s->canvas, r.row, col, 8, degrees < 90 ? ROLE_TEXT : ROLE_WARN,
                             canvas_is_utf8(s->canvas) ? "%.0f \u00b0C" : "%.0f C", degrees) + 2;
    if (job && job->seconds > 0)
        col += canvas_printf(s->canvas, r.row, col, 16, ROLE_GOOD, "%.1f frames/s",
                             (double)job->frames_ready / job->seconds) + 2;
    canvas_printf(s->canvas, r.row, col, r.col + r.cols - col, ROLE_DIM,
                  "%s%sprocess %lld, started %lld time%s", slash ? slash + 1 : w->model,
                  w->model[0] ? ", " : "", (long long)w->pid, (long long)w->starts,
                  w->starts == 1 ? "" : "s");
}

static void draw_workers(struct studio *s, struct rect r)
{
    const struct link_status *st = link_status(s->link);
    int row = r.row, end = r.row + r.rows;
    for (int i = 0; i < st->worker_count && row < end; i++) {
        const struct link_worker *w = &st->workers[i];
        draw_worker(s, w, (struct rect){row++, r.col + 1, 1, r.cols - 2});
        if (w->has_gpu && row < end)
            draw_gpu(s, &w->gpu, (struct rect){row++, r.col + 3, 1, r.cols - 4});
    }
    if (st->worker_count == 0)
        canvas_text(s->canvas, r.row, r.col + 1, r.cols - 2, ROLE_DIM, "none yet");
}

/* Rows that they take, in a window with so many for them at most. */
static int worker_rows(const struct link_status *st, int most)
{
    int rows = 0;
    for (int i = 0; i < st->worker_count; i++)
        rows += 1 + st->workers[i].has_gpu;
    return rows < 1 ? 1 : rows > most ? most : rows;
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
    struct rect facts = {area.row, area.col, 9, area.cols};
    int workers = worker_rows(link_status(s->link), area.rows < 30 ? 4 : 16);
    struct rect list = {facts.row + facts.rows, area.col, workers + 2, area.cols};
    int used = facts.rows + list.rows;
    struct rect log = {area.row + used, area.col, area.rows - used, area.cols};
    canvas_box(s->canvas, facts, "Engine", false);
    draw_facts(s, canvas_inside(facts));
    canvas_box(s->canvas, list, "Workers", false);
    draw_workers(s, canvas_inside(list));
    if (log.rows >= 3) {
        canvas_box(s->canvas, log, get(s)->doctor ? "Doctor" : "Log", true);
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

static void do_doctor(struct studio *s, const char *argument)
{
    struct engine_screen *e = get(s);
    (void)argument;
    e->doctor = !e->doctor;
    e->scroll = 0;
    forget_lines(e);
    if (!e->doctor) {
        refresh(s);
    } else if (!e->asking) {
        struct visit *v = dn_calloc(1, sizeof *v);
        v->s = s;
        e->asking = true;
        add_line(e, "looking ...", 11);
        tasks_add(s->tasks, LANE_LOAD, (struct task){visit_run, visit_done, v});
    }
}

static void do_refresh(struct studio *s, const char *argument)
{
    (void)argument;
    refresh(s);
}

static const char *const *engine_hint(struct studio *s)
{
    static const char *const list[] = {"up:older", "down:newer", "refresh", "doctor", "pause-queue:pause the queue", "help", "quit", NULL};
    (void)s;
    return list;
}

static const struct action engine_actions[] = {
    {"up", "Up k", WHERE_LIST, NULL, "older lines of the log", do_up},
    {"down", "Down j", WHERE_LIST, NULL, "newer lines of the log", do_down},
    {"refresh", "r", WHERE_LIST, NULL, "ask the engine again", do_refresh},
    {"doctor", "d", WHERE_LIST, NULL, "what danaus doctor finds, or the log again", do_doctor},
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
    .frames = engine_frames,
    .tick = engine_tick,
    .due = engine_due,
    .hint = engine_hint,
};
