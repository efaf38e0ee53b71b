/* prompt_grid: see prompt_grid.h */
#include "ui/studio/prompt_grid.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "ui/studio/number_range.h"

static void add(struct prompt_grid *grid, char *prompt)
{
    grid->prompts = dn_realloc(grid->prompts, grid->count + 1, sizeof *grid->prompts);
    grid->prompts[grid->count++] = prompt;
}

void prompt_grid_done(struct prompt_grid *grid)
{
    for (size_t i = 0; i < grid->count; i++)
        free(grid->prompts[i]);
    free(grid->prompts);
    *grid = (struct prompt_grid){0};
}

/* The length of the character at text, an escape counting as one. */
static size_t step(const char *text)
{
    return *text == '\\' && text[1] ? 2 : 1;
}

/* Where the brace at text ends, and whether it has a | of its own. 0: it does not end. */
static size_t brace_end(const char *text, bool *bar)
{
    int depth = 0;
    *bar = false;
    for (size_t i = 0; text[i]; i += step(text + i)) {
        depth += (text[i] == '{') - (text[i] == '}');
        *bar = *bar || (text[i] == '|' && depth == 1);
        if (depth == 0)
            return i;
    }
    return 0;
}

/* Braces that stand for several texts; range.count 0: those between the bars. */
struct braces {
    size_t open, close; /* where { and } are */
    struct number_range range;
};

/* The first braces with a | of their own, or with a range; false: there are none. */
static bool find_braces(const char *text, struct braces *out)
{
    for (size_t i = 0; text[i]; i += step(text + i)) {
        bool bar;
        size_t end = text[i] == '{' ? brace_end(text + i, &bar) : 0;
        if (end == 0)
            continue;
        *out = (struct braces){.open = i, .close = i + end};
        if (bar)
            return true;
        if (number_range_parse(text + i + 1, end - 1, &out->range))
            return true;
    }
    return false;
}

/* The end of the alternative that begins at start: a | or the closing brace. */
static size_t alternative_end(const char *text, size_t start, size_t close)
{
    int depth = 0;
    size_t i = start;
    while (i < close && !(text[i] == '|' && depth == 0)) {
        depth += (text[i] == '{') - (text[i] == '}');
        i += step(text + i);
    }
    return i < close ? i : close;
}

static char *unescape(const char *text)
{
    struct strbuf out = {0};
    for (; *text; text++) {
        text += *text == '\\' && text[1] && strchr("{|}\\", text[1]);
        strbuf_append(&out, text, 1);
    }
    return strbuf_take(&out);
}

static bool expand(const char *text, struct prompt_grid *out, struct dn_error *err);

/* The same with one text in the place of the braces. */
static bool expand_with(const char *text, const struct braces *b, const char *middle, size_t length,
                        struct prompt_grid *out, struct dn_error *err)
{
    struct strbuf one = {0};
    strbuf_append(&one, text, b->open);
    strbuf_append(&one, middle, length);
    strbuf_append_text(&one, text + b->close + 1);
    bool ok = expand(strbuf_text(&one), out, err);
    strbuf_done(&one);
    return ok;
}

/* The prompts that text stands for are added to out. */
static bool expand(const char *text, struct prompt_grid *out, struct dn_error *err)
{
    struct braces b;
    if (!find_braces(text, &b)) {
        if (out->count == PROMPT_GRID_MAX)
            return dn_fail(err, DN_E_ARG, "the braces stand for more than %d prompts",
                           PROMPT_GRID_MAX);
        add(out, unescape(text));
        return true;
    }
    bool ok = true;
    for (int64_t i = 0; ok && i < b.range.count; i++) {
        char number[64];
        number_range_text(&b.range, i, number);
        ok = expand_with(text, &b, number, strlen(number), out, err);
    }
    for (size_t start = b.open + 1; ok && b.range.count == 0 && start <= b.close;) {
        size_t end = alternative_end(text, start, b.close);
        ok = expand_with(text, &b, text + start, end - start, out, err);
        start = end + 1;
    }
    return ok;
}

bool prompt_grid_expand(const char *text, struct prompt_grid *out, struct dn_error *err)
{
    *out = (struct prompt_grid){0};
    bool ok = expand(text, out, err);
    if (!ok)
        prompt_grid_done(out);
    return ok;
}

char *prompt_grid_quote(const char *prompt)
{
    struct strbuf out = {0};
    struct prompt_grid grid;
    struct dn_error err;
    bool plain = prompt_grid_expand(prompt, &grid, &err) && grid.count == 1 &&
                 strcmp(grid.prompts[0], prompt) == 0;
    prompt_grid_done(&grid);
    for (const char *c = prompt; *c; c++) {
        if (!plain && strchr("{|}\\", *c))
            strbuf_append_text(&out, "\\");
        strbuf_append(&out, c, 1);
    }
    return strbuf_take(&out);
}
