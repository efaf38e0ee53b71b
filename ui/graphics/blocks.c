/* blocks: two pixels a cell, drawn as an upper half block with a foreground and a background
 * colour. Works wherever UTF-8 and 256 colours do. Cells that look as before are left out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/graphics/graphics.h"

/* NEAR: a colour that is as near to the one shown stays, a channel; up to NEAR_MOST on slow lines. */
enum { NEAR = 3, NEAR_MOST = 24, CELL = 6 };

static bool supported(const struct graphics_caps *caps)
{
    return caps->utf8 && caps->colours >= 256;
}

/* The largest size with the frame's shape that fits, at most one cell column a pixel; a pixel is
 * taken to be as high as it is wide. One row stays free below. */
static bool blocks_open(struct graphics *g, const uint8_t *samples, int64_t count)
{
    (void)samples;
    (void)count;
    int cols = g->width < g->caps.cols ? g->width : g->caps.cols;
    int rows = (int)lround((double)g->height * cols / g->width / 2);
    if (rows > g->caps.rows - 2) {
        rows = g->caps.rows - 2;
        cols = (int)lround((double)g->width * rows * 2 / g->height);
    }
    g->cols = cols > g->caps.cols ? g->caps.cols : cols;
    g->rows = rows;
    g->near = NEAR;
    return g->cols > 0 && g->rows > 0;
}

/* Mean of the frame's pixels under pixel (x, y) of a grid cols x 2 rows. */
static void mean_colour(const struct graphics *g, const uint8_t *rgb, int x, int y, uint8_t out[3])
{
    int x0 = x * g->width / g->cols, x1 = (x + 1) * g->width / g->cols;
    int y0 = y * g->height / (2 * g->rows), y1 = (y + 1) * g->height / (2 * g->rows);
    x1 = x1 > x0 ? x1 : x0 + 1;
    y1 = y1 > y0 ? y1 : y0 + 1;
    int64_t sum[3] = {0};
    for (int64_t j = y0; j < y1; j++)
        for (int64_t i = x0; i < x1; i++)
            for (int c = 0; c < 3; c++)
                sum[c] += rgb[(j * g->width + i) * 3 + c];
    int64_t area = (int64_t)(x1 - x0) * (y1 - y0);
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)((sum[c] + area / 2) / area);
}

/* xterm's 256 colours: the 6x6x6 cube with levels 0, 95, 135, ... 255, or the ramp of 24 greys. */
static int colour_256(const uint8_t rgb[3])
{
    int index = 16, distance = 0, grey = 0, grey_distance = 0;
    for (int c = 0; c < 3; c++) {
        int step = rgb[c] < 48 ? 0 : rgb[c] < 115 ? 1 : (rgb[c] - 35) / 40;
        int d = (step ? 55 + 40 * step : 0) - rgb[c];
        index += step * (c == 0 ? 36 : c == 1 ? 6 : 1);
        distance += d * d;
        grey += rgb[c];
    }
    grey = (grey / 3 - 3) / 10;
    grey = grey < 0 ? 0 : grey > 23 ? 23 : grey;
    for (int c = 0; c < 3; c++)
        grey_distance += (8 + 10 * grey - rgb[c]) * (8 + 10 * grey - rgb[c]);
    return grey_distance < distance ? 232 + grey : index;
}

/* Appends the colour as SGR parameters when it differs from *last. ground: 38 or 48. */
static void set_colour(const struct graphics *g, const uint8_t rgb[3], int ground, int *last,
                       struct strbuf *out)
{
    bool full = g->caps.colours > 256 && g->caps.quality == 0;
    int key = full ? rgb[0] << 16 | rgb[1] << 8 | rgb[2] : colour_256(rgb);
    if (key == *last)
        return;
    *last = key;
    if (full)
        strbuf_printf(out, "\033[%d;2;%d;%d;%dm", ground, rgb[0], rgb[1], rgb[2]);
    else
        strbuf_printf(out, "\033[%d;5;%dm", ground, key);
}

/* One row of cells, from the cursor on; all of them, or those that have changed. */
static void put_row(const struct graphics *g, const uint8_t *rgb, int row, bool all,
                    struct strbuf *out)
{
    int upper_last = -1, lower_last = -1, skipped = 0;
    for (int x = 0; x < g->cols; x++) {
        uint8_t cell[CELL], *before = g->shown + ((int64_t)row * g->cols + x) * CELL;
        bool same = !all;
        mean_colour(g, rgb, x, 2 * row, cell);
        mean_colour(g, rgb, x, 2 * row + 1, cell + 3);
        for (int i = 0; i < CELL; i++)
            same = same && abs(cell[i] - before[i]) <= g->near;
        if (same) {
            skipped++;
            continue;
        }
        if (skipped > 0)
            strbuf_printf(out, "\033[%dC", skipped);
        skipped = 0;
        memcpy(before, cell, CELL);
        set_colour(g, cell, 38, &upper_last, out);
        set_colour(g, cell + 3, 48, &lower_last, out);
        strbuf_append_text(out, "\342\226\200");
    }
    if (upper_last >= 0)
        strbuf_append_text(out, "\033[m");
}

static bool blocks_encode(struct graphics *g, const uint8_t *rgb, struct strbuf *out,
                          struct dn_error *err)
{
    (void)err;
    bool all = g->full || !g->shown;
    size_t start = out->length;
    if (!g->shown)
        g->shown = dn_calloc((size_t)g->rows * (size_t)g->cols, CELL);
    for (int row = 0; row < g->rows; row++) {
        if (g->row > 0) {
            graphics_may_cut(g, out);
            strbuf_printf(out, "\033[%d;%dH", g->row + row, g->col);
        }
        put_row(g, rgb, row, all, out);
        if (row + 1 < g->rows && g->row == 0)
            strbuf_append_text(out, "\r\n");
    }
    size_t bytes = out->length - start;
    if (!all && g->budget && bytes > g->budget)
        g->near = g->near + 3 < NEAR_MOST ? g->near + 3 : NEAR_MOST;
    else if (!all && (!g->budget || bytes < g->budget * 3 / 4))
        g->near -= g->near > NEAR;
    g->exact = all && g->caps.quality == 0;
    g->full = false;
    return true;
}

const struct graphics_entry graphics_blocks_entry = {
    .name = "blocks",
    .supported = supported,
    .open = blocks_open,
    .encode = blocks_encode,
};
