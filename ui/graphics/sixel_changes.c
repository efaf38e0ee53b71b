/* sixel_changes: see sixel_changes.h. The format: DEC, VT330/VT340 Programmer Reference Manual,
 * volume 2, chapter 14. */
#include "ui/graphics/sixel_changes.h"

#include <stdbool.h>
#include <string.h>

/* Which colours have changed pixels in the band of 6 rows at now and before. */
static bool find_colours(const uint8_t *now, const uint8_t *before, int width, bool *used)
{
    bool any = false;
    memset(used, 0, PALETTE_MAX);
    for (int64_t i = 0; i < (int64_t)6 * width; i++)
        if (now[i] != before[i])
            any = used[now[i]] = true;
    return any;
}

static void put_run(struct strbuf *out, char c, int count)
{
    char text[4] = {c, c, c, c};
    if (count > 3)
        strbuf_printf(out, "!%d%c", count, c);
    else
        strbuf_append(out, text, (size_t)count);
}

/* One colour's pixels of a band; what follows the last of them is left out. */
static void put_colour(const uint8_t *now, const uint8_t *before, int width, int colour,
                       struct strbuf *out)
{
    char last = 0;
    int run = 0;
    for (int x = 0; x < width; x++) {
        int bits = 0;
        for (int y = 0; y < 6; y++) {
            int64_t i = (int64_t)y * width + x;
            bits |= (now[i] == colour && before[i] != colour) << y;
        }
        char c = (char)('?' + bits);
        if (c != last && run > 0)
            put_run(out, last, run);
        run = c == last ? run + 1 : 1;
        last = c;
    }
    if (last != '?')
        put_run(out, last, run);
}

/* Definitions of the colours that occur, before anything is drawn: in xterm a definition does not
 * choose the colour, as it does elsewhere. */
static void define_colours(const uint8_t *now, const uint8_t *before, int64_t pixels,
                           const struct graphics_palette *palette, struct strbuf *out)
{
    bool used[PALETTE_MAX] = {false};
    for (int64_t i = 0; i < pixels; i++)
        if (now[i] != before[i])
            used[now[i]] = true;
    for (int k = 0; k < palette->count; k++) {
        const uint8_t *c = palette->colours[k];
        if (used[k])
            strbuf_printf(out, "#%d;2;%d;%d;%d", k, (c[0] * 100 + 127) / 255,
                          (c[1] * 100 + 127) / 255, (c[2] * 100 + 127) / 255);
    }
}

void sixel_changes(const uint8_t *now, const uint8_t *before, int width, int height,
                   const struct graphics_palette *palette, struct strbuf *out)
{
    bool used[PALETTE_MAX];
    int skipped = 0; /* bands without changes: only their ends are written, when more follows */
    strbuf_printf(out, "\033P0;1;0q\"1;1;%d;%d", width, height);
    define_colours(now, before, (int64_t)width * height, palette, out);
    for (int band = 0; band < height / 6; band++) {
        const uint8_t *n = now + (int64_t)band * 6 * width, *b = before + (int64_t)band * 6 * width;
        if (!find_colours(n, b, width, used)) {
            skipped++;
            continue;
        }
        for (; skipped > 0; skipped--)
            strbuf_append_text(out, "-");
        for (int k = 0, first = 1; k < palette->count; k++) {
            if (!used[k])
                continue;
            strbuf_printf(out, first ? "#%d" : "$#%d", k);
            first = 0;
            put_colour(n, b, width, k, out);
        }
        skipped = 1;
    }
    strbuf_append_text(out, "\033\\");
}
