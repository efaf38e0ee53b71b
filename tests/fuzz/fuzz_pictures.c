/* The ways to draw: sizes, limits, qualities and pieces from the first bytes, pixels from the rest.
 * What comes out must be cut where it says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ui/graphics/graphics.h"

enum { HEAD = 12, FRAMES = 3 };

static void draw(struct graphics *g, const uint8_t *rgb, const uint8_t *head)
{
    struct strbuf out = {0};
    struct dn_error err;
    g->piece = (size_t)head[8] * 40;
    g->budget = (size_t)head[9] * 100;
    g->row = g->col = head[10] % 3;
    for (int i = 0; i < FRAMES; i++) {
        size_t before = out.length, at = before;
        g->full = head[11] >> i & 1;
        if (!graphics_encode(g, rgb + i, &out, &err))
            continue;
        for (int k = 0; k < g->cuts.count; k++) {
            if (g->cuts.at[k] < at || g->cuts.at[k] > out.length)
                abort();
            at = g->cuts.at[k];
        }
        if (at != out.length)
            abort();
    }
    graphics_remove(g, &out);
    strbuf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= HEAD)
        return 0;
    int width = 1 + data[0], height = 1 + data[1];
    size_t bytes = (size_t)width * (size_t)height * 3 + FRAMES;
    struct graphics_caps caps = {.cols = data[2],
                                 .rows = data[3],
                                 .cell_width = 4 + data[4] % 61,
                                 .cell_height = 8 + data[5] % 121,
                                 .registers = data[6] * 2,
                                 .sixel_keeps = data[7] & 1,
                                 .quality = data[7] >> 1 & 3,
                                 .colours = data[7] & 8 ? 1 << 24 : 256,
                                 .utf8 = true,
                                 .sixel_width = data[7] & 16 ? 1000 : 0,
                                 .sixel_height = data[7] & 16 ? 1000 : 0};
    uint8_t *rgb = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        rgb[i] = data[HEAD + i % (size - HEAD)];
    for (int way = 0; graphics_table[way]; way++) {
        struct graphics *g = graphics_open(graphics_table[way], &caps, width, height, rgb, 1);
        if (g)
            draw(g, rgb, data);
        graphics_close(g);
    }
    free(rgb);
    return 0;
}
