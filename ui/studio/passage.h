/* passage: pictures through tmux's passthrough. tmux is asked where our pane lies on its terminal
 * and whether it is seen: at the start, when the size changes, and every so often while pictures
 * are shown, since nothing else tells of a pane that moves or of a redraw that took the pictures
 * away (kitty's placeholders are redrawn by tmux, but their pixels may have been dropped). A thread
 * asks. When pictures cannot go this way, half blocks do. Belongs to the main
 * thread. */
#ifndef DANAUS_UI_STUDIO_PASSAGE_H
#define DANAUS_UI_STUDIO_PASSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "ui/graphics/graphics.h"
#include "ui/graphics/tmux_facts.h"
#include "ui/studio/input.h"

struct studio;

/* Zero: there is no tmux around, or it is not to be used. */
struct passage {
    bool around;
    bool native;      /* tmux has sixel of its own */
    bool own_sixel;   /* and so have its terminals */
    enum tmux_way way;
    struct tmux_facts facts; /* as they were at looked_ms */
    bool looking;            /* a thread is about it */
    bool moved;              /* the size has changed since */
    bool again;              /* it has changed while the thread was about it */
    int64_t looked_ms;       /* 0 = not yet */
    long asked_pid;          /* of the terminal that was asked for sixel, 0 = none */
    enum tmux_sixel answer;
    bool torn; /* tmux has drawn something, maybe over the pictures */
    int64_t repeated_ms;
    struct passage_bytes {
        int64_t written, passed, left; /* by tmux; by the painter through it; by us altogether */
    } bytes;        /* when they were compared last */
    int64_t passed; /* when the thread began, -1 = some were under way */
};

/* The terminal's answers are there, or the settings are others: is it tmux? */
void passage_begin(struct studio *s);
/* The size has changed: nothing is known any more. */
void passage_move(struct studio *s);
void passage_tick(struct studio *s);
int64_t passage_due(const struct studio *s); /* -1 = not */
/* True: it was the answer of tmux's terminal. */
bool passage_answer(struct studio *s, const struct input_event *event);
/* In the place of what tmux says of itself. */
void passage_caps(const struct studio *s, struct graphics_caps *caps);

#endif
