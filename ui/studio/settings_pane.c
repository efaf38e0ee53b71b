/* settings_pane: see settings_pane.h */
#include "ui/studio/settings_pane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/option_table.h"
#include "config/option_value.h"

/* Groups shown, in this order; where a clip goes is the library's affair. */
static const enum option_group groups[] = {GROUP_WHAT,      GROUP_SAMPLER, GROUP_ATTENTION,
                                           GROUP_MODEL,     GROUP_GIVEN,   GROUP_MACHINE};
enum { GROUPS = sizeof groups / sizeof groups[0] };

/* Sizes that + and - go through. */
static const char *const sizes[] = {"160x96",  "208x128", "416x240", "480x480", "640x368",
                                    "832x480", "480x832", "960x544", "1280x720"};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

const char *seed_mode_name(enum seed_mode mode)
{
    static const char *const names[] = {"random", "fixed", "+1 each"};
    return names[mode];
}

/* --- rows --- */

struct row {
    const struct option *option; /* NULL: a group's title */
    enum option_group group;
};

static bool is_shown(const struct option *o)
{
    return strcmp(o->name, "prompt") != 0;
}

/* Row number of the list; false: there are fewer. */
static bool find_row(int number, struct row *out)
{
    for (int g = 0; g < GROUPS; g++) {
        if (number-- == 0) {
            *out = (struct row){NULL, groups[g]};
            return true;
        }
        for (size_t i = 0; i < option_count; i++)
            if (option_rows[i].group == groups[g] && is_shown(&option_rows[i]) && number-- == 0) {
                *out = (struct row){&option_rows[i], groups[g]};
                return true;
            }
    }
    return false;
}

static const struct option *chosen(const struct settings_pane *p)
{
    struct row row;
    return find_row(p->at, &row) ? row.option : NULL;
}

bool settings_pane_is_at(const struct settings_pane *p, const char *name)
{
    const struct option *o = chosen(p);
    return o && strcmp(o->name, name) == 0;
}

/* Does the option do anything with the others as they are? needs: "sampler=unipc,euler". */
static bool has_effect(const struct request *r, const struct option *o)
{
    if (!o->needs)
        return true;
    size_t n = strcspn(o->needs, "=");
    char *name = dn_strndup(o->needs, n);
    const struct option *other = option_find(option_rows, option_count, name);
    char *value = other ? option_get(other, r) : NULL;
    bool found = false;
    for (const char *word = o->needs + n + (o->needs[n] == '='); value && *word && !found;) {
        size_t length = strcspn(word, ",");
        found = strlen(value) == length && memcmp(word, value, length) == 0;
        word += length + (word[length] == ',');
    }
    free(value);
    free(name);
    return found;
}

static char *value_text(const struct settings_pane *p, const struct option *o)
{
    char *value = option_get(o, p->request);
    if (strcmp(o->name, "seed") == 0 && p->seed_mode != SEED_FIXED) {
        char *text = p->seed_mode == SEED_RANDOM
                         ? dn_strdup("random") : dn_asprintf("%s, %s", value, "+1 each");
        free(value);
        return text;
    }
    if (value && o->type == OPTION_PATH && strrchr(value, '/') && strrchr(value, '/')[1]) {
        char *last = dn_strdup(strrchr(value, '/') + 1);
        free(value);
        return last;
    }
    return value ? value : dn_strdup("-");
}

/* --- drawing --- */

/* Values stand in a column of their own behind all names where there is room for that, else at the
 * right: so the longest names and values are seen. value NULL: one that is typed. */
static struct rect value_place(struct canvas *c, struct rect r, const char *name, const char *value)
{
    enum { NAMES = 24, LEAST = 10 };
    int label = r.cols > 38 ? NAMES : canvas_width(c, name, strlen(name)) + 1;
    int width = value ? canvas_width(c, value, strlen(value)) : r.cols;
    label = r.cols <= 38 && label < r.cols - width ? r.cols - width : label;
    label = label > r.cols - LEAST && width > r.cols - label ? r.cols - LEAST : label;
    return (struct rect){r.row, r.col + label, 1, r.cols - label};
}

static void draw_row(struct settings_pane *p, struct canvas *c, struct rect r, int y, int number,
                     const struct row *row, bool focused)
{
    if (!row->option) {
        canvas_text(c, y, r.col + 1, r.cols - 2, ROLE_TITLE, option_group_title(row->group));
        return;
    }
    bool here = number == p->at && focused, works = has_effect(p->request, row->option);
    enum role role = here ? ROLE_SELECTED : works ? ROLE_TEXT : ROLE_DIM;
    if (here)
        canvas_fill(c, (struct rect){y, r.col, 1, r.cols}, ROLE_SELECTED);
    char *value = value_text(p, row->option);
    struct rect field = value_place(c, (struct rect){y, r.col + 1, 1, r.cols - 2}, row->option->name,
                                    here && p->editing ? NULL : value);
    canvas_text(c, y, r.col + 1, field.col - r.col - 2, here ? ROLE_SELECTED : ROLE_DIM,
                row->option->name);
    if (here && p->editing) {
        canvas_fill(c, field, ROLE_FIELD);
        editor_draw(&p->value, c, field, true, NULL);
    } else {
        canvas_text(c, y, field.col, field.cols, role, value);
    }
    free(value);
}

void settings_pane_draw(struct settings_pane *p, struct canvas *c, struct rect area, bool focused)
{
    struct row row;
    if (p->at == 0)
        p->at = 1; /* the first is a title */
    if (p->at < p->first + 1)
        p->first = p->at - 1;
    if (p->at >= p->first + area.rows)
        p->first = p->at - area.rows + 1;
    for (int i = 0; i < area.rows && find_row(p->first + i, &row); i++)
        draw_row(p, c, area, area.row + i, p->first + i, &row, focused);
}

bool settings_pane_click(struct settings_pane *p, struct rect area, int y)
{
    struct row row;
    int number = p->first + y - area.row;
    if (y < area.row || y >= area.row + area.rows || !find_row(number, &row) || !row.option)
        return false;
    bool was = p->at == number;
    p->at = number;
    p->editing = false;
    return was;
}

void settings_pane_move(struct settings_pane *p, int by)
{
    struct row row;
    int step = by < 0 ? -1 : 1;
    p->editing = false;
    for (int i = 0; i != by; i += step) {
        int at = p->at + step;
        while (at > 0 && find_row(at, &row) && !row.option)
            at += step;
        if (at < 1 || !find_row(at, &row))
            return;
        p->at = at;
    }
}

char *settings_pane_help(const struct settings_pane *p)
{
    const struct option *o = chosen(p);
    char range[OPTION_WHY_SIZE];
    if (!o)
        return dn_strdup("");
    option_describe_range(o, range);
    return dn_asprintf("%s%s%s", o->help, range[0] ? " Range: " : "", range);
}

/* --- changing --- */

static bool set(struct settings_pane *p, const struct option *o, const char *text,
                struct dn_error *err)
{
    char why[OPTION_WHY_SIZE];
    if (strcmp(o->name, "seed") == 0) {
        if (strcmp(text, "random") == 0) {
            p->seed_mode = SEED_RANDOM;
            return true;
        }
        if (strcmp(text, "+1") == 0) {
            p->seed_mode = SEED_NEXT;
            return true;
        }
        p->seed_mode = SEED_FIXED;
    }
    bool none = o->type == OPTION_PATH && (!text[0] || strcmp(text, "-") == 0);
    return option_set(o, p->request, none ? NULL : text, why) ||
           option_complain(err, "", o->name, text, why);
}

/* The word by places after value in "a|b|c". */
static char *neighbour(const char *choices, const char *value, int by)
{
    const char *starts[32];
    int count = 0, at = 0;
    for (const char *p = choices; *p && count < 32; p += strcspn(p, "|"), p += *p == '|') {
        size_t n = strcspn(p, "|");
        if (strlen(value) == n && memcmp(p, value, n) == 0)
            at = count;
        starts[count++] = p;
    }
    at = ((at + by) % count + count) % count;
    return dn_strndup(starts[at], strcspn(starts[at], "|"));
}

static char *next_size(const char *value, int by)
{
    int at = by > 0 ? -1 : SIZES;
    for (int i = 0; i < SIZES; i++)
        if (strcmp(sizes[i], value) == 0)
            at = i;
    at += by;
    return dn_strdup(sizes[at < 0 ? SIZES - 1 : at >= SIZES ? 0 : at]);
}

static char *next_value(const struct settings_pane *p, const struct option *o, int by)
{
    char *value = option_get(o, p->request), *next = NULL;
    double least = o->max - o->min > 20 ? 0.5 : 0.1;
    if (strcmp(o->name, "seed") == 0)
        next = dn_strdup(((const char *[]){"random", value, "+1"})[(p->seed_mode + by + 3) % 3]);
    else if (strcmp(o->name, "sampler") == 0)
        next = neighbour("self_forcing|few_step|unipc|euler", value, by);
    else if (o->choices)
        next = neighbour(o->choices, value, by);
    else if (o->type == OPTION_BOOL)
        next = dn_strdup(strcmp(value, "true") == 0 ? "false" : "true");
    else if (o->type == OPTION_INT)
        next = dn_asprintf("%lld", strtoll(value, NULL, 10) + by * (o->step ? o->step : 1));
    else if (o->type == OPTION_DOUBLE)
        next = dn_asprintf("%g", strtod(value, NULL) + by * least);
    else if (o->type == OPTION_SIZE)
        next = next_size(value, by);
    free(value);
    return next;
}

bool settings_pane_change(struct settings_pane *p, int by, struct dn_error *err)
{
    const struct option *o = chosen(p);
    char *next = o ? next_value(p, o, by) : NULL;
    if (!next)
        return !o || dn_fail(err, DN_E_ARG, "press Enter to type a value for %s", o->name);
    bool ok = set(p, o, next, err);
    free(next);
    return ok;
}

bool settings_pane_edit(struct settings_pane *p, struct dn_error *err)
{
    const struct option *o = chosen(p);
    if (!o)
        return true;
    if (!p->editing) {
        bool drawn = strcmp(o->name, "seed") == 0 && p->seed_mode == SEED_RANDOM;
        char *value = drawn ? NULL : option_get(o, p->request);
        p->value.one_line = true;
        editor_set(&p->value, value ? value : "");
        p->editing = true;
        free(value);
        return true;
    }
    bool ok = set(p, o, editor_text(&p->value), err);
    p->editing = !ok;
    return ok;
}

bool settings_pane_set(struct settings_pane *p, const char *text, struct dn_error *err)
{
    size_t n = strcspn(text, " =");
    char *name = dn_strndup(text, n);
    const struct option *o = option_find(option_rows, option_count, name);
    bool ok = o ? set(p, o, text + n + strspn(text + n, " ="), err)
                : dn_fail(err, DN_E_ARG, "there is no setting %s", name);
    free(name);
    return ok;
}
