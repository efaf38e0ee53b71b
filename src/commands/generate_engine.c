/* generate_engine: see generate_engine.h */
#define _GNU_SOURCE
#include "commands/generate_engine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/paths.h"
#include "base/safetext.h"
#include "commands/clip_names.h"
#include "commands/command.h"
#include "commands/engine_session.h"
#include "commands/logout_check.h"

struct made {
    int64_t job;
    bool over;
    struct request request;
    struct progress progress;
};

struct session {
    const struct engine_plan *plan;
    struct client *client;
    struct made *clips; /* [count] */
    int64_t count, left;
    bool cancelled;
    struct dn_error first_error; /* code DN_OK = none */
};

/* --- queueing --- */

/* The engine works in another directory. */
static void make_paths_absolute(struct request *r)
{
    char *here = getcwd(NULL, 0), why[OPTION_WHY_SIZE];
    for (size_t i = 0; here && i < option_count; i++) {
        const struct option *o = &option_rows[i];
        char *value = o->type == OPTION_PATH ? option_get(o, r) : NULL;
        if (value && value[0] && value[0] != '/') {
            char *whole = dn_path_join(here, value);
            option_set(o, r, whole, why);
            free(whole);
        }
        free(value);
    }
    free(here);
}

/* The request of clip number index, which its job and its recipe hold. */
static void request_of(const struct session *s, int64_t index, struct request *r)
{
    const struct request *base = &s->plan->job->settings.request;
    request_copy(r, base);
    r->seed = base->seed + (uint64_t)(index % base->count);
    r->count = 1;
    if (base->output) {
        free(r->output);
        r->output = clip_output_name(base->output, index, s->count, r->seed, r->prompt);
    }
    if (base->save_latents) {
        free(r->save_latents);
        r->save_latents = clip_output_name(base->save_latents, index, s->count, r->seed, r->prompt);
    }
    make_paths_absolute(r);
}

static bool queue_one(struct session *s, int64_t index, struct dn_error *err)
{
    struct made *clip = &s->clips[index];
    json_t *reply, *message = protocol_new(MESSAGE_ENQUEUE);
    request_of(s, index, &clip->request);
    clip->progress = (struct progress){.kind = s->plan->kind, .clip = index, .clips = s->count};
    char *text = request_to_json(&clip->request);
    json_object_set_new(message, "request", json_loads(text, 0, NULL));
    if (s->plan->next)
        json_object_set_new(message, "next", json_true());
    free(text);
    if (s->plan->parent) {
        json_object_set_new(message, "parent", json_integer(s->plan->parent));
        json_object_set_new(message, "parent_chunk", json_integer(s->plan->parent_chunk));
        json_object_set_new(message, "relation", json_string(s->plan->relation));
    }
    if (!client_ask(s->client, message, &reply, err))
        return false;
    clip->job = protocol_int(reply, "job", 0);
    json_decref(reply);
    s->left++;
    return s->plan->detach || session_watch(s->client, clip->job, NULL, err);
}

static bool queue_all(struct session *s, struct dn_error *err)
{
    int64_t per_prompt = s->plan->job->settings.request.count;
    for (int64_t n = 0; n < s->count; n++) {
        /* what goes to the front is queued from the back, to keep its order */
        int64_t i = s->plan->next ? s->count - 1 - n : n;
        if (!job_set_prompt(s->plan->job, s->plan->prompts->prompts[i / per_prompt], err) ||
            !queue_one(s, i, err))
            return false;
    }
    return true;
}

static void tell_queued(const struct session *s)
{
    for (int64_t i = 0; i < s->count; i++) {
        if (s->plan->kind == PROGRESS_JSON)
            printf("{\"event\":\"queued\",\"job\":%lld,\"clip\":%lld}\n",
                   (long long)s->clips[i].job, (long long)i);
        else
            printf("job %lld is queued\n", (long long)s->clips[i].job);
    }
    if (s->plan->kind != PROGRESS_JSON)
        puts("danaus watch follows it, danaus queue cancel stops it");
}

/* --- following --- */

static void show_started(struct made *clip, const json_t *m)
{
    struct event_started e = {.sampler = protocol_text(m, "sampler"),
                              .width = protocol_int(m, "width", 0),
                              .height = protocol_int(m, "height", 0),
                              .frames = protocol_int(m, "frames", 0),
                              .chunks = protocol_int(m, "chunks", 0),
                              .steps_total = protocol_int(m, "steps", 0)};
    progress_started(&clip->progress, &e);
    clip->progress.started.sampler = NULL; /* it was the message's */
}

static void show_step(struct made *clip, const json_t *m)
{
    struct event_step e = {.chunk = protocol_int(m, "chunk", 0),
                           .chunks = clip->progress.started.chunks,
                           .step = protocol_int(m, "step", 0),
                           .steps = protocol_int(m, "steps", 0),
                           .done = protocol_int(m, "done", 0),
                           .total = protocol_int(m, "total", 0),
                           .seconds = protocol_number(m, "seconds", 0)};
    progress_step(&clip->progress, &e);
}

static void show_progress(struct made *clip, enum message_type type, const json_t *m)
{
    int64_t start = protocol_int(m, "start", 0), count = protocol_int(m, "count", 0);
    if (type == MESSAGE_STARTED) {
        show_started(clip, m);
    } else if (type == MESSAGE_STEP) {
        show_step(clip, m);
    } else if (type == MESSAGE_CHUNK) {
        progress_latents(&clip->progress, &(struct event_latents){.start = start, .count = count});
    } else if (type == MESSAGE_FRAMES) {
        progress_frames(&clip->progress,
                        &(struct event_frames){.start = start, .count = count,
                                               .seconds = protocol_number(m, "seconds", 0)});
    }
}

/* The path as the user wrote it, when it is below the working directory. */
static const char *shorten(const char *path)
{
    static char here[4096];
    size_t n;
    if (!path || !getcwd(here, sizeof here))
        return path;
    n = strlen(here);
    return strncmp(path, here, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static bool show_result(struct session *s, struct made *clip, const json_t *m, bool complete,
                        struct dn_error *err)
{
    const char *path = protocol_text(m, "path"), *output = clip->request.output;
    const struct request *r = &clip->request;
    struct progress_result result = {
        .path = shorten(path && output ? output : path),
        .latents_path = path && r->save_latents ? shorten(r->save_latents) : NULL,
        .prompt = r->prompt, .seed = r->seed, .frames = protocol_int(m, "frames_done", 0),
        .bytes = protocol_int(m, "bytes", 0), .seconds = protocol_number(m, "seconds", 0),
        .first_seconds = protocol_number(m, "first_frame_seconds", 0), .complete = complete};
    clip->progress.started.width = r->width;
    clip->progress.started.height = r->height;
    result.latents = result.latents_path ? clip->progress.latents : 0;
    bool ok = !path || !complete || !s->plan->show || s->plan->show(r, path, err);
    if (path)
        progress_finished(&clip->progress, &result);
    return ok;
}

static void note_error(struct session *s, const struct dn_error *err)
{
    if (s->first_error.code == DN_OK)
        s->first_error = *err;
}

static void take_state(struct session *s, struct made *clip, const json_t *m)
{
    const char *state = protocol_text(m, "state"), *reason = protocol_text(m, "reason");
    struct dn_error err = {0};
    if (clip->over || !session_is_over(state))
        return;
    clip->over = true;
    s->left--;
    progress_clear(&clip->progress);
    if (strcmp(state, "done") == 0 || strcmp(state, "cancelled") == 0) {
        bool done = strcmp(state, "done") == 0;
        bool ok = show_result(s, clip, m, done, &err) &&
                  (done || dn_fail(&err, DN_E_CANCELLED, "stopped"));
        if (!ok)
            note_error(s, &err);
        return;
    }
    dn_fail(&err, DN_E_BACKEND, "job %lld: %s", (long long)clip->job,
            reason ? reason : "it failed without a word");
    note_error(s, &err);
}

static void take(struct session *s, enum message_type type, const json_t *m)
{
    int64_t job = protocol_int(m, "job", 0);
    for (int64_t i = 0; i < s->count; i++) {
        struct made *clip = &s->clips[i];
        if (clip->job != job)
            continue;
        if (type == MESSAGE_STATE)
            take_state(s, clip, m);
        else if (!clip->over)
            show_progress(clip, type, m);
    }
}

/* The engine was killed: its jobs are not lost, and another one goes on with them. */
static bool reconnect(struct session *s, struct dn_error *err)
{
    client_close(s->client);
    if (!session_connect("generate", true, &s->client, err))
        return false;
    for (int64_t i = 0; i < s->count; i++)
        if (!s->clips[i].over && !session_watch(s->client, s->clips[i].job, NULL, err))
            return false;
    return true;
}

/* The first Ctrl-C; a second one ends this process, the engine stops the jobs all the same. */
static bool cancel_all(struct session *s, struct dn_error *err)
{
    s->cancelled = true;
    for (int64_t i = 0; i < s->count; i++) {
        struct dn_error late; /* it may be over by now: its state says so */
        if (!s->clips[i].over && !client_order(s->client, MESSAGE_CANCEL, s->clips[i].job, &late) &&
            late.code != DN_E_ARG) {
            *err = late;
            return false;
        }
    }
    return true;
}

static bool follow_all(struct session *s, struct dn_error *err)
{
    enum { MAX_RECONNECTS = 20 };
    for (int reconnects = 0; s->left > 0;) {
        enum message_type type;
        json_t *m = NULL;
        if (*command_stop() && !s->cancelled && !cancel_all(s, err))
            return false;
        if (!client_next(s->client, 1000, &type, &m, err)) {
            if (reconnects++ == MAX_RECONNECTS || !reconnect(s, err))
                return false;
            s->cancelled = false;
            continue;
        }
        if (m)
            take(s, type, m);
        json_decref(m);
    }
    return true;
}

bool generate_in_engine(const struct engine_plan *plan, struct dn_error *err)
{
    struct session s = {.plan = plan};
    s.count = plan->prompts->count * plan->job->settings.request.count;
    s.clips = dn_calloc((size_t)s.count, sizeof *s.clips);
    logout_warn("generate");
    bool ok = session_connect("generate", true, &s.client, err) && queue_all(&s, err);
    if (ok && plan->detach)
        tell_queued(&s);
    else
        ok = ok && follow_all(&s, err);
    if (ok && s.first_error.code != DN_OK) {
        *err = s.first_error;
        ok = false;
    }
    for (int64_t i = 0; i < s.count; i++)
        request_done(&s.clips[i].request);
    free(s.clips);
    client_close(s.client);
    return ok;
}
