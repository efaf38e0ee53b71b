/* sixel: palette-indexed pictures of ours through libsixel's encoder (never its loaders, decoder
 * or colour choice): one fixed palette a clip, no diffusion, so that still parts stay still. */
#include "ui/graphics/graphics.h"

#include <sixel/sixel.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/graphics/palette.h"
#include "ui/graphics/sixel_changes.h"

/* NEAR: a pixel that is as near to the colour shown keeps it: noise that nobody sees costs nothing.
 * A clip whose pictures of changes are longer than ENOUGH bytes is given more of it, up to NEAR_MOST,
 * which leaves 30 dB of a meadow that pans (tests/ui/test_picture_numbers); one whose are short is
 * given less on a quick line, down to NEAR_LEAST, as smooth skies show the streaks of what has gone by. */
enum { COLOURS = 128, FEW_COLOURS = 64, NEAR = 8, NEAR_LEAST = 4, NEAR_MOST = 27, ENOUGH = 64000 };

static bool supported(const struct graphics_caps *caps)
{
    return caps->sixel;
}

/* Size on the screen, the height cut to whole bands of 6 rows; and in pixels of the picture. */
static int screen_width(const struct graphics *g)
{
    return g->width / g->divide * g->scale;
}
static int screen_height(const struct graphics *g)
{
    return g->height / g->divide * g->scale / 6 * 6;
}
static int picture_columns(const struct graphics *g)
{
    return g->width / g->divide;
}
static int picture_lines(const struct graphics *g)
{
    return (screen_height(g) + g->scale - 1) / g->scale;
}

/* The largest whole factor, at most 8, that fits, else the smallest whole divisor. One row stays
 * free below: a picture that reaches the last row scrolls the screen. */
static bool sixel_open(struct graphics *g, const uint8_t *samples, int64_t count)
{
    const struct graphics_caps *caps = &g->caps;
    int room_x = caps->cols * caps->cell_width, room_y = (caps->rows - 2) * caps->cell_height;
    room_x = caps->sixel_width > 0 && caps->sixel_width < room_x ? caps->sixel_width : room_x;
    room_y = caps->sixel_height > 0 && caps->sixel_height < room_y ? caps->sixel_height : room_y;
    for (int i = 1; i < caps->quality; i++) {
        room_x /= 2;
        room_y /= 2;
    }
    if (room_x <= 0 || room_y <= 0)
        return false;
    g->divide = 1;
    g->scale = 8;
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
    g->indexed = dn_malloc((size_t)picture_columns(g) * (size_t)picture_lines(g));
    g->reduced = dn_malloc((size_t)picture_columns(g) * 3);
    g->near = NEAR;
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

/* In the dark less is seen as a difference (Weber): a quarter of near at black, all of it from
 * half bright on. */
static int near_of(const uint8_t *rgb, int near)
{
    int most = rgb[0] > rgb[1] ? rgb[0] : rgb[1];
    most = most > rgb[2] ? most : rgb[2];
    return most >= 128 ? near : near * (128 + 3 * most) / 512;
}

static bool is_near(const uint8_t *rgb, const uint8_t *colour, int near)
{
    near = near_of(rgb, near);
    return abs(rgb[0] - colour[0]) <= near && abs(rgb[1] - colour[1]) <= near &&
           abs(rgb[2] - colour[2]) <= near;
}

/* Pixels of line y that differ little from the colour shown keep it. */
static void keep_near(const struct graphics *g, int y, uint8_t *index)
{
    const uint8_t *shown = g->shown + (int64_t)y * picture_columns(g);
    for (int x = 0; x < picture_columns(g); x++)
        if (index[x] != shown[x] &&
            is_near(g->reduced + x * 3, g->palette->colours[shown[x]], g->near))
            index[x] = shown[x];
}

/* And where that is not enough, pixels take the colour of the one before them: fewer, longer runs. */
static void join_near(const struct graphics *g, uint8_t *index)
{
    for (int x = 1; x < picture_columns(g); x++)
        if (index[x] != index[x - 1] &&
            is_near(g->reduced + x * 3, g->palette->colours[index[x - 1]], g->near - NEAR / 2))
            index[x] = index[x - 1];
}

/* Fills g->indexed. */
static void map(struct graphics *g, const uint8_t *rgb, bool full)
{
    for (int y = 0; y < picture_lines(g); y++) {
        uint8_t *index = g->indexed + (int64_t)y * picture_columns(g);
        graphics_reduce_row(g, rgb, y, g->reduced);
        palette_map(g->palette, g->reduced, picture_columns(g), index);
        if (g->near > NEAR)
            join_near(g, index);
        if (!full)
            keep_near(g, y, index);
    }
}

/* g->indexed with each pixel scale x scale times, and room for libsixel's last band. The caller
 * frees. */
static uint8_t *scale_up(const struct graphics *g)
{
    int width = screen_width(g), height = screen_height(g);
    uint8_t *out = dn_malloc(dn_mul_or_abort((size_t)width, (size_t)height + 6));
    for (int y = 0; y < height; y++) {
        const uint8_t *from = g->indexed + (int64_t)(y / g->scale) * picture_columns(g);
        uint8_t *to = out + (int64_t)y * width;
        for (int x = 0; y % g->scale == 0 && x < width; x++)
            to[x] = from[x / g->scale];
        if (y % g->scale)
            memcpy(to, to - width, (size_t)width);
    }
    return out;
}

/* All of g->indexed. */
static bool full_frame(struct graphics *g, struct strbuf *out, struct dn_error *err)
{
    sixel_dither_t *dither = NULL;
    sixel_output_t *output = NULL;
    uint8_t *pixels = scale_up(g);
    SIXELSTATUS status = sixel_dither_new(&dither, g->palette->count, NULL);
    if (SIXEL_SUCCEEDED(status))
        status = sixel_output_new(&output, take_bytes, out, NULL);
    if (SIXEL_SUCCEEDED(status)) {
        sixel_dither_set_palette(dither, &g->palette->colours[0][0]);
        sixel_dither_set_pixelformat(dither, SIXEL_PIXELFORMAT_PAL8);
        sixel_dither_set_diffusion_type(dither, SIXEL_DIFFUSE_NONE);
        status = sixel_encode(pixels, screen_width(g), screen_height(g), 8, dither, output);
    }
    sixel_output_unref(output);
    sixel_dither_unref(dither);
    free(pixels);
    if (SIXEL_FAILED(status))
        return dn_fail(err, DN_E_BACKEND, "cannot draw a frame as sixel: %s",
                       sixel_helper_format_error(status));
    return true;
}

static bool sixel_frame(struct graphics *g, const uint8_t *rgb, struct strbuf *out,
                        struct dn_error *err)
{
    size_t size = (size_t)picture_columns(g) * (size_t)picture_lines(g), before = out->length;
    bool full = g->full || !g->shown || !g->caps.sixel_keeps, ok = true;
    if (!g->shown && g->budget && g->budget < ENOUGH / 2)
        g->near = NEAR_MOST; /* the line is known to be slow */
    bool exact = g->near <= NEAR;
    map(g, rgb, full);
    if (full && (g->piece == 0 || !g->caps.sixel_keeps)) /* mlterm: a piece erases those before */
        ok = full_frame(g, out, err);
    else
        sixel_changes(g, g->indexed, full ? NULL : g->shown, out);
    size_t bytes = out->length - before, enough = g->budget ? g->budget : ENOUGH;
    enough = enough < ENOUGH ? enough : ENOUGH;
    int least = enough == ENOUGH && bytes < ENOUGH / 3 ? NEAR_LEAST : NEAR; /* a quick line */
    if (!full && bytes > 2 * enough)
        g->near = NEAR_MOST;
    else if (!full && bytes > enough)
        g->near = g->near + 3 < NEAR_MOST ? g->near + 3 : NEAR_MOST;
    else if (!full && bytes < enough * 3 / 4)
        g->near -= g->near > least;
    g->near = g->near < least ? least : g->near;
    g->shown = g->shown ? g->shown : dn_malloc(size);
    memcpy(g->shown, g->indexed, size);
    g->exact = full && exact && g->caps.quality == 0;
    g->full = false;
    return ok;
}

const struct graphics_entry graphics_sixel_entry = {
    .name = "sixel",
    .supported = supported,
    .open = sixel_open,
    .encode = sixel_frame,
};
