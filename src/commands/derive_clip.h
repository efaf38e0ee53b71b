/* derive_clip: what branch, extend, vary and redo share: a new clip from the request of one that is
 * there, changed by the command line. */
#ifndef DANAUS_COMMANDS_DERIVE_CLIP_H
#define DANAUS_COMMANDS_DERIVE_CLIP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "commands/clip_words.h"
#include "config/request.h"

struct derive_args {
    double seconds; /* extend */
    char *set;      /* redo: key=value, several with commas between */
    bool json, quiet, detach, next;
};

/* What one of the four commands is. */
struct derivation {
    const char *name; /* the command, and the relation that the catalog keeps */
    bool with_chunk;  /* CLIP@CHUNK */
    bool keeps;       /* chunks of the parent, which must have some */
    bool new_seeds;   /* a random seed, unless one is given */
    unsigned groups;  /* of options */
    const char *without;
    const struct option *own;
    size_t own_count;
    /* Changes r, the parent's request with the command line's options over it, and tells how many
     * of the parent's chunks are kept. */
    bool (*change)(struct request *r, const struct clip *parent, const struct clip_word *named,
                   const struct derive_args *args, int64_t *chunks, struct dn_error *err);
};

int derive_clip_run(const struct derivation *d, int argc, char **argv);
void derive_clip_print_options(const struct derivation *d, FILE *out, bool man);

/* The rows that all four have. */
#define DERIVE_ROWS                                                                                \
    {.name = "json",                                                                               \
     .type = OPTION_BOOL,                                                                          \
     .group = GROUP_COMMAND,                                                                       \
     .offset = offsetof(struct derive_args, json),                                                 \
     .fallback = "false",                                                                          \
     .help = "Tell what happens as JSON on standard output, one event a line."},                   \
        {.name = "quiet",                                                                          \
         .letter = 'q',                                                                            \
         .type = OPTION_BOOL,                                                                      \
         .group = GROUP_COMMAND,                                                                   \
         .offset = offsetof(struct derive_args, quiet),                                            \
         .fallback = "false",                                                                      \
         .help = "No progress line."},                                                             \
        {.name = "detach",                                                                         \
         .letter = 'd',                                                                            \
         .type = OPTION_BOOL,                                                                      \
         .group = GROUP_COMMAND,                                                                   \
         .offset = offsetof(struct derive_args, detach),                                           \
         .fallback = "false",                                                                      \
         .help = "Queue the clips and return."},                                                   \
    {                                                                                              \
        .name = "next", .type = OPTION_BOOL, .group = GROUP_COMMAND,                               \
        .offset = offsetof(struct derive_args, next), .fallback = "false",                         \
        .help = "Go before everything that waits in the queue."                                    \
    }

#endif
