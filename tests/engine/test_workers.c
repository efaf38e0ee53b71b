/* Several workers with one queue, jobs that are steered, what is left of workers that were killed. */
#define _GNU_SOURCE
#include "engine_fixture.h"

enum { WORKERS = 3 };

/* What status says of the workers; the caller decrefs. */
static json_t *ask_workers(struct client *c)
{
    struct dn_error err;
    json_t *reply;
    if (!client_ask(c, protocol_new(MESSAGE_STATUS), &reply, &err))
        return NULL;
    json_t *out = json_incref(json_object_get(reply, "workers"));
    json_decref(reply);
    return out;
}

/* Which worker has the job, -1 = none. */
static int worker_with(struct client *c, int64_t job, int64_t *pid)
{
    json_t *workers = ask_workers(c);
    int found = -1;
    for (size_t i = 0; i < json_array_size(workers); i++) {
        const json_t *w = json_array_get(workers, i);
        if (protocol_int(w, "job", 0) == job) {
            CHECK_MSG(found < 0, "two workers have job %d", (int)job);
            found = (int)i;
            *pid = protocol_int(w, "pid", 0);
        }
    }
    json_decref(workers);
    return found;
}

TEST(jobs_in_order_one_each)
{
    struct engine e = engine_open(WORKERS, 0);
    struct client *c = client_of(&e);
    struct dn_error err;
    int64_t jobs[5], pids[WORKERS];
    int worker[WORKERS];
    for (int i = 0; i < 5; i++)
        jobs[i] = enqueue(c, "hang", NULL);
    for (int i = 0; i < WORKERS; i++) {
        CHECK(reaches(c, jobs[i], "running"));
        worker[i] = worker_with(c, jobs[i], &pids[i]);
        CHECK(worker[i] >= 0);
        for (int j = 0; j < i; j++)
            CHECK(worker[i] != worker[j] && pids[i] != pids[j]);
    }
    CHECK(state_is(c, jobs[3], "queued") && state_is(c, jobs[4], "queued"));

    /* cancelled: the next in line takes its worker, the others stay where they are */
    CHECK_OK(client_order(c, MESSAGE_CANCEL, jobs[1], &err), err);
    CHECK(reaches(c, jobs[3], "running") && state_is(c, jobs[1], "cancelled"));
    CHECK(state_is(c, jobs[4], "queued"));
    int64_t pid;
    CHECK(worker_with(c, jobs[3], &pid) == worker[1] && pid == pids[1]);
    /* paused: the last one's turn */
    CHECK_OK(client_order(c, MESSAGE_PAUSE, jobs[0], &err), err);
    CHECK(reaches(c, jobs[4], "running") && state_is(c, jobs[0], "paused"));
    CHECK(worker_with(c, jobs[4], &pid) == worker[0] && pid == pids[0]);
    CHECK(worker_with(c, jobs[2], &pid) == worker[2] && pid == pids[2]);
    /* resumed: it waits in its old place until a worker is free */
    CHECK_OK(client_order(c, MESSAGE_RESUME, jobs[0], &err), err);
    CHECK(state_is(c, jobs[0], "queued"));
    CHECK_OK(client_order(c, MESSAGE_CANCEL, jobs[2], &err), err);
    CHECK(reaches(c, jobs[0], "running"));
    CHECK(worker_with(c, jobs[0], &pid) == worker[2] && pid == pids[2]);
    client_close(c);
    engine_close(&e);
}

TEST(one_is_killed)
{
    struct engine e = engine_open(WORKERS, 0);
    struct client *c = client_of(&e);
    int64_t jobs[WORKERS], pids[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        jobs[i] = enqueue(c, "hang", NULL);
    for (int i = 0; i < WORKERS; i++)
        CHECK(reaches(c, jobs[i], "running") && worker_with(c, jobs[i], &pids[i]) >= 0);
    CHECK(kill((pid_t)pids[1], SIGKILL) == 0);
    int64_t pid = 0, deaths = 0;
    for (int i = 0; i < 500 && (!deaths || worker_with(c, jobs[1], &pid) < 0); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        json_t *job = ask_job(c, jobs[1]);
        deaths = protocol_int(job, "deaths", 0);
        json_decref(job);
    }
    CHECK(deaths == 1 && reaches(c, jobs[1], "running"));
    CHECK(worker_with(c, jobs[1], &pid) >= 0 && pid != pids[1]);
    for (int i = 0; i < WORKERS; i += 2) { /* they never noticed */
        json_t *job = ask_job(c, jobs[i]);
        CHECK(protocol_int(job, "deaths", -1) == 0 && state_is(c, jobs[i], "running"));
        CHECK(worker_with(c, jobs[i], &pid) >= 0 && pid == pids[i]);
        json_decref(job);
    }
    client_close(c);
    engine_close(&e);
}

/* --- litter --- */

static int parts;

static int count_part(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    size_t n = strlen(path);
    (void)st;
    (void)flag;
    (void)ftw;
    parts += n > 5 && strcmp(path + n - 5, ".part") == 0;
    return 0;
}

static int count_parts(const struct engine *e)
{
    parts = 0;
    CHECK(nftw(e->dir, count_part, 16, FTW_PHYS) == 0);
    return parts;
}

/* Like enqueue(), with a copy for the user: a folder of pictures, and saved latents. */
static int64_t enqueue_copy(struct engine *e, struct client *c, const char *prompt)
{
    struct dn_error err;
    json_t *reply, *message = protocol_new(MESSAGE_ENQUEUE);
    char *output = dn_asprintf("%s/pictures", e->dir), *saved = dn_asprintf("%s/saved.safetensors",
                                                                            e->dir);
    json_object_set_new(message, "request",
                        json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "prompt", prompt, "model",
                                  "/nowhere/demo", "size", "64x48", "frames", 1, "output", output,
                                  "save_latents", saved));
    free(output);
    free(saved);
    bool ok = client_ask(c, message, &reply, &err);
    CHECK_OK(ok, err);
    int64_t job = ok ? protocol_int(reply, "job", 0) : 0;
    json_decref(reply);
    return job;
}

TEST(litter_of_workers_that_died)
{
    struct engine e = engine_open(1, 0);
    struct client *c = client_of(&e);
    int64_t job = enqueue_copy(&e, c, "die and litter");
    CHECK(reaches(c, job, "set aside"));
    CHECK_MSG(count_parts(&e) == 0, "%d temporaries are left", parts);
    client_close(c);
    engine_close(&e);
}

TEST(litter_of_an_engine_that_died)
{
    struct engine e = engine_open(1, 0);
    struct client *c = client_of(&e);
    struct dn_error err;
    int64_t job = enqueue_copy(&e, c, "hang and litter");
    int64_t pid = 0;
    CHECK(reaches(c, job, "running"));
    for (int i = 0; i < 500 && count_parts(&e) < 4; i++)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    CHECK(count_parts(&e) == 4 && worker_with(c, job, &pid) == 0);
    client_close(c);
    kill((pid_t)pid, SIGSTOP); /* so that its job is being stopped when the engine dies */
    c = client_of(&e);
    CHECK_OK(client_order(c, MESSAGE_CANCEL, job, &err), err);
    client_close(c);
    engine_kill(&e, SIGKILL);
    engine_run(&e, 1, 0);
    c = client_of(&e);
    CHECK(state_is(c, job, "cancelled"));
    CHECK_MSG(count_parts(&e) == 0, "%d temporaries are left", parts);
    client_close(c);
    engine_close(&e);
}

/* The changes of a job as jobs tells them, as JSON; the caller frees. */
static char *changes_of(struct client *c, int64_t job)
{
    json_t *message = ask_job(c, job);
    json_t *changes = json_object_get(message, "prompt_changes");
    char *text = changes ? json_dumps(changes, JSON_COMPACT | JSON_SORT_KEYS) : dn_strdup("none");
    json_decref(message);
    return text;
}

static void expect_changes(struct client *c, int64_t job, const char *want)
{
    char *is = changes_of(c, job);
    CHECK_STR(is, want);
    free(is);
}

TEST(steering)
{
    struct engine e = engine_open(1, 0);
    struct client *c = client_of(&e);
    struct dn_error err;
    int64_t chunk = 0, frame = 0, job = enqueue(c, "hang", NULL), waits = enqueue(c, "hang", NULL);
    static const char *const bad[] = {"", " \n", "a\x01z"};
    CHECK(reaches(c, job, "running"));
    expect_changes(c, job, "none");
    CHECK_OK(client_steer(c, job, "one", &chunk, &frame, &err), err);
    CHECK(chunk == 1 && frame == 9);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!client_steer(c, job, bad[i], &chunk, &frame, &err) && err.code == DN_E_ARG);
    CHECK(!client_steer(c, 99, "x", &chunk, &frame, &err) && strstr(err.message, "no job 99"));
    CHECK(!client_steer(c, waits, "x", &chunk, &frame, &err) && strstr(err.message, "is queued"));
    expect_changes(c, job, "[{\"chunk\":1,\"prompt\":\"one\"}]");
    /* the worker dies when it is stored: it is stored all the same, and told to the next one */
    CHECK_OK(client_steer(c, job, "die", &chunk, &frame, &err), err);
    CHECK(chunk == 3); /* 2 was refused for its control character */
    expect_changes(c, job, "[{\"chunk\":1,\"prompt\":\"one\"},{\"chunk\":3,\"prompt\":\"die\"}]");
    client_close(c);
    engine_kill(&e, SIGKILL);
    engine_run(&e, 1, 0);
    c = client_of(&e);
    CHECK(reaches(c, job, "running"));
    expect_changes(c, job, "[{\"chunk\":1,\"prompt\":\"one\"},{\"chunk\":3,\"prompt\":\"die\"}]");
    /* from there on: what was to come is dropped */
    while (chunk != 1)
        CHECK_OK(client_steer(c, job, "two", &chunk, &frame, &err), err);
    expect_changes(c, job, "[{\"chunk\":1,\"prompt\":\"two\"}]");
    CHECK_OK(client_steer(c, job, "x", &chunk, &frame, &err), err);
    CHECK_OK(client_steer(c, job, "x", &chunk, &frame, &err), err);
    CHECK(!client_steer(c, job, "x", &chunk, &frame, &err) && strstr(err.message, "nothing is left"));
    client_close(c);
    engine_close(&e);
}

/* Who asked and goes, or whose worker is killed instead of answering. */
TEST(steering_without_an_end)
{
    struct engine e = engine_open(1, 0);
    struct client *c = client_of(&e), *other = client_of(&e);
    struct dn_error err;
    int64_t pid = 0, job = enqueue(c, "hang", NULL);
    CHECK(reaches(c, job, "running") && worker_with(c, job, &pid) == 0);
    kill((pid_t)pid, SIGSTOP);
    client_send(other, json_pack("{s:s, s:I, s:s}", "type", "steer", "job", (json_int_t)job, "prompt",
                                 "gone"));
    CHECK_OK(client_order(other, MESSAGE_STATUS, 0, &err), err); /* it was heard */
    client_close(other);
    int64_t id = client_send(c, json_pack("{s:s, s:I, s:s}", "type", "steer", "job",
                                          (json_int_t)job, "prompt", "late"));
    CHECK_OK(client_order(c, MESSAGE_STATUS, 0, &err), err);
    kill((pid_t)pid, SIGKILL);
    enum message_type type;
    json_t *message = NULL;
    CHECK_OK(client_next(c, 10000, &type, &message, &err), err);
    CHECK(message && type == MESSAGE_ERROR && protocol_int(message, "id", 0) == id);
    json_decref(message);
    CHECK(reaches(c, job, "running"));
    expect_changes(c, job, "none");
    client_close(c);
    engine_close(&e);
}

TESTS(T(steering), T(steering_without_an_end), T(jobs_in_order_one_each), T(one_is_killed), T(litter_of_workers_that_died),
      T(litter_of_an_engine_that_died))
