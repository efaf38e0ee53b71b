/* keymap: which key does what: the keys that the tables of actions name, changed by the user's.
 * Bytes and tables only, no tty. Belongs to the main thread. */
#ifndef DANAUS_UI_STUDIO_KEYMAP_H
#define DANAUS_UI_STUDIO_KEYMAP_H

#include <stdio.h>

#include "ui/studio/action.h"

/* A table of actions with the name that a key map calls it by. */
struct key_context {
    const char *name, *title; /* "library"; for people */
    const struct action *table;
    /* Where an action may also come from that table lacks. KEYS_ANY: its actions work when their
     * screen is shown. */
    enum { KEYS_OWN, KEYS_TYPING, KEYS_ANY } reach;
};

enum { KEYS_WHY_SIZE = 256, KEYS_COMMANDS_MAX = 16 };

struct binding {
    const struct action *table; /* of the context it works in */
    unsigned where;
    uint32_t first, key;         /* first 0 = one key */
    const struct action *action; /* of the first command; NULL = the key does nothing here */
    bool by_name;                /* the action is of another table: the screen shown must have it */
    char **commands; /* the user's command lines, NULL-terminated; NULL = action alone */
    int line;        /* in the user's file, 0 = a default */
    bool is_new;     /* no default is the same */
};

struct keymap {
    const struct key_context *contexts; /* ends with a NULL name; [0] is everywhere */
    struct binding *rows;               /* keymap_* alone write */
    size_t count;
};

/* The keys that the tables name. contexts must outlive it. */
struct keymap *keymap_new(const struct key_context *contexts);
void keymap_free(struct keymap *m);

enum action_match { MATCH_NONE, MATCH_PREFIX, MATCH_WHOLE };

/* What one key does in a table, or two (first 0 = one). MATCH_PREFIX: key begins a longer one. */
enum action_match keymap_find(const struct keymap *m, const struct action *table, unsigned where,
                              uint32_t first, uint32_t key, const struct binding **out);

/* Gives keys ("Ctrl-T", "Ctrl-X g") another meaning in a context, from line of the user's file: the
 * commands one after the other, none = nothing. False: the map is as before, why says why. */
bool keymap_bind(struct keymap *m, const struct key_context *context, const char *keys,
                 const char *const *commands, int count, int line, char why[KEYS_WHY_SIZE]);

const struct key_context *keymap_context(const struct keymap *m, const char *name); /* or NULL */
/* Does any key do the action of that name everywhere? */
bool keymap_reaches(const struct keymap *m, const char *name);

/* "Ctrl-X Ctrl-E" */
void binding_keys_text(const struct binding *b, char *out, size_t size);
/* What the user's binding does, as it would be typed: ":mark, :down". "" for a default. */
void binding_commands_text(const struct binding *b, char *out, size_t size);
/* Is it the user's, and does it more than its action without an argument would? */
bool binding_is_special(const struct binding *b);
/* The keys of an action as help shows them: "Ctrl-X Ctrl-E, v". */
void keymap_keys_text(const struct keymap *m, const struct action *action, char *out, size_t size);

/* keymap_print.c: every key and command, by context; the manual's list; all as the user's file has
 * it. */
void keymap_print_text(const struct keymap *m, FILE *out);
void keymap_print_man(const struct keymap *m, FILE *out);
void keymap_print_yaml(const struct keymap *m, FILE *out);

#endif
