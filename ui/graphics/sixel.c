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

/* The largest whole factor, at most 4, that fits; the height is a multiple of 6 (bands), and one
 * row stays free below, for a picture that reaches the last row scrolls the screen. */
static bool sixel_open(struct graphics *g, const uint8_t *samples, int64_t count)
{
    const struct graphics_caps *caps = &g->caps;
    int room_x = caps->cols * caps->cell_width, room_y = (caps->rows - 2) * caps->cell_height;
    room_x = caps->sixel_width > 0 && caps->sixel_width < room_x ? caps->sixel_width : room_x;
    room_y = caps->sixel_height > 0 && caps->sixel_height < room_y ? caps->sixel_height : room_y;
    for (g->scale = 4; g->scale > 0; g->scale--)
        if (g->scale * g->width <= room_x && g->scale * g->height <= room_y)
            break;
    int height = g->scale * g->height / 6 * 6;
    if (g->scale == 0 || height == 0)
        return false;
    g->cols = (g->scale * g->width + caps->cell_width - 1) / caps->cell_width;
    g->rows = (height + caps->cell_height - 1) / caps->cell_height;
    int colours = caps->registers >= 2 && caps->registers < COLOURS ? caps->registers : COLOURS;
    g->palette = palette_new(samples, count * g->width * g->height, colours);
    g->indexed = dn_malloc(dn_mul_or_abort((size_t)(g->scale * g->width), (size_t)height + 6));
    return true;
}

static int take_bytes(char *data, int size, void *out)
{
    strbuf_append(out, data, (size_t)size);
    return size;
}

/* Maps rgb to indices, each pixel scale x scale times; returns the height, a multiple of 6. */
static int map_scaled(struct graphics *g, const uint8_t *rgb)
{
    int width = g->scale * g->width, height = g->scale * g->height / 6 * 6;
    uint8_t *row = dn_malloc((size_t)g->width);
    for (int y = 0; y < height; y++) {
        uint8_t *to = g->indexed + (int64_t)y * width;
        if (y % g->scale) {
            memcpy(to, to - width, (size_t)width);
            continue;
        }
        palette_map(g->palette, rgb + (int64_t)(y / g->scale) * g->width * 3, g->width, row);
        for (int x = 0; x < width; x++)
            to[x] = row[x / g->scale];
    }
    free(row);
    return height;
}

static bool sixel_frame(struct graphics *g, const uint8_t *rgb, struct strbuf *out,
                        struct dn_error *err)
{
    sixel_dither_t *dither = NULL;
    sixel_output_t *output = NULL;
    int height = map_scaled(g, rgb);
    SIXELSTATUS status = sixel_dither_new(&dither, g->palette->count, NULL);
    if (SIXEL_SUCCEEDED(status))
        status = sixel_output_new(&output, take_bytes, out, NULL);
    if (SIXEL_SUCCEEDED(status)) {
        sixel_dither_set_palette(dither, &g->palette->colours[0][0]);
        sixel_dither_set_pixelformat(dither, SIXEL_PIXELFORMAT_PAL8);
        sixel_dither_set_diffusion_type(dither, SIXEL_DIFFUSE_NONE);
        status = sixel_encode(g->indexed, g->scale * g->width, height, 8, dither, output);
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
