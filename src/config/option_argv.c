/* option_argv: see option_argv.h */
#include "config/option_argv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const struct option option_config_row = {
    .name = "config",
    .letter = 'c',
    .type = OPTION_PATH,
    .group = GROUP_MODEL,
    .offset = offsetof(struct settings, config),
    .argument = "CONFIG",
    .help = "YAML file with further settings, ours or one of the public projects', or the name "
            "of a sampler config that comes with danaus."};

struct parser {
    struct settings *settings;
    const struct option_usage *usage;
    void *own_base;
    int argc, at; /* at: the argument being read */
    char **argv;
    struct dn_error *err;
};

/* Whether name is in the list "a,b,c". */
static bool is_listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (!at[n] || at[n] == ','))
            return true;
    return false;
}

const struct option *option_usage_next(const struct option_usage *usage, size_t *cursor)
{
    while (*cursor < option_count) {
        const struct option *row = &option_rows[(*cursor)++];
        if (usage->groups >> row->group & 1 && !is_listed(usage->without, row->name))
            return row;
    }
    size_t rest = (*cursor)++ - option_count;
    if (usage->config && rest == 0)
        return &option_config_row;
    rest -= usage->config;
    return rest < usage->own_count ? &usage->own[rest] : NULL;
}

/* Whether text[0..length) is name; the public programs write '_' where '-' is usual. */
static bool is_name(const char *name, const char *text, size_t length)
{
    if (strlen(name) != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (name[i] != (text[i] == '_' ? '-' : text[i]))
            return false;
    return true;
}

/* Finds the row of a long name of the given length; *off when the name turns a bool off. */
static const struct option *find_long(const struct option_usage *usage, const char *name,
                                      size_t length, bool *off)
{
    const struct option *row;
    for (size_t cursor = 0; (row = option_usage_next(usage, &cursor));) {
        *off = false;
        if (is_name(row->name, name, length) || (row->also && is_name(row->also, name, length)))
            return row;
        if (row->type != OPTION_BOOL)
            continue;
        *off = true;
        if (length > 3 && is_name("no", name, 2) && (name[2] == '-' || name[2] == '_') &&
            is_name(row->name, name + 3, length - 3))
            return row;
        if (row->off && is_name(row->off, name, length))
            return row;
    }
    return NULL;
}

static const struct option *find_letter(const struct option_usage *usage, char letter)
{
    const struct option *row;
    for (size_t cursor = 0; (row = option_usage_next(usage, &cursor));)
        if (row->letter == letter)
            return row;
    return NULL;
}

static bool unknown_long(struct parser *p, const char *name, size_t length)
{
    const struct option *row;
    const char *best = NULL;
    size_t distance = SIZE_MAX;
    char *given = dn_strndup(name, length);
    for (size_t cursor = 0; (row = option_usage_next(p->usage, &cursor));) {
        best = option_nearer(given, row->name, best, &distance);
        if (row->also)
            best = option_nearer(given, row->also, best, &distance);
        if (row->off)
            best = option_nearer(given, row->off, best, &distance);
    }
    bool other = option_find(option_rows, option_count, given) != NULL;
    if (other)
        dn_fail(p->err, DN_E_ARG, "%s does not take --%.100s", p->usage->command, given);
    else
        dn_fail(p->err, DN_E_ARG, "unknown option --%.100s", given);
    free(given);
    if (best)
        return dn_error_hint(p->err, "did you mean --%s?", best);
    return dn_error_hint(p->err, "danaus %s --help lists all options", p->usage->command);
}

/* One more on the command line adds to those before it. */
static bool store_change(struct parser *p, const struct option *row, const char *value,
                         char why[OPTION_WHY_SIZE])
{
    bool first = settings_level_of(p->settings, row) != LEVEL_COMMAND;
    char *before = first ? dn_strdup("") : option_get(row, &p->settings->request);
    char *all = dn_asprintf("%s\n%s", before, value);
    bool ok = settings_set(p->settings, row, all, LEVEL_COMMAND, why);
    free(before);
    free(all);
    return ok;
}

static bool store(struct parser *p, const struct option *row, const char *shown, const char *value)
{
    char why[OPTION_WHY_SIZE];
    bool ok;
    if (row == &option_config_row)
        ok = option_set(row, p->settings, value, why);
    else if (row->group == GROUP_COMMAND)
        ok = option_set(row, p->own_base, value, why);
    else if (row->type == OPTION_CHANGES)
        ok = store_change(p, row, value, why);
    else
        ok = settings_set(p->settings, row, value, LEVEL_COMMAND, why);
    return ok || option_complain(p->err, "", shown, value, why);
}

/* The argument after an option as its value. Options themselves are not taken for values. */
static const char *next_value(struct parser *p, const struct option *row, const char *shown)
{
    const char *next = p->at + 1 < p->argc ? p->argv[p->at + 1] : NULL;
    bool off;
    bool is_option = next && strncmp(next, "--", 2) == 0 &&
                     (!next[2] || find_long(p->usage, next + 2, strcspn(next + 2, "="), &off));
    if (next && !is_option) {
        p->at++;
        return next;
    }
    dn_fail(p->err, DN_E_ARG, "%s needs a value%s%s", shown, next ? " before " : "",
            next ? next : "");
    dn_error_hint(p->err, "write %s %s", shown, row->argument ? row->argument : "VALUE");
    return NULL;
}

static bool parse_long(struct parser *p, const char *name)
{
    size_t length = strcspn(name, "=");
    const char *value = name[length] ? name + length + 1 : NULL;
    bool off;
    const struct option *row = find_long(p->usage, name, length, &off);
    if (!row)
        return unknown_long(p, name, length);
    char shown[80];
    snprintf(shown, sizeof shown, "--%.*s", (int)(length < 70 ? length : 70), name);
    if (row->type == OPTION_BOOL) {
        if (off && value)
            return dn_fail(p->err, DN_E_ARG, "%s takes no value", shown);
        return store(p, row, shown, off ? "false" : value ? value : "true");
    }
    if (!value)
        value = next_value(p, row, shown);
    return value && store(p, row, shown, value);
}

/* -x, -xVALUE, -xy */
static bool parse_letters(struct parser *p, const char *letters)
{
    for (; *letters; letters++) {
        const struct option *row = find_letter(p->usage, *letters);
        char shown[3] = {'-', *letters, '\0'};
        if (!row) {
            dn_fail(p->err, DN_E_ARG, "unknown option %s in %.60s", shown, p->argv[p->at]);
            return dn_error_hint(p->err, "danaus %s --help lists all options", p->usage->command);
        }
        if (row->type == OPTION_BOOL) {
            if (!store(p, row, shown, "true"))
                return false;
            continue;
        }
        const char *value = letters[1] ? letters + 1 : next_value(p, row, shown);
        return value && store(p, row, shown, value);
    }
    return true;
}

static bool too_many(struct parser *p, const char *word)
{
    if (p->usage->max_words == 0)
        dn_fail(p->err, DN_E_ARG, "%s takes no argument like \"%.60s\"", p->usage->command, word);
    else
        dn_fail(p->err, DN_E_ARG, "%s takes at most %d argument%s, \"%.60s\" is one more",
                p->usage->command, p->usage->max_words, p->usage->max_words == 1 ? "" : "s", word);
    return dn_error_hint(p->err, "put quotes around an argument with blanks");
}

bool options_parse_argv(struct settings *s, const struct option_usage *usage, void *own_base,
                        int argc, char **argv, int first, int *word_count, struct dn_error *err)
{
    struct parser p = {s, usage, own_base, argc, first, argv, err};
    bool only_words = false;
    int words = 0;
    for (; p.at < argc; p.at++) {
        char *arg = argv[p.at];
        bool ok = true;
        if (only_words || arg[0] != '-' || !arg[1]) {
            if (words == usage->max_words)
                return too_many(&p, arg);
            argv[first + words++] = arg;
        } else if (arg[1] != '-') {
            ok = parse_letters(&p, arg + 1);
        } else if (arg[2]) {
            ok = parse_long(&p, arg + 2);
        } else {
            only_words = true;
        }
        if (!ok)
            return false;
    }
    *word_count = words;
    return true;
}
