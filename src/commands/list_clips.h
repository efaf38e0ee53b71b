/* list_clips: what list and search share: pages of the library on standard output. */
#ifndef DANAUS_COMMANDS_LIST_CLIPS_H
#define DANAUS_COMMANDS_LIST_CLIPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* Runs the command called name on its words (joined by spaces: a query, see clip_query.h);
 * needs_query: search without one is refused. */
int list_clips_run(const char *name, bool needs_query, int argc, char **argv);
void list_clips_print_options(const char *name, FILE *out, bool man);
/* The newest clips that match query, at most limit, as lines or as JSON. */
bool list_clips_print(const char *query, int64_t limit, bool json, struct dn_error *err);

/* How a query is written, for --help and the manual. */
#define LIST_CLIPS_QUERY                                                                           \
    "A query is words that must all be in prompt or notes: fox, \"red fox\" in this order,\n"      \
    "butter* (words that begin so), *tterf* (letters anywhere), -snow (not). And tag:NAME,\n"      \
    "collection:NAME, model:NAME, sampler:, attention:, backend:, origin:branch, status:failed,\n" \
    "seed:42, parent:17, rating>=4, favourite:yes, frames>=81, width:832, height:480,\n"           \
    "before:2026-11-25, after:7d, in:trash. -tag:NAME and the like must not hold."

#endif
