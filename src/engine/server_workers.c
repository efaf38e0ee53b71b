/* server_workers: the worker processes: started when there is work, given one job at a time,
 * replaced when they die. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/server_internal.h"
#include "engine/worker.h"
#include "kernels/ops.h"

/* --- how many --- */

/* The GPUs that a worker may use, without asking the driver, which would give this process a
 * context: those that the user lists, or those that /proc names. */
int workers_default_count(void)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    int count = 0;
    if (!ops_has_cuda())
        return 1;
    if (visible) {
        for (const char *c = visible; *c; c++)
            count += *c == ',';
        return count + 1 > MAX_WORKERS ? MAX_WORKERS : count + 1;
    }
    DIR *dir = opendir("/proc/driver/nvidia/gpus");
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count < 1 ? 1 : count > MAX_WORKERS ? MAX_WORKERS : count;
}

void workers_init(struct server *s)
{
    s->worker_count = s->options.workers ? s->options.workers : workers_default_count();
    if (s->worker_count > MAX_WORKERS)
        s->worker_count = MAX_WORKERS;
    for (int i = 0; i < s->worker_count; i++)
        s->workers[i] = (struct worker_slot){
            .number = i, .umask = s->user_umask, .ring_fd = -1, .channel = {.fd = -1}};
}

struct worker_slot *worker_of_job(struct server *s, int64_t job)
{
    for (int i = 0; i < s->worker_count; i++)
        if (job && s->workers[i].job == job)
            return &s->workers[i];
    return NULL;
}

/* --- starting --- */

/* In the child. It dies with the engine: two of them must never write to one clip. */
static void become_worker(int fd, const struct worker_slot *w, pid_t engine)
{
    char device[16];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != engine)
        _exit(1);
    setpgid(0, 0);
    umask(w->umask);
    snprintf(device, sizeof device, "%d", w->number);
    dup2(fd, WORKER_FD);
    fcntl(WORKER_FD, F_SETFD, 0);
    close_range(WORKER_FD + 1, ~0u, 0);
    char *argv[] = {"danaus", "worker", "--device", device, NULL};
    execv("/proc/self/exe", argv);
    _exit(127);
}

static bool start(struct worker_slot *w, struct dn_error *err)
{
    int pair[2];
    pid_t engine = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return dn_fail(err, DN_E_IO, "cannot start a worker: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        int high = fcntl(pair[1], F_DUPFD, 20);
        become_worker(high, w, engine);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return dn_fail(err, DN_E_IO, "cannot start a worker: %s", strerror(errno));
    }
    w->pid = pid;
    w->starts++;
    w->fault[0] = '\0';
    channel_init(&w->channel, pair[0], true);
    dn_info("worker %d is process %d", w->number, (int)pid);
    return true;
}

/* What was known of a process that is gone. */
static void forget(struct worker_slot *w)
{
    channel_done(&w->channel);
    frame_ring_free(w->ring);
    if (w->ring_fd >= 0)
        close(w->ring_fd);
    json_decref(w->ring_message);
    json_decref(w->gpu);
    free(w->model);
    w->gpu = NULL;
    w->ring = NULL;
    w->ring_fd = -1;
    w->ring_message = NULL;
    w->model = NULL;
    w->pid = 0;
}

/* The slot has no job any more. */
static void release(struct server *s, struct worker_slot *w)
{
    steering_ends(s, w);
    json_decref(w->started);
    w->started = NULL;
    w->job = 0;
    w->stopping = STOP_NONE;
    w->requeue = false;
    w->idle_ms = dn_now_ms();
}

static void give(struct server *s, struct worker_slot *w, int64_t id)
{
    struct dn_error err;
    json_t *order = job_order(s, id, &err);
    if (!order) {
        dn_warn("job %lld: %s", (long long)id, err.message);
        if (!catalog_set_job(s->catalog, id, JOB_FAILED, err.message, &err))
            dn_warn("%s", err.message);
        job_tell_state(s, id);
        return;
    }
    w->job = id;
    channel_send(&w->channel, order, -1);
    job_tell_state(s, id);
}

/* False: nothing waits, or nothing can be started now. */
static bool occupy(struct server *s, struct worker_slot *w)
{
    struct job job;
    struct dn_error err;
    bool found = false;
    if (!catalog_claim_job(s->catalog, s->boot, &job, &found, &err)) {
        dn_warn("the queue cannot be read: %s", err.message);
        w->not_before_ms = dn_now_ms() + 5000;
        return false;
    }
    if (!found)
        return false;
    if (!w->pid && !start(w, &err)) {
        dn_warn("%s", err.message);
        w->not_before_ms = dn_now_ms() + 2000;
        if (!catalog_interrupt_job(s->catalog, job.id, err.message, false, MAX_DEATHS, NULL, &err))
            dn_warn("%s", err.message);
        job_done(&job);
        return false;
    }
    give(s, w, job.id);
    job_done(&job);
    return true;
}

void workers_dispatch(struct server *s)
{
    int64_t now = dn_now_ms();
    for (int i = 0; i < s->worker_count && !s->stopping; i++) {
        struct worker_slot *w = &s->workers[i];
        /* a warm worker goes before one that must load the model first */
        if (w->job || w->not_before_ms > now)
            continue;
        for (int j = i + 1; !w->pid && j < s->worker_count; j++)
            if (s->workers[j].pid && !s->workers[j].job && s->workers[j].not_before_ms <= now)
                w = &s->workers[j];
        while (!w->job && occupy(s, w))
            ;
        if (!w->job)
            return;
    }
}

bool workers_have_work(const struct server *s)
{
    for (int i = 0; i < s->worker_count; i++)
        if (s->workers[i].job)
            return true;
    return false;
}

/* --- stopping --- */

void worker_stop_job(struct worker_slot *w, enum stop_reason why)
{
    static const char *const names[] = {"", "cancel", "pause", "later"};
    if (w->stopping == STOP_NONE)
        w->stop_ms = dn_now_ms();
    w->stopping = why;
    channel_send(&w->channel,
                 json_pack("{s:s, s:I, s:s}", "type", "stop", "job", (json_int_t)w->job, "why",
                           names[why]),
                 -1);
}

/* The job that was to be stopped is stopped; its row has its state already unless it waits. */
static void after_stop(struct server *s, struct worker_slot *w)
{
    int64_t id = w->job;
    bool requeue = w->requeue;
    enum stop_reason why = w->stopping;
    struct dn_error err;
    release(s, w);
    if (why == STOP_LATER || why == STOP_NONE) {
        if (!catalog_interrupt_job(s->catalog, id, NULL, false, MAX_DEATHS, NULL, &err))
            dn_warn("%s", err.message);
    } else if (requeue && !catalog_set_job(s->catalog, id, JOB_QUEUED, NULL, &err)) {
        dn_warn("%s", err.message);
    }
    job_tell_state(s, id);
}

/* --- what a worker says --- */

static void note_started(struct server *s, struct worker_slot *w, json_t *message)
{
    struct dn_error err;
    struct clip_facts facts = {.backend = protocol_text(message, "backend"),
                               .model_sha256 = protocol_text(message, "model_sha256"),
                               .chunks = protocol_int(message, "chunks", 0)};
    if (!catalog_set_facts(s->catalog, w->job, &facts, &err))
        dn_warn("%s", err.message);
    json_decref(w->started);
    w->started = json_incref(message);
    w->failures = 0;
    free(w->model);
    const char *model = protocol_text(message, "model");
    w->model = model ? dn_strdup(model) : NULL;
}

static void note_ring(struct server *s, struct worker_slot *w, json_t *message)
{
    struct dn_error err;
    int fd = channel_take_fd(&w->channel);
    if (fd < 0)
        return;
    if (w->ring_fd >= 0)
        close(w->ring_fd);
    frame_ring_free(w->ring);
    w->ring_fd = fd;
    if (!frame_ring_open(fd, &w->ring, &err))
        dn_warn("%s", err.message);
    json_decref(w->ring_message);
    json_object_set_new(message, "worker", json_integer(w->number));
    w->ring_message = json_incref(message);
    server_tell_ring(s, w);
}

static void note_gpu(struct worker_slot *w, const json_t *message)
{
    json_decref(w->gpu);
    w->gpu = json_incref(json_object_get(message, "gpu"));
    w->gpu_ms = dn_now_ms();
}

static void note_chunk(struct server *s, struct worker_slot *w, const json_t *message)
{
    struct dn_error err;
    if (!catalog_set_progress(s->catalog, w->job, protocol_int(message, "chunks_done", 0), &err))
        dn_warn("%s", err.message);
}

static void note_done(struct server *s, struct worker_slot *w, const json_t *message)
{
    struct dn_error err;
    int64_t id = w->job;
    if (w->stopping == STOP_CANCEL || w->stopping == STOP_PAUSE) {
        /* it was faster than the order to stop: the row says that it was stopped, and what is on
         * disk is whole; retry or resume find nothing left to make */
        if (!job_keep_files(s, id, message, false, &err))
            dn_warn("job %lld: %s", (long long)id, err.message);
        after_stop(s, w);
        return;
    }
    release(s, w);
    if (!job_keep_files(s, id, message, true, &err)) {
        dn_warn("job %lld: %s", (long long)id, err.message);
        if (!catalog_set_job(s->catalog, id, JOB_FAILED, err.message, &err))
            dn_warn("%s", err.message);
    }
    job_tell_state(s, id);
}

static void note_failed(struct server *s, struct worker_slot *w, const json_t *message)
{
    struct dn_error err;
    int64_t id = w->job;
    const char *words = protocol_text(message, "message");
    if (w->stopping == STOP_CANCEL || w->stopping == STOP_PAUSE) {
        after_stop(s, w);
        return;
    }
    release(s, w);
    dn_info("job %lld failed: %s", (long long)id, words);
    if (!catalog_set_job(s->catalog, id, JOB_FAILED, words, &err))
        dn_warn("%s", err.message);
    job_tell_state(s, id);
}

static void note_stopped(struct server *s, struct worker_slot *w, const json_t *message)
{
    struct dn_error err;
    if (!job_keep_files(s, w->job, message, false, &err))
        dn_warn("job %lld: %s", (long long)w->job, err.message);
    after_stop(s, w);
}

/* Messages are the worker's own or those that clients get, see worker.h. */
static void handle(struct server *s, struct worker_slot *w, json_t *message)
{
    const char *type = protocol_text(message, "type");
    if (!type || (protocol_int(message, "job", w->job) != w->job))
        return;
    if (strcmp(type, "ring") == 0) {
        note_ring(s, w, message);
    } else if (strcmp(type, "fault") == 0) {
        snprintf(w->fault, sizeof w->fault, "%s", protocol_text(message, "message"));
    } else if (strcmp(type, "gpu") == 0) {
        note_gpu(w, message);
    } else if (w->job == 0) {
        return;
    } else if (strcmp(type, "done") == 0) {
        note_done(s, w, message);
    } else if (strcmp(type, "stopped") == 0) {
        note_stopped(s, w, message);
    } else if (strcmp(type, "failed") == 0) {
        note_failed(s, w, message);
    } else if (strcmp(type, "steer") == 0) {
        worker_steers(s, w, message);
    } else {
        bool frames = strcmp(type, "frames") == 0, started = strcmp(type, "started") == 0;
        int64_t job = w->job;
        if (started)
            note_started(s, w, message);
        if (strcmp(type, "chunk") == 0)
            note_chunk(s, w, message);
        if (frames)
            json_object_set_new(message, "worker", json_integer(w->number));
        server_tell(s, job, json_incref(message), started);
        if (frames && w->ring)
            server_tell_images(s, w, job);
    }
}

void worker_read(struct server *s, struct worker_slot *w)
{
    const char *line;
    size_t length;
    bool too_long;
    channel_read(&w->channel);
    while (w->channel.fd >= 0 && channel_line(&w->channel, &line, &length, &too_long)) {
        struct dn_error err;
        json_t *message = dn_json_parse(line, length, PROTOCOL_MAX_LINE, "worker", &err);
        if (message)
            handle(s, w, message);
        else
            dn_warn("worker %d: %s", w->number, err.message);
        json_decref(message);
    }
    if (w->channel.ended && w->pid) /* a worker that hung up is no use any more */
        kill(w->pid, SIGKILL);
}

/* --- deaths --- */

static void describe_death(const struct worker_slot *w, int status, char *out, size_t size)
{
    if (w->fault[0])
        snprintf(out, size, "%s", w->fault);
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        snprintf(out, size, "its worker was killed (out of memory?)");
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS)
        snprintf(out, size, "its worker died: a file that it reads was cut meanwhile (Bus error)");
    else if (WIFSIGNALED(status))
        snprintf(out, size, "its worker died: %s", strsignal(WTERMSIG(status)));
    else
        snprintf(out, size, "its worker ended with status %d", WEXITSTATUS(status));
}

static void bury(struct server *s, struct worker_slot *w, int status)
{
    char why[1200];
    struct dn_error err;
    enum job_state now;
    if (w->channel.fd >= 0 && !w->channel.ended)
        worker_read(s, w); /* its last words */
    describe_death(w, status, why, sizeof why);
    int64_t job = w->job;
    forget(w);
    if (!job) {
        dn_info("worker %d ended", w->number);
        return;
    }
    dn_warn("job %lld: %s", (long long)job, why);
    job_sweep(s, job);
    if (w->stopping == STOP_CANCEL || w->stopping == STOP_PAUSE) {
        after_stop(s, w);
        return;
    }
    bool blame = w->stopping == STOP_NONE;
    release(s, w);
    /* a worker that cannot even start must not be started in a circle */
    w->not_before_ms = dn_now_ms() + (w->failures > 5 ? 5000 : 100 << w->failures++);
    if (!catalog_interrupt_job(s->catalog, job, why, blame, MAX_DEATHS, &now, &err))
        dn_warn("%s", err.message);
    job_tell_state(s, job);
}

void workers_reap(struct server *s)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (int i = 0; i < s->worker_count; i++)
            if (s->workers[i].pid == pid)
                bury(s, &s->workers[i], status);
}

void workers_tick(struct server *s, int64_t now_ms)
{
    int64_t idle_ms = (s->options.idle_seconds ? s->options.idle_seconds : 600) * (int64_t)1000;
    for (int i = 0; i < s->worker_count; i++) {
        struct worker_slot *w = &s->workers[i];
        if (w->pid && w->job && w->stopping != STOP_NONE && now_ms - w->stop_ms > STOP_MS) {
            dn_warn("worker %d does not stop and is killed", w->number);
            kill(w->pid, SIGKILL);
            w->stop_ms = now_ms;
        } else if (w->pid && !w->job && now_ms - w->idle_ms > idle_ms && w->channel.fd >= 0) {
            dn_info("worker %d had no work for %d s and gives its memory back", w->number,
                    (int)(idle_ms / 1000));
            channel_done(&w->channel); /* it ends when it sees that */
        }
    }
}

bool workers_stopped(struct server *s)
{
    bool stopped = true;
    for (int i = 0; i < s->worker_count; i++) {
        struct worker_slot *w = &s->workers[i];
        if (w->job && w->stopping == STOP_NONE)
            worker_stop_job(w, STOP_LATER);
        stopped = stopped && !w->job;
    }
    return stopped;
}

void workers_done(struct server *s)
{
    for (int i = 0; i < s->worker_count; i++) {
        struct worker_slot *w = &s->workers[i];
        if (w->pid) {
            kill(w->pid, SIGKILL);
            waitpid(w->pid, NULL, 0);
        }
        steering_ends(s, w);
        forget(w);
        json_decref(w->started);
        w->started = NULL;
    }
}
