/* server_socket: how clients come in: the socket's file, and who may use it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/server_internal.h"

/* Binds to a name of its own and renames it, so that the socket's name never leads to nothing. */
static int bind_as(const char *path, struct dn_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char *own = dn_asprintf("%s.%d", path, (int)getpid());
    if (strlen(own) >= sizeof address.sun_path) {
        dn_fail(err, DN_E_ARG, "the socket's path %s is too long", path);
        free(own);
        return -1;
    }
    strcpy(address.sun_path, own);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(own);
    mode_t mask = umask(0177); /* rw------- */
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
              listen(fd, 128) == 0 && rename(own, path) == 0;
    umask(mask);
    if (!ok) {
        dn_fail(err, DN_E_IO, "cannot make the socket %s: %s", path, strerror(errno));
        unlink(own);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    free(own);
    return fd;
}

bool server_listen(struct server *s, struct dn_error *err)
{
    struct stat st;
    if (!engine_paths_secure(&s->paths, err))
        return false;
    int fd = bind_as(s->paths.socket, err);
    if (fd < 0)
        return false;
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    s->listen_fd = fd;
    s->socket_inode = lstat(s->paths.socket, &st) == 0 ? st.st_ino : 0;
    return true;
}

void server_check_socket(struct server *s)
{
    struct stat st;
    struct dn_error err;
    bool busy;
    if (lstat(s->paths.socket, &st) == 0 && st.st_ino == s->socket_inode)
        return;
    /* the directory is another one now: its lock too must be ours */
    if (!engine_paths_secure(&s->paths, &err))
        return;
    int lock = engine_lock(s->paths.socket_lock, 0, &busy, &err);
    if (lock >= 0) {
        close(s->socket_lock);
        s->socket_lock = lock;
    } else if (lstat(s->paths.socket_lock, &st) != 0) {
        return;
    }
    if (server_listen(s, &err))
        dn_info("the socket %s was gone and is there again", s->paths.socket);
}

/* --- accepting --- */

static bool same_user(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == getuid();
}

/* At most one line a minute, however often somebody tries. */
static void note_refusal(struct server *s, const char *why)
{
    int64_t now = dn_now_ms();
    if (s->refused_ms && now - s->refused_ms < 60000)
        return;
    s->refused_ms = now;
    dn_warn("refused a connection: %s", why);
}

/* One line for a client that cannot be served; it is not waited for. */
static void refuse(int fd, const char *words, const char *hint)
{
    struct dn_error err;
    struct channel c;
    dn_fail(&err, DN_E_IO, "%s", words);
    dn_error_hint(&err, "%s", hint);
    channel_init(&c, fd, false);
    channel_send(&c, protocol_error(&err), -1);
    channel_done(&c);
}

/* Out of descriptors: the one kept in reserve takes the connection, to say so. */
static void refuse_for_want(struct server *s)
{
    close(s->spare_fd);
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0 && same_user(fd))
        refuse(fd, "the engine has no file descriptor left for another client",
               "raise the limit (ulimit -n) or close some");
    else if (fd >= 0)
        close(fd);
    s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    note_refusal(s, "no file descriptor is left");
}

void server_accept(struct server *s)
{
    for (;;) {
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE))
            refuse_for_want(s);
        if (fd < 0)
            return;
        if (!same_user(fd)) {
            close(fd); /* nothing it sent is read */
            note_refusal(s, "it came from another user");
            continue;
        }
        if (s->peer_count >= MAX_PEERS) {
            refuse(fd, "the engine serves as many clients as it can", "close some");
            continue;
        }
        struct peer *p = dn_calloc(1, sizeof *p);
        channel_init(&p->channel, fd, false);
        p->since_ms = dn_now_ms();
        p->number = ++s->peer_numbers;
        p->next = s->peers;
        s->peers = p;
        s->peer_count++;
    }
}
