/* channel: see channel.h */
#define _GNU_SOURCE
#include "engine/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/protocol.h"

struct channel_message {
    struct channel_message *next;
    int fd; /* sent with the first byte, then -1 */
    size_t length, written;
    char text[];
};

void channel_init(struct channel *c, int fd, bool takes_fds)
{
    *c = (struct channel){.fd = fd, .takes_fds = takes_fds};
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void drop_first(struct channel *c)
{
    struct channel_message *m = c->first;
    c->first = m->next;
    c->queued -= m->length - m->written;
    if (m->fd >= 0)
        close(m->fd);
    free(m);
}

void channel_done(struct channel *c)
{
    while (c->first)
        drop_first(c);
    while (c->fd_count)
        close(c->fds[--c->fd_count]);
    strbuf_done(&c->in);
    if (c->fd >= 0)
        close(c->fd);
    *c = (struct channel){.fd = -1};
}

/* --- in --- */

static void keep_fds(struct channel *c, struct msghdr *header)
{
    for (struct cmsghdr *m = CMSG_FIRSTHDR(header); m; m = CMSG_NXTHDR(header, m)) {
        if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(m) + i * sizeof fd, sizeof fd);
            if (c->fd_count < CHANNEL_MAX_FDS)
                c->fds[c->fd_count++] = fd;
            else
                close(fd);
        }
    }
}

static ssize_t receive(struct channel *c, char *bytes, size_t size)
{
    union {
        char bytes[CMSG_SPACE(CHANNEL_MAX_FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (c->takes_fds) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
    }
    ssize_t n = recvmsg(c->fd, &header, MSG_CMSG_CLOEXEC);
    if (n >= 0 && c->takes_fds)
        keep_fds(c, &header);
    return n;
}

bool channel_read(struct channel *c)
{
    char bytes[16384];
    if (c->in_start) { /* taken lines make room */
        memmove(c->in.data, c->in.data + c->in_start, c->in.length - c->in_start);
        c->in.length -= c->in_start;
        c->in_start = 0;
    }
    /* at most one line and a bit is kept, however fast the other side writes */
    for (size_t taken = 0; taken < PROTOCOL_MAX_LINE && c->in.length <= PROTOCOL_MAX_LINE;) {
        ssize_t n = receive(c, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (n <= 0) {
            c->ended = true;
            return n == 0;
        }
        strbuf_append(&c->in, bytes, (size_t)n);
        taken += (size_t)n;
    }
    return true;
}

bool channel_line(struct channel *c, const char **line, size_t *length, bool *too_long)
{
    const char *start = strbuf_text(&c->in) + c->in_start;
    size_t left = c->in.length - c->in_start;
    const char *end = left ? memchr(start, '\n', left) : NULL;
    *too_long = end ? end - start > PROTOCOL_MAX_LINE : left > PROTOCOL_MAX_LINE;
    if (!end || *too_long)
        return false;
    *line = start;
    *length = (size_t)(end - start);
    c->in_start += *length + 1;
    return true;
}

int channel_take_fd(struct channel *c)
{
    if (!c->fd_count)
        return -1;
    int fd = c->fds[0];
    memmove(c->fds, c->fds + 1, (size_t)--c->fd_count * sizeof c->fds[0]);
    return fd;
}

/* --- out --- */

void channel_send(struct channel *c, json_t *message, int fd)
{
    size_t length = json_dumpb(message, NULL, 0, JSON_COMPACT);
    struct channel_message *m = dn_malloc(sizeof *m + length + 1);
    *m = (struct channel_message){.fd = -1, .length = length + 1};
    json_dumpb(message, m->text, length, JSON_COMPACT);
    m->text[length] = '\n';
    json_decref(message);
    if (fd >= 0)
        m->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (c->first)
        c->last->next = m;
    else
        c->first = m;
    c->last = m;
    c->queued += m->length;
    channel_flush(c);
}

static ssize_t send_some(struct channel *c, struct channel_message *m)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {.iov_base = m->text + m->written, .iov_len = m->length - m->written};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (m->fd >= 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(rights), &m->fd, sizeof m->fd);
    }
    return sendmsg(c->fd, &header, MSG_NOSIGNAL);
}

bool channel_flush(struct channel *c)
{
    while (c->first && c->fd >= 0) {
        struct channel_message *m = c->first;
        ssize_t n = send_some(c, m);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        if (m->fd >= 0) {
            close(m->fd);
            m->fd = -1;
        }
        m->written += (size_t)n;
        c->queued -= (size_t)n;
        if (m->written == m->length)
            drop_first(c);
    }
    return true;
}

size_t channel_queued(const struct channel *c)
{
    return c->queued;
}

int channel_wait(struct channel *c, int timeout_ms)
{
    struct pollfd p = {.fd = c->fd, .events = (short)(POLLIN | (c->first ? POLLOUT : 0))};
    int n = poll(&p, 1, timeout_ms);
    if (n < 0)
        return -1;
    if (p.revents & POLLOUT)
        channel_flush(c);
    return n > 0;
}
