/* sixel: palette-indexed pictures of ours through libsixel's encoder (never its loaders, decoder
 * or colour choice): one fixed palette a clip, no diffusion, so that still parts stay still. */
#include "ui/graphics/graphics.h"

#include <sixel/sixel.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/graphics/palette.h"

enum { COLOURS = 128 };

static bool supported(const struct graphics_caps *caps)
{
    return caps->sixel;
}

/* Size on the screen, the height cut to whole bands of 6 rows. */
static int screen_width(const struct graphics *g)
{
    return g->width / g->divide * g->scale;
}
static int screen_height(const struct graphics *g)
{
    return g->height / g->divide * g->scale / 6 * 6;
}

/* The largest whole factor, at most 4, that fits, else the smallest whole divisor. One row stays
 * free below: a picture that reaches the last row scrolls the screen. */
static bool sixel_open(struct graphics *g, const uint8_t *samples, int64_t count)
{
    const struct graphics_caps *caps = &g->caps;
    int room_x = caps->cols * caps->cell_width, room_y = (caps->rows - 2) * caps->cell_height;
    room_x = caps->sixel_width > 0 && caps->sixel_width < room_x ? caps->sixel_width : room_x;
    room_y = caps->sixel_height > 0 && caps->sixel_height < room_y ? caps->sixel_height : room_y;
    if (room_x <= 0 || room_y <= 0)
        return false;
    g->divide = 1;
    g->scale = 4;
    while (screen_width(g) > room_x || screen_height(g) > room_y) {
        g->divide += g->scale == 1;
        g->scale -= g->scale > 1;
    }
    int width = screen_width(g), height = screen_height(g);
    if (width == 0 || height == 0)
        return false;
    g->cols = (width + caps->cell_width - 1) / caps->cell_width;
    g->rows = (height + caps->cell_height - 1) / caps->cell_height;
    int colours = caps->registers >= 2 && caps->registers < COLOURS ? caps->registers : COLOURS;
    g->palette = palette_new(samples, count * g->width * g->height, colours);
    g->indexed = dn_malloc(dn_mul_or_abort((size_t)width, (size_t)height + 6));
    g->reduced = dn_malloc((size_t)width * 4); /* 3 bytes a pixel, then its index */
    return true;
}

static int take_bytes(char *data, int size, void *out)
{
    strbuf_append(out, data, (size_t)size);
    return size;
}

/* Row y of the picture divided by g->divide: out [width / divide, 3], means of squares. */
static void reduce_row(const struct graphics *g, const uint8_t *rgb, int y, uint8_t *out)
{
    int d = g->divide;
    for (int x = 0; x < g->width / d; x++)
        for (int c = 0; c < 3; c++) {
            int sum = 0;
            for (int64_t j = 0; j < d; j++)
                for (int i = 0; i < d; i++)
                    sum += rgb[((y * d + j) * g->width + x * d + i) * 3 + c];
            out[x * 3 + c] = (uint8_t)((sum + d * d / 2) / (d * d));
        }
}

/* Fills g->indexed, each pixel scale x scale times. */
static void map_scaled(struct graphics *g, const uint8_t *rgb)
{
    int width = screen_width(g), height = screen_height(g), columns = g->width / g->divide;
    uint8_t *index = g->reduced + (int64_t)columns * 3;
    for (int y = 0; y < height; y++) {
        uint8_t *to = g->indexed + (int64_t)y * width;
        if (y % g->scale) {
            memcpy(to, to - width, (size_t)width);
            continue;
        }
        reduce_row(g, rgb, y / g->scale, g->reduced);
        palette_map(g->palette, g->reduced, columns, index);
        for (int x = 0; x < width; x++)
            to[x] = index[x / g->scale];
    }
}

static bool sixel_frame(struct graphics *g, const uint8_t *rgb, struct strbuf *out,
                        struct dn_error *err)
{
    sixel_dither_t *dither = NULL;
    sixel_output_t *output = NULL;
    map_scaled(g, rgb);
    SIXELSTATUS status = sixel_dither_new(&dither, g->palette->count, NULL);
    if (SIXEL_SUCCEEDED(status))
        status = sixel_output_new(&output, take_bytes, out, NULL);
    if (SIXEL_SUCCEEDED(status)) {
        sixel_dither_set_palette(dither, &g->palette->colours[0][0]);
        sixel_dither_set_pixelformat(dither, SIXEL_PIXELFORMAT_PAL8);
        sixel_dither_set_diffusion_type(dither, SIXEL_DIFFUSE_NONE);
        status = sixel_encode(g->indexed, screen_width(g), screen_height(g), 8, dither, output);
    }
    sixel_output_unref(output);
    sixel_dither_unref(dither);
    if (SIXEL_FAILED(status))
        return dn_fail(err, DN_E_BACKEND, "cannot draw a frame as sixel: %s",
                       sixel_helper_format_error(status));
    return true;
}

const struct graphics_entry graphics_sixel_entry = {
    .name = "sixel",
    .supported = supported,
    .open = sixel_open,
    .encode = sixel_frame,
};
