/* kitty: the kitty graphics protocol (sw.kovidgoyal.net/kitty/graphics-protocol). The terminal
 * scales. kitty drops what it shows under a number with the first bytes of what replaces it, long
 * before the rest on a slow line; so two numbers take turns, and the old picture goes when the new one
 * is whole. Only direct data (t=d, the default), which works over any line and opens no file; q=2
 * keeps the terminal from answering into the keyboard. Pixels go through zlib where that makes them
 * fewer. Through tmux only the pixels go past it; where they are seen is text (see placeholders.h). */
#include "ui/graphics/graphics.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "ui/graphics/placeholders.h"
#include "ui/graphics/tmux.h"

enum { CHUNK = 4096 }; /* base64 bytes a command, the protocol's limit */

static bool supported(const struct graphics_caps *caps)
{
    return caps->kitty && (caps->utf8 || !caps->tmux);
}

/* At most 8 screen pixels a pixel, at least as many cells as fit. One row stays free below. */
static bool kitty_open(struct graphics *g, const uint8_t *samples, int64_t count)
{
    (void)samples;
    (void)count;
    int cell_width = g->caps.cell_width, cell_height = g->caps.cell_height;
    double room_x = (double)g->caps.cols * cell_width, room_y = (g->caps.rows - 2.0) * cell_height;
    double most_x = PLACEHOLDERS_MOST * cell_width, most_y = PLACEHOLDERS_MOST * cell_height;
    room_x = g->caps.tmux && room_x > most_x ? most_x : room_x;
    room_y = g->caps.tmux && room_y > most_y ? most_y : room_y;
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

/* Other programs on the same screen have pictures too. Through tmux a number is one that placeholders
 * can tell, and none of the 16 colours that it may send in another way. */
static uint32_t picture_id(const struct graphics *g, int turn)
{
    uint32_t own = (uint32_t)(g->number % 32 * 2 + turn % 2), pid = (uint32_t)getpid();
    return g->caps.tmux ? (pid % 255 + 1) << 24 | (16 + pid / 255 % 3 * 64 + own)
                        : ((pid & 0xFFFF) + 1) * 64 + own;
}

/* A whole command, past tmux if there is one. */
static void put(struct graphics *g, const struct strbuf *command, struct strbuf *out)
{
    if (g->caps.tmux) {
        tmux_wrap(out, command->data, command->length);
        g->passed += command->length;
    } else {
        strbuf_append(out, command->data, command->length);
    }
}

static void forget(struct graphics *g, int turn, struct strbuf *out)
{
    struct strbuf command = {0};
    strbuf_printf(&command, "\033_Ga=d,d=I,i=%u,q=2\033\\", picture_id(g, turn));
    put(g, &command, out);
    strbuf_done(&command);
}

/* The cells that show the picture. */
static void put_cells(const struct graphics *g, struct strbuf *out)
{
    for (int row = 0; row < g->rows; row++) {
        strbuf_printf(out, "\033[%d;%dH", g->row + row, g->col);
        placeholders_append_row(out, picture_id(g, g->turn), row, g->cols);
    }
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
    struct strbuf command = {0};
    g->passed = 0;
    for (int64_t at = 0; at < size; at += PIECE) {
        int64_t piece = size - at < PIECE ? size - at : PIECE;
        int more = at + piece < size;
        graphics_may_cut(g, out);
        command.length = 0;
        if (at == 0)
            strbuf_printf(&command, "\033_Ga=T,i=%u%s,q=2,C=1,f=24%s,s=%d,v=%d,c=%d,r=%d,m=%d;",
                          picture_id(g, g->turn), g->caps.tmux ? ",U=1" : ",p=1",
                          small ? ",o=z" : "", width, height, g->cols, g->rows, more);
        else
            strbuf_printf(&command, "\033_Gq=2,m=%d;", more);
        append_base64(&command, bytes + at, piece);
        strbuf_append_text(&command, "\033\\");
        put(g, &command, out);
    }
    strbuf_done(&command);
    if (g->caps.tmux)
        put_cells(g, out);
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
