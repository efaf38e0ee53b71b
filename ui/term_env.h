/* term_env: what the environment says about the terminal. Hints: the terminal's own answers go
 * first where there are any. */
#ifndef DANAUS_UI_TERM_ENV_H
#define DANAUS_UI_TERM_ENV_H

#include <stdbool.h>

#include "ui/graphics/probe.h"

bool term_is_utf8(void);
/* Colours of text: 0, 256 or 1 << 24. NO_COLOR asks for none (no-color.org). */
int term_text_colours(const struct probe *probe);
bool term_no_color(void);
/* tmux or screen, by the names that they give themselves: their variables are inherited by terminals
 * that are started in them. */
bool term_is_multiplexer(void);
/* May it be sent questions? */
bool term_may_ask(void);

#endif
