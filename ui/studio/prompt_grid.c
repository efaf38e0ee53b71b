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

enum { MANY = PROMPT_GRID_MAX + 1 }; /* numbers of prompts are counted up to this */

/* What is known of a byte of the text. All of it is found in one walk, for a prompt may be 64 KiB
 * of braces. */
struct spot {
    uint32_t close; /* of a { that stands for several texts: where its } is; else 0 */
    uint16_t texts; /* of such a {: how many */
    uint16_t ways;  /* of such a { and its |: how many the alternative behind it stands for */
};

/* A { whose } did not come yet. */
struct opened {
    size_t at, start; /* the {; the { or | behind which its present alternative begins */
    unsigned ways;    /* of the present alternative */
    unsigned before;  /* of those before it, together */
    unsigned inside;  /* of all that is in it, bars taken for text */
    bool bar, nested; /* it has a | of its own, braces in it */
};

struct grid_text {
    const char *text;
    struct spot *spots; /* [length of text] */
    unsigned ways;      /* prompts that it stands for */
};

static unsigned times(unsigned a, unsigned b)
{
    return a * b < MANY ? a * b : MANY;
}

static unsigned plus(unsigned a, unsigned b)
{
    return a + b < MANY ? a + b : MANY;
}

static void take_bar(struct spot *spots, size_t at, struct opened *in)
{
    spots[in->start].ways = (uint16_t)in->ways;
    in->before = plus(in->before, in->ways);
    in->ways = 1;
    in->start = at;
    in->bar = true;
}

/* The } of it was found: counts what it stands for into what is round it. */
static void take_close(const struct grid_text *g, size_t at, const struct opened *in,
                       struct opened *around)
{
    struct spot *open = &g->spots[in->at];
    struct number_range range = {0};
    unsigned texts = in->ways;
    bool ranges = !in->bar && !in->nested &&
                  number_range_parse(g->text + in->at + 1, at - in->at - 1, &range);
    if (in->bar || ranges) {
        texts = ranges ? (unsigned)range.count : plus(in->before, in->ways);
        g->spots[in->start].ways = (uint16_t)in->ways;
        open->close = (uint32_t)at;
        open->texts = (uint16_t)texts;
    }
    around->nested = true;
    around->ways = times(around->ways, texts);
    around->inside = times(around->inside, texts);
}

/* Finds which braces belong together and what they stand for. */
static struct grid_text read_braces(const char *text)
{
    size_t length = strlen(text), depth = 0, room = 16;
    struct opened *opened = dn_calloc(room, sizeof *opened);
    struct grid_text g = {.text = text, .spots = dn_calloc(length + 1, sizeof *g.spots)};
    opened[0] = (struct opened){.ways = 1, .inside = 1}; /* the text itself */
    for (size_t i = 0; i < length; i += step(text + i)) {
        if (text[i] == '{') {
            if (++depth == room)
                opened = dn_realloc(opened, room *= 2, sizeof *opened);
            opened[depth] = (struct opened){.at = i, .start = i, .ways = 1, .inside = 1};
        } else if (text[i] == '|' && depth > 0) {
            take_bar(g.spots, i, &opened[depth]);
        } else if (text[i] == '}' && depth > 0) {
            take_close(&g, i, &opened[depth], &opened[depth - 1]);
            depth--;
        }
    }
    g.ways = opened[0].inside;
    for (; depth > 0; depth--) /* without partner they are text, what is in them counts */
        g.ways = times(g.ways, opened[depth].inside);
    free(opened);
    return g;
}

/* The end of the alternative that begins at start: a | or the closing brace. */
static size_t alternative_end(const struct grid_text *g, size_t start, size_t close)
{
    while (start < close && g->text[start] != '|')
        start = g->spots[start].close ? g->spots[start].close + 1 : start + step(g->text + start);
    return start;
}

static void write_part(const struct grid_text *g, size_t from, size_t to, unsigned ways,
                       unsigned number, struct strbuf *out);

/* One of the texts that the braces at open stand for. */
static void write_choice(const struct grid_text *g, size_t open, unsigned number,
                         struct strbuf *out)
{
    size_t close = g->spots[open].close, start = open;
    struct number_range range;
    if (number_range_parse(g->text + open + 1, close - open - 1, &range)) {
        char text[64];
        number_range_text(&range, number, text);
        strbuf_append_text(out, text);
        return;
    }
    while (number >= g->spots[start].ways) {
        number -= g->spots[start].ways;
        start = alternative_end(g, start + 1, close);
    }
    write_part(g, start + 1, alternative_end(g, start + 1, close), g->spots[start].ways, number,
               out);
}

/* One of the texts that a part of the text stands for, ways in all. */
static void write_part(const struct grid_text *g, size_t from, size_t to, unsigned ways,
                       unsigned number, struct strbuf *out)
{
    for (size_t i = from; i < to; i++) {
        const struct spot *spot = &g->spots[i];
        if (spot->close) {
            ways /= spot->texts; /* the last braces vary fastest */
            write_choice(g, i, number / ways, out);
            number %= ways;
            i = spot->close;
            continue;
        }
        i += g->text[i] == '\\' && i + 1 < to && strchr("{|}\\", g->text[i + 1]);
        strbuf_append(out, g->text + i, 1);
    }
}

size_t prompt_grid_count(const char *text)
{
    struct grid_text g = read_braces(text);
    free(g.spots);
    return g.ways;
}

bool prompt_grid_expand(const char *text, struct prompt_grid *out, struct dn_error *err)
{
    struct grid_text g = read_braces(text);
    bool ok = g.ways <= PROMPT_GRID_MAX;
    *out = (struct prompt_grid){0};
    for (unsigned i = 0; ok && i < g.ways; i++) {
        struct strbuf one = {0};
        write_part(&g, 0, strlen(text), g.ways, i, &one);
        add(out, strbuf_take(&one));
    }
    free(g.spots);
    return ok ||
           dn_fail(err, DN_E_ARG, "the braces stand for more than %d prompts", PROMPT_GRID_MAX);
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
