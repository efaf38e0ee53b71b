/* kitty: the kitty graphics protocol (sw.kovidgoyal.net/kitty/graphics-protocol). The terminal
 * scales; each frame replaces the last under the same number. Only direct data, which works over
 * any line; q=2 keeps the terminal from answering into the keyboard. */
#include "ui/graphics/graphics.h"

#include <string.h>
#include <unistd.h>

enum { CHUNK = 4096 }; /* base64 bytes a command, the protocol's limit */

static bool supported(const struct graphics_caps *caps)
{
    return caps->kitty;
}

/* At most 4 screen pixels a pixel, at least as many cells as fit. One row stays free below. */
static bool kitty_open(struct graphics *g, const uint8_t *samples, int64_t count)
{
    (void)samples;
    (void)count;
    int cell_width = g->caps.cell_width, cell_height = g->caps.cell_height;
    double room_x = (double)g->caps.cols * cell_width, room_y = (g->caps.rows - 2.0) * cell_height;
    double factor = 4;
    factor = factor * g->width > room_x ? room_x / g->width : factor;
    factor = factor * g->height > room_y ? room_y / g->height : factor;
    g->cols = (int)(factor * g->width / cell_width);
    g->rows = (int)(factor * g->height / cell_height);
    return g->cols > 0 && g->rows > 0;
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
static int picture_id(const struct graphics *g)
{
    return ((int)(getpid() & 0xFFFF) + 1) * 64 + g->number % 64;
}

static bool kitty_encode(struct graphics *g, const uint8_t *rgb, struct strbuf *out,
                         struct dn_error *err)
{
    (void)err;
    int id = picture_id(g);
    int64_t size = (int64_t)g->width * g->height * 3;
    enum { PIECE = CHUNK / 4 * 3 };
    for (int64_t at = 0; at < size; at += PIECE) {
        int64_t piece = size - at < PIECE ? size - at : PIECE;
        int more = at + piece < size;
        if (at == 0)
            strbuf_printf(out, "\033_Ga=T,i=%d,p=1,q=2,C=1,f=24,s=%d,v=%d,c=%d,r=%d,m=%d;", id,
                          g->width, g->height, g->cols, g->rows, more);
        else
            strbuf_printf(out, "\033_Gq=2,m=%d;", more);
        append_base64(out, rgb + at, piece);
        strbuf_append_text(out, "\033\\");
    }
    return true;
}

static void kitty_remove(struct graphics *g, struct strbuf *out)
{
    strbuf_printf(out, "\033_Ga=d,d=I,i=%d,q=2\033\\", picture_id(g));
}

const struct graphics_entry graphics_kitty_entry = {
    .name = "kitty",
    .supported = supported,
    .open = kitty_open,
    .encode = kitty_encode,
    .remove = kitty_remove,
};
