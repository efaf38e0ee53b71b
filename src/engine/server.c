/* server: see server.h */
#define _GNU_SOURCE
#include "engine/server.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/paths.h"
#include "engine/server_internal.h"
#include "store/catalog_snapshot.h"
#include "store/clip_import.h"

enum { TICK_MS = 1000 };

/* --- starting --- */

/* "PID SOCKET": where clients find the engine when the usual place is another one for them. */
static void write_lock(const struct server *s)
{
    char *text = dn_asprintf("%d %s\n", (int)getpid(), s->paths.socket);
    if (ftruncate(s->library_lock, 0) != 0 ||
        pwrite(s->library_lock, text, strlen(text), 0) != (ssize_t)strlen(text))
        dn_warn("cannot write %s: %s", s->paths.library_lock, strerror(errno));
    free(text);
}

/* Held for life, so that a kill -9 gives them back; never deleted. */
static bool take_locks(struct server *s, struct dn_error *err)
{
    bool busy;
    /* one that was killed a moment ago may still be going */
    s->library_lock = engine_lock(s->paths.library_lock, 1000, &busy, err);
    if (s->library_lock >= 0)
        s->socket_lock = engine_lock(s->paths.socket_lock, 1000, &busy, err);
    if (s->library_lock < 0 || s->socket_lock < 0) {
        if (busy) {
            dn_fail(err, DN_E_EXISTS, "another engine runs (it holds %s)",
                    s->library_lock < 0 ? s->paths.library_lock : s->paths.socket_lock);
            dn_error_hint(err, "danaus engine status");
        }
        return false;
    }
    return true;
}

static bool open_signals(struct server *s, struct dn_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return s->signal_fd >= 0 || dn_fail(err, DN_E_IO, "no signalfd: %s", strerror(errno));
}

static void name_boot(struct server *s)
{
    unsigned char bytes[16] = {0};
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        dn_warn("no random numbers for this engine's name");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(s->boot + 2 * i, 3, "%02x", bytes[i]);
}

static bool open_catalog(struct server *s, struct dn_error *err)
{
    int64_t recovered = 0, removed = 0;
    if (!catalog_open(s->paths.library, CATALOG_WRITE, &s->catalog, err))
        return false;
    if (catalog_notice(s->catalog)[0])
        dn_warn("%s", catalog_notice(s->catalog));
    if (!jobs_sweep(s, err) || !catalog_recover_jobs(s->catalog, s->boot, &recovered, err) ||
        !clip_files_sweep(s->catalog, &removed, err) || !clip_import_sweep(s->catalog, err))
        return false;
    struct dn_error why;
    if (!catalog_snapshot(s->catalog, catalog_now_ms(), &why))
        dn_warn("no snapshot of the catalog: %s", why.message);
    if (recovered)
        dn_info("%lld jobs that were interrupted go on", (long long)recovered);
    return true;
}

static bool server_open(struct server *s, const struct server_options *options,
                        struct dn_error *err)
{
    *s = (struct server){.options = *options, .socket_lock = -1, .library_lock = -1,
                         .listen_fd = -1, .signal_fd = -1, .spare_fd = -1,
                         .started_ms = dn_now_ms()};
    s->user_umask = umask(077);
    if (!engine_paths_find(options->library, &s->paths, err) ||
        !dn_make_dirs(s->paths.library, err) || !engine_paths_secure(&s->paths, err) ||
        !take_locks(s, err) || !server_log_open(s->paths.log, options->foreground, err))
        return false;
    dn_info("danaus %s starts as process %d for %s", DANAUS_VERSION, (int)getpid(),
            s->paths.library);
    name_boot(s);
    write_lock(s);
    workers_init(s);
    return open_signals(s, err) && open_catalog(s, err) && server_listen(s, err);
}

/* --- the loop --- */

static void take_signals(struct server *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            workers_reap(s);
        else if (info.ssi_signo == SIGHUP) /* a terminal went away: no business of ours */
            dn_info("hangup, ignored");
        else
            s->stopping = true;
    }
}

/* Clients that are through, or that never said hello. */
static void drop_peers(struct server *s, int64_t now)
{
    for (struct peer *p = s->peers, *next; p; p = next) {
        next = p->next;
        bool written = channel_queued(&p->channel) == 0;
        if (p->channel.ended || (p->closing && (written || now - p->closing_ms > GREET_MS)) ||
            (!p->greeted && now - p->since_ms > GREET_MS))
            peer_free(s, p);
    }
}

enum { POLL_SIGNALS, POLL_LISTEN, POLL_FIRST };

/* fds [POLL_FIRST + MAX_WORKERS + MAX_PEERS]; peers come behind the workers, in their order. */
static int gather(struct server *s, struct pollfd *fds)
{
    int n = POLL_FIRST;
    fds[POLL_SIGNALS] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
    fds[POLL_LISTEN] = (struct pollfd){.fd = s->listen_fd, .events = POLLIN};
    for (int i = 0; i < s->worker_count; i++) {
        const struct worker_slot *w = &s->workers[i];
        fds[n++] = (struct pollfd){
            .fd = w->channel.ended ? -1 : w->channel.fd,
            .events = (short)(POLLIN | (channel_queued(&w->channel) ? POLLOUT : 0))};
    }
    for (struct peer *p = s->peers; p; p = p->next)
        fds[n++] = (struct pollfd){
            .fd = p->channel.fd,
            .events = (short)((p->closing ? 0 : POLLIN) |
                              (channel_queued(&p->channel) ? POLLOUT : 0))};
    return n;
}

static void serve(struct server *s, const struct pollfd *fds)
{
    int n = POLL_FIRST;
    for (int i = 0; i < s->worker_count; i++, n++) {
        struct worker_slot *w = &s->workers[i];
        if (fds[n].fd < 0 || fds[n].fd != w->channel.fd)
            continue;
        if (fds[n].revents & POLLOUT)
            channel_flush(&w->channel);
        if (fds[n].revents & (POLLIN | POLLHUP | POLLERR))
            worker_read(s, w);
    }
    for (struct peer *p = s->peers; p; p = p->next, n++) {
        if (fds[n].revents & POLLOUT)
            channel_flush(&p->channel);
        if (fds[n].revents & (POLLIN | POLLHUP | POLLERR))
            peer_read(s, p);
    }
}

/* When the last job has ended: what sped up the catalog's work on many is given back, so that an
 * engine that waits for days is as small as a new one. */
static void rest_when_idle(struct server *s)
{
    bool works = workers_have_work(s);
    if (s->worked && !works) {
        catalog_rest(s->catalog);
        malloc_trim(0);
    }
    s->worked = works;
}

/* Starting a job waits for the disk: who asks meanwhile is answered first, but not for ever. */
static void dispatch(struct server *s, bool quiet, int64_t now)
{
    if (!s->dispatch_due_ms)
        s->dispatch_due_ms = now + 50;
    if (!quiet && now < s->dispatch_due_ms)
        return;
    s->dispatch_due_ms = 0;
    workers_dispatch(s);
    rest_when_idle(s);
}

static bool turn(struct server *s, struct dn_error *err)
{
    struct pollfd fds[POLL_FIRST + MAX_WORKERS + MAX_PEERS];
    int n = gather(s, fds);
    int ready = poll(fds, (nfds_t)n, s->dispatch_due_ms ? 0 : TICK_MS / 4);
    if (ready < 0 && errno != EINTR)
        return dn_fail(err, DN_E_IO, "poll: %s", strerror(errno));
    if (fds[POLL_SIGNALS].revents)
        take_signals(s);
    serve(s, fds);
    if (fds[POLL_LISTEN].revents) /* last: fds knows nothing of new peers */
        server_accept(s);
    int64_t now = dn_now_ms();
    drop_peers(s, now);
    if (now - s->checked_ms >= TICK_MS) {
        s->checked_ms = now;
        server_check_socket(s);
        workers_tick(s, now);
    }
    dispatch(s, ready <= 0, now);
    return true;
}

/* --- ending --- */

/* Clients see the end of their connections last: then the locks are free for another engine. */
static void server_done(struct server *s)
{
    workers_done(s);
    catalog_close(s->catalog);
    if (s->listen_fd >= 0) {
        unlink(s->paths.socket); /* ours as long as the lock is */
        close(s->listen_fd);
    }
    int fds[] = {s->signal_fd, s->spare_fd, s->socket_lock, s->library_lock};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    while (s->peers)
        peer_free(s, s->peers);
    engine_paths_done(&s->paths);
}

static void tell_starter(int fd, const struct dn_error *err)
{
    if (fd < 0)
        return;
    char *text = err ? dn_error_text(err) : dn_strdup("ready");
    if (dprintf(fd, "%s\n", text) < 0)
        dn_warn("nobody waits for this engine any more");
    free(text);
    close(fd);
}

bool server_run(const struct server_options *options, struct dn_error *err)
{
    struct server *s = dn_malloc(sizeof *s);
    bool ok = server_open(s, options, err);
    bool started = ok;
    tell_starter(options->ready_fd, ok ? NULL : err);
    int64_t stop_by = 0;
    while (ok) {
        if (s->stopping && stop_by == 0)
            stop_by = dn_now_ms() + STOP_MS;
        if (s->stopping && (workers_stopped(s) || dn_now_ms() > stop_by))
            break;
        ok = turn(s, err);
    }
    if (started) /* else the caller is told, and there may be no log */
        dn_info("the engine ends%s%s", ok ? "" : ": ", ok ? "" : err->message);
    server_done(s);
    free(s);
    return ok;
}
