/* The engine and its clients: good ones, bad ones, slow ones, another user's. */
#define _GNU_SOURCE
#include "engine_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "store/catalog_labels.h"
#include "store/catalog_search.h"

#define HELLO "{\"type\":\"hello\",\"protocol\":3}\n" /* PROTOCOL_NUMBER */

/* A bare connection. */
static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct timeval limit = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Everything that comes until the connection ends, or one line. */
static char *talk(const char *socket, const char *words, bool to_the_end)
{
    static char text[8192];
    size_t length = 0;
    int fd = dial(socket);
    CHECK(fd >= 0);
    if (words)
        CHECK(send(fd, words, strlen(words), MSG_NOSIGNAL) == (ssize_t)strlen(words));
    while (length < sizeof text - 1) {
        ssize_t n = recv(fd, text + length, sizeof text - 1 - length, 0);
        if (n <= 0)
            break;
        length += (size_t)n;
        if (!to_the_end && text[length - 1] == '\n')
            break;
    }
    text[length] = '\0';
    close(fd);
    return text;
}

TEST(first_words)
{
    struct engine e = engine_open(1, 0);
    static const struct {
        const char *words, *answer;
    } cases[] = {
        {"{\"type\":\"hello\",\"protocol\":99,\"build\":\"9.9\"}\n",
         "with protocol 3, the client is 9.9 with protocol 99"},
        {"{\"type\":\"status\"}\n", "the first message must be hello"},
        {"GET / HTTP/1.1\r\n\r\n", "\"type\":\"error\""},
        {"\n", "\"type\":\"error\""},
        {"{\"type\":\"hello\"}\n", "hello.protocol is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *answer = talk(e.paths.socket, cases[i].words, true);
        CHECK_MSG(strstr(answer, cases[i].answer), "%s: %s", cases[i].words, answer);
    }
    const char *answer = talk(e.paths.socket, HELLO, false);
    CHECK_MSG(strstr(answer, "{\"type\":\"hello\",\"protocol\":3"), "%s", answer);
    answer = talk(e.paths.socket, HELLO "{\"type\":\"fly\",\"id\":4}\n{\"type\":\"stop", false);
    CHECK(strstr(answer, "hello"));
    engine_close(&e);
}

TEST(requests_that_cannot_be_met)
{
    struct engine e = engine_open(1, 0);
    struct client *c = client_of(&e);
    struct dn_error err;
    CHECK(!client_order(c, MESSAGE_CANCEL, 99, &err) && err.code == DN_E_ARG &&
          strstr(err.message, "no job 99"));
    CHECK(!client_order(c, MESSAGE_RETRY, 99, &err));
    json_t *message = protocol_new(MESSAGE_ENQUEUE);
    json_object_set_new(message, "request",
                        json_pack("{s:s, s:s}", "prompt", "x", "model", "relative/path"));
    CHECK(!client_ask(c, message, NULL, &err) && strstr(err.message, "no absolute path"));
    message = protocol_new(MESSAGE_ENQUEUE);
    json_object_set_new(message, "request",
                        json_pack("{s:s, s:s, s:i}", "prompt", "x", "model", "/m", "frames", 10));
    CHECK(!client_ask(c, message, NULL, &err));
    message = protocol_new(MESSAGE_ENQUEUE);
    json_object_set_new(message, "request", json_pack("{s:s, s:s}", "prompt", "x", "model", "/m"));
    json_object_set_new(message, "parent", json_integer(99));
    CHECK(!client_ask(c, message, NULL, &err) && strstr(err.message, "99"));
    CHECK(client_order(c, MESSAGE_STATUS, 0, &err)); /* the connection is none the worse */
    client_close(c);
    engine_close(&e);
}

/* A clip is in its collection from the start, or is not there at all. */
TEST(queued_into_a_collection)
{
    struct engine e = engine_open(1, 0);
    struct client *c = client_of(&e);
    struct dn_error err;
    const char *const names[] = {"sheet 1: a {b|c}", "", "two\nlines"};
    json_t *reply = NULL;
    for (int i = 0; i < 3; i++) {
        json_t *message = protocol_new(MESSAGE_ENQUEUE);
        json_object_set_new(message, "request",
                            json_pack("{s:s, s:s}", "prompt", "x", "model", "/m"));
        json_object_set_new(message, "collection", json_string(names[i]));
        CHECK_MSG(client_ask(c, message, &reply, &err) == (i == 0), "%d", i);
        CHECK(i == 0 || err.code == DN_E_ARG);
        json_decref(reply);
    }
    struct catalog *catalog;
    struct label_list list = {0};
    struct clip_list clips = {0};
    const struct catalog_page page = {.limit = 10};
    CHECK_OK(catalog_open(e.library, CATALOG_READ, &catalog, &err), err);
    CHECK_OK(catalog_list_collections(catalog, 0, &list, &err), err);
    CHECK(list.count == 1 && list.items[0].clips == 1 && strcmp(list.items[0].name, names[0]) == 0);
    CHECK(catalog_search(catalog, NULL, &page, &clips, &err) && clips.count == 1);
    clip_list_done(&clips);
    label_list_done(&list);
    catalog_close(catalog);
    client_close(c);
    engine_close(&e);
}

TEST(jobs_and_their_states)
{
    struct engine e = engine_open(1, 0);
    struct client *c = client_of(&e);
    struct dn_error err;
    int64_t hang = enqueue(c, "hang", NULL), paused = enqueue(c, "x", "paused");
    int64_t second = enqueue(c, "x", NULL), first = enqueue(c, "x", "next");
    CHECK(reaches(c, hang, "running") && state_is(c, paused, "paused"));
    CHECK(!client_order(c, MESSAGE_RETRY, hang, &err));
    int64_t start = dn_now_ms();
    CHECK_OK(client_order(c, MESSAGE_CANCEL, hang, &err), err);
    CHECK(reaches(c, first, "done") && reaches(c, second, "done"));
    CHECK_MSG(dn_now_ms() - start < 5000, "%d ms", (int)(dn_now_ms() - start));
    CHECK(state_is(c, hang, "cancelled") && state_is(c, paused, "paused"));
    CHECK_OK(client_order(c, MESSAGE_RESUME, paused, &err), err);
    CHECK(reaches(c, paused, "done"));
    CHECK_OK(client_order(c, MESSAGE_RETRY, hang, &err), err);
    CHECK(reaches(c, hang, "running"));
    CHECK_OK(client_order(c, MESSAGE_PAUSE, hang, &err), err);
    CHECK_OK(client_order(c, MESSAGE_RESUME, hang, &err), err); /* while it is being left */
    CHECK(reaches(c, hang, "running"));
    CHECK_OK(client_order(c, MESSAGE_PAUSE, 0, &err), err);
    CHECK(reaches(c, hang, "queued"));
    CHECK_OK(client_order(c, MESSAGE_RESUME, 0, &err), err);
    CHECK(reaches(c, hang, "running"));
    client_close(c);
    engine_kill(&e, SIGTERM); /* what runs goes back into the queue */
    engine_run(&e, 1, 0);
    c = client_of(&e);
    CHECK(reaches(c, hang, "running"));
    client_close(c);
    engine_close(&e);
}

TEST(a_job_that_kills_its_workers)
{
    struct engine e = engine_open(2, 0);
    struct client *c = client_of(&e);
    struct dn_error err;
    int64_t jobs[20];
    for (int i = 0; i < 20; i++)
        jobs[i] = enqueue(c, i == 7 ? "die" : "x", NULL);
    for (int i = 0; i < 20; i++)
        CHECK_MSG(reaches(c, jobs[i], i == 7 ? "set aside" : "done"), "job %d", i);
    json_t *job = ask_job(c, jobs[7]);
    CHECK(protocol_int(job, "deaths", 0) == 3 && strstr(protocol_text(job, "reason"), "killed"));
    json_decref(job);
    int64_t failed = enqueue(c, "fail", NULL);
    CHECK(reaches(c, failed, "failed"));
    job = ask_job(c, failed);
    CHECK_STR(protocol_text(job, "reason"), "it was to fail");
    json_decref(job);
    CHECK_OK(client_order(c, MESSAGE_RETRY, jobs[7], &err), err);
    CHECK(reaches(c, jobs[7], "set aside"));
    int64_t fault = enqueue(c, "fault", NULL); /* a worker that says why it ends */
    CHECK(reaches(c, fault, "set aside"));
    job = ask_job(c, fault);
    CHECK(strstr(protocol_text(job, "reason"), "the device fell off"));
    json_decref(job);
    client_close(c);
    engine_close(&e);
}

static int64_t worker_pid(struct client *c)
{
    struct dn_error err;
    json_t *reply;
    if (!client_ask(c, protocol_new(MESSAGE_STATUS), &reply, &err))
        return -1;
    int64_t pid = protocol_int(json_array_get(json_object_get(reply, "workers"), 0), "pid", -1);
    json_decref(reply);
    return pid;
}

TEST(a_worker_without_work)
{
    struct engine e = engine_open(1, 0); /* a second of patience */
    struct client *c = client_of(&e);
    CHECK(worker_pid(c) == 0);
    CHECK(reaches(c, enqueue(c, "x", NULL), "done"));
    int64_t first = worker_pid(c);
    CHECK(first > 0);
    CHECK(reaches(c, enqueue(c, "x", NULL), "done") && worker_pid(c) == first); /* stays warm */
    for (int i = 0; i < 100 && worker_pid(c) != 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    CHECK(worker_pid(c) == 0);
    CHECK(reaches(c, enqueue(c, "x", NULL), "done") && worker_pid(c) != first);
    client_close(c);
    engine_close(&e);
}

/* A hundred connections that begin a line and never end it. */
TEST(clients_that_say_half_a_word)
{
    struct engine e = engine_open(1, 0);
    struct client *c = client_of(&e);
    struct dn_error err;
    int fds[100];
    int64_t slowest = 0;
    for (int i = 0; i < 100; i++) {
        fds[i] = dial(e.paths.socket);
        CHECK(fds[i] >= 0 && send(fds[i], "{\"type", 6, MSG_NOSIGNAL) == 6);
    }
    for (int i = 0; i < 200; i++) {
        int64_t start = dn_now_ns();
        CHECK_OK(client_order(c, MESSAGE_STATUS, 0, &err), err);
        int64_t took = dn_now_ns() - start;
        slowest = took > slowest ? took : slowest;
    }
    CHECK_MSG(slowest < 500000000, "an answer took %d ms", (int)(slowest / 1000000));
    for (int i = 0; i < 100; i++)
        close(fds[i]);
    client_close(c);
    engine_close(&e);
}

/* Reads events of job until it is over; counts the types. */
static void hear_all(struct client *c, int64_t job, int *counts, uint8_t *rgb)
{
    struct dn_error err;
    for (bool over = false; !over && !check_failures;) {
        enum message_type type;
        json_t *m;
        CHECK_OK(client_next(c, 20000, &type, &m, &err), err);
        CHECK_MSG(m != NULL, "no event for 20 s");
        counts[m ? type : MESSAGE_DONE]++;
        if (m && type == MESSAGE_FRAMES && counts[MESSAGE_RING] &&
            protocol_int(m, "start", 0) == 39) {
            const struct frame_ring *ring = client_ring(c, protocol_int(m, "worker", 0));
            CHECK(ring && frame_ring_read(ring, job, 39, rgb) && rgb[0] == 39);
            CHECK(ring && frame_ring_read(ring, job, 3, rgb) && rgb[0] == 3);
        }
        over = m && type == MESSAGE_STATE && protocol_int(m, "job", 0) == job &&
               strcmp(protocol_text(m, "state"), "done") == 0;
        json_decref(m);
    }
}

static void watch(struct client *c, int64_t job, const char *frames)
{
    struct dn_error err;
    json_t *message = protocol_new(MESSAGE_WATCH);
    if (job)
        json_object_set_new(message, "job", json_integer(job));
    json_object_set_new(message, "frames", json_string(frames));
    CHECK_OK(client_ask(c, message, NULL, &err), err);
}

TEST(live_frames)
{
    struct engine e = engine_open(1, 0);
    struct client *shared = client_of(&e), *small = client_of(&e), *deaf = client_of(&e);
    static uint8_t rgb[64 * 48 * 3];
    int counts[MESSAGE_COUNT] = {0}, images[MESSAGE_COUNT] = {0};
    struct dn_error err;
    watch(shared, 0, "shared");
    watch(small, 0, "jpeg");
    int64_t job = enqueue(deaf, "frames", NULL);
    hear_all(shared, job, counts, rgb);
    CHECK(counts[MESSAGE_FRAMES] == 40 && counts[MESSAGE_RING] == 1 && !counts[MESSAGE_IMAGE]);
    CHECK(counts[MESSAGE_STARTED] == 1 && counts[MESSAGE_STATE] >= 3);
    hear_all(small, job, images, rgb);
    CHECK(images[MESSAGE_IMAGE] >= 1 && images[MESSAGE_RING] == 0);
    enum message_type type;
    json_t *m;
    CHECK(client_next(deaf, 0, &type, &m, &err) && !m); /* did not ask */
    client_close(shared);
    shared = client_of(&e); /* comes later: is told of the ring at once */
    watch(shared, job, "shared");
    CHECK(client_next(shared, 5000, &type, &m, &err) && m);
    json_decref(m);
    CHECK(client_next(shared, 5000, &type, &m, &err) && type == MESSAGE_RING);
    CHECK(client_ring(shared, 0) && frame_ring_read(client_ring(shared, 0), job, 39, rgb));
    json_decref(m);
    client_close(shared);
    client_close(small);
    client_close(deaf);
    engine_close(&e);
}

/* 0 where a sanitizer keeps what is freed. */
static int64_t resident_kib(pid_t pid)
{
#ifdef __SANITIZE_ADDRESS__
    return 0 * pid;
#endif
    char path[64], line[256];
    long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmRSS: %lld", &kib);
    if (f)
        fclose(f);
    return kib;
}

/* Watches all and never reads, while 30000 events go by; another client is served meanwhile. */
TEST(a_client_that_never_reads)
{
    struct engine e = engine_open(1, 0);
    struct client *c = client_of(&e);
    struct dn_error err;
    int64_t slowest = 0, before = resident_kib(e.pid);
    int fd = dial(e.paths.socket);
    static const char words[] = HELLO "{\"type\":\"watch\"}\n";
    CHECK(send(fd, words, sizeof words - 1, 0) == sizeof words - 1);
    int64_t job = enqueue(c, "steps", NULL);
    for (bool done = false; !done && !check_failures;) {
        int64_t start = dn_now_ns();
        CHECK_OK(client_order(c, MESSAGE_STATUS, 0, &err), err);
        int64_t took = dn_now_ns() - start;
        slowest = took > slowest ? took : slowest;
        done = state_is(c, job, "done");
    }
    CHECK_MSG(slowest < 500000000, "an answer took %d ms", (int)(slowest / 1000000));
    int64_t grown = resident_kib(e.pid) - before;
    CHECK_MSG(grown < 4096, "the engine grew by %d KiB", (int)grown);
    /* it wakes up: is told how much it missed, and that the job is done */
    static char text[1 << 20];
    size_t length = 0;
    while (length < sizeof text - 1 && !strstr(text, "\"state\":\"done\"")) {
        ssize_t n = recv(fd, text + length, sizeof text - 1 - length, 0);
        if (n <= 0)
            break;
        text[length += (size_t)n] = '\0';
    }
    CHECK(strstr(text, "\"state\":\"done\"") != NULL);
    close(fd);
    client_close(c);
    engine_close(&e);
}

static int count_fds(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    int n = 0;
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

TEST(many_jobs_leave_nothing_behind)
{
    struct engine e = engine_open(2, 0);
    struct client *c = client_of(&e);
    int64_t job = 0, grown = 0;
    int fds = 0;
    for (int i = 0; i < 400; i++) {
        job = enqueue(c, "x", NULL);
        if (i % 20 == 0)
            close(dial(e.paths.socket));
        if (i == 100) {
            CHECK(reaches(c, job, "done"));
            grown = resident_kib(e.pid);
            fds = count_fds(e.pid);
        }
    }
    CHECK(reaches(c, job, "done"));
    nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
    grown = resident_kib(e.pid) - grown;
    CHECK_MSG(grown < 1024, "the engine grew by %d KiB", (int)grown);
    CHECK_MSG(count_fds(e.pid) <= fds, "%d descriptors, %d before", count_fds(e.pid), fds);
    client_close(c);
    engine_close(&e);
}

/* The engine's socket made open to all on purpose: what another user sends is not even read. */
TEST(another_user)
{
    if (getuid() != 0)
        return; /* only root can be somebody else */
    struct engine e = engine_open(1, 0);
    char *run = dn_asprintf("%s/run", e.dir);
    CHECK(chmod(e.dir, 0777) == 0 && chmod(run, 0777) == 0 && chmod(e.paths.dir, 0777) == 0 &&
          chmod(e.paths.socket, 0777) == 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int refused = 0;
        char byte;
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(1);
        for (int i = 0; i < 100; i++) {
            int fd = dial(e.paths.socket);
            ssize_t sent = send(fd, HELLO, strlen(HELLO), MSG_NOSIGNAL);
            ssize_t n = recv(fd, &byte, 1, 0);
            refused += fd >= 0 && (sent < 0 || n == 0 || (n < 0 && errno == ECONNRESET));
            close(fd);
        }
        _exit(refused == 100 ? 0 : 2);
    }
    int status = 1;
    waitpid(child, &status, 0);
    CHECK_MSG(status == 0, "status %x", status);
    CHECK(chmod(e.paths.dir, 0700) == 0);
    const char *answer = talk(e.paths.socket, HELLO, false);
    CHECK(strstr(answer, "hello")); /* we are still served */
    size_t size = 0;
    FILE *log = fopen(e.paths.log, "r");
    static char text[65536];
    size = log ? fread(text, 1, sizeof text - 1, log) : 0;
    text[size] = '\0';
    const char *first = strstr(text, "another user");
    CHECK(first && !strstr(first + 1, "another user")); /* one line, not a hundred */
    if (log)
        fclose(log);
    free(run);
    engine_close(&e);
}

TEST(no_descriptor_left)
{
    struct engine e = engine_open(1, 64);
    int fds[80], refused = 0;
    char text[512];
    for (int i = 0; i < 80; i++) {
        fds[i] = dial(e.paths.socket);
        CHECK(send(fds[i], HELLO, strlen(HELLO), MSG_NOSIGNAL) > 0 || errno == EPIPE);
        ssize_t n = recv(fds[i], text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        if (strstr(text, "no file descriptor left"))
            refused++;
        else
            CHECK_MSG(strstr(text, "hello"), "client %d: %s", i, text);
    }
    CHECK_MSG(refused > 10 && refused < 60, "%d refused", refused);
    for (int i = 0; i < 80; i++)
        close(fds[i]);
    struct client *c = NULL;
    for (int i = 0; i < 20 && !c; i++) { /* they were let go */
        struct client_options options = {.library = e.library, .name = "test"};
        struct dn_error err;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        client_connect(&options, &c, &err);
    }
    CHECK(c != NULL);
    client_close(c);
    engine_close(&e);
}

TEST(a_socket_that_went_away)
{
    struct engine e = engine_open(1, 0);
    char *run = dn_asprintf("%s/run", e.dir);
    CHECK(unlink(e.paths.socket) == 0 && unlink(e.paths.socket_lock) == 0);
    CHECK(rmdir(e.paths.dir) == 0);
    int fd = -1;
    for (int i = 0; i < 40 && fd < 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        fd = dial(e.paths.socket);
    }
    CHECK(fd >= 0);
    close(fd);
    /* a client with another runtime directory finds it through the library */
    char *other = dn_asprintf("%s/other", e.dir);
    CHECK(mkdir(other, 0700) == 0);
    setenv("XDG_RUNTIME_DIR", other, 1);
    struct client *c = client_of(&e);
    CHECK(c && client_engine_pid(c) == e.pid);
    client_close(c);
    setenv("XDG_RUNTIME_DIR", run, 1);
    free(other);
    free(run);
    engine_close(&e);
}

static bool edit(struct client *c, const char *text, struct dn_error *err)
{
    return client_ask(c, json_loads(text, 0, NULL), NULL, err);
}

TEST(edits)
{
    struct engine e = engine_open(1, 0);
    struct client *c = client_of(&e);
    struct dn_error err;
    int64_t job = enqueue(c, "x", NULL); /* clip 1 */
    CHECK(reaches(c, job, "done"));
    static const char *const good[] = {
        "\"rate\",\"clip\":1,\"number\":4",
        "\"favourite\",\"clip\":1,\"number\":1",
        "\"note\",\"clip\":1,\"value\":\"hm\"",
        "\"tag\",\"clip\":1,\"value\":\"red\"",
        "\"untag\",\"clip\":1,\"value\":\"red\"",
        "\"collect\",\"clip\":1,\"value\":\"best\"",
        "\"uncollect\",\"clip\":1,\"value\":\"best\"",
        "\"forget\",\"value\":\"best\"",
        "\"trash\",\"clip\":1",
        "\"restore\",\"clip\":1",
        "\"trash\",\"clip\":1",
        "\"empty\"",
    };
    static const char *const bad[] = {
        "\"rate\",\"clip\":1",    "\"rate\",\"clip\":1,\"number\":6",    "\"rate\",\"number\":3",
        "\"tag\",\"clip\":1",     "\"tag\",\"clip\":77,\"value\":\"x\"", "\"burn\",\"clip\":1",
        "\"restore\",\"clip\":1",
    };
    char text[128];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "{\"type\":\"edit\",\"what\":%s}", bad[i]);
        CHECK_MSG(!edit(c, text, &err), "%s", text);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(text, sizeof text, "{\"type\":\"edit\",\"what\":%s}", good[i]);
        CHECK_MSG(edit(c, text, &err), "%s: %s", text, err.message);
    }
    CHECK(!edit(c, "{\"type\":\"edit\",\"what\":\"rate\",\"clip\":1,\"number\":1}", &err));
    client_close(c);
    engine_close(&e);
}

TEST(only_one)
{
    struct engine e = engine_open(1, 0);
    struct server_options options = {.library = e.library, .ready_fd = -1};
    struct dn_error err;
    fflush(NULL);
    pid_t second = fork();
    if (second == 0)
        _exit(server_run(&options, &err) ? 0 : err.code == DN_E_EXISTS ? 7 : 8);
    int status = 0;
    waitpid(second, &status, 0);
    CHECK_MSG(WEXITSTATUS(status) == 7, "%x", status);
    engine_kill(&e, SIGKILL); /* the socket stays behind, the lock does not */
    CHECK(access(e.paths.socket, F_OK) == 0 && dial(e.paths.socket) < 0);
    engine_run(&e, 1, 0);
    client_close(client_of(&e));
    engine_close(&e);
}

TESTS(T(first_words), T(requests_that_cannot_be_met), T(queued_into_a_collection),
      T(jobs_and_their_states),
      T(a_job_that_kills_its_workers), T(a_worker_without_work), T(clients_that_say_half_a_word),
      T(live_frames), T(a_client_that_never_reads), T(many_jobs_leave_nothing_behind),
      T(another_user), T(no_descriptor_left), T(a_socket_that_went_away), T(edits), T(only_one))
