/* client: see client.h */
#define _GNU_SOURCE
#include "engine/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/channel.h"
#include "engine/client_start.h"
#include "engine/engine_paths.h"

enum { DEFAULT_TIMEOUT_MS = 15000, ASK_TIMEOUT_MS = 30000, MAX_WORKERS = 64 };

struct client {
    struct channel channel;
    int64_t last_id, pid;
    struct frame_ring *rings[MAX_WORKERS]; /* by worker, NULL = none came */
    json_t *waiting;                       /* events that came while a reply was awaited */
};

/* --- messages --- */

int client_fd(const struct client *c)
{
    return c->channel.fd;
}

int64_t client_engine_pid(const struct client *c)
{
    return c->pid;
}

/* A worker has a new ring: of another size, or it is another process. */
static void take_ring(struct client *c, const json_t *message)
{
    struct dn_error err;
    int fd = channel_take_fd(&c->channel);
    int64_t worker = protocol_int(message, "worker", -1);
    if (fd < 0 || worker < 0 || worker >= MAX_WORKERS) {
        if (fd >= 0)
            close(fd);
        return;
    }
    frame_ring_free(c->rings[worker]);
    frame_ring_open(fd, &c->rings[worker], &err); /* NULL when it is none: frames are then not seen */
    close(fd);
}

/* One message that is there already or comes within timeout_ms; *message NULL: none. */
static bool receive(struct client *c, int timeout_ms, enum message_type *type, json_t **message,
                    struct dn_error *err)
{
    const char *line;
    size_t length;
    bool too_long;
    int64_t end = dn_now_ms() + timeout_ms;
    *message = NULL;
    while (!channel_line(&c->channel, &line, &length, &too_long)) {
        if (c->channel.ended || too_long)
            return dn_fail(err, DN_E_IO, too_long ? "the engine sent a line without end"
                                                  : "the engine has closed the connection");
        int64_t left = timeout_ms < 0 ? -1 : end - dn_now_ms();
        int ready = channel_wait(&c->channel, timeout_ms >= 0 && left < 0 ? 0 : (int)left);
        if (ready < 0)
            return true; /* a signal: the caller may want to act on it */
        if (ready == 0 && timeout_ms >= 0 && dn_now_ms() >= end)
            return true;
        if (ready)
            channel_read(&c->channel);
    }
    if (!protocol_read(line, length, false, type, message, NULL, err))
        return false;
    if (*type == MESSAGE_RING)
        take_ring(c, *message);
    return true;
}

int64_t client_send(struct client *c, json_t *request)
{
    json_object_set_new(request, "id", json_integer(++c->last_id));
    channel_send(&c->channel, request, -1);
    return c->last_id;
}

/* *reply: whatever answers the request, an error too; the caller decrefs. */
static bool exchange(struct client *c, json_t *request, enum message_type *type, json_t **reply,
                     struct dn_error *err)
{
    int64_t id = client_send(c, request), end = dn_now_ms() + ASK_TIMEOUT_MS;
    for (;;) {
        int64_t left = end - dn_now_ms();
        if (!receive(c, left < 0 ? 0 : (int)left, type, reply, err))
            return false;
        if (!*reply && dn_now_ms() >= end)
            return dn_fail(err, DN_E_IO, "the engine does not answer");
        if (!*reply)
            continue;
        if (message_table[*type].direction != MESSAGE_EVENT && protocol_int(*reply, "id", -1) == id)
            return true;
        json_array_append_new(c->waiting, *reply);
    }
}

bool client_ask(struct client *c, json_t *request, json_t **reply, struct dn_error *err)
{
    enum message_type type;
    json_t *message;
    if (reply)
        *reply = NULL;
    if (!exchange(c, request, &type, &message, err))
        return false;
    bool ok = type != MESSAGE_ERROR;
    if (!ok)
        protocol_error_read(message, err);
    if (ok && reply)
        *reply = message;
    else
        json_decref(message);
    return ok;
}

bool client_next(struct client *c, int timeout_ms, enum message_type *type, json_t **message,
                 struct dn_error *err)
{
    if (json_array_size(c->waiting) == 0)
        return receive(c, timeout_ms, type, message, err);
    *message = json_incref(json_array_get(c->waiting, 0));
    json_array_remove(c->waiting, 0);
    const char *name = protocol_text(*message, "type");
    for (int i = MESSAGE_REQUEST_COUNT; i < MESSAGE_COUNT; i++)
        if (strcmp(message_table[i].name, name) == 0)
            *type = (enum message_type)i;
    return true;
}

const struct frame_ring *client_ring(const struct client *c, int64_t worker)
{
    return worker >= 0 && worker < MAX_WORKERS ? c->rings[worker] : NULL;
}

bool client_order(struct client *c, enum message_type type, int64_t job, struct dn_error *err)
{
    json_t *request = protocol_new(type);
    if (job)
        json_object_set_new(request, "job", json_integer(job));
    return client_ask(c, request, NULL, err);
}

bool client_steer(struct client *c, int64_t job, const char *prompt, int64_t *chunk,
                  int64_t *frame, struct dn_error *err)
{
    json_t *request = protocol_new(MESSAGE_STEER), *reply;
    json_object_set_new(request, "job", json_integer(job));
    json_object_set_new(request, "prompt", json_string(prompt));
    if (!client_ask(c, request, &reply, err))
        return false;
    *chunk = protocol_int(reply, "chunk", 0);
    *frame = protocol_int(reply, "frame", 0);
    json_decref(reply);
    return true;
}

/* --- the socket and the first words --- */

static int try_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result;
    do {
        result = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof address);
    } while (result != 0 && errno == EINTR);
    if (result == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The process on the other side; 0 when it is another user's: somebody could listen in a directory of
 * theirs. */
static int64_t peer_of(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    bool ours = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == getuid();
    return ours ? peer.pid : 0;
}

/* The usual place, then wherever the engine that holds the library says that it listens: the two
 * differ when $XDG_RUNTIME_DIR is another one now. */
static int try_connect(const struct engine_paths *paths)
{
    int fd = try_socket(paths->socket);
    if (fd >= 0)
        return fd;
    char *other = engine_locked_socket(paths);
    fd = other ? try_socket(other) : -1;
    free(other);
    return fd;
}

/* Says hello in the protocol of that number. *theirs: the number of an engine that speaks another,
 * else 0; *welcome: the caller decrefs. */
static bool say_hello(struct client *c, const char *name, int64_t number, json_t **welcome,
                      int64_t *theirs, struct dn_error *err)
{
    enum message_type type;
    json_t *hello = protocol_new(MESSAGE_HELLO), *reply;
    json_object_set_new(hello, "protocol", json_integer(number));
    json_object_set_new(hello, "build", json_string(DANAUS_VERSION));
    json_object_set_new(hello, "client", json_string(name));
    *welcome = NULL;
    *theirs = 0;
    if (!exchange(c, hello, &type, &reply, err))
        return false;
    if (type == MESSAGE_WELCOME && protocol_int(reply, "protocol", 0) == number) {
        *welcome = reply;
        return true;
    }
    protocol_error_read(reply, err);
    /* the builds of protocol 1 did not tell their number when they refused another */
    if (type == MESSAGE_WELCOME || err->code == DN_E_UNSUPPORTED)
        *theirs = protocol_int(reply, "protocol", 1);
    json_decref(reply);
    return false;
}

static bool same_library(const json_t *welcome, const struct engine_paths *paths)
{
    return strcmp(protocol_text(welcome, "library"), paths->library) == 0;
}

/* *theirs as of say_hello. */
static bool greet(struct client *c, const struct client_options *o,
                  const struct engine_paths *paths, int64_t *theirs, struct dn_error *err)
{
    json_t *welcome;
    if (!say_hello(c, o->name, PROTOCOL_NUMBER, &welcome, theirs, err)) {
        if (!*theirs)
            return false;
        bool older = *theirs < PROTOCOL_NUMBER;
        dn_fail(err, DN_E_UNSUPPORTED, "the engine is of %s build: protocol %lld, not %d",
                older ? "an older" : "a newer", (long long)*theirs, PROTOCOL_NUMBER);
        return dn_error_hint(err, older ? "danaus engine stop; what it makes goes on with the next one"
                                        : "use the newer danaus, or danaus engine stop");
    }
    c->pid = protocol_int(welcome, "pid", 0);
    bool ok = same_library(welcome, paths);
    if (!ok) {
        dn_fail(err, DN_E_EXISTS, "an engine runs for the library %s, and %s is meant",
                protocol_text(welcome, "library"), paths->library);
        dn_error_hint(err, "danaus engine restart, or choose the library with DANAUS_LIBRARY");
    }
    json_decref(welcome);
    return ok;
}

static struct client *client_new(int fd)
{
    struct client *c = dn_calloc(1, sizeof *c);
    channel_init(&c->channel, fd, true);
    c->waiting = json_array();
    return c;
}

/* --- an engine of an older build --- */

/* Nothing is being made, and nobody else talks to it. Another one who was just refused may be
 * counted for a moment. */
static bool is_idle(struct client *c)
{
    struct dn_error err;
    for (int tries = 0; tries < 10; tries++) {
        json_t *status;
        if (!client_ask(c, protocol_new(MESSAGE_STATUS), &status, &err))
            return false;
        bool works = protocol_int(status, "running", 1) > 0;
        bool alone = protocol_int(status, "clients", 2) <= 1;
        json_decref(status);
        if (works || alone)
            return !works;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return false;
}

/* Until the connection ends: then its locks are free. */
static bool wait_for_end(struct client *c, int64_t end)
{
    while (dn_now_ms() < end) {
        enum message_type type;
        struct dn_error err;
        json_t *message;
        if (!client_next(c, 100, &type, &message, &err))
            return c->channel.ended;
        json_decref(message);
    }
    return false;
}

/* Asks an engine that speaks the older protocol to end, in its own words, if that disturbs nobody:
 * the queue is in the catalog, where the next engine finds it. True: it has ended, or was replaced
 * meanwhile. The lock is that of reach: of many who come at once, one does it. */
static bool end_idle(const struct client_options *o, const struct engine_paths *paths,
                     int64_t theirs, int64_t end)
{
    struct dn_error err;
    bool busy;
    int64_t left = end - dn_now_ms(), other = 0;
    int lock = engine_lock(paths->start_lock, left < 0 ? 0 : (int)left, &busy, &err);
    int fd = lock < 0 ? -1 : try_connect(paths);
    bool gone = lock >= 0 && fd < 0;
    if (fd >= 0) {
        struct client *c = client_new(fd);
        json_t *welcome = NULL;
        if (peer_of(fd) && say_hello(c, o->name, theirs, &welcome, &other, &err))
            gone = same_library(welcome, paths) && is_idle(c) &&
                   client_order(c, MESSAGE_STOP, 0, &err) && wait_for_end(c, end);
        else
            gone = other != 0;
        json_decref(welcome);
        client_close(c);
    }
    if (lock >= 0)
        close(lock);
    return gone;
}

/* --- connecting --- */

/* fd >= 0, or -1 with err: no engine, and none may or can be started. */
static int reach(const struct client_options *o, const struct engine_paths *paths, int64_t end,
                 struct dn_error *err)
{
    bool busy;
    int fd = try_connect(paths);
    if (fd >= 0)
        return fd;
    if (!o->start) {
        dn_fail(err, DN_E_IO, "no engine is running");
        dn_error_hint(err, "danaus engine start");
        return -1;
    }
    if (!engine_paths_secure(paths, err))
        return -1;
    int64_t left = end - dn_now_ms();
    /* one starts, the others wait for it here and then find its socket */
    int lock = engine_lock(paths->start_lock, left < 0 ? 0 : (int)left, &busy, err);
    if (lock < 0)
        return -1;
    fd = try_connect(paths);
    left = end - dn_now_ms();
    if (fd < 0 && client_start_engine(paths, left < 0 ? 0 : (int)left, err)) {
        fd = try_connect(paths);
        if (fd < 0)
            dn_fail(err, DN_E_IO, "the engine started and is gone again, see %s", paths->log);
    }
    close(lock);
    return fd;
}

bool client_connect(const struct client_options *o, struct client **out, struct dn_error *err)
{
    struct engine_paths paths;
    int64_t end = dn_now_ms() + (o->timeout_ms ? o->timeout_ms : DEFAULT_TIMEOUT_MS);
    *out = NULL;
    bool ok = engine_paths_find(o->library, &paths, err), again = ok;
    while (again) {
        int fd = reach(o, &paths, end, err);
        ok = fd >= 0;
        if (!ok)
            break;
        struct client *c = client_new(fd);
        int64_t theirs = 0;
        ok = peer_of(fd) ? greet(c, o, &paths, &theirs, err)
                         : dn_fail(err, DN_E_IO, "%s is another user's socket", paths.socket);
        /* an engine that ends just now closes the connection: the next one is meant */
        bool ends = !ok && !theirs && c->channel.ended && peer_of(fd);
        if (ok)
            *out = c;
        else
            client_close(c);
        bool older = theirs && theirs < PROTOCOL_NUMBER;
        again = o->start && (ends || (older && end_idle(o, &paths, theirs, end))) &&
                dn_now_ms() < end;
        if (again)
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    engine_paths_done(&paths);
    return ok;
}

int64_t client_find_engine(const char *library)
{
    struct engine_paths paths;
    struct dn_error err;
    int fd = engine_paths_find(library, &paths, &err) ? try_connect(&paths) : -1;
    int64_t pid = fd >= 0 ? peer_of(fd) : 0;
    if (fd >= 0)
        close(fd);
    engine_paths_done(&paths);
    return pid;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    for (int i = 0; i < MAX_WORKERS; i++)
        frame_ring_free(c->rings[i]);
    channel_done(&c->channel);
    json_decref(c->waiting);
    free(c);
}
