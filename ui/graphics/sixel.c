/* sixel: palette-indexed pictures of ours through libsixel's encoder (never its loaders, decoder
 * or colour choice): one fixed palette a clip, no diffusion, so that still parts stay still. */
#include "ui/graphics/graphics.h"

#include <sixel/sixel.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/graphics/palette.h"
#include "ui/graphics/sixel_changes.h"

/* NEAR: a pixel that is as near to the colour shown keeps it: noise that nobody sees costs nothing. */
enum { COLOURS = 128, FEW_COLOURS = 64, NEAR = 8 };

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
    if (caps->quality > 1) {
        room_x /= 2;
        room_y /= 2;
    }
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
    int colours = caps->quality > 0 ? FEW_COLOURS : COLOURS;
    colours = caps->registers >= 2 && caps->registers < colours ? caps->registers : colours;
    g->palette = palette_new(samples, count * g->width * g->height, colours);
    g->indexed = dn_malloc(dn_mul_or_abort((size_t)width, (size_t)height + 6));
    g->reduced = dn_malloc((size_t)width * 4); /* 3 bytes a pixel, then its index */
    return true;
}

/* libsixel's header lets the terminal clear what lies below; a picture that others build on says
 * like them that it does not. */
static int take_bytes(char *data, int size, void *context)
{
    static const char theirs[] = "\033Pq", ours[] = "\033P0;1;0q";
    struct strbuf *out = context;
    int skip = size >= 3 && memcmp(data, theirs, 3) == 0 ? 3 : 0;
    if (skip)
        strbuf_append_text(out, ours);
    strbuf_append(out, data + skip, (size_t)(size - skip));
    return size;
}

/* Pixels [columns] of a row that differ little from the colour shown keep it. */
static void keep_near(const struct graphics *g, int y, int columns, uint8_t *index)
{
    const uint8_t *shown = g->shown + (int64_t)y * screen_width(g);
    for (int x = 0; x < columns; x++) {
        int before = shown[x * g->scale];
        const uint8_t *colour = g->palette->colours[before], *rgb = g->reduced + x * 3;
        if (index[x] != before && abs(rgb[0] - colour[0]) <= NEAR &&
            abs(rgb[1] - colour[1]) <= NEAR && abs(rgb[2] - colour[2]) <= NEAR)
            index[x] = (uint8_t)before;
    }
}

/* Fills g->indexed, each pixel scale x scale times. */
static void map_scaled(struct graphics *g, const uint8_t *rgb, bool full)
{
    int width = screen_width(g), height = screen_height(g), columns = g->width / g->divide;
    uint8_t *index = g->reduced + (int64_t)columns * 3;
    for (int y = 0; y < height; y++) {
        uint8_t *to = g->indexed + (int64_t)y * width;
        if (y % g->scale) {
            memcpy(to, to - width, (size_t)width);
            continue;
        }
        graphics_reduce_row(g, rgb, y / g->scale, g->reduced);
        palette_map(g->palette, g->reduced, columns, index);
        if (!full)
            keep_near(g, y, columns, index);
        for (int x = 0; x < width; x++)
            to[x] = index[x / g->scale];
    }
}

/* All of g->indexed. */
static bool full_frame(struct graphics *g, struct strbuf *out, struct dn_error *err)
{
    sixel_dither_t *dither = NULL;
    sixel_output_t *output = NULL;
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

static bool sixel_frame(struct graphics *g, const uint8_t *rgb, struct strbuf *out,
                        struct dn_error *err)
{
    size_t size = (size_t)screen_width(g) * (size_t)screen_height(g);
    bool full = g->full || !g->shown || !g->caps.sixel_keeps, ok = true;
    map_scaled(g, rgb, full);
    if (full && g->piece == 0)
        ok = full_frame(g, out, err);
    else
        sixel_changes(g, g->indexed, full ? NULL : g->shown, screen_width(g), screen_height(g), out);
    g->shown = g->shown ? g->shown : dn_malloc(size);
    memcpy(g->shown, g->indexed, size);
    g->full = false;
    return ok;
}

const struct graphics_entry graphics_sixel_entry = {
    .name = "sixel",
    .supported = supported,
    .open = sixel_open,
    .encode = sixel_frame,
};
