/* option_table: every option once. The command line, the YAML files, recipes (JSON), --help, the
 * manual, configs/danaus.yaml and the settings screen are all drawn from these rows. */
#ifndef DANAUS_CONFIG_OPTION_TABLE_H
#define DANAUS_CONFIG_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_BOOL,   /* bool */
    OPTION_INT,    /* int64_t */
    OPTION_SEED,   /* uint64_t up to 2^63-1 (SQLite's and JSON's integers); "random" draws one */
    OPTION_DOUBLE, /* double */
    OPTION_TEXT,   /* char *, UTF-8 without control characters but tab and newlines */
    OPTION_WORD,   /* char *, one of choices */
    OPTION_PATH,   /* char *, NULL = not given */
    OPTION_ENUM,   /* enum, the index in choices */
    OPTION_SIZE,   /* two int64_t, "WIDTHxHEIGHT" */
    OPTION_STEPS,  /* int64_t[REQUEST_MAX_LIST] and its count, strictly falling, not empty */
    OPTION_RULES,  /* struct attention_rule[REQUEST_MAX_RULES] and its count */
    OPTION_CHANGES, /* char *, see prompt_changes; on the command line each one adds to the list */
};

/* Also the order in --help. A command takes the groups it needs, as a mask of 1 << group. */
enum option_group {
    GROUP_WHAT,
    GROUP_MODEL,
    GROUP_SAMPLER,
    GROUP_ATTENTION,
    GROUP_GIVEN,
    GROUP_OUTPUT,
    GROUP_MACHINE,
    GROUP_COMMAND, /* a command's own rows */
    GROUP_COUNT
};

struct option {
    const char *name; /* long flag; in YAML and JSON '-' is written '_' */
    const char *also; /* another long flag, or NULL */
    char letter;      /* short flag or 0 */
    enum option_type type;
    enum option_group group;
    size_t offset;        /* of the field in its struct; for sizes the width */
    size_t second;        /* sizes: the height; steps and rules: the count */
    double min, max;      /* numbers, sides of a size, each of the steps; bytes of a text */
    int64_t step;         /* only min + n * step, 0 = every number */
    const char *unit;     /* or NULL */
    const char *fallback; /* the default as text, NULL = none */
    const char *argument; /* what --help calls the value */
    const char *choices;  /* "dense|monarch", or NULL */
    const char *off;      /* what turns a bool off besides --no-NAME, or NULL */
    const char *needs;    /* "attention=monarch": without it this has no effect; or NULL */
    const char *help;     /* sentences; without the default, which is added */
};

extern const struct option option_rows[];
extern const size_t option_count;
enum { OPTION_MAX = 64 }; /* option_count is at most this */

/* The heading of a group in --help and danaus.yaml. */
const char *option_group_title(enum option_group group);

/* The row called name among rows[0..count); '-' and '_' are the same. NULL if there is none. */
const struct option *option_find(const struct option *rows, size_t count, const char *name);

/* The name as it is written in YAML and JSON. */
void option_key(const struct option *option, char out[64]);

/* Of candidates, the name most like text if it is near enough to be meant, else NULL. Feed it name
 * by name: start with best = NULL and *distance = SIZE_MAX. */
const char *option_nearer(const char *text, const char *candidate, const char *best,
                          size_t *distance);

#endif
