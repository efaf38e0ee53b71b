/* tmux: asking the tmux around us, and reaching its terminal through its passthrough. Nothing in it
 * is changed. */
#ifndef DANAUS_UI_GRAPHICS_TMUX_H
#define DANAUS_UI_GRAPHICS_TMUX_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "ui/graphics/probe.h"
#include "ui/graphics/tmux_facts.h"

/* The terminal calls itself tmux, and the environment tells which pane is ours (after ssh it does
 * not; in a terminal that was started from a pane it is another's). */
bool tmux_is_around(const struct probe *probe);
/* Runs tmux and waits for it, 2 s at most: for a thread. tty and version as in tmux_facts_read.
 * False: there is no answer. */
bool tmux_look(struct tmux_facts *facts, const char *tty, const char *version);
/* Would a tmux with sixel of its own draw pictures here? Waits as well. */
bool tmux_own_sixel(void);
/* Does our pane have allow-passthrough? For a thread as well. */
bool tmux_passes(void);
/* Has that terminal drawn anew all that tmux shows on it. For a thread as well. */
void tmux_redraw(const char *tty);
/* The terminal that tmux writes to takes more bytes now: those before have left tmux. */
bool tmux_has_room(const char *tty);

/* Appends what makes tmux hand bytes on as they are. */
void tmux_wrap(struct strbuf *out, const char *bytes, size_t size);

/* What can be drawn on the terminal that shows us, in the place of what tmux said of itself. */
void tmux_caps(const struct tmux_facts *facts, struct graphics_caps *caps);

#endif
