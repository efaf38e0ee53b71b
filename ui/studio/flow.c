/* flow: see flow.h */
#include "ui/studio/flow.h"

#include <string.h>

/* FIRST: nothing is known of the line yet. FEW_MS: no more than clocks and machines are late by.
 * SHARE: of the window, for a piece. QUESTIONS: fewer bytes are no picture. */
enum { FIRST = 4096, FEW_MS = 10, SHARE = 8, QUESTIONS = 16 };

void flow_init(struct flow *f)
{
    *f = (struct flow){.window = FIRST, .way_ms = -1, .shrunk_ms = INT64_MIN};
}

bool flow_may_send(const struct flow *f, size_t bytes)
{
    bool idle = f->under_way < QUESTIONS;
    return idle || (f->count < FLOW_PIECES && f->under_way + bytes <= f->window);
}

struct flow_piece *flow_sent(struct flow *f, size_t bytes, int64_t now_ms)
{
    if (f->count == FLOW_PIECES) /* it was sent all the same, to a terminal that does not answer */
        flow_forget(f);
    f->under_way += bytes;
    f->last_sent_ms = now_ms;
    f->pieces[f->count] = (struct flow_piece){bytes, f->under_way, now_ms, -1, 0};
    return &f->pieces[f->count++];
}

static size_t bounded(size_t window)
{
    return window < FLOW_LEAST ? FLOW_LEAST : window > FLOW_MOST ? FLOW_MOST : window;
}

static void judge(struct flow *f, const struct flow_piece *piece, int64_t took, int64_t now_ms)
{
    int64_t waited = took - f->way_ms;
    bool limited = piece->under_way * 2 >= f->window; /* the window was what held us back */
    if (waited <= FEW_MS && limited) {
        f->window = bounded(f->window + piece->bytes);
    } else if (waited <= FLOW_WAIT_MS * 2 / 3 && limited) {
        f->window = bounded(f->window + piece->bytes / 4);
    } else if (waited > FLOW_WAIT_MS && piece->sent_ms >= f->shrunk_ms) {
        /* what was sent before the window shrank says nothing about the new one */
        int64_t right = f->way_ms + FLOW_WAIT_MS;
        size_t window = bounded((size_t)((int64_t)piece->under_way * right / took));
        f->window = window < f->window ? window : f->window;
        f->shrunk_ms = now_ms;
    }
}

bool flow_answered(struct flow *f, int64_t now_ms, struct flow_piece *piece)
{
    if (f->count == 0)
        return false;
    *piece = f->pieces[0];
    memmove(f->pieces, f->pieces + 1, (size_t)--f->count * sizeof *f->pieces);
    f->under_way -= piece->bytes;
    int64_t took = now_ms - piece->sent_ms;
    f->way_ms = f->way_ms < 0 || took < f->way_ms ? took : f->way_ms;
    judge(f, piece, took, now_ms);
    return true;
}

size_t flow_piece_bytes(const struct flow *f)
{
    size_t share = f->window / SHARE;
    return f->window >= FLOW_WHOLE ? 0 : share < FLOW_LEAST / 2 ? FLOW_LEAST / 2 : share;
}

void flow_forget(struct flow *f)
{
    f->count = 0;
    f->under_way = 0;
}
