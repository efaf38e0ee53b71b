/* unanswered: how many of our questions the terminal has still to answer. Who leaves before would
 * have the answers typed into the shell. Counted are those that it answers always and in order, after
 * all that was asked before: DA1 (CSI c) and the status report (CSI 5 n). Bytes only, no tty. */
#ifndef DANAUS_UI_STUDIO_UNANSWERED_H
#define DANAUS_UI_STUDIO_UNANSWERED_H

#include <stddef.h>
#include <stdint.h>

/* Zero is a good start. */
struct unanswered {
    int count;
    int64_t sent_ms; /* when the last one was asked */
    int64_t way_ms;  /* how long the last answer took, 0 = none came */
    int state;       /* PRIVATE: how much of a question was seen */
};

/* These bytes have left for the terminal. */
void unanswered_sent(struct unanswered *u, const char *bytes, size_t size, int64_t now_ms);
/* A whole sequence has come from it. */
void unanswered_heard(struct unanswered *u, const char *sequence, size_t length, int64_t now_ms);
/* How long it is worth waiting for the rest; 0 when there is none. */
int unanswered_wait_ms(const struct unanswered *u);

#endif
