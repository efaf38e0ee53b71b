/* keymap: see keymap.h. One list of bindings: the defaults, from which a binding of the user's
 * takes away what it replaces. */
#include "ui/studio/keymap.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/studio/input.h"

/* A key that is typed as text where text is taken. */
static bool is_character(uint32_t key)
{
    return key < INPUT_SPECIAL;
}

static struct binding *add_row(struct keymap *m, size_t at, const struct binding *b)
{
    m->rows = dn_realloc(m->rows, m->count + 1, sizeof *m->rows);
    memmove(m->rows + at + 1, m->rows + at, (m->count - at) * sizeof *m->rows);
    m->count++;
    m->rows[at] = *b;
    return &m->rows[at];
}

static void free_commands(struct binding *b)
{
    for (char **c = b->commands; c && *c; c++)
        free(*c);
    free(b->commands);
    b->commands = NULL;
}

/* The ways in keys ("Enter Ctrl-X~Ctrl-E"): ~ joins two keys. */
static void add_defaults(struct keymap *m, const struct action *table, const struct action *a)
{
    for (const char *p = a->keys ? a->keys : ""; *(p += strspn(p, " "));) {
        size_t length = strcspn(p, " "), joint = strcspn(p, "~");
        struct binding b = {.table = table, .where = a->where, .action = a};
        if (joint > 0 && joint + 1 < length) {
            b.first = input_key_parse(p, joint);
            b.key = input_key_parse(p + joint + 1, length - joint - 1);
        } else {
            b.key = input_key_parse(p, length);
        }
        add_row(m, m->count, &b);
        p += length;
    }
}

struct keymap *keymap_new(const struct key_context *contexts)
{
    struct keymap *m = dn_calloc(1, sizeof *m);
    m->contexts = contexts;
    for (const struct key_context *c = contexts; c->name; c++)
        for (const struct action *a = c->table; a && a->name; a++)
            add_defaults(m, c->table, a);
    return m;
}

void keymap_free(struct keymap *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->count; i++)
        free_commands(&m->rows[i]);
    free(m->rows);
    free(m);
}

enum action_match keymap_find(const struct keymap *m, const struct action *table, unsigned where,
                              uint32_t first, uint32_t key, const struct binding **out)
{
    enum action_match best = MATCH_NONE;
    for (size_t i = 0; table && i < m->count; i++) {
        const struct binding *b = &m->rows[i];
        if (b->table != table || !(b->where & where) ||
            (where == WHERE_TEXT && !b->first && is_character(b->key)))
            continue;
        if (b->first == first && b->key == key) {
            *out = b;
            return MATCH_WHOLE;
        }
        if (!first && b->first == key)
            best = MATCH_PREFIX;
    }
    return best;
}

const struct key_context *keymap_context(const struct keymap *m, const char *name)
{
    for (const struct key_context *c = m->contexts; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

bool keymap_reaches(const struct keymap *m, const char *name)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].table == m->contexts[0].table && m->rows[i].action && !m->rows[i].by_name &&
            strcmp(m->rows[i].action->name, name) == 0)
            return true;
    return false;
}

/* --- the user's --- */

/* One key of keys, up to its space or its end. */
static bool parse_key(const char *text, size_t length, uint32_t *key, char why[KEYS_WHY_SIZE])
{
    /* what terminals send for these is another key */
    static const char *const same[][2] = {
        {"Ctrl-I", "Tab"}, {"Ctrl-M", "Enter"}, {"Ctrl-[", "Esc"}, {"Ctrl-?", "Backspace"}};
    char name[32];
    *key = input_key_parse(text, length);
    if (*key == 0 || *key < ' ') {
        snprintf(why, KEYS_WHY_SIZE,
                 "is no key; keys are written Ctrl-X, Alt-Enter, F5, PgUp, Space, a, ? (and two, "
                 "one after the other, with a space between)");
        return false;
    }
    input_key_name(*key, name);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        if (strcmp(same[i][0], name) == 0) {
            snprintf(why, KEYS_WHY_SIZE, "is %s to a terminal, write that", same[i][1]);
            return false;
        }
    uint32_t bare = *key & ~(uint32_t)(INPUT_CTRL | INPUT_ALT | INPUT_SHIFT);
    if (bare < INPUT_SPECIAL && *key & INPUT_SHIFT) {
        snprintf(why, KEYS_WHY_SIZE, "needs no Shift: a capital letter is a key of its own");
        return false;
    }
    return true;
}

static bool parse_keys(const char *keys, struct binding *b, char why[KEYS_WHY_SIZE])
{
    size_t length = strcspn(keys, " ");
    const char *second = keys + length + strspn(keys + length, " ");
    if (!*second)
        return parse_key(keys, length, &b->key, why);
    return parse_key(keys, length, &b->first, why) &&
           parse_key(second, strlen(second), &b->key, why);
}

/* The action that line names: of the context, or else of where the context reaches. */
static const struct action *find_action(const struct keymap *m, const struct key_context *context,
                                        const char *line, bool any, bool *by_name)
{
    size_t length = strcspn(line, " ");
    const struct action *a = action_named(context->table, line, length);
    *by_name = false;
    if (!a && context->reach >= KEYS_TYPING)
        a = action_named(m->contexts[1].table, line, length);
    a = a ? a : action_named(m->contexts[0].table, line, length);
    any = any || context->reach == KEYS_ANY;
    for (const struct key_context *c = m->contexts; any && !a && c->name; c++) {
        a = action_named(c->table, line, length);
        *by_name = a != NULL;
    }
    return a;
}

static const char *without_colon(const char *line)
{
    return line + strspn(line, ": ");
}

static bool check_commands(const struct keymap *m, const struct key_context *context,
                           const char *const *commands, int count, struct binding *b,
                           char why[KEYS_WHY_SIZE])
{
    for (int i = 0; i < count; i++) {
        bool by_name;
        const char *line = without_colon(commands[i]);
        /* what comes first may show another screen */
        const struct action *a = find_action(m, context, line, i > 0, &by_name);
        if (!a) {
            snprintf(why, KEYS_WHY_SIZE, "there is no command %.60s in %s (danaus keys lists them)",
                     line, context->name);
            return false;
        }
        if (!a->argument && strchr(line, ' ')) {
            snprintf(why, KEYS_WHY_SIZE, "%s takes no argument", a->name);
            return false;
        }
        if (i == 0) {
            b->action = a;
            b->by_name = by_name;
        }
    }
    return true;
}

/* One is the beginning of the other. */
static bool begins(const struct binding *a, const struct binding *b)
{
    return (a->first && !b->first && a->first == b->key) ||
           (b->first && !a->first && b->first == a->key);
}

static bool same_keys(const struct binding *a, const struct binding *b)
{
    return a->first == b->first && a->key == b->key;
}

/* Where the new one works: where its action does, and where its keys mean nothing yet. */
static unsigned find_where(const struct keymap *m, const struct binding *b)
{
    unsigned taken = 0;
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].table == b->table && same_keys(&m->rows[i], b))
            taken |= m->rows[i].where;
    return !b->action || b->by_name ? WHERE_ANY : b->action->where | (WHERE_ANY & ~taken);
}

static bool check_free(const struct keymap *m, const struct binding *b, char why[KEYS_WHY_SIZE])
{
    for (size_t i = 0; i < m->count; i++) {
        const struct binding *row = &m->rows[i];
        if (row->table != b->table || !row->line)
            continue;
        if (same_keys(row, b) || begins(row, b)) {
            snprintf(why, KEYS_WHY_SIZE,
                     same_keys(row, b) ? "is already in line %d"
                                       : "one is the beginning of the other: line %d",
                     row->line);
            return false;
        }
    }
    return true;
}

/* The default that b only repeats. */
static struct binding *find_same(struct keymap *m, const struct binding *b)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].table == b->table && m->rows[i].action == b->action && b->action &&
            same_keys(&m->rows[i], b))
            return &m->rows[i];
    return NULL;
}

/* Takes the modes of b away from the defaults that it replaces. */
static void replace(struct keymap *m, const struct binding *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->count; i++) {
        struct binding *row = &m->rows[i];
        if (row->table == b->table && !row->line && (same_keys(row, b) || begins(row, b)))
            row->where &= ~b->where;
        if (row->where)
            m->rows[kept++] = *row;
    }
    m->count = kept;
}

bool keymap_bind(struct keymap *m, const struct key_context *context, const char *keys,
                 const char *const *commands, int count, int line, char why[KEYS_WHY_SIZE])
{
    struct binding b = {.table = context->table, .line = line};
    if (count > KEYS_COMMANDS_MAX) {
        snprintf(why, KEYS_WHY_SIZE, "more than %d commands", KEYS_COMMANDS_MAX);
        return false;
    }
    if (!parse_keys(keys, &b, why) || !check_commands(m, context, commands, count, &b, why) ||
        !check_free(m, &b, why))
        return false;
    if (context == &m->contexts[1] && !b.first && is_character(b.key)) {
        snprintf(why, KEYS_WHY_SIZE, "is text while text is typed");
        return false;
    }
    b.where = find_where(m, &b);
    b.commands = count ? dn_calloc((size_t)count + 1, sizeof *b.commands) : NULL;
    for (int i = 0; i < count; i++)
        b.commands[i] = dn_strdup(without_colon(commands[i]));
    struct binding *same = find_same(m, &b);
    if (same) { /* as it was, but the user's: it keeps its place in the help */
        *same = b;
        replace(m, &b);
        return true;
    }
    replace(m, &b);
    size_t at = 0; /* before the table's defaults */
    while (at < m->count && (m->rows[at].table != b.table || m->rows[at].is_new))
        at++;
    b.is_new = true;
    add_row(m, at, &b);
    return true;
}

/* --- for people --- */

void binding_keys_text(const struct binding *b, char *out, size_t size)
{
    char first[32] = "", key[32];
    if (b->first)
        input_key_name(b->first, first);
    input_key_name(b->key, key);
    snprintf(out, size, "%s%s%s", first, b->first ? " " : "", key);
}

bool binding_is_special(const struct binding *b)
{
    return b->commands && (b->commands[1] || strchr(b->commands[0], ' ') || b->by_name);
}

void binding_commands_text(const struct binding *b, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (char **c = b->commands; c && *c && n < size; c++) {
        int used = snprintf(out + n, size - n, "%s:%s", n ? ", " : "", *c);
        n += used > 0 ? (size_t)used : size;
    }
}

void keymap_keys_text(const struct keymap *m, const struct action *action, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < m->count; i++) {
        const struct binding *b = &m->rows[i];
        char keys[80];
        if (b->action != action || binding_is_special(b))
            continue;
        binding_keys_text(b, keys, sizeof keys);
        int used = snprintf(out + n, size - n, "%s%s", n ? ", " : "", keys);
        if (used < 0 || (size_t)used >= size - n)
            return;
        n += (size_t)used;
    }
}
