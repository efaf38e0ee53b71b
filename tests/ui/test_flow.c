/* flow: bytes under way over lines of every rate, in a simulation by the millisecond: what a key's
 * effect would have to wait for, and how much of the line is used. */
#include <string.h>

#include "check.h"
#include "ui/studio/flow.h"

struct simulated {
    double bytes_per_ms, queue;  /* queue: bytes that have not left yet */
    int delay_ms;                /* there and back */
    struct {
        double left;             /* bytes before its end that have not left */
        int64_t answer_ms;       /* -1 = still in the queue */
    } pieces[FLOW_PIECES];
    int count;
    double sent;
};

static void pass_ms(struct simulated *s, struct flow *f, int64_t now)
{
    double taken = s->queue < s->bytes_per_ms ? s->queue : s->bytes_per_ms;
    s->queue -= taken;
    s->sent += taken;
    for (int i = 0; i < s->count; i++) {
        s->pieces[i].left -= taken;
        if (s->pieces[i].left <= 0.001 && s->pieces[i].answer_ms < 0)
            s->pieces[i].answer_ms = now + s->delay_ms;
    }
    while (s->count > 0 && s->pieces[0].answer_ms >= 0 && s->pieces[0].answer_ms <= now) {
        struct flow_piece piece;
        CHECK(flow_answered(f, now, &piece));
        memmove(s->pieces, s->pieces + 1, (size_t)--s->count * sizeof s->pieces[0]);
    }
}

static void send(struct simulated *s, struct flow *f, size_t bytes, int64_t now)
{
    flow_sent(f, bytes, now);
    s->queue += (double)bytes;
    s->pieces[s->count].left = s->queue;
    s->pieces[s->count++].answer_ms = -1;
}

/* Sends all it may in pieces of at most 67 kB; returns the longest wait in the queue, ms, after the
 * first second. */
static double fill(struct simulated *s, struct flow *f, int64_t from, int64_t to)
{
    double longest = 0;
    for (int64_t now = from; now < to; now++) {
        pass_ms(s, f, now);
        size_t piece = flow_piece_bytes(f) ? flow_piece_bytes(f) : 67000;
        if (f->count == 0)
            send(s, f, 4, now);
        while (flow_may_send(f, piece))
            send(s, f, piece, now);
        double wait = s->queue / s->bytes_per_ms;
        longest = now - from > 1000 && wait > longest ? wait : longest;
    }
    return longest;
}

TEST(any_line)
{
    static const int kbits[] = {128, 256, 1000, 2000, 8000, 20000, 100000}, delays[] = {2, 40, 80, 250};
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 4; k++) {
            struct simulated s = {.bytes_per_ms = kbits[i] / 8.0, .delay_ms = delays[k]};
            struct flow f;
            flow_init(&f);
            double wait = fill(&s, &f, 0, 10000);
            double used = s.sent / (s.bytes_per_ms * 10000);
            /* two pieces of the least size take 128 ms at 128 kbit/s */
            CHECK_MSG(wait <= 150, "%d kbit/s, %d ms: waits %.0f ms", kbits[i], delays[k], wait);
            CHECK_MSG(used > 0.3, "%d kbit/s, %d ms: %.0f %% used", kbits[i], delays[k], used * 100);
            CHECK(s.count == f.count);
        }
}

/* A line that becomes slow, and quick again. */
TEST(lines_change)
{
    struct simulated s = {.bytes_per_ms = 2500, .delay_ms = 40};
    struct flow f;
    flow_init(&f);
    fill(&s, &f, 0, 3000);
    CHECK(flow_piece_bytes(&f) == 0);
    s.bytes_per_ms = 32;
    fill(&s, &f, 3000, 20000); /* what was under way needs its time */
    CHECK(fill(&s, &f, 20000, 25000) <= 150 && flow_piece_bytes(&f) > 0);
    s.bytes_per_ms = 2500;
    fill(&s, &f, 25000, 28000);
    CHECK(flow_piece_bytes(&f) == 0);
}

TEST(nobody_answers)
{
    struct flow f;
    struct flow_piece piece;
    flow_init(&f);
    CHECK(!flow_answered(&f, 5, &piece));
    CHECK(flow_may_send(&f, 1 << 30)); /* however large, when nothing is under way */
    for (int i = 0; i < 1000; i++)
        flow_sent(&f, 5000, i);
    CHECK(f.count <= FLOW_PIECES && f.under_way <= FLOW_PIECES * 5000u && !flow_may_send(&f, 1));
    flow_forget(&f);
    CHECK(f.under_way == 0 && flow_may_send(&f, 5000) && !flow_answered(&f, 2000, &piece));
}

/* The oldest piece is the one that is answered, with what was said of it. */
TEST(answers_in_order)
{
    struct flow f;
    struct flow_piece piece;
    flow_init(&f);
    flow_sent(&f, 100, 10);
    flow_sent(&f, 200, 12)->began_ms = 10;
    CHECK(flow_answered(&f, 50, &piece) && piece.bytes == 100 && piece.began_ms == -1);
    CHECK(flow_answered(&f, 55, &piece) && piece.bytes == 200 && piece.began_ms == 10);
    CHECK(f.way_ms == 40 && f.under_way == 0 && f.count == 0);
}

TESTS(T(any_line), T(lines_change), T(nobody_answers), T(answers_in_order))
