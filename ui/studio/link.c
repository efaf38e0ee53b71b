/* link: see link.h */
#include "ui/studio/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/prompt_changes.h"
#include "engine/client.h"

/* RETRY_MS: between tries to reach an engine that was lost. */
enum { RETRY_MS = 2000, TAGS = 1024, JOBS_MAX = 2000 };

struct waiting { /* a request whose answer will come */
    int64_t id;
    enum message_type type;
    int tag;
    char *collection; /* of an enqueue, NULL = none */
};

struct link {
    struct tasks *tasks;
    char *library;
    struct link_sink sink;
    struct client *client; /* NULL while connecting or lost */
    enum link_state state;
    char why[512], cure[256]; /* of LINK_LOST, "" = none */
    bool paused;
    bool jobs_asked, jobs_stale; /* the queue was asked for, and has changed since */
    int64_t retry_ms; /* 0 = not waiting to */
    struct link_job *jobs;
    size_t job_count;
    struct waiting waiting[TAGS];
    size_t waiting_count;
    struct link_status status;
    struct connecting *connecting;
};

/* --- connecting --- */

struct connecting {
    struct link *link; /* NULL: nobody waits any more */
    char *library;
    struct client *client;
    struct dn_error err;
    bool ok;
};

static void connect_run(void *data)
{
    struct connecting *c = data;
    struct client_options options = {.library = c->library, .name = "studio", .start = true};
    c->ok = client_connect(&options, &c->client, &c->err);
}

static void send_request(struct link *l, json_t *request, struct waiting w);

static void send_plain(struct link *l, json_t *request, enum message_type type)
{
    send_request(l, request, (struct waiting){.type = type});
}

/* The queue, once for however many changes come while the answer is on its way. */
static void ask_jobs(struct link *l)
{
    l->jobs_stale = l->jobs_asked;
    if (!l->jobs_asked && l->client) {
        l->jobs_asked = true;
        send_plain(l, protocol_new(MESSAGE_JOBS), MESSAGE_JOBS);
    }
}

static void forget_waiting(struct link *l)
{
    while (l->waiting_count)
        free(l->waiting[--l->waiting_count].collection);
}

static void connected(struct link *l, struct client *client, int64_t now_ms)
{
    json_t *watch = protocol_new(MESSAGE_WATCH);
    (void)now_ms;
    l->client = client;
    l->state = LINK_UP;
    l->why[0] = l->cure[0] = '\0';
    forget_waiting(l);
    l->jobs_asked = false;
    json_object_set_new(watch, "frames", json_string("shared"));
    send_plain(l, watch, MESSAGE_WATCH);
    ask_jobs(l);
    link_send_order(l, ORDER_STATUS, 0);
}

static void connect_done(void *data, bool dropped)
{
    struct connecting *c = data;
    struct link *l = c->link;
    if (l && !dropped) {
        l->connecting = NULL;
        if (c->ok) {
            connected(l, c->client, 0);
            c->client = NULL;
        } else {
            l->state = LINK_LOST;
            snprintf(l->why, sizeof l->why, "%.400s", c->err.message);
            snprintf(l->cure, sizeof l->cure, "%s", c->err.hint);
            l->retry_ms = -1; /* link_tick sets the time */
            char *text = dn_error_text(&c->err);
            l->sink.trouble(l->sink.context, text);
            free(text);
        }
        l->sink.changed(l->sink.context);
    }
    client_close(c->client);
    free(c->library);
    free(c);
}

static void start_connecting(struct link *l)
{
    struct connecting *c = dn_calloc(1, sizeof *c);
    c->link = l;
    c->library = dn_strdup(l->library);
    l->connecting = c;
    l->retry_ms = 0;
    tasks_add(l->tasks, LANE_ENGINE, (struct task){connect_run, connect_done, c});
}

struct link *link_new(struct tasks *tasks, const char *library, const struct link_sink *sink)
{
    struct link *l = dn_calloc(1, sizeof *l);
    l->tasks = tasks;
    l->library = dn_strdup(library);
    l->sink = *sink;
    start_connecting(l);
    return l;
}

static void job_free(struct link_job *job)
{
    free(job->prompt);
    free(job->reason);
    free(job->path);
    free(job->changes);
}

void link_free(struct link *l)
{
    if (!l)
        return;
    if (l->connecting)
        l->connecting->link = NULL;
    client_close(l->client);
    forget_waiting(l);
    for (size_t i = 0; i < l->job_count; i++)
        job_free(&l->jobs[i]);
    free(l->jobs);
    free(l->library);
    free(l);
}

static void lose(struct link *l, const struct dn_error *err)
{
    client_close(l->client);
    l->client = NULL;
    l->state = LINK_LOST;
    snprintf(l->why, sizeof l->why, "%.400s", err->message);
    l->cure[0] = '\0';
    l->retry_ms = -1;
    l->sink.trouble(l->sink.context, "the engine is gone; starting it again");
    l->sink.changed(l->sink.context);
}

void link_tick(struct link *l, int64_t now_ms)
{
    if (l->retry_ms < 0)
        l->retry_ms = now_ms + RETRY_MS;
    if (l->retry_ms > 0 && now_ms >= l->retry_ms && !l->connecting)
        start_connecting(l);
}

int64_t link_due(const struct link *l)
{
    return l->retry_ms < 0 ? 0 : l->retry_ms > 0 ? l->retry_ms : -1;
}

enum link_state link_state(const struct link *l)
{
    return l->state;
}

const char *link_why(const struct link *l)
{
    return l->why;
}

const char *link_cure(const struct link *l)
{
    return l->cure;
}

bool link_queue_paused(const struct link *l)
{
    return l->paused;
}

const struct link_status *link_status(const struct link *l)
{
    return &l->status;
}

int link_fd(const struct link *l)
{
    return l->client ? client_fd(l->client) : -1;
}

/* --- jobs --- */

const struct link_job *link_jobs(const struct link *l, size_t *count)
{
    *count = l->job_count;
    return l->jobs;
}

static struct link_job *find_job(const struct link *l, int64_t id)
{
    for (size_t i = 0; i < l->job_count; i++)
        if (l->jobs[i].id == id)
            return &l->jobs[i];
    return NULL;
}

const struct link_job *link_find_job(const struct link *l, int64_t id)
{
    return find_job(l, id);
}

/* The job's row, made when there is none. The oldest that is over makes room. */
static struct link_job *need_job(struct link *l, int64_t id)
{
    struct link_job *job = find_job(l, id);
    if (job)
        return job;
    for (size_t i = 0; l->job_count >= JOBS_MAX && i < l->job_count; i++)
        if (l->jobs[i].state >= JOB_DONE) {
            job_free(&l->jobs[i]);
            memmove(&l->jobs[i], &l->jobs[i + 1], (l->job_count - i - 1) * sizeof *l->jobs);
            l->job_count--;
            break;
        }
    l->jobs = dn_realloc(l->jobs, l->job_count + 1, sizeof *l->jobs);
    job = &l->jobs[l->job_count++];
    *job = (struct link_job){.id = id, .prompt = dn_strdup(""), .reason = dn_strdup(""),
                             .path = dn_strdup(""), .changes = dn_strdup("")};
    return job;
}

static void take_text(char **to, const json_t *message, const char *key)
{
    const char *text = protocol_text(message, key);
    if (text) {
        free(*to);
        *to = dn_strdup(text);
    }
}

static void take_changes(struct link_job *job, const json_t *m)
{
    const json_t *list = json_object_get(m, "prompt_changes");
    struct strbuf text = {0};
    if (list && prompt_changes_read_json(list, &text)) {
        free(job->changes);
        job->changes = strbuf_take(&text);
    }
    strbuf_done(&text);
}

static void read_job(struct link_job *job, const json_t *m)
{
    const char *state = protocol_text(m, "state");
    if (state)
        job_state_parse(state, &job->state);
    take_text(&job->prompt, m, "prompt");
    take_text(&job->reason, m, "reason");
    take_text(&job->path, m, "path");
    take_changes(job, m);
    job->seed = (uint64_t)protocol_int(m, "seed", (int64_t)job->seed);
    job->width = protocol_int(m, "width", job->width);
    job->height = protocol_int(m, "height", job->height);
    job->frames = protocol_int(m, "frames", job->frames);
    job->chunks = protocol_int(m, "chunks", job->chunks);
    job->chunks_done = protocol_int(m, "chunks_done", job->chunks_done);
}

/* The whole queue, in its order; jobs that are over stay behind it. */
static void take_jobs(struct link *l, const json_t *message)
{
    size_t i;
    json_t *item, *list = json_object_get(message, "jobs");
    struct link_job *before = l->jobs;
    size_t count = l->job_count;
    l->paused = protocol_bool(message, "paused");
    l->jobs = NULL;
    l->job_count = 0;
    json_array_foreach(list, i, item)
    {
        int64_t id = protocol_int(item, "job", 0);
        struct link_job *job = id > 0 ? need_job(l, id) : NULL;
        for (size_t k = 0; job && k < count; k++)
            if (before[k].id == id) {
                job_free(job);
                *job = before[k];
                before[k].id = 0;
            }
        if (job)
            read_job(job, item);
    }
    for (size_t k = 0; k < count; k++) {
        if (before[k].id && before[k].state >= JOB_DONE) {
            l->jobs = dn_realloc(l->jobs, l->job_count + 1, sizeof *l->jobs);
            l->jobs[l->job_count++] = before[k];
        } else if (before[k].id) {
            job_free(&before[k]);
        }
    }
    free(before);
}

/* --- messages --- */

static void copy_text(char *out, size_t size, const json_t *m, const char *key)
{
    const char *text = protocol_text(m, key);
    snprintf(out, size, "%s", text ? text : "");
}

static void take_status(struct link *l, const json_t *m, int64_t now_ms)
{
    struct link_status *s = &l->status;
    size_t i;
    json_t *item;
    *s = (struct link_status){.pid = protocol_int(m, "pid", 0),
                              .queued = protocol_int(m, "queued", 0),
                              .running = protocol_int(m, "running", 0),
                              .clients = protocol_int(m, "clients", 0),
                              .seconds = protocol_number(m, "seconds", 0),
                              .asked_ms = now_ms};
    l->paused = protocol_bool(m, "paused");
    copy_text(s->socket, sizeof s->socket, m, "socket");
    copy_text(s->library, sizeof s->library, m, "library");
    copy_text(s->log, sizeof s->log, m, "log");
    json_array_foreach(json_object_get(m, "workers"), i, item)
    {
        if (s->worker_count == LINK_WORKERS)
            break;
        struct link_worker *w = &s->workers[s->worker_count++];
        *w = (struct link_worker){.device = protocol_int(item, "device", 0),
                                  .pid = protocol_int(item, "pid", 0),
                                  .job = protocol_int(item, "job", 0),
                                  .starts = protocol_int(item, "starts", 0)};
        copy_text(w->model, sizeof w->model, item, "model");
        w->has_gpu = gpu_reading_from_json(json_object_get(item, "gpu"), &w->gpu);
    }
}

static void take_step(struct link_job *job, const json_t *m)
{
    job->chunk = protocol_int(m, "chunk", 0);
    job->step = protocol_int(m, "step", 0);
    job->steps = protocol_int(m, "steps", 0);
    job->steps_done = protocol_int(m, "done", 0);
    job->steps_total = protocol_int(m, "total", 0);
    job->seconds = protocol_number(m, "seconds", 0);
    job->chunks_done = job->chunk > job->chunks_done ? job->chunk : job->chunks_done;
}

static void take_event(struct link *l, enum message_type type, const json_t *m, int64_t now_ms)
{
    int64_t id = protocol_int(m, "job", 0);
    struct link_job *job = id > 0 ? need_job(l, id) : NULL;
    if (!job)
        return;
    job->heard_ms = now_ms;
    job->ended = false;
    if (type == MESSAGE_STATE) {
        enum job_state before = job->state;
        read_job(job, m);
        job->ended = before != job->state &&
                     (job->state == JOB_DONE || job_state_is_failure(job->state));
        if (before != job->state && job->state != JOB_RUNNING) /* its place may be another */
            ask_jobs(l);
    } else if (type == MESSAGE_STARTED) {
        job->state = JOB_RUNNING;
        read_job(job, m);
        job->steps_done = 0;
        job->steps_total = protocol_int(m, "steps", 0);
        job->seconds = 0;
    } else if (type == MESSAGE_STEP) {
        take_step(job, m);
    } else if (type == MESSAGE_FRAMES) {
        struct link_frames f = {id, protocol_int(m, "start", 0), protocol_int(m, "count", 0),
                                protocol_int(m, "worker", -1)};
        job->frames_ready = f.start + f.count;
        l->sink.frames(l->sink.context, &f);
    }
    l->sink.job(l->sink.context, job);
}

/* Only the last of several edits is told: what the catalog says between them is half of it. */
static bool edits_wait(const struct link *l)
{
    for (size_t i = 0; i < l->waiting_count; i++)
        if (l->waiting[i].type == MESSAGE_EDIT)
            return true;
    return false;
}

static void take_reply(struct link *l, enum message_type type, const json_t *m, int64_t now_ms)
{
    struct waiting w = {0};
    int64_t id = protocol_int(m, "id", -1);
    for (size_t i = 0; i < l->waiting_count; i++)
        if (l->waiting[i].id == id) {
            w = l->waiting[i];
            l->waiting[i] = l->waiting[--l->waiting_count];
            break;
        }
    if (type == MESSAGE_ERROR) {
        struct dn_error err;
        protocol_error_read(m, &err);
        l->sink.trouble(l->sink.context, err.message);
        l->jobs_asked = l->jobs_asked && w.type != MESSAGE_JOBS;
        if (w.collection)
            l->sink.refused(l->sink.context, w.collection, &err);
        if (w.type == MESSAGE_EDIT)
            l->sink.edited(l->sink.context); /* what was shown in advance is not so */
    } else if (type == MESSAGE_JOBS_REPLY) {
        take_jobs(l, m);
        l->jobs_asked = false;
        if (l->jobs_stale)
            ask_jobs(l);
    } else if (type == MESSAGE_STATUS_REPLY) {
        take_status(l, m, now_ms);
    } else if (type == MESSAGE_QUEUED) {
        l->sink.queued(l->sink.context, protocol_int(m, "job", 0), w.tag);
        ask_jobs(l);
    } else if (type == MESSAGE_STEERED) {
        l->sink.steered(l->sink.context, protocol_int(m, "job", 0), protocol_int(m, "chunk", 0),
                        protocol_int(m, "frame", 0));
    } else if (w.type == MESSAGE_EDIT && !edits_wait(l)) {
        l->sink.edited(l->sink.context);
    } else if (w.type == MESSAGE_PAUSE || w.type == MESSAGE_RESUME || w.type == MESSAGE_MOVE) {
        ask_jobs(l);
    }
    free(w.collection);
    l->sink.changed(l->sink.context);
}

void link_read(struct link *l, int64_t now_ms)
{
    struct dn_error err;
    enum message_type type;
    json_t *message;
    while (l->client) {
        if (!client_next(l->client, 0, &type, &message, &err)) {
            lose(l, &err);
            return;
        }
        if (!message)
            return;
        if (message_table[type].direction == MESSAGE_EVENT)
            take_event(l, type, message, now_ms);
        else
            take_reply(l, type, message, now_ms);
        json_decref(message);
    }
}

/* --- orders --- */

/* w without its id; its collection is copied. */
static void send_request(struct link *l, json_t *request, struct waiting w)
{
    if (!l->client) {
        json_decref(request);
        l->sink.trouble(l->sink.context, "there is no engine yet");
        return;
    }
    w.id = client_send(l->client, request);
    w.collection = w.collection ? dn_strdup(w.collection) : NULL;
    if (l->waiting_count == TAGS) { /* the oldest was never answered */
        free(l->waiting[0].collection);
        memmove(l->waiting, l->waiting + 1, --l->waiting_count * sizeof l->waiting[0]);
    }
    l->waiting[l->waiting_count++] = w;
}

void link_send_enqueue(struct link *l, const struct link_enqueue *e)
{
    json_t *message = protocol_new(MESSAGE_ENQUEUE);
    json_object_set_new(message, "request", json_loads(e->request_json, 0, NULL));
    if (e->next)
        json_object_set_new(message, "next", json_true());
    if (e->parent) {
        json_object_set_new(message, "parent", json_integer(e->parent));
        json_object_set_new(message, "parent_chunk", json_integer(e->parent_chunk));
    }
    if (e->relation)
        json_object_set_new(message, "relation", json_string(e->relation));
    if (e->collection)
        json_object_set_new(message, "collection", json_string(e->collection));
    send_request(l, message, (struct waiting){.type = MESSAGE_ENQUEUE, .tag = e->tag,
                                              .collection = (char *)e->collection});
}

void link_send_order(struct link *l, enum link_order order, int64_t job)
{
    static const enum message_type types[] = {
        [ORDER_CANCEL] = MESSAGE_CANCEL, [ORDER_PAUSE] = MESSAGE_PAUSE,
        [ORDER_RESUME] = MESSAGE_RESUME, [ORDER_RETRY] = MESSAGE_RETRY,
        [ORDER_STATUS] = MESSAGE_STATUS};
    json_t *message = protocol_new(types[order]);
    if (job)
        json_object_set_new(message, "job", json_integer(job));
    send_plain(l, message, types[order]);
}

void link_send_edit(struct link *l, const struct link_edit *edit)
{
    json_t *message = protocol_new(MESSAGE_EDIT);
    json_object_set_new(message, "what", json_string(edit->what));
    if (edit->clip)
        json_object_set_new(message, "clip", json_integer(edit->clip));
    if (edit->to)
        json_object_set_new(message, "to", json_string(edit->to));
    if (edit->value)
        json_object_set_new(message, "value", json_string(edit->value));
    else
        json_object_set_new(message, "number", json_integer(edit->number));
    send_plain(l, message, MESSAGE_EDIT);
}

void link_send_steer(struct link *l, int64_t job, const char *prompt)
{
    json_t *message = protocol_new(MESSAGE_STEER);
    json_object_set_new(message, "job", json_integer(job));
    json_object_set_new(message, "prompt", json_string(prompt));
    send_plain(l, message, MESSAGE_STEER);
}

void link_send_move(struct link *l, int64_t job, int64_t other)
{
    json_t *message = protocol_new(MESSAGE_MOVE);
    json_object_set_new(message, "job", json_integer(job));
    json_object_set_new(message, "to", json_string(other ? "before" : "last"));
    if (other)
        json_object_set_new(message, "other", json_integer(other));
    send_plain(l, message, MESSAGE_MOVE);
}

/* --- frames --- */

/* Means of squares of by x by pixels. */
static void shrink(const uint8_t *rgb, int width, int by, struct frame *out)
{
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
            for (int c = 0; c < 3; c++) {
                int sum = 0;
                for (int64_t j = 0; j < by; j++)
                    for (int i = 0; i < by; i++)
                        sum += rgb[((y * by + j) * width + x * by + i) * 3 + c];
                out->rgb24[((int64_t)y * out->width + x) * 3 + c] = (uint8_t)(sum / (by * by));
            }
}

struct frame *link_take_frame(const struct link *l, int64_t worker, int64_t job, int64_t number,
                              int max_side)
{
    const struct frame_ring *ring = l->client ? client_ring(l->client, worker) : NULL;
    if (!ring)
        return NULL;
    struct frame_ring_info info = frame_ring_info(ring);
    struct frame *f = frame_new((int)info.width, (int)info.height);
    if (!frame_ring_read(ring, job, number, f->rgb24)) {
        frame_drop(&f);
        return NULL;
    }
    int longer = (int)(info.width > info.height ? info.width : info.height);
    int by = (longer + max_side - 1) / max_side;
    if (by > 1 && info.width / by > 0 && info.height / by > 0) {
        struct frame *small = frame_new((int)info.width / by, (int)info.height / by);
        shrink(f->rgb24, (int)info.width, by, small);
        frame_drop(&f);
        f = small;
    }
    return f;
}
