/* kitty: the kitty graphics protocol (sw.kovidgoyal.net/kitty/graphics-protocol). The terminal
 * scales. kitty drops what it shows under a number with the first bytes of what replaces it, long
 * before the rest on a slow line; so two numbers take turns, and the old picture goes when the new one
 * is whole. Only direct data (t=d, the default), which works over any line and opens no file; q=2
 * keeps the terminal from answering into the keyboard. Pixels go through zlib where that makes them
 * fewer. */
#include "ui/graphics/graphics.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"

enum { CHUNK = 4096 }; /* base64 bytes a command, the protocol's limit */

static bool supported(const struct graphics_caps *caps)
{
    return caps->kitty;
}

/* At most 8 screen pixels a pixel, at least as many cells as fit. One row stays free below. */
static bool kitty_open(struct graphics *g, const uint8_t *samples, int64_t count)
{
    (void)samples;
    (void)count;
    int cell_width = g->caps.cell_width, cell_height = g->caps.cell_height;
    double room_x = (double)g->caps.cols * cell_width, room_y = (g->caps.rows - 2.0) * cell_height;
    double factor = 8;
    factor = factor * g->width > room_x ? room_x / g->width : factor;
    factor = factor * g->height > room_y ? room_y / g->height : factor;
    g->cols = (int)(factor * g->width / cell_width);
    g->rows = (int)(factor * g->height / cell_height);
    for (int i = 1; i < g->caps.quality; i++)
        g->divide *= g->width > 2 * g->divide && g->height > 2 * g->divide ? 2 : 1;
    return g->cols > 0 && g->rows > 0;
}

/* The frame as it is sent: divided, and of a line too slow for all of it the upper 5 bits a
 * channel, which zlib makes half as many bytes of. The caller frees. */
static uint8_t *prepare(const struct graphics *g, const uint8_t *rgb)
{
    int d = g->divide, width = g->width / d, height = g->height / d;
    uint8_t *out = dn_malloc((size_t)width * (size_t)height * 3);
    for (int y = 0; y < height; y++)
        graphics_reduce_row(g, rgb, y, out + (int64_t)y * width * 3);
    for (int64_t i = 0; g->caps.quality > 0 && i < (int64_t)width * height * 3; i++)
        out[i] = (uint8_t)((out[i] & 0xF8) | out[i] >> 5);
    return out;
}

/* size bytes as zlib makes them, *packed of them; NULL when that does not pay. The caller frees. */
static uint8_t *pack(const uint8_t *bytes, size_t size, size_t *packed)
{
    uLongf length = compressBound((uLong)size);
    uint8_t *out = dn_malloc(length);
    int status = compress2(out, &length, bytes, (uLong)size, Z_BEST_SPEED);
    *packed = length;
    if (status == Z_OK && length < size - size / 16)
        return out;
    free(out);
    return NULL;
}

static void append_base64(struct strbuf *out, const uint8_t *bytes, int64_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[CHUNK];
    size_t used = 0;
    for (int64_t i = 0; i < size; i += 3) {
        int left = size - i < 3 ? (int)(size - i) : 3;
        uint32_t v = (uint32_t)bytes[i] << 16 | (uint32_t)(left > 1 ? bytes[i + 1] : 0) << 8 |
                     (uint32_t)(left > 2 ? bytes[i + 2] : 0);
        text[used++] = digits[v >> 18];
        text[used++] = digits[v >> 12 & 63];
        text[used++] = left > 1 ? digits[v >> 6 & 63] : '=';
        text[used++] = left > 2 ? digits[v & 63] : '=';
    }
    strbuf_append(out, text, used);
}

/* Other programs on the same screen have pictures too. */
static int picture_id(const struct graphics *g, int turn)
{
    return ((int)(getpid() & 0xFFFF) + 1) * 64 + g->number % 32 * 2 + turn % 2;
}

static void forget(const struct graphics *g, int turn, struct strbuf *out)
{
    strbuf_printf(out, "\033_Ga=d,d=I,i=%d,q=2\033\\", picture_id(g, turn));
}

static bool kitty_encode(struct graphics *g, const uint8_t *rgb, struct strbuf *out,
                         struct dn_error *err)
{
    (void)err;
    enum { PIECE = CHUNK / 4 * 3 };
    int width = g->width / g->divide, height = g->height / g->divide;
    size_t packed = 0, raw = (size_t)width * (size_t)height * 3;
    uint8_t *pixels = prepare(g, rgb), *small = pack(pixels, raw, &packed);
    const uint8_t *bytes = small ? small : pixels;
    int64_t size = (int64_t)(small ? packed : raw);
    for (int64_t at = 0; at < size; at += PIECE) {
        int64_t piece = size - at < PIECE ? size - at : PIECE;
        int more = at + piece < size;
        graphics_may_cut(g, out);
        if (at == 0)
            strbuf_printf(out, "\033_Ga=T,i=%d,p=1,q=2,C=1,f=24%s,s=%d,v=%d,c=%d,r=%d,m=%d;",
                          picture_id(g, g->turn), small ? ",o=z" : "", width, height, g->cols, g->rows,
                          more);
        else
            strbuf_printf(out, "\033_Gq=2,m=%d;", more);
        append_base64(out, bytes + at, piece);
        strbuf_append_text(out, "\033\\");
    }
    free(small);
    free(pixels);
    forget(g, ++g->turn, out);
    g->exact = g->caps.quality == 0;
    return true;
}

static void kitty_remove(struct graphics *g, struct strbuf *out)
{
    for (int turn = 0; turn < 2; turn++)
        forget(g, turn, out);
}

const struct graphics_entry graphics_kitty_entry = {
    .name = "kitty",
    .supported = supported,
    .open = kitty_open,
    .encode = kitty_encode,
    .remove = kitty_remove,
};
