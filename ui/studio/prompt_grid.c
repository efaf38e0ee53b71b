/* prompt_grid: see prompt_grid.h */
#include "ui/studio/prompt_grid.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

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

/* The first brace with a | of its own; false: there is none. */
static bool find_braces(const char *text, size_t *open, size_t *close)
{
    for (size_t i = 0; text[i]; i += step(text + i)) {
        bool bar;
        size_t end = text[i] == '{' ? brace_end(text + i, &bar) : 0;
        if (end > 0 && bar) {
            *open = i;
            *close = i + end;
            return true;
        }
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

/* The prompts that text stands for are added to out. */
static bool expand(const char *text, struct prompt_grid *out, struct dn_error *err)
{
    size_t open, close;
    if (!find_braces(text, &open, &close)) {
        if (out->count == PROMPT_GRID_MAX)
            return dn_fail(err, DN_E_ARG, "the braces stand for more than %d prompts",
                           PROMPT_GRID_MAX);
        add(out, unescape(text));
        return true;
    }
    bool ok = true;
    for (size_t start = open + 1; ok && start <= close;) {
        size_t end = alternative_end(text, start, close);
        struct strbuf one = {0};
        strbuf_append(&one, text, open);
        strbuf_append(&one, text + start, end - start);
        strbuf_append_text(&one, text + close + 1);
        ok = expand(strbuf_text(&one), out, err);
        strbuf_done(&one);
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
