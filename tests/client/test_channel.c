/* Lines and descriptors over a socket pair. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "engine/channel.h"
#include "engine/protocol.h"

struct pair {
    struct channel a, b;
};

static struct pair pair_open(bool b_takes_fds)
{
    int fds[2];
    struct pair p;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    channel_init(&p.a, fds[0], false);
    channel_init(&p.b, fds[1], b_takes_fds);
    return p;
}

static void pair_close(struct pair *p)
{
    channel_done(&p->a);
    channel_done(&p->b);
}

static bool next_is(struct channel *c, const char *want)
{
    const char *line;
    size_t length;
    bool too_long;
    if (!channel_line(c, &line, &length, &too_long))
        return want == NULL;
    return want && length == strlen(want) && memcmp(line, want, length) == 0;
}

TEST(lines_in_pieces)
{
    struct pair p = pair_open(false);
    CHECK(write(p.a.fd, "{\"a\":1}\n{\"b\"", 12) == 12);
    CHECK(channel_read(&p.b) && next_is(&p.b, "{\"a\":1}") && next_is(&p.b, NULL));
    CHECK(write(p.a.fd, ":2}\n\n{", 6) == 6);
    CHECK(channel_read(&p.b) && next_is(&p.b, "{\"b\":2}") && next_is(&p.b, ""));
    CHECK(next_is(&p.b, NULL));
    shutdown(p.a.fd, SHUT_WR);
    CHECK(channel_read(&p.b) && p.b.ended && next_is(&p.b, NULL));
    pair_close(&p);
}

TEST(a_line_without_end)
{
    struct pair p = pair_open(false);
    char *bytes = dn_malloc(PROTOCOL_MAX_LINE);
    const char *line;
    size_t length, sent = 0;
    bool too_long = false;
    memset(bytes, 'x', PROTOCOL_MAX_LINE);
    for (int i = 0; i < 100 && !too_long; i++) {
        ssize_t n = write(p.a.fd, bytes, PROTOCOL_MAX_LINE);
        sent += n > 0 ? (size_t)n : 0;
        channel_read(&p.b);
        CHECK(!channel_line(&p.b, &line, &length, &too_long));
    }
    /* it is noticed soon after the limit, and no more is taken in */
    CHECK(too_long && sent < 3 * PROTOCOL_MAX_LINE);
    free(bytes);
    pair_close(&p);
}

TEST(a_peer_that_does_not_read)
{
    struct pair p = pair_open(false);
    size_t before = 0;
    for (int i = 0; i < 20000; i++)
        channel_send(&p.a, json_pack("{s:i}", "n", i), -1);
    before = channel_queued(&p.a);
    CHECK(before > 0); /* the rest waits here, nobody hung */
    int seen = 0;
    while (seen < 20000) {
        char want[32];
        snprintf(want, sizeof want, "{\"n\":%d}", seen);
        if (next_is(&p.b, want)) {
            seen++;
            continue;
        }
        CHECK(channel_read(&p.b) && channel_flush(&p.a));
        if (check_failures)
            break;
    }
    CHECK(channel_queued(&p.a) == 0);
    pair_close(&p);
}

TEST(descriptors)
{
    struct pair p = pair_open(true);
    int fds[2];
    char byte = 0;
    CHECK(pipe(fds) == 0);
    channel_send(&p.a, json_pack("{s:s}", "type", "x"), -1);
    channel_send(&p.a, json_pack("{s:s}", "type", "ring"), fds[1]);
    close(fds[1]); /* the channel has its own */
    CHECK(channel_read(&p.b) && next_is(&p.b, "{\"type\":\"x\"}"));
    CHECK(next_is(&p.b, "{\"type\":\"ring\"}"));
    int fd = channel_take_fd(&p.b);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && channel_take_fd(&p.b) == -1);
    CHECK(write(fd, "q", 1) == 1 && read(fds[0], &byte, 1) == 1 && byte == 'q');
    close(fd);
    close(fds[0]);
    pair_close(&p);
}

TEST(descriptors_nobody_asked_for)
{
    struct pair p = pair_open(false);
    int before = dup(0), fds[2];
    CHECK(pipe(fds) == 0);
    for (int i = 0; i < 50; i++) {
        channel_send(&p.a, json_pack("{}"), fds[0]);
        CHECK(channel_read(&p.b) && next_is(&p.b, "{}") && channel_take_fd(&p.b) == -1);
    }
    close(fds[0]);
    close(fds[1]);
    close(before);
    int after = dup(0);
    CHECK_MSG(after == before, "%d descriptors are open", after - before);
    close(after);
    pair_close(&p);
}

TESTS(T(lines_in_pieces), T(a_line_without_end), T(a_peer_that_does_not_read), T(descriptors),
      T(descriptors_nobody_asked_for))
