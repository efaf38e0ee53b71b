/* unanswered: see unanswered.h */
#include "ui/studio/unanswered.h"

#include <string.h>

#include "ui/graphics/probe.h"

/* LEAST: for what was asked just now, of a terminal whose way is not known yet. MOST: nobody waits
 * longer for a shell because a line was cut. */
enum { LEAST_MS = 150, MOST_MS = 1000 };

enum { NOTHING, ESCAPE, INTRODUCED, FIVE };

void unanswered_sent(struct unanswered *u, const char *bytes, size_t size, int64_t now_ms)
{
    const char *end = bytes + size;
    for (const char *p = bytes; p < end; p++) {
        if (u->state == NOTHING && !(p = memchr(p, '\033', (size_t)(end - p))))
            return; /* pictures are large and have few */
        bool asked = (u->state == INTRODUCED && *p == 'c') || (u->state == FIVE && *p == 'n');
        u->count += asked;
        u->sent_ms = asked ? now_ms : u->sent_ms;
        u->state = *p == '\033'                             ? ESCAPE
                   : u->state == ESCAPE && *p == '['      ? INTRODUCED
                   : u->state == INTRODUCED && *p == '5' ? FIVE
                                                          : NOTHING;
    }
}

void unanswered_heard(struct unanswered *u, const char *sequence, size_t length, int64_t now_ms)
{
    struct probe answer = {0};
    probe_feed(&answer, sequence, length);
    int count = answer.acknowledged + answer.done;
    if (count == 0)
        return;
    u->count = u->count > count ? u->count - count : 0;
    u->way_ms = now_ms - u->sent_ms;
}

int unanswered_wait_ms(const struct unanswered *u)
{
    int64_t wait_ms = LEAST_MS + 2 * (u->way_ms < MOST_MS ? u->way_ms : MOST_MS);
    return u->count == 0 ? 0 : wait_ms < MOST_MS ? (int)wait_ms : MOST_MS;
}
