/* keymap_print: the key map as text, for the manual and for a file; see keymap.h. */
#include <string.h>

#include "ui/studio/keymap.h"

/* roff takes a backslash and a hyphen as its own. */
static void put_roff(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c == '\\' || *c == '-')
            fprintf(out, *c == '-' ? "\\-" : "\\e");
        else
            fputc(*c, out);
}

static void command_name(const struct action *a, char *out, size_t size)
{
    snprintf(out, size, ":%s%s%s", a->name, a->argument ? " " : "", a->argument ? a->argument : "");
}

static void print_line(FILE *out, const char *keys, const char *name, const char *help)
{
    int used = fprintf(out, "  %-24s %-20s ", keys, name);
    bool fits = (size_t)used + strlen(help) <= 98;
    fprintf(out, "%s%s\n", fits ? "" : "\n      ", help);
}

/* What the user's keys do that no action does alone. */
static void print_special(const struct keymap *m, FILE *out, const struct key_context *c)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct binding *b = &m->rows[i];
        char keys[80], commands[512];
        if (b->table != c->table || !b->line || (b->action && !binding_is_special(b)))
            continue;
        binding_keys_text(b, keys, sizeof keys);
        binding_commands_text(b, commands, sizeof commands);
        print_line(out, keys, b->action ? commands : "nothing", "");
    }
}

void keymap_print_text(const struct keymap *m, FILE *out)
{
    for (const struct key_context *c = m->contexts; c->name; c++) {
        fprintf(out, "%s%s (%s):\n", c == m->contexts ? "" : "\n", c->title, c->name);
        for (const struct action *a = c->table; a && a->name; a++) {
            char keys[128], name[96];
            keymap_keys_text(m, a, keys, sizeof keys);
            command_name(a, name, sizeof name);
            print_line(out, keys, name, a->help);
        }
        print_special(m, out, c);
    }
}

void keymap_print_man(const struct keymap *m, FILE *out)
{
    fputs(".SS Keys and commands of the studio\nEvery command can be typed behind a colon. Of two "
          "keys with a space between,\nthe second is pressed after the first. The word in "
          "parentheses is what\n.BR danaus.yaml (5)\ncalls the context, where each key can be "
          "given another meaning;\n.B danaus keys\nprints the keys as they are then.\n",
          out);
    for (const struct key_context *c = m->contexts; c->name; c++) {
        fprintf(out, ".SS %s (%s)\n", c->title, c->name);
        for (const struct action *a = c->table; a && a->name; a++) {
            char keys[128], name[96];
            keymap_keys_text(m, a, keys, sizeof keys);
            command_name(a, name, sizeof name);
            fputs(".TP\n.B ", out);
            put_roff(out, keys[0] ? keys : name);
            fputs("\n", out);
            put_roff(out, a->help);
            fputs(keys[0] ? "; \n.B " : "\n", out);
            if (keys[0]) {
                put_roff(out, name);
                fputs("\n", out);
            }
        }
    }
}

/* A text in double quotes, which YAML needs for most keys that are signs. */
static void put_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *c = text; *c; c++)
        fprintf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    fputc('"', out);
}

static void print_binding(FILE *out, const struct binding *b, bool taken)
{
    char keys[80];
    binding_keys_text(b, keys, sizeof keys);
    fputs(taken ? "      # " : "      ", out);
    put_quoted(out, keys);
    fputs(": ", out);
    if (!b->action)
        fputs("null", out);
    else if (!b->commands)
        fputs(b->action->name, out);
    for (char **c = b->commands; c && *c; c++) {
        fputs(c == b->commands ? b->commands[1] ? "[" : "" : ", ", out);
        put_quoted(out, *c);
        fputs(c[1] || c == b->commands ? "" : "]", out);
    }
    fputs("\n", out);
}

/* Was the key already there, for another mode? A file can give it once. */
static bool was_before(const struct keymap *m, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (m->rows[i].table == m->rows[at].table && m->rows[i].first == m->rows[at].first &&
            m->rows[i].key == m->rows[at].key)
            return true;
    return false;
}

void keymap_print_yaml(const struct keymap *m, FILE *out)
{
    fputs("studio:\n  keys:\n", out);
    for (const struct key_context *c = m->contexts; c->name; c++) {
        fprintf(out, "    %s:\n", c->name);
        for (size_t i = 0; i < m->count; i++)
            if (m->rows[i].table == c->table)
                print_binding(out, &m->rows[i], was_before(m, i));
    }
}
