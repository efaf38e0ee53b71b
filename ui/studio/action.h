/* action: everything that can be done, by name. Key map, command line, completion, help and the
 * manual are drawn from the tables of actions, one a screen and one for everywhere. Which key does
 * what in the end, says keymap.h. */
#ifndef DANAUS_UI_STUDIO_ACTION_H
#define DANAUS_UI_STUDIO_ACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct studio;

/* Where its keys work. By name it works always. */
enum action_where {
    WHERE_LIST = 1, /* while no text is typed */
    WHERE_TEXT = 2, /* while text is typed; keys that are characters never do then */
    WHERE_ANY = 3
};

struct action {
    const char *name;     /* "make" */
    const char *keys;     /* "Enter Ctrl-X~Ctrl-E": ways with spaces between; ~ joins two keys; NULL = none */
    unsigned where;
    const char *argument; /* what `:name` takes, NULL = nothing; "[N]" = may take */
    const char *help;     /* a few words */
    /* argument: NULL or what was typed behind the name */
    void (*run)(struct studio *s, const char *argument);
};

const struct action *action_named(const struct action *table, const char *name, size_t length);

#endif
