/* tmux: what the tmux around us lets through to its own terminal, and how that is wrapped. tmux is
 * asked, nothing in it is changed. */
#ifndef DANAUS_UI_GRAPHICS_TMUX_H
#define DANAUS_UI_GRAPHICS_TMUX_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "ui/graphics/probe.h"

/* The terminal calls itself tmux, and the environment tells which pane is ours (after ssh it does
 * not; in a terminal that was started from a pane it is another's). */
bool tmux_is_around(const struct probe *probe);
/* Does our pane have allow-passthrough? Runs tmux and waits for it, 2 s at most: for a thread. */
bool tmux_passes(void);
/* Appends what makes tmux hand bytes on as they are. */
void tmux_wrap(struct strbuf *out, const char *bytes, size_t size);

#endif
