/* option_argv: the command line of one subcommand. */
#ifndef DANAUS_CONFIG_OPTION_ARGV_H
#define DANAUS_CONFIG_OPTION_ARGV_H

#include <stdbool.h>

#include "base/error.h"
#include "config/settings.h"

/* What a subcommand takes. */
struct option_usage {
    const char *command;      /* "generate", for errors and hints */
    unsigned groups;          /* 1 << GROUP_..., the rows of option_rows that it takes */
    const char *without;      /* "NAME,NAME": rows of these groups that it does not; or NULL */
    const struct option *own; /* its own rows, of group GROUP_COMMAND; may be NULL */
    size_t own_count;
    int max_words; /* arguments that are no options */
    bool config;   /* takes -c */
};

/* Reads argv[first..argc) into s (at LEVEL_COMMAND) and, for the usage's own rows, into own_base.
 *
 *   --name VALUE  --name=VALUE  -x VALUE  -xVALUE  --flag  --no-flag  --flag=false  -xy  --  -
 *
 * Words that are no options are moved, in order, to argv[first..first + *word_count). own_base
 * should hold its defaults (option_defaults). false names the option and the cure. */
bool options_parse_argv(struct settings *s, const struct option_usage *usage, void *own_base,
                        int argc, char **argv, int first, int *word_count, struct dn_error *err);

/* The rows that usage takes, one at a time: *cursor starts at 0; NULL at the end. */
const struct option *option_usage_next(const struct option_usage *usage, size_t *cursor);

/* -c, which goes into struct settings instead of the request. */
extern const struct option option_config_row;

#endif
