/* settings: a request while it is put together from several places.
 *
 * Every option remembers the level that set it, and a lower level never overwrites a higher one, so
 * the places may be read in any order: the command line first, to learn which files to read. */
#ifndef DANAUS_CONFIG_SETTINGS_H
#define DANAUS_CONFIG_SETTINGS_H

#include <stdbool.h>

#include "base/error.h"
#include "config/option_value.h"
#include "config/request.h"

enum settings_level {
    LEVEL_DEFAULT,
    LEVEL_SAMPLER, /* configs/samplers/NAME.yaml of the chosen sampler */
    LEVEL_USER,    /* danaus.yaml in the user's configuration directory */
    LEVEL_MODEL,   /* danaus.yaml in the model's directory */
    LEVEL_CONFIG,  /* -c CONFIG */
    LEVEL_COMMAND  /* the command line */
};

/* Gets each warning as one line with file and line number in it. */
typedef void settings_warn(void *context, const char *line);

struct settings {
    struct request request;
    char *config;                    /* -c: file or name of a sampler config, or NULL */
    unsigned char level[OPTION_MAX]; /* by row of option_rows */
    settings_warn *warn;             /* NULL drops warnings */
    void *warn_context;
};

/* Defaults. warn may be NULL. */
void settings_init(struct settings *s, settings_warn *warn, void *warn_context);
void settings_done(struct settings *s);

/* Sets a row of option_rows from text unless a higher level has; a bad value is an error all the
 * same. why as in option_set. */
bool settings_set(struct settings *s, const struct option *option, const char *text,
                  enum settings_level level, char why[OPTION_WHY_SIZE]);

/* The level that set a row of option_rows. */
enum settings_level settings_level_of(const struct settings *s, const struct option *option);

/* "the command line", "the model's danaus.yaml", ... */
const char *settings_level_name(enum settings_level level);

void settings_warnf(struct settings *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Warns of every option given on the command line that has no effect with the others. */
void settings_warn_idle(struct settings *s);

#endif
