/* An engine in a process of its own, on directories of its own, with workers that only pretend:
 * this program executed again as `worker`. What a pretended job does is its prompt's first word. */
#ifndef DANAUS_TESTS_ENGINE_FIXTURE_H
#define DANAUS_TESTS_ENGINE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "check.h"
#include "config/request.h"
#include "engine/channel.h"
#include "engine/client.h"
#include "engine/engine_paths.h"
#include "engine/server.h"
#include "engine/worker.h"

/* --- the pretended worker --- */

static struct channel fake;

static void fake_tell(json_t *message, int fd)
{
    channel_send(&fake, message, fd);
    while (channel_queued(&fake))
        channel_wait(&fake, 100);
}

static json_t *fake_hear(void)
{
    const char *line;
    size_t length;
    bool too_long;
    while (!channel_line(&fake, &line, &length, &too_long)) {
        if (fake.ended)
            _exit(0);
        channel_wait(&fake, -1);
        channel_read(&fake);
    }
    return json_loadb(line, length, 0, NULL);
}

static void fake_frames(int64_t job, int count)
{
    struct frame_ring *ring;
    struct dn_error err;
    static uint8_t rgb[64 * 48 * 3];
    if (!frame_ring_create(64, 48, &ring, &err))
        _exit(9);
    fake_tell(
        json_pack("{s:s, s:i, s:i, s:i}", "type", "ring", "width", 64, "height", 48, "slots", 64),
        frame_ring_fd(ring));
    for (int i = 0; i < count; i++) {
        memset(rgb, i, sizeof rgb);
        frame_ring_publish(ring, job, i, rgb);
        fake_tell(json_pack("{s:s, s:I, s:i, s:i, s:f}", "type", "frames", "job", (json_int_t)job,
                            "start", i, "count", 1, "seconds", 0.1 * i),
                  -1);
    }
}

static void fake_steps(int64_t job, int count)
{
    for (int i = 0; i < count; i++)
        fake_tell(json_pack("{s:s, s:I, s:i, s:i, s:i, s:i, s:i, s:f}", "type", "step", "job",
                            (json_int_t)job, "chunk", i, "step", 0, "steps", 1, "done", i + 1,
                            "total", count, "seconds", 0.5),
                  -1);
}

static void fake_end(const char *type, int64_t job)
{
    fake_tell(json_pack("{s:s, s:I, s:i, s:{}, s:[], s:s}", "type", type, "job", (json_int_t)job,
                        "frames", 1, "timings", "files", "message", "it was to fail"),
              -1);
}

static void fake_touch(const char *folder, const char *name)
{
    char *path = dn_asprintf("%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        _exit(9);
    close(fd);
    free(path);
}

/* What a worker that is killed may leave: in the clip's folder, and where the user wanted a copy. */
static void fake_litter(const json_t *order)
{
    const char *output = protocol_text(json_object_get(order, "request"), "output");
    char *folder = dn_strdup(output), *slash = strrchr(folder, '/');
    if (!slash)
        _exit(9);
    *slash = '\0';
    fake_touch(protocol_text(order, "folder"), ".strip.jpg-0123abcd.part");
    fake_touch(folder, "saved.safetensors.part");
    char *name = dn_asprintf(".%s-89abcdef.part", slash + 1);
    fake_touch(folder, name);
    if (mkdir(output, 0700) == 0 || errno == EEXIST)
        fake_touch(output, ".frames-456789ab.part");
    free(name);
    free(folder);
}

/* Names chunks 1, 2 and 3 to those that steer, until another order comes. Dies of the prompt "die"
 * when that is stored. */
static void fake_be_steered(int64_t job)
{
    json_t *order = fake_hear();
    for (int64_t chunk = 1; strncmp(protocol_text(order, "type"), "steer", 5) == 0; chunk++) {
        json_decref(order);
        fake_tell(json_pack("{s:s, s:I, s:I, s:I}", "type", "steer", "job", (json_int_t)job, "chunk",
                            (json_int_t)(chunk > 3 ? WORKER_NOTHING_LEFT : chunk), "frame",
                            (json_int_t)(12 * chunk - 3)),
                  -1);
        order = fake_hear();
        if (strcmp(protocol_text(order, "type"), "steered") == 0) {
            if (strcmp(protocol_text(order, "prompt"), "die") == 0)
                raise(SIGKILL);
            json_decref(order);
            order = fake_hear();
        }
    }
    json_decref(order);
}

static void fake_run(const json_t *order)
{
    int64_t job = protocol_int(order, "job", 0);
    const char *prompt = protocol_text(json_object_get(order, "request"), "prompt");
    fake_tell(json_pack("{s:s, s:I, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s}", "type",
                        "started", "job", (json_int_t)job, "sampler", "none", "width", 64, "height",
                        48, "frames", 1, "chunks", 1, "chunks_done", 0, "latents", 1, "steps", 1,
                        "model", "pretended"),
              -1);
    if (strstr(prompt, "litter") && protocol_int(order, "attempt", 0) < 4)
        fake_litter(order);
    if (strncmp(prompt, "die", 3) == 0)
        raise(SIGKILL);
    if (strncmp(prompt, "fault", 5) == 0) {
        fake_tell(json_pack("{s:s, s:I, s:s}", "type", "fault", "job", (json_int_t)job, "message",
                            "the device fell off"),
                  -1);
        _exit(1);
    }
    if (strncmp(prompt, "frames", 6) == 0)
        fake_frames(job, 40);
    if (strncmp(prompt, "steps", 5) == 0)
        fake_steps(job, 30000);
    if (strncmp(prompt, "hang", 4) == 0) {
        fake_be_steered(job); /* until the order to stop */
        fake_end("stopped", job);
    } else {
        fake_end(strncmp(prompt, "fail", 4) == 0 ? "failed" : "done", job);
    }
}

/* Runs before main(): the engine executes this program again. */
__attribute__((constructor)) static void become_fake_worker(void)
{
    char line[64] = "";
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    if (n < 14 || strcmp(line + strlen(line) + 1, "worker") != 0)
        return;
    channel_init(&fake, WORKER_FD, false);
    for (;;) {
        json_t *order = fake_hear();
        if (strcmp(protocol_text(order, "type"), "run") == 0)
            fake_run(order);
        json_decref(order);
    }
}

/* --- the engine --- */

struct engine {
    char dir[64];
    char *library;
    struct engine_paths paths;
    pid_t pid;
};

static void engine_run(struct engine *e, int workers, int max_fds)
{
    int ready[2];
    char text[256] = "";
    CHECK(pipe(ready) == 0);
    fflush(NULL);
    e->pid = fork();
    if (e->pid == 0) {
        struct dn_error err;
        struct server_options options = {
            .library = e->library, .ready_fd = ready[1], .workers = workers, .idle_seconds = 1};
        close(ready[0]);
        if (max_fds)
            setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)max_fds, (rlim_t)max_fds});
        _exit(server_run(&options, &err) ? 0 : 1);
    }
    close(ready[1]);
    ssize_t n = read(ready[0], text, sizeof text - 1);
    close(ready[0]);
    CHECK_MSG(n > 0 && strcmp(text, "ready\n") == 0, "the engine says: %s", text);
}

static struct engine engine_open(int workers, int max_fds)
{
    struct engine e = {.dir = "/tmp/danaus-engine-XXXXXX"};
    struct dn_error err;
    CHECK(mkdtemp(e.dir) != NULL);
    char *run = dn_asprintf("%s/run", e.dir), *state = dn_asprintf("%s/state", e.dir);
    CHECK(mkdir(run, 0700) == 0);
    setenv("XDG_RUNTIME_DIR", run, 1);
    setenv("XDG_STATE_HOME", state, 1);
    e.library = dn_asprintf("%s/library", e.dir);
    free(run);
    free(state);
    CHECK_OK(engine_paths_find(e.library, &e.paths, &err), err);
    engine_run(&e, workers, max_fds);
    return e;
}

static void engine_kill(struct engine *e, int signal)
{
    int status = 0;
    kill(e->pid, signal);
    CHECK(waitpid(e->pid, &status, 0) == e->pid);
    CHECK_MSG(signal == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == 0),
              "the engine ended with %x", status);
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void engine_close(struct engine *e)
{
    engine_kill(e, SIGTERM);
    CHECK(nftw(e->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0);
    engine_paths_done(&e->paths);
    free(e->library);
}

/* --- clients --- */

static struct client *client_of(struct engine *e)
{
    struct client_options options = {.library = e->library, .name = "test"};
    struct client *c = NULL;
    struct dn_error err;
    CHECK_OK(client_connect(&options, &c, &err), err);
    return c;
}

/* The job's number, 0 when it is refused. */
static int64_t enqueue(struct client *c, const char *prompt, const char *how)
{
    struct dn_error err;
    json_t *reply, *message = protocol_new(MESSAGE_ENQUEUE);
    json_object_set_new(message, "request",
                        json_pack("{s:s, s:s, s:s, s:i}", "prompt", prompt, "model",
                                  "/nowhere/demo", "size", "64x48", "frames", 1));
    if (how)
        json_object_set_new(message, how, json_true());
    if (!client_ask(c, message, &reply, &err)) {
        CHECK_MSG(false, "%s", err.message);
        return 0;
    }
    int64_t job = protocol_int(reply, "job", 0);
    json_decref(reply);
    return job;
}

/* The job as jobs tells it; the caller decrefs. */
static json_t *ask_job(struct client *c, int64_t job)
{
    struct dn_error err;
    json_t *reply, *message = protocol_new(MESSAGE_JOBS);
    json_object_set_new(message, "job", json_integer(job));
    if (!client_ask(c, message, &reply, &err))
        return NULL;
    json_t *out = json_incref(json_array_get(json_object_get(reply, "jobs"), 0));
    json_decref(reply);
    return out;
}

static bool state_is(struct client *c, int64_t job, const char *state)
{
    json_t *message = ask_job(c, job);
    bool same = message && strcmp(protocol_text(message, "state"), state) == 0;
    json_decref(message);
    return same;
}

static bool reaches(struct client *c, int64_t job, const char *state)
{
    for (int i = 0; i < 500; i++) {
        if (state_is(c, job, state))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return false;
}

#endif
