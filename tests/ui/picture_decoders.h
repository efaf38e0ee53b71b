/* picture_decoders: pictures read back as a terminal reads them. They share nothing with the code
 * that writes them, and are strict: what they do not know is refused. */
#ifndef DANAUS_TESTS_UI_PICTURE_DECODERS_H
#define DANAUS_TESTS_UI_PICTURE_DECODERS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/strbuf.h"

/* A sixel picture as a terminal reads it. */
struct sixel {
    const char *p;
    int width, height;
    uint8_t *rgb;
    uint8_t colours[256][3];
    int painted;   /* pixels set at least once */
    int repainted; /* set once more, to another colour */
    uint8_t *set;
};

static int number(struct sixel *s)
{
    int value = 0;
    while (*s->p >= '0' && *s->p <= '9')
        value = value * 10 + *s->p++ - '0';
    return value;
}

/* #n chooses a colour, #n;2;r;g;b defines one, which is not chosen by that (as in xterm). */
static int sixel_colour(struct sixel *s, int chosen)
{
    s->p++;
    int n = number(s) & 255;
    if (*s->p != ';') {
        chosen = n;
    } else {
        int v[4] = {0};
        for (int i = 0; i < 4 && *s->p == ';'; i++) {
            s->p++;
            v[i] = number(s);
        }
        for (int c = 0; c < 3; c++)
            s->colours[n][c] = (uint8_t)((v[c + 1] * 255 + 50) / 100);
    }
    return chosen;
}

/* Paints one sixel repeat times; false when it leaves the picture. */
static bool paint(struct sixel *s, int bits, int repeat, int colour, int *x, int band)
{
    for (; repeat > 0; repeat--, (*x)++)
        for (int k = 0; k < 6; k++) {
            if (!(bits >> k & 1))
                continue;
            int y = band * 6 + k;
            if (*x >= s->width || y >= s->height)
                return false;
            uint8_t *pixel = s->rgb + (y * s->width + *x) * 3;
            s->repainted += s->set[y * s->width + *x] && memcmp(pixel, s->colours[colour], 3) != 0;
            memcpy(pixel, s->colours[colour], 3);
            s->painted += !s->set[y * s->width + *x];
            s->set[y * s->width + *x] = 1;
        }
    return true;
}

/* Decodes text, which must be one whole sixel string with raster attributes. */
static inline bool decode_sixel(const char *text, struct sixel *s)
{
    memset(s, 0, sizeof *s);
    s->p = text;
    if (strncmp(s->p, "\033P", 2) != 0 || !(s->p = strchr(s->p, 'q')) || s->p[1] != '"')
        return false;
    int raster[4];
    s->p += 2;
    for (int i = 0; i < 4; i++, s->p += *s->p == ';')
        raster[i] = number(s);
    s->width = raster[2];
    s->height = raster[3];
    s->rgb = dn_calloc((size_t)s->width * (size_t)s->height, 3);
    s->set = dn_calloc((size_t)s->width * (size_t)s->height, 1);
    int x = 0, band = 0, colour = 0;
    while (*s->p && *s->p != '\033') {
        if (*s->p == '#') {
            colour = sixel_colour(s, colour);
        } else if (*s->p == '$') {
            x = 0;
            s->p++;
        } else if (*s->p == '-') {
            x = 0;
            band++;
            s->p++;
        } else {
            int repeat = 1;
            if (*s->p == '!') {
                s->p++;
                repeat = number(s);
            }
            if (*s->p < '?' || *s->p > '~' || !paint(s, *s->p - '?', repeat, colour, &x, band))
                return false;
            s->p++;
        }
    }
    return strcmp(s->p, "\033\\") == 0;
}

static inline void sixel_free(struct sixel *s)
{
    free(s->rgb);
    free(s->set);
}

/* What a terminal shows that keeps the pixels which s leaves out; takes s over. */
static inline void sixel_over(struct sixel *shown, struct sixel *s)
{
    if (!shown->rgb || shown->width != s->width || shown->height != s->height) {
        sixel_free(shown);
        *shown = *s;
        return;
    }
    for (int i = 0; i < s->width * s->height; i++)
        if (s->set[i]) {
            memcpy(shown->rgb + i * 3, s->rgb + i * 3, 3);
            shown->painted += !shown->set[i];
            shown->set[i] = 1;
        }
    sixel_free(s);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Appends what length base64 digits (padding included) hold; false when they are malformed. */
static inline bool decode_base64(const char *text, size_t length, struct strbuf *out)
{
    if (length % 4)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        int pad = (text[i + 3] == '=') + (text[i + 2] == '=');
        uint32_t v = 0;
        for (int k = 0; k < 4; k++) {
            int digit = base64_digit(text[i + (size_t)k]);
            if (digit < 0 && k < 4 - pad)
                return false;
            v = v << 6 | (uint32_t)(digit < 0 ? 0 : digit);
        }
        const char bytes[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        strbuf_append(out, bytes, (size_t)(3 - pad));
    }
    return true;
}

/* A picture of kitty's protocol, sent directly. */
struct kitty {
    uint32_t id;
    int width, height, cols, rows;
    bool packed, in_cells;
    uint32_t freed; /* the number that is freed behind it */
    struct strbuf pixels;
};

/* The keys of a command up to its ;, each known and with a value that may be there. */
static bool kitty_keys(const char *p, const char *end, bool first, struct kitty *k, bool *more)
{
    *more = true;
    while (p < end) {
        char key = p[0], *after;
        long value = strtol(p + 2, &after, 10);
        const bool fixed = (key == 'a' && p[2] == 'T') || (key == 'o' && p[2] == 'z');
        after = fixed ? (char *)p + 3 : after;
        if (p[1] != '=' || after == p + 2 || (*after != ',' && after != end))
            return false;
        if (key == 'm')
            *more = value == 1;
        else if (key == 'q' ? value != 2 : !first)
            return false; /* it would answer, or describes twice */
        else if (key == 'i')
            k->id = (uint32_t)value;
        else if (key == 's')
            k->width = (int)value;
        else if (key == 'v')
            k->height = (int)value;
        else if (key == 'c')
            k->cols = (int)value;
        else if (key == 'r')
            k->rows = (int)value;
        else if (key == 'o')
            k->packed = true;
        else if (key == 'U' && value == 1)
            k->in_cells = true;
        else if (!(fixed || key == 'q' || (key == 'p' && value == 1) ||
                   (key == 'C' && value == 1) || (key == 'f' && value == 24)))
            return false; /* t= among them: files and shared memory */
        p = after + 1;
    }
    return true;
}

/* What tmux passes on of text, and what it draws itself; false: it is cut. The caller frees both. */
static inline bool unwrap_tmux(const char *text, struct strbuf *passed, struct strbuf *drawn)
{
    static const char begin[] = "\033Ptmux;";
    for (bool inside = false;; text++) {
        if (!inside && strncmp(text, begin, sizeof begin - 1) == 0) {
            inside = true;
            text += sizeof begin - 2;
        } else if (inside && strncmp(text, "\033\\", 2) == 0) {
            inside = false;
            text++;
        } else if (!*text || (inside && *text == '\033' && *++text != '\033')) {
            return !inside;
        } else {
            strbuf_append(inside ? passed : drawn, text, 1);
        }
    }
}

/* Decodes text, which must be one whole picture and may free another one. The caller frees pixels. */
static inline bool decode_kitty(const char *text, struct kitty *k)
{
    struct strbuf bytes = {0};
    bool more = true;
    memset(k, 0, sizeof *k);
    for (bool first = true; *text; first = false) {
        const char *body = strchr(text, ';'), *end = strstr(text, "\033\\");
        if (!more || strncmp(text, "\033_G", 3) != 0 || !body || !end || body > end ||
            end - body - 1 > 4096 || !kitty_keys(text + 3, body, first, k, &more) ||
            !decode_base64(body + 1, (size_t)(end - body - 1), &bytes))
            break;
        text = end + 2;
        int length = 0;
        if (!more && sscanf(text, "\033_Ga=d,d=I,i=%u,q=2\033\\%n", &k->freed, &length) == 1)
            text += length;
    }
    if (k->packed && !*text) {
        uLongf size = (uLongf)k->width * (uLongf)k->height * 3 + 1;
        uint8_t *pixels = dn_malloc(size);
        if (uncompress(pixels, &size, (const uint8_t *)bytes.data, bytes.length) == Z_OK)
            strbuf_append(&k->pixels, pixels, size);
        free(pixels);
        strbuf_done(&bytes);
    } else {
        k->pixels = bytes;
    }
    return !more && !*text && k->id > 0 && k->cols > 0 && k->rows > 0 &&
           k->pixels.length == (size_t)k->width * (size_t)k->height * 3;
}

#endif
