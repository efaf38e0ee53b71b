/* server_requests: what clients ask, one function a request, in the order of enum message_type. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/safetext.h"
#include "engine/server_internal.h"

/* *reply is done unless the function makes another; NULL: it comes later. */
typedef bool request_fn(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                        struct dn_error *err);

static void answer(json_t **reply, enum message_type type)
{
    json_decref(*reply);
    *reply = protocol_new(type);
}

static bool do_hello(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                     struct dn_error *err)
{
    int64_t number = protocol_int(m, "protocol", 0);
    const char *name = protocol_text(m, "client"), *build = protocol_text(m, "build");
    if (number != PROTOCOL_NUMBER) {
        peer_close_soon(p);
        /* told here too: a program of somebody else prints what it gets */
        dn_fail(err, DN_E_UNSUPPORTED,
                "the engine is danaus %s with protocol %d, the client is %s with protocol %lld",
                DANAUS_VERSION, PROTOCOL_NUMBER, build ? build : "unknown", (long long)number);
        dn_error_hint(err, number < PROTOCOL_NUMBER ? "use the newer danaus, or danaus engine stop"
                                                    : "danaus engine restart");
        json_decref(*reply);
        *reply = protocol_error(err);
        json_object_set_new(*reply, "protocol", json_integer(PROTOCOL_NUMBER));
        return true;
    }
    p->greeted = true;
    dn_safetext(p->name, sizeof p->name, name ? name : "?", name ? strlen(name) : 1);
    answer(reply, MESSAGE_WELCOME);
    json_object_set_new(*reply, "protocol", json_integer(PROTOCOL_NUMBER));
    json_object_set_new(*reply, "build", json_string(DANAUS_VERSION));
    json_object_set_new(*reply, "pid", json_integer(getpid()));
    json_object_set_new(*reply, "library", json_string(s->paths.library));
    return true;
}

static json_t *describe_workers(struct server *s)
{
    json_t *list = json_array();
    for (int i = 0; i < s->worker_count; i++) {
        const struct worker_slot *w = &s->workers[i];
        json_t *item = json_pack("{s:i, s:I, s:I, s:s?, s:I}", "device", w->number, "pid",
                                 (json_int_t)w->pid, "job", (json_int_t)w->job, "model", w->model,
                                 "starts", (json_int_t)w->starts);
        if (w->gpu && dn_now_ms() - w->gpu_ms < GPU_MS)
            json_object_set(item, "gpu", w->gpu);
        json_array_append_new(list, item);
    }
    return list;
}

static bool do_status(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                      struct dn_error *err)
{
    (void)p;
    (void)m;
    struct catalog_totals totals;
    bool paused;
    if (!catalog_get_totals(s->catalog, &totals, err) ||
        !catalog_queue_paused(s->catalog, &paused, err))
        return false;
    answer(reply, MESSAGE_STATUS_REPLY);
    json_t *r = *reply;
    json_object_set_new(r, "pid", json_integer(getpid()));
    json_object_set_new(r, "seconds", json_real((double)(dn_now_ms() - s->started_ms) / 1e3));
    json_object_set_new(r, "paused", json_boolean(paused));
    json_object_set_new(r, "queued", json_integer(totals.by_state[JOB_QUEUED]));
    json_object_set_new(r, "running", json_integer(totals.by_state[JOB_RUNNING]));
    json_object_set_new(r, "clients", json_integer(s->peer_count));
    json_object_set_new(r, "socket", json_string(s->paths.socket));
    json_object_set_new(r, "library", json_string(s->paths.library));
    json_object_set_new(r, "log", json_string(s->paths.log));
    json_object_set_new(r, "workers", describe_workers(s));
    return true;
}

static bool do_enqueue(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                       struct dn_error *err)
{
    int64_t id;
    (void)p;
    if (s->stopping)
        return dn_fail(err, DN_E_IO, "the engine is being stopped");
    if (!job_enqueue(s, m, &id, err))
        return false;
    answer(reply, MESSAGE_QUEUED);
    json_object_set_new(*reply, "job", json_integer(id));
    json_object_set_new(*reply, "clip", json_integer(id));
    job_tell_state(s, id);
    return true;
}

static bool do_jobs(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                    struct dn_error *err)
{
    struct job_list list = {0};
    int64_t one = protocol_int(m, "job", 0);
    unsigned states = protocol_bool(m, "all")
                          ? ~0u : 1u << JOB_QUEUED | 1u << JOB_PAUSED | 1u << JOB_RUNNING;
    bool paused, ok = catalog_queue_paused(s->catalog, &paused, err) &&
                      (one || catalog_list_jobs(s->catalog, states, 1000, &list, err));
    (void)p;
    json_t *jobs = json_array();
    for (size_t i = 0; ok && i < (one ? 1 : list.count); i++) {
        json_t *job = job_describe(s, one ? one : list.items[i].id, err);
        ok = job != NULL;
        if (ok) {
            json_object_del(job, "type");
            json_array_append_new(jobs, job);
        }
    }
    if (ok) {
        answer(reply, MESSAGE_JOBS_REPLY);
        json_object_set(*reply, "jobs", jobs);
        json_object_set_new(*reply, "paused", json_boolean(paused));
    }
    json_decref(jobs);
    job_list_done(&list);
    return ok;
}

/* The row says so first, and durably; the worker stops within a step. */
static bool stop_job(struct server *s, int64_t id, enum job_state to, enum stop_reason why,
                     struct dn_error *err)
{
    struct worker_slot *w = worker_of_job(s, id);
    if (!catalog_set_job(s->catalog, id, to, NULL, err))
        return false;
    if (w) {
        w->requeue = false;
        worker_stop_job(w, why);
    } else {
        job_tell_state(s, id);
    }
    return true;
}

static bool do_cancel(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                      struct dn_error *err)
{
    (void)p;
    (void)reply;
    return stop_job(s, protocol_int(m, "job", 0), JOB_CANCELLED, STOP_CANCEL, err);
}

static bool do_pause(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                     struct dn_error *err)
{
    int64_t id = protocol_int(m, "job", 0);
    (void)p;
    (void)reply;
    if (id)
        return stop_job(s, id, JOB_PAUSED, STOP_PAUSE, err);
    if (!catalog_pause_queue(s->catalog, true, err))
        return false;
    for (int i = 0; i < s->worker_count; i++)
        if (s->workers[i].job && s->workers[i].stopping == STOP_NONE)
            worker_stop_job(&s->workers[i], STOP_LATER);
    return true;
}

/* A job that a worker is just leaving is queued when it has. */
static bool queue_again(struct server *s, int64_t id, struct dn_error *err)
{
    struct worker_slot *w = worker_of_job(s, id);
    if (w && (w->stopping == STOP_CANCEL || w->stopping == STOP_PAUSE)) {
        w->requeue = true;
        return true;
    }
    if (!catalog_set_job(s->catalog, id, JOB_QUEUED, NULL, err))
        return false;
    job_tell_state(s, id);
    return true;
}

/* Is the job in a state that the request is about? */
static bool check_state(struct server *s, int64_t id, bool paused, const char *what,
                        struct dn_error *err)
{
    struct job job;
    if (!catalog_get_job(s->catalog, id, &job, err))
        return false;
    enum job_state state = job.state;
    job_done(&job);
    bool fits = paused ? state == JOB_PAUSED
                       : state == JOB_CANCELLED || job_state_is_failure(state);
    return fits || dn_fail(err, DN_E_ARG, "job %lld is %s: there is nothing to %s", (long long)id,
                           job_state_name(state), what);
}

static bool do_resume(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                      struct dn_error *err)
{
    int64_t id = protocol_int(m, "job", 0);
    (void)p;
    (void)reply;
    if (id)
        return check_state(s, id, true, "resume", err) && queue_again(s, id, err);
    return catalog_pause_queue(s->catalog, false, err);
}

static bool do_retry(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                     struct dn_error *err)
{
    int64_t id = protocol_int(m, "job", 0);
    (void)p;
    (void)reply;
    return check_state(s, id, false, "retry", err) && queue_again(s, id, err);
}

static bool do_move(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                    struct dn_error *err)
{
    int64_t id = protocol_int(m, "job", 0), other = protocol_int(m, "other", 0);
    const char *to = protocol_text(m, "to");
    enum job_place place = strcmp(to, "next") == 0 ? JOB_FIRST
                           : strcmp(to, "last") == 0 ? JOB_LAST : JOB_BEFORE;
    (void)p;
    (void)reply;
    if (place == JOB_BEFORE && !other)
        return dn_fail(err, DN_E_ARG, "move.other is missing: before which job?");
    if (!catalog_move_job(s->catalog, id, place, other, err))
        return false;
    job_tell_state(s, id);
    return true;
}

static bool do_steer(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                     struct dn_error *err)
{
    if (!server_steer(s, p, m, err))
        return false;
    json_decref(*reply);
    *reply = NULL;
    return true;
}

static bool do_watch(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                     struct dn_error *err)
{
    enum { MAX_WATCHED = 10000 };
    struct job job;
    int64_t id = protocol_int(m, "job", 0);
    const char *frames = protocol_text(m, "frames");
    (void)reply;
    if (id && !catalog_get_job(s->catalog, id, &job, err))
        return false;
    if (id)
        job_done(&job);
    if (p->watched_count >= MAX_WATCHED)
        return dn_fail(err, DN_E_ARG, "too many jobs are watched one by one");
    if (id) {
        p->watched = dn_realloc(p->watched, p->watched_count + 1, sizeof *p->watched);
        p->watched[p->watched_count++] = id;
    } else {
        p->watches_all = true;
    }
    if (frames)
        p->mode = strcmp(frames, "shared") == 0 ? FRAMES_SHARED
                  : strcmp(frames, "jpeg") == 0 ? FRAMES_JPEG : FRAMES_NONE;
    p->image_px = (int)protocol_int(m, "width", 256);
    return true;
}

static bool do_unwatch(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                       struct dn_error *err)
{
    (void)s;
    (void)m;
    (void)reply;
    (void)err;
    p->watches_all = false;
    p->watched_count = 0;
    p->mode = FRAMES_NONE;
    return true;
}

static bool do_edit(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                    struct dn_error *err)
{
    (void)p;
    (void)reply;
    return server_edit(s, m, err);
}

static bool do_import(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                      struct dn_error *err)
{
    int64_t clip;
    (void)p;
    if (!server_import(s, m, &clip, err))
        return false;
    answer(reply, MESSAGE_IMPORTED);
    json_object_set_new(*reply, "clip", json_integer(clip));
    return true;
}

static bool do_stop(struct server *s, struct peer *p, const json_t *m, json_t **reply,
                    struct dn_error *err)
{
    (void)m;
    (void)reply;
    (void)err;
    dn_info("told to stop by %s", p->name);
    s->stopping = true;
    return true;
}

static request_fn *const requests[MESSAGE_REQUEST_COUNT] = {
    [MESSAGE_HELLO] = do_hello,   [MESSAGE_STATUS] = do_status, [MESSAGE_ENQUEUE] = do_enqueue,
    [MESSAGE_JOBS] = do_jobs,     [MESSAGE_CANCEL] = do_cancel, [MESSAGE_PAUSE] = do_pause,
    [MESSAGE_RESUME] = do_resume, [MESSAGE_RETRY] = do_retry,   [MESSAGE_MOVE] = do_move,
    [MESSAGE_STEER] = do_steer,   [MESSAGE_WATCH] = do_watch, [MESSAGE_UNWATCH] = do_unwatch,
    [MESSAGE_EDIT] = do_edit,     [MESSAGE_IMPORT] = do_import, [MESSAGE_STOP] = do_stop,
};

static void handle(struct server *s, struct peer *p, const char *line, size_t length)
{
    enum message_type type;
    json_t *message, *id, *reply = NULL;
    struct dn_error err;
    bool ok = protocol_read(line, length, true, &type, &message, &id, &err);
    if (!p->greeted && (!ok || type != MESSAGE_HELLO)) {
        if (ok)
            dn_fail(&err, DN_E_FORMAT, "the first message must be hello");
        peer_close_soon(p);
        ok = false;
    }
    if (ok) {
        reply = protocol_new(MESSAGE_DONE);
        ok = requests[type](s, p, message, &reply, &err);
    }
    if (!ok) {
        json_decref(reply);
        reply = protocol_error(&err);
    }
    if (reply)
        peer_reply(p, id, reply);
    if (ok && type == MESSAGE_WATCH)
        peer_catch_up(s, p, protocol_int(message, "job", 0));
    json_decref(message);
    json_decref(id);
}

void peer_read(struct server *s, struct peer *p)
{
    const char *line;
    size_t length;
    bool too_long = false;
    channel_read(&p->channel);
    while (!p->closing && channel_line(&p->channel, &line, &length, &too_long))
        handle(s, p, line, length);
    if (!p->closing && too_long) {
        struct dn_error err;
        dn_fail(&err, DN_E_FORMAT, "a line of more than %d bytes", PROTOCOL_MAX_LINE);
        peer_reply(p, NULL, protocol_error(&err));
        peer_close_soon(p);
    }
}
