/* channel: lines of JSON over a Unix socket, without ever waiting unless asked to.
 *
 * What comes in is cut into lines of bounded length; what goes out is queued and bounded in bytes by
 * whoever sends (channel_queued). A message may carry a file descriptor. Belongs to one thread. */
#ifndef DANAUS_ENGINE_CHANNEL_H
#define DANAUS_ENGINE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/strbuf.h"

enum { CHANNEL_MAX_FDS = 4 }; /* received and not yet taken; more are closed */

struct channel_message; /* one that waits to be written */

struct channel {
    int fd; /* -1: closed */
    bool takes_fds;
    bool ended; /* the other side is gone: nothing more comes in */
    /* PRIVATE */
    struct strbuf in;
    size_t in_start; /* bytes of in that were taken as lines */
    size_t queued;
    struct channel_message *first, *last;
    int fds[CHANNEL_MAX_FDS], fd_count;
};

/* Takes fd over and makes it non-blocking. takes_fds: descriptors that come with messages are kept,
 * else the kernel drops them. */
void channel_init(struct channel *c, int fd, bool takes_fds);
void channel_done(struct channel *c);

/* Reads what is there. False: the connection broke (c->ended is set too). Call channel_line until it
 * says no before reading again. */
bool channel_read(struct channel *c);
/* The next whole line without its newline, borrowed until channel_read. False: there is none yet;
 * *too_long tells whether what is there can never become one (over PROTOCOL_MAX_LINE). */
bool channel_line(struct channel *c, const char **line, size_t *length, bool *too_long);
/* The next descriptor that came, -1 when there is none; the caller closes. */
int channel_take_fd(struct channel *c);

/* Queues message (which it decrefs) and tries to write; fd goes along, -1 = none, and is duplicated.
 * A dead peer is noticed by the next channel_read. */
void channel_send(struct channel *c, json_t *message, int fd);
/* Writes what the socket takes now. False: the connection broke. */
bool channel_flush(struct channel *c);
/* Bytes that wait to be written. */
size_t channel_queued(const struct channel *c);
/* Waits at most timeout_ms (-1: for ever) for something to read, writing meanwhile. 1: there is
 * something (or an end), 0: time is up, -1: a signal came. */
int channel_wait(struct channel *c, int timeout_ms);

#endif
