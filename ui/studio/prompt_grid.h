/* prompt_grid: a prompt with alternatives, "a {red|blue} cat, {1..4} birds", as the prompts it stands
 * for. Braces nest; \{ \| \} and \\ are those characters themselves. */
#ifndef DANAUS_UI_STUDIO_PROMPT_GRID_H
#define DANAUS_UI_STUDIO_PROMPT_GRID_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { PROMPT_GRID_MAX = 256 };

struct prompt_grid {
    char **prompts; /* [count], the last braces vary fastest */
    size_t count;
};

/* False: more than PROMPT_GRID_MAX prompts. Braces with neither a | nor a range (number_range.h) in
 * them, or without their partner, are text. */
bool prompt_grid_expand(const char *text, struct prompt_grid *out, struct dn_error *err);
void prompt_grid_done(struct prompt_grid *grid);
/* How many prompts text stands for; PROMPT_GRID_MAX + 1: more than that. */
size_t prompt_grid_count(const char *text);
/* A text that stands for just this prompt; the caller frees. */
char *prompt_grid_quote(const char *prompt);

#endif
