/* flow: how many bytes may be under way to the terminal, so that a key's effect, which comes behind
 * them, is not late whatever the line's rate is.
 *
 * What is sent in bulk goes in pieces, each with a question that the terminal answers when it has
 * drawn it (CSI 5 n). An answer that takes longer than the quickest one did has waited in a queue; from
 * that the window follows: it grows while hardly anything waits, and when the wait is longer than
 * FLOW_WAIT_MS, what was under way when the piece was sent and the time it took give the line's rate,
 * and the window that is right for it. (The idea is TCP Vegas': Brakmo, O'Malley, Peterson, SIGCOMM
 * 1994.) A question alone, when nothing is under way, tells how long the way is. */
#ifndef DANAUS_UI_STUDIO_FLOW_H
#define DANAUS_UI_STUDIO_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FLOW_LEAST: bytes that may be under way on any line. FLOW_WHOLE: with such a window a line is
 * quick enough for whole pictures. */
enum { FLOW_WAIT_MS = 60, FLOW_LEAST = 2048, FLOW_WHOLE = 128 << 10, FLOW_MOST = 4 << 20 };
enum { FLOW_PIECES = 64 };

struct flow_piece {
    size_t bytes, under_way; /* under_way: with it, when it was sent */
    int64_t sent_ms;
    int64_t began_ms; /* of the last piece of a picture: when its first one was sent; else -1 */
    size_t whole;     /* and the bytes of all of it, 0 = as many as it needed */
};

struct flow {
    struct flow_piece pieces[FLOW_PIECES]; /* unanswered, the oldest first */
    int count;
    size_t window, under_way;
    int64_t way_ms;    /* the quickest answer, -1 = none came */
    int64_t shrunk_ms; /* when the window was made smaller */
    int64_t last_sent_ms;
};

void flow_init(struct flow *f);
/* There is time for so many bytes more; always when nothing is under way. */
bool flow_may_send(const struct flow *f, size_t bytes);
/* The caller sets began_ms and whole of what it gets, if it is a last piece. */
struct flow_piece *flow_sent(struct flow *f, size_t bytes, int64_t now_ms);
/* The oldest piece is there; false: there was none. */
bool flow_answered(struct flow *f, int64_t now_ms, struct flow_piece *piece);
/* How long pieces should be, 0 = there is no need for pieces. */
size_t flow_piece_bytes(const struct flow *f);
/* Nothing is under way any more: the terminal does not answer, or was not ours. */
void flow_forget(struct flow *f);

#endif
