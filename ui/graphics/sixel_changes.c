/* sixel_changes: see sixel_changes.h. The format: DEC, VT330/VT340 Programmer Reference Manual,
 * volume 2, chapter 14.
 *
 * One pass over the pixels of a band collects a row of sixels for each colour that changed; a
 * second writes them between the first and the last. */
#include "ui/graphics/sixel_changes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/graphics/palette.h"

/* The band being written, and what the terminal knows of this picture's piece. */
struct band {
    int width, scale; /* in pixels of the picture; each is so many of the screen */
    uint8_t *sixels;  /* [PALETTE_MAX, width] bits of 6 rows, zero between bands */
    int first[PALETTE_MAX], last[PALETTE_MAX]; /* columns in use */
    uint8_t used[PALETTE_MAX];                 /* colours, in the order of their first column */
    int count;
    bool defined[PALETTE_MAX]; /* colours, in this piece */
};

/* Fills band with the pixels of band number that are not as before. */
static void collect(struct band *band, int number, const uint8_t *now, const uint8_t *before)
{
    bool seen[PALETTE_MAX] = {false};
    uint8_t bits[6] = {0}; /* of each line of the picture: its rows of the six */
    int top = number * 6 / band->scale, lines = (number * 6 + 5) / band->scale - top + 1;
    for (int k = 0; k < 6; k++)
        bits[(number * 6 + k) / band->scale - top] |= (uint8_t)(1 << k);
    band->count = 0;
    for (int x = 0; x < band->width; x++)
        for (int y = 0; y < lines; y++) {
            int64_t i = (int64_t)(top + y) * band->width + x;
            int colour = now[i];
            if (before && before[i] == colour)
                continue;
            if (!seen[colour]) {
                seen[colour] = true;
                band->used[band->count++] = (uint8_t)colour;
                band->first[colour] = x;
            }
            band->last[colour] = x;
            band->sixels[(int64_t)colour * band->width + x] |= bits[y];
        }
}

static char *put_number(char *p, int value)
{
    char digits[12];
    int n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (n > 0)
        *p++ = digits[--n];
    return p;
}

static char *put_run(char *p, int bits, int count)
{
    char c = (char)('?' + bits);
    if (count > 3) {
        *p++ = '!';
        p = put_number(p, count);
        *p++ = c;
        return p;
    }
    while (count-- > 0)
        *p++ = c;
    return p;
}

/* A definition does not choose the colour in xterm, as it does elsewhere: so it is chosen as well.
 */
static void put_colour(struct band *band, const struct graphics_palette *palette, int colour,
                       struct strbuf *out)
{
    const uint8_t *c = palette->colours[colour];
    if (!band->defined[colour])
        strbuf_printf(out, "#%d;2;%d;%d;%d", colour, (c[0] * 100 + 127) / 255,
                      (c[1] * 100 + 127) / 255, (c[2] * 100 + 127) / 255);
    band->defined[colour] = true;
    strbuf_printf(out, "#%d", colour);
}

/* From column x up to the last of the colour; leaves its sixels zero. Returns the column reached.
 */
static int put_sixels(struct band *band, int colour, int x, struct strbuf *out)
{
    char text[1024], *p = text;
    int last = band->last[colour], start = band->first[colour];
    uint8_t *bits = band->sixels + (int64_t)colour * band->width;
    if (start > x)
        p = put_run(p, 0, (start - x) * band->scale);
    while (start <= last) {
        int end = start + 1;
        while (end <= last && bits[end] == bits[start])
            end++;
        p = put_run(p, bits[start], (end - start) * band->scale);
        start = end;
        if (p > text + sizeof text - 16) {
            strbuf_append(out, text, (size_t)(p - text));
            p = text;
        }
    }
    strbuf_append(out, text, (size_t)(p - text));
    memset(bits + band->first[colour], 0, (size_t)(last - band->first[colour] + 1));
    return last + 1;
}

/* Colours that do not overlap share a row of sixels; each row goes back to the start once. */
static void put_band(struct band *band, const struct graphics_palette *palette, struct strbuf *out)
{
    for (bool first = true; band->count > 0; first = false) {
        int x = 0, left = 0;
        if (!first)
            strbuf_append_text(out, "$");
        for (int i = 0; i < band->count; i++) {
            int colour = band->used[i];
            if (band->first[colour] >= x) {
                put_colour(band, palette, colour, out);
                x = put_sixels(band, colour, x, out);
            } else {
                band->used[left++] = (uint8_t)colour;
            }
        }
        band->count = left;
    }
}

/* P3 means nothing to terminals: it is 0 at the start of a picture, and left out later in it. */
static void begin_piece(struct band *band, int height, int bands, bool first, struct strbuf *out)
{
    strbuf_append_text(out, first ? "\033P0;1;0q" : "\033P0;1q");
    strbuf_printf(out, "\"1;1;%d;%d", band->width * band->scale, height);
    for (int i = 0; i < bands; i++)
        strbuf_append_text(out, "-");
    memset(band->defined, 0, sizeof band->defined);
}

/* Ends the piece when it is as long as wished. */
static bool may_end_piece(struct graphics *g, struct strbuf *out)
{
    if (!graphics_may_cut(g, out))
        return false;
    g->cuts.at[g->cuts.count - 1] += 2; /* behind what ends it */
    strbuf_append_text(out, "\033\\");
    return true;
}

void sixel_changes(struct graphics *g, const uint8_t *now, const uint8_t *before, struct strbuf *out)
{
    struct band band = {.width = g->width / g->divide, .scale = g->scale};
    int bands = g->height / g->divide * g->scale / 6;
    int skipped = 0; /* ends of bands that are written when more follows */
    band.sixels = dn_calloc(PALETTE_MAX, (size_t)band.width);
    begin_piece(&band, bands * 6, 0, true, out);
    for (int i = 0; i < bands; i++) {
        collect(&band, i, now, before);
        if (band.count > 0) {
            if (may_end_piece(g, out)) {
                begin_piece(&band, bands * 6, i, false, out);
                skipped = 0;
            }
            for (; skipped > 0; skipped--)
                strbuf_append_text(out, "-");
            put_band(&band, g->palette, out);
        }
        skipped++;
    }
    strbuf_append_text(out, "\033\\");
    free(band.sixels);
}
