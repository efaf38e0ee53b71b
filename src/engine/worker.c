/* worker: the process; see worker.h. One thread hears the engine, the main thread computes. */
#define _GNU_SOURCE
#include "engine/worker.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/worker_internal.h"

static struct {
    struct worker worker;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    json_t *order;      /* of lock: the job that waits, NULL = none */
    int64_t job;        /* of lock: the newest one */
    struct channel in;  /* the hearing thread's */
    /* of lock: where the newest job is */
    struct worker_place next; /* the chunk that is begun next */
    bool begun;
    int promised;  /* answers to steer that the engine has not yet said it stored */
    char *prompt;  /* that it stored for the next chunk, NULL = none */
    pthread_mutex_t telling; /* around what goes to the engine */
} here = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER,
          .telling = PTHREAD_MUTEX_INITIALIZER};

/* --- hearing --- */

static void take_order(json_t *message)
{
    pthread_mutex_lock(&here.lock);
    json_decref(here.order);
    here.order = json_incref(message);
    here.job = protocol_int(message, "job", 0);
    here.worker.stop = WORKER_GO;
    here.begun = false;
    here.promised = 0;
    free(here.prompt);
    here.prompt = NULL;
    pthread_cond_signal(&here.changed);
    pthread_mutex_unlock(&here.lock);
}

static void take_stop(const json_t *message)
{
    const char *why = protocol_text(message, "why");
    pthread_mutex_lock(&here.lock);
    if (protocol_int(message, "job", 0) == here.job)
        here.worker.stop = why && strcmp(why, "cancel") == 0 ? WORKER_CANCEL : WORKER_LEAVE;
    pthread_mutex_unlock(&here.lock);
}

/* Names the chunk that is begun next and keeps it from being begun until take_steered(). */
static void take_steer(const json_t *message)
{
    int64_t chunk = WORKER_NOT_BEGUN, job = protocol_int(message, "job", 0), frame;
    pthread_mutex_lock(&here.lock);
    if (here.begun && job == here.job)
        chunk = here.next.chunk < here.next.chunks ? here.next.chunk : WORKER_NOTHING_LEFT;
    here.promised += chunk >= 0;
    frame = here.next.frame;
    pthread_mutex_unlock(&here.lock);
    worker_tell(&here.worker, json_pack("{s:s, s:I, s:I, s:I}", "type", "steer", "job",
                                        (json_int_t)job, "chunk", (json_int_t)chunk, "frame",
                                        (json_int_t)frame));
}

static void take_steered(const json_t *message)
{
    const char *prompt = protocol_text(message, "prompt");
    pthread_mutex_lock(&here.lock);
    if (protocol_int(message, "job", 0) == here.job && here.promised > 0) {
        here.promised--;
        if (protocol_bool(message, "stored") && prompt) {
            free(here.prompt);
            here.prompt = dn_strdup(prompt);
        }
        pthread_cond_signal(&here.changed);
    }
    pthread_mutex_unlock(&here.lock);
}

static void hear(const char *line, size_t length)
{
    struct dn_error err;
    json_t *message = dn_json_parse(line, length, PROTOCOL_MAX_LINE, "engine", &err);
    const char *type = protocol_text(message, "type");
    if (type && strcmp(type, "run") == 0)
        take_order(message);
    else if (type && strcmp(type, "stop") == 0)
        take_stop(message);
    else if (type && strcmp(type, "steer") == 0)
        take_steer(message);
    else if (type && strcmp(type, "steered") == 0)
        take_steered(message);
    json_decref(message);
}

/* Ends the process when the engine is gone, whatever the main thread does: everything that matters
 * is on disk, and the next engine's worker goes on from there. */
static void *hear_engine(void *context)
{
    (void)context;
    for (;;) {
        const char *line;
        size_t length;
        bool too_long;
        channel_wait(&here.in, -1);
        channel_read(&here.in);
        while (channel_line(&here.in, &line, &length, &too_long))
            hear(line, length);
        if (here.in.ended || too_long)
            _exit(0);
    }
    return NULL;
}

/* --- telling --- */

void worker_tell_fd(struct worker *w, json_t *message, int fd)
{
    pthread_mutex_lock(&here.telling);
    channel_send(&w->out, message, fd);
    while (channel_queued(&w->out) && channel_flush(&w->out))
        if (channel_queued(&w->out))
            channel_wait(&w->out, 100);
    pthread_mutex_unlock(&here.telling);
}

void worker_tell(struct worker *w, json_t *message)
{
    worker_tell_fd(w, message, -1);
}

/* --- steering --- */

void worker_begins(const struct worker_place *next)
{
    pthread_mutex_lock(&here.lock);
    here.next = *next;
    here.begun = true;
    pthread_mutex_unlock(&here.lock);
}

char *worker_begins_chunk(const struct worker_place *next)
{
    pthread_mutex_lock(&here.lock);
    while (here.promised > 0)
        pthread_cond_wait(&here.changed, &here.lock);
    here.next = *next;
    char *prompt = here.prompt;
    here.prompt = NULL;
    pthread_mutex_unlock(&here.lock);
    return prompt;
}

/* --- working --- */

static json_t *next_order(void)
{
    pthread_mutex_lock(&here.lock);
    while (!here.order)
        pthread_cond_wait(&here.changed, &here.lock);
    json_t *order = here.order;
    here.order = NULL;
    pthread_mutex_unlock(&here.lock);
    return order;
}

static void block_signals(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

bool worker_run(const struct worker_options *options, struct dn_error *err)
{
    pthread_t thread;
    int second = fcntl(WORKER_FD, F_DUPFD_CLOEXEC, WORKER_FD + 1);
    if (second < 0) {
        dn_fail(err, DN_E_ARG, "a worker is started by the engine only");
        return dn_error_hint(err, "danaus engine start");
    }
    block_signals();
    dn_log_set_level(DN_LOG_INFO);
    here.worker.options = *options;
    channel_init(&here.worker.out, WORKER_FD, false);
    channel_init(&here.in, second, false);
    if (pthread_create(&thread, NULL, hear_engine, NULL) != 0)
        return dn_fail(err, DN_E_IO, "cannot start a thread");
    worker_watch_gpu(&here.worker);
    for (;;) {
        json_t *order = next_order();
        bool ok = worker_clip(&here.worker, order, err);
        if (!ok) {
            json_t *fault = json_pack("{s:s, s:O, s:s}", "type", "fault", "job",
                                      json_object_get(order, "job"), "message", err->message);
            worker_tell(&here.worker, fault);
        }
        json_decref(order);
        if (!ok)
            return false;
    }
}
