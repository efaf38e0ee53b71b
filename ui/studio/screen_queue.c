/* screen_queue: what runs, what waits in which order, and what ended while we watched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/studio/clipboard.h"
#include "ui/studio/list_view.h"
#include "ui/studio/preview.h"
#include "ui/studio/studio_internal.h"

struct queue_screen {
    struct list_view view;
    struct rect area;
};

static struct queue_screen *get(struct studio *s)
{
    return s->state[SCREEN_QUEUE];
}

static void *queue_open(struct studio *s)
{
    (void)s;
    return dn_calloc(1, sizeof(struct queue_screen));
}

static void queue_close(struct studio *s)
{
    free(get(s));
}

static const struct link_job *chosen(struct studio *s)
{
    size_t count;
    const struct link_job *jobs = link_jobs(s->link, &count);
    size_t at = (size_t)get(s)->view.at;
    if (at < count)
        return &jobs[at];
    studio_tell(s, ROLE_DIM, "the queue is empty");
    return NULL;
}

/* --- drawing --- */

static enum role state_role(enum job_state state)
{
    switch (state) {
    case JOB_RUNNING:
        return ROLE_ACCENT;
    case JOB_DONE:
        return ROLE_GOOD;
    case JOB_FAILED:
    case JOB_SET_ASIDE:
        return ROLE_BAD;
    case JOB_PAUSED:
    case JOB_CANCELLED:
        return ROLE_WARN;
    default:
        return ROLE_DIM;
    }
}

static void draw_row(struct studio *s, const struct link_job *job, int row, struct rect r, bool here)
{
    struct canvas *c = s->canvas;
    enum role plain = here ? ROLE_SELECTED : ROLE_TEXT, dim = here ? ROLE_SELECTED : ROLE_DIM;
    int col = r.col, end = r.col + r.cols;
    char state[48];
    if (here)
        canvas_fill(c, (struct rect){row, r.col, 1, r.cols}, ROLE_SELECTED);
    canvas_printf(c, row, col, 8, here ? ROLE_SELECTED : ROLE_KEY, "#%lld", (long long)job->id);
    col += 9;
    if (job->state == JOB_RUNNING && job->steps_total > 0)
        snprintf(state, sizeof state, "%3d%%", (int)(100 * job->steps_done / job->steps_total));
    else
        snprintf(state, sizeof state, "%s", job_state_name(job->state));
    canvas_text(c, row, col, 10, here ? ROLE_SELECTED : state_role(job->state), state);
    col += 11;
    if (r.cols > 70) {
        canvas_printf(c, row, col, 20, dim, "%lld%s%lld %lldf", (long long)job->width,
                      canvas_symbol_text(c, SYMBOL_TIMES), (long long)job->height,
                      (long long)job->frames);
        col += 17;
    }
    if (r.cols > 100) {
        canvas_printf(c, row, col, 22, dim, "seed %llu", (unsigned long long)job->seed);
        col += 17;
    }
    bool why = job->reason[0] && job->state != JOB_DONE && job->state != JOB_RUNNING;
    canvas_text(c, row, col, end - col, why ? here ? ROLE_SELECTED : ROLE_BAD : plain,
                why ? job->reason : job->prompt);
}

static void queue_draw(struct studio *s, struct rect area)
{
    struct queue_screen *q = get(s);
    struct canvas *c = s->canvas;
    size_t count;
    const struct link_job *jobs = link_jobs(s->link, &count);
    struct rect box = {area.row, area.col, area.rows - 2, area.cols};
    canvas_box(c, box, link_queue_paused(s->link) ? "Queue  paused" : "Queue", true);
    struct rect r = canvas_inside(box);
    r.col++;
    r.cols -= 2;
    q->area = r;
    list_view_fit(&q->view, (int)count, r.rows);
    for (int i = 0; i < r.rows && q->view.first + i < (int)count; i++)
        draw_row(s, &jobs[q->view.first + i], r.row + i, r, q->view.first + i == q->view.at);
    if (count == 0) {
        const char *text = link_state(s->link) == LINK_UP ? "Nothing waits and nothing runs."
                                                          : "There is no engine yet.";
        canvas_text(c, r.row + r.rows / 2, r.col + (r.cols - (int)strlen(text)) / 2, r.cols,
                    ROLE_DIM, text);
        return;
    }
    const struct link_job *job = &jobs[q->view.at];
    int row = area.row + area.rows - 2;
    if (job->state == JOB_RUNNING)
        progress_draw(s, job, row, area.col + 1, area.cols - 2);
    else
        canvas_text(c, row, area.col + 1, area.cols - 2, ROLE_DIM, job->prompt);
}

/* --- doing --- */

static void order(struct studio *s, enum link_order what)
{
    const struct link_job *job = chosen(s);
    if (job)
        link_send_order(s->link, what, job->id);
}

static void cancel(struct studio *s, int64_t job)
{
    link_send_order(s->link, ORDER_CANCEL, job);
}

static void do_drop(struct studio *s, const char *argument)
{
    const struct link_job *job = chosen(s);
    char question[128];
    (void)argument;
    if (!job)
        return;
    if (job->state == JOB_RUNNING) { /* what it would still have made cannot be had otherwise */
        snprintf(question, sizeof question, "Stop #%lld? What is made of it is kept.",
                 (long long)job->id);
        studio_ask(s, question, cancel, job->id);
    } else {
        cancel(s, job->id); /* R queues it again */
    }
}

static void do_pause(struct studio *s, const char *argument)
{
    const struct link_job *job = chosen(s);
    (void)argument;
    if (job)
        link_send_order(s->link, job->state == JOB_PAUSED ? ORDER_RESUME : ORDER_PAUSE, job->id);
}

static void do_retry(struct studio *s, const char *argument)
{
    (void)argument;
    order(s, ORDER_RETRY);
}

static bool waits(const struct link_job *job)
{
    return job->state == JOB_QUEUED || job->state == JOB_PAUSED;
}

/* by -1: before the one above; 1: before the one after the next. */
static void move_job(struct studio *s, int by)
{
    size_t count;
    const struct link_job *jobs = link_jobs(s->link, &count);
    struct list_view *v = &get(s)->view;
    int at = v->at, other = by < 0 ? at - 1 : at + 2;
    if (at >= (int)count || !waits(&jobs[at]) || other < 0)
        return;
    if (by < 0 && !waits(&jobs[other]))
        return;
    if (by > 0 && (at + 1 >= (int)count || !waits(&jobs[at + 1])))
        return;
    bool before = other < (int)count && waits(&jobs[other]);
    link_send_move(s->link, jobs[at].id, before ? jobs[other].id : 0);
    v->at += by;
}

static void do_move_up(struct studio *s, const char *argument)
{
    (void)argument;
    move_job(s, -1);
}

static void do_move_down(struct studio *s, const char *argument)
{
    (void)argument;
    move_job(s, 1);
}

static void again(struct studio *s, bool new_seed)
{
    const struct link_job *job = chosen(s);
    char *json = job ? studio_request_of(s, job->id, NULL, new_seed) : NULL;
    if (json)
        link_send_enqueue(s->link, &(struct link_enqueue){.request_json = json,
                                                          .parent = job->id, .relation = "vary",
                                                          .tag = 1});
    free(json);
}

static void do_duplicate(struct studio *s, const char *argument)
{
    (void)argument;
    again(s, true);
}

/* A waiting job is taken out of the queue and its words into the studio. */
static void do_edit(struct studio *s, const char *argument)
{
    const struct link_job *job = chosen(s);
    (void)argument;
    if (!job)
        return;
    int64_t id = job->id;
    bool waiting = waits(job);
    studio_recall(s, id, RECALL_ALL);
    if (waiting)
        cancel(s, id);
}

static void do_copy_prompt(struct studio *s, const char *argument)
{
    const struct link_job *job = chosen(s);
    (void)argument;
    if (job)
        clipboard_copy(s, job->prompt);
}

static void do_show(struct studio *s, const char *argument)
{
    const struct link_job *job = chosen(s);
    (void)argument;
    if (job)
        player_open(s, job->id);
}

static void do_up(struct studio *s, const char *argument)
{
    (void)argument;
    get(s)->view.at--;
}

static void do_down(struct studio *s, const char *argument)
{
    (void)argument;
    get(s)->view.at++;
}

static void do_first(struct studio *s, const char *argument)
{
    (void)argument;
    get(s)->view.at = 0;
}

static void do_last(struct studio *s, const char *argument)
{
    size_t count;
    (void)argument;
    link_jobs(s->link, &count);
    get(s)->view.at = (int)count - 1;
}

static void queue_click(struct studio *s, const struct input_event *event)
{
    struct queue_screen *q = get(s);
    if (!event->pressed || event->moved)
        return;
    if (event->button == BUTTON_WHEEL_UP || event->button == BUTTON_WHEEL_DOWN)
        q->view.at += event->button == BUTTON_WHEEL_UP ? -3 : 3;
    else if (event->row >= q->area.row && event->row < q->area.row + q->area.rows)
        q->view.at = q->view.first + event->row - q->area.row;
}

static const char *const *queue_hint(struct studio *s)
{
    static const char *const list[] = {"move-up:earlier", "move-down:later", "pause", "drop", "retry", "help",
                                       "edit", "duplicate", "pause-queue:pause all", NULL};
    static const char *const empty[] = {"pause-queue:pause all", "help", "quit", NULL};
    size_t count;
    link_jobs(s->link, &count);
    return count ? list : empty;
}

static const struct action queue_actions[] = {
    {"show", "Enter", WHERE_LIST, NULL, "what is made of it by now, in the player", do_show},
    {"up", "Up k", WHERE_LIST, NULL, "the job above", do_up},
    {"down", "Down j", WHERE_LIST, NULL, "the job below", do_down},
    {"first", "g Home", WHERE_LIST, NULL, "the first job", do_first},
    {"last", "G End", WHERE_LIST, NULL, "the last job", do_last},
    {"move-up", "K", WHERE_LIST, NULL, "earlier", do_move_up},
    {"move-down", "J", WHERE_LIST, NULL, "later", do_move_down},
    {"pause", "p Space", WHERE_LIST, NULL, "pause this job, or let it go on", do_pause},
    {"drop", "d Delete", WHERE_LIST, NULL, "take it out of the queue, or stop it", do_drop},
    {"retry", "R", WHERE_LIST, NULL, "queue it again where it stopped", do_retry},
    {"duplicate", "D", WHERE_LIST, NULL, "the same with a new seed", do_duplicate},
    {"edit", "e", WHERE_LIST, NULL, "its words and settings into the studio", do_edit},
    {"copy-prompt", "y", WHERE_LIST, NULL, "copy the prompt, for Ctrl-Y", do_copy_prompt},
    {0},
};

const struct screen screen_queue_entry = {
    .number = SCREEN_QUEUE,
    .name = "queue",
    .title = "Queue",
    .actions = queue_actions,
    .open = queue_open,
    .close = queue_close,
    .draw = queue_draw,
    .click = queue_click,
    .hint = queue_hint,
};
