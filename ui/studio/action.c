/* action: see action.h */
#include "ui/studio/action.h"

#include <string.h>

#include "ui/studio/input.h"
#include "ui/studio/screen.h"

/* A key that is typed as text where text is taken. */
static bool is_character(uint32_t key)
{
    return key < INPUT_SPECIAL;
}

/* One of the ways in keys: one key (first 0) or two. */
struct way {
    uint32_t first, key;
};

/* Reads the next way at p and returns what is behind it; NULL: there is none. */
static const char *next_way(const char *p, struct way *out)
{
    while (*p == ' ')
        p++;
    if (!*p)
        return NULL;
    size_t length = strcspn(p, " "), joint = strcspn(p, "~");
    *out = (struct way){0};
    if (joint > 0 && joint + 1 < length) {
        out->first = input_key_parse(p, joint);
        out->key = input_key_parse(p + joint + 1, length - joint - 1);
    } else {
        out->key = input_key_parse(p, length);
    }
    return p + length;
}

enum action_match action_for_key(const struct action *table, unsigned where, uint32_t first,
                                 uint32_t key, const struct action **out)
{
    enum action_match best = MATCH_NONE;
    for (const struct action *a = table; a && a->name; a++) {
        struct way way;
        if (!(a->where & where))
            continue;
        for (const char *p = a->keys ? a->keys : ""; (p = next_way(p, &way));) {
            if (where == WHERE_TEXT && !way.first && is_character(way.key))
                continue;
            if (way.first == first && way.key == key) {
                *out = a;
                return MATCH_WHOLE;
            }
            if (!first && way.first == key)
                best = MATCH_PREFIX;
        }
    }
    return best;
}

const struct action *action_named(const struct action *table, const char *name, size_t length)
{
    for (const struct action *a = table; a && a->name; a++)
        if (strlen(a->name) == length && memcmp(a->name, name, length) == 0)
            return a;
    return NULL;
}

void action_keys_text(const struct action *action, char *out, size_t size)
{
    size_t n = 0;
    struct way way;
    out[0] = '\0';
    for (const char *p = action->keys ? action->keys : ""; (p = next_way(p, &way));) {
        char first[32] = "", key[32];
        if (way.first)
            input_key_name(way.first, first);
        input_key_name(way.key, key);
        int used = snprintf(out + n, size - n, "%s%s%s%s", n ? ", " : "", first,
                            way.first ? " " : "", key);
        if (used < 0 || (size_t)used >= size - n)
            return;
        n += (size_t)used;
    }
}

/* --- the manual --- */

/* roff takes a backslash and a hyphen as its own. */
static void put(FILE *out, bool man, const char *text)
{
    for (const char *c = text; *c; c++)
        if (man && (*c == '\\' || *c == '-'))
            fprintf(out, *c == '-' ? "\\-" : "\\e");
        else
            fputc(*c, out);
}

static void print_table(FILE *out, bool man, const char *title, const struct action *table)
{
    char keys[128];
    fprintf(out, man ? ".SS %s\n" : "\n%s:\n", title);
    for (const struct action *a = table; a && a->name; a++) {
        char name[96];
        action_keys_text(a, keys, sizeof keys);
        snprintf(name, sizeof name, ":%s%s%s", a->name, a->argument ? " " : "",
                 a->argument ? a->argument : "");
        if (man) {
            fputs(".TP\n.B ", out);
            put(out, man, keys[0] ? keys : name);
            fputs("\n", out);
            put(out, man, a->help);
            fputs(keys[0] ? "; \n.B " : "\n", out);
            if (keys[0]) {
                put(out, man, name);
                fputs("\n", out);
            }
        } else {
            int used = fprintf(out, "  %-24s %-20s ", keys, name);
            bool fits = (size_t)used + strlen(a->help) <= 98;
            fprintf(out, "%s%s\n", fits ? "" : "\n      ", a->help);
        }
    }
}

void action_print_all(FILE *out, bool man)
{
    fputs(man ? ".SS Keys and commands of the studio\nEvery command can be typed behind a colon. Of "
                "two keys with a space between,\nthe second is pressed after the first.\n"
              : "Keys and commands:\n", out);
    print_table(out, man, "Everywhere", global_actions);
    print_table(out, man, "While text is typed", editor_actions);
    for (int i = 0; i < SCREEN_COUNT; i++)
        if (screen_table[i]->actions && screen_table[i]->actions[0].name)
            print_table(out, man, screen_table[i]->title, screen_table[i]->actions);
}
