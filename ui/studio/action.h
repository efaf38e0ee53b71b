/* action: everything that can be done, by name. Key map, command line, completion, help and the
 * manual are drawn from the tables of actions, one a screen and one for everywhere. */
#ifndef DANAUS_UI_STUDIO_ACTION_H
#define DANAUS_UI_STUDIO_ACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct studio;

/* Where its keys work. By name it works always. */
enum action_where {
    WHERE_LIST = 1, /* while no text is typed */
    WHERE_TEXT = 2, /* while text is typed; keys that are characters never do then */
    WHERE_ANY = 3
};

struct action {
    const char *name;     /* "make" */
    const char *keys;     /* "Enter Ctrl-X~Ctrl-E": ways with spaces between; ~ joins two keys */
    unsigned where;
    const char *argument; /* what `:name` takes, NULL = nothing; "[N]" = may take */
    const char *help;     /* a few words */
    /* argument: NULL or what was typed behind the name */
    void (*run)(struct studio *s, const char *argument);
};

enum action_match { MATCH_NONE, MATCH_PREFIX, MATCH_WHOLE };

/* The action of table (ends with a NULL name) for one key, or two (first 0 = one). MATCH_PREFIX:
 * key begins a longer one. */
enum action_match action_for_key(const struct action *table, unsigned where, uint32_t first,
                                 uint32_t key, const struct action **out);
const struct action *action_named(const struct action *table, const char *name, size_t length);

/* Keys as help shows them: "Ctrl-X Ctrl-E, v". */
void action_keys_text(const struct action *action, char *out, size_t size);

/* Every action by screen, for the manual and `danaus studio --help`. man: as roff. */
void action_print_all(FILE *out, bool man);

#endif
