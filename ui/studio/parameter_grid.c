/* parameter_grid: see parameter_grid.h */
#include "ui/studio/parameter_grid.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/option_value.h"
#include "ui/studio/number_range.h"

static void add(struct parameter_axis *axis, char *value)
{
    axis->values = dn_realloc(axis->values, axis->count + 1, sizeof *axis->values);
    axis->values[axis->count++] = value;
}

/* One of the values as written: a range is several. */
static void add_values(struct parameter_axis *axis, const char *text, size_t length)
{
    struct number_range range;
    char number[64];
    if (!number_range_parse(text, length, &range)) {
        add(axis, dn_strndup(text, length));
        return;
    }
    for (int64_t i = 0; i < range.count; i++) {
        number_range_text(&range, i, number);
        add(axis, dn_strdup(number));
    }
}

/* The length of NAME=VALUES at text: to a space that is in no braces. */
static size_t word_length(const char *text)
{
    int depth = 0;
    size_t i = 0;
    for (; text[i] && (text[i] != ' ' || depth > 0); i++)
        depth += (text[i] == '{') - (text[i] == '}' && depth > 0);
    return i;
}

static bool check_values(const struct parameter_axis *axis, struct dn_error *err)
{
    struct request r;
    char why[OPTION_WHY_SIZE];
    bool ok = true;
    request_init(&r);
    for (size_t i = 0; ok && i < axis->count; i++)
        ok = option_set(axis->option, &r, axis->values[i], why) ||
             option_complain(err, "", axis->option->name, axis->values[i], why);
    request_done(&r);
    return ok;
}

/* What is no matter of taste: the prompt has braces of its own, and where a clip goes is fixed. */
static bool may_vary(const struct option *o)
{
    return o->group != GROUP_OUTPUT && strcmp(o->name, "prompt") != 0 &&
           strcmp(o->name, "count") != 0;
}

static bool read_axis(const char *word, size_t length, struct parameter_axis *axis,
                      struct dn_error *err)
{
    size_t name_length = strcspn(word, "= ");
    char *name = dn_strndup(word, name_length < length ? name_length : length);
    axis->option = option_find(option_rows, option_count, name);
    bool ok = axis->option && may_vary(axis->option);
    if (!ok)
        dn_fail(err, DN_E_ARG, "%.60s is no setting that a grid can vary", name);
    else if (name_length + 1 >= length)
        ok = dn_fail(err, DN_E_ARG, "%s has no values: write %s=1,2,3 or 1..3", name, name);
    free(name);
    if (!ok)
        return false;
    const char *p = word + name_length + 1, *end = word + length;
    bool braces = *p == '{' && end[-1] == '}';
    p += braces;
    end -= braces;
    for (const char *start = p; p <= end; p++)
        if (p == end || *p == (braces ? '|' : ',')) {
            add_values(axis, start, (size_t)(p - start));
            start = p + 1;
        }
    return check_values(axis, err);
}

bool parameter_grid_parse(const char *text, struct parameter_grid *out, struct dn_error *err)
{
    *out = (struct parameter_grid){0};
    bool ok = true;
    for (text += strspn(text, " "); ok && *text; text += strspn(text, " ")) {
        size_t length = word_length(text);
        if (out->count == PARAMETER_GRID_AXES)
            ok = dn_fail(err, DN_E_ARG, "a grid varies %d settings at most", PARAMETER_GRID_AXES);
        else
            ok = read_axis(text, length, &out->axes[out->count++], err);
        if (ok && parameter_grid_size(out) > PARAMETER_GRID_MAX)
            ok = dn_fail(err, DN_E_ARG, "these are more than %d clips", PARAMETER_GRID_MAX);
        text += length;
    }
    if (!ok)
        parameter_grid_done(out);
    return ok;
}

size_t parameter_grid_size(const struct parameter_grid *g)
{
    size_t size = 1;
    for (size_t i = 0; i < g->count && size <= PARAMETER_GRID_MAX; i++)
        size *= g->axes[i].count;
    return size;
}

void parameter_grid_apply(const struct parameter_grid *g, size_t number, struct request *r)
{
    char why[OPTION_WHY_SIZE];
    for (size_t i = g->count; i-- > 0;) {
        const struct parameter_axis *axis = &g->axes[i];
        bool ok = option_set(axis->option, r, axis->values[number % axis->count], why);
        assert(ok); /* parameter_grid_parse tried it */
        number /= axis->count;
    }
}

bool parameter_grid_has(const struct parameter_grid *g, const char *name)
{
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->axes[i].option->name, name) == 0)
            return true;
    return false;
}

void parameter_grid_done(struct parameter_grid *g)
{
    for (size_t i = 0; i < g->count; i++) {
        for (size_t k = 0; k < g->axes[i].count; k++)
            free(g->axes[i].values[k]);
        free(g->axes[i].values);
    }
    *g = (struct parameter_grid){0};
}
