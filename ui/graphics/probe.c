/* probe: see probe.h */
#include "ui/graphics/probe.h"

#include <stdio.h>
#include <string.h>

enum { GROUND, ESCAPE, CSI, STRING, STRING_ESCAPE };

#define NAME "\033[>0q"                                    /* XTVERSION */
#define KITTY "\033_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\033\\" /* kitty: may I send a pixel? */
#define OTHERS                                                                                     \
    "\033[?1;1;0S\033[?2;1;0S\033[?2;4;0S" /* registers, size now, largest size */                 \
    "\033[14t\033[16t"                     /* window and cell, px */                               \
    "\033[?2026$p"                         /* synchronised output */                               \
    "\033[c"                               /* DA1, the fence */

const char *probe_questions(bool multiplexer)
{
    return multiplexer ? NAME OTHERS : NAME KITTY OTHERS;
}

const char *probe_acknowledge(void)
{
    return "\033[5n";
}

/* kitty 0.26 loses an ESC that comes first behind it when it is also the last byte of a read. */
const char *probe_sync(void)
{
    return "\033[?2026h\r";
}

/* Numbers between ; of text[0..length): at most PROBE_PARAMETERS, each at most 65535. Anything
 * that is no digit ends the list. */
static int parse_parameters(const char *text, size_t length, int out[PROBE_PARAMETERS])
{
    int count = 0;
    out[0] = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == ';') {
            if (++count == PROBE_PARAMETERS)
                return count;
            out[count] = 0;
        } else if (text[i] >= '0' && text[i] <= '9') {
            out[count] = out[count] * 10 + text[i] - '0';
            out[count] = out[count] > 65535 ? 65535 : out[count];
        } else {
            break;
        }
    }
    return count + 1;
}

static void take_graphics(struct probe *probe, const int *p, int count)
{
    if (count >= 3 && p[0] == 1 && p[1] == 0)
        probe->registers = p[2];
    if (count >= 4 && p[0] == 2 && p[1] == 0 && probe->graphics_sizes < 2) {
        probe->graphics_size[probe->graphics_sizes][0] = p[2];
        probe->graphics_size[probe->graphics_sizes][1] = p[3];
        probe->graphics_sizes++;
    }
}

/* A whole CSI sequence: probe->text holds what stands between `CSI` and the final byte. */
static void take_csi(struct probe *probe, char final)
{
    const char *text = probe->text;
    bool question = probe->length > 0 && text[0] == '?';
    int p[PROBE_PARAMETERS];
    int count = parse_parameters(text + question, probe->length - question, p);
    if (question && final == 'c') {
        for (int i = 0; i < count; i++)
            probe->sixel = probe->sixel || p[i] == 4;
        probe->done = true;
    } else if (question && final == 'S') {
        take_graphics(probe, p, count);
    } else if (question && final == 'y' && count >= 2 && p[0] == 2026) {
        probe->sync = p[1] == 1 || p[1] == 2;
    } else if (!question && final == 't' && count >= 3 && p[0] == 4) {
        probe->window_height = p[1];
        probe->window_width = p[2];
    } else if (!question && final == 't' && count >= 3 && p[0] == 6) {
        probe->cell_height = p[1];
        probe->cell_width = p[2];
    } else if (!question && final == 'n' && count == 1 && p[0] == 0) {
        probe->acknowledged++;
    }
}

/* A whole string; probe->text begins with its introducer: P DCS, _ APC, ] OSC, ^ PM, X SOS. */
static void take_string(struct probe *probe)
{
    probe->text[probe->length] = '\0';
    if (strncmp(probe->text, "P>|", 3) == 0) {
        size_t n = strlen(probe->text + 3);
        n = n < sizeof probe->version - 1 ? n : sizeof probe->version - 1;
        memcpy(probe->version, probe->text + 3, n);
        probe->version[n] = '\0';
    } else if (strcmp(probe->text, "_Gi=31;OK") == 0) {
        probe->kitty = true;
    }
}

static void keep(struct probe *probe, char c)
{
    if (probe->length < PROBE_STRING_MAX - 1)
        probe->text[probe->length++] = c;
}

static void feed_escape(struct probe *probe, char c)
{
    probe->length = 0;
    probe->state = GROUND;
    if (c == '[') {
        probe->state = CSI;
    } else if (strchr("P_]^X", c) && c) {
        probe->state = STRING;
        keep(probe, c);
    } else if (c == '\033') {
        probe->state = ESCAPE;
    }
}

static void feed_byte(struct probe *probe, char c)
{
    switch (probe->state) {
    case GROUND:
        if (c == '\033')
            probe->state = ESCAPE;
        else
            probe->key = (unsigned char)c;
        break;
    case ESCAPE:
        feed_escape(probe, c);
        break;
    case CSI:
        if (c == '\033') {
            probe->state = ESCAPE;
        } else if (c >= 0x40 && c <= 0x7E) {
            take_csi(probe, c);
            probe->state = GROUND;
        } else {
            keep(probe, c);
        }
        break;
    case STRING:
        if (c == '\033') {
            probe->state = STRING_ESCAPE;
        } else if (c == '\a') {
            take_string(probe);
            probe->state = GROUND;
        } else {
            keep(probe, c);
        }
        break;
    default: /* STRING_ESCAPE: ST ends the string, anything else begins something new */
        if (c == '\\') {
            take_string(probe);
            probe->state = GROUND;
        } else {
            feed_escape(probe, c);
        }
    }
}

void probe_feed(struct probe *probe, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        feed_byte(probe, bytes[i]);
}

const char *probe_background_question(void)
{
    return "\033]11;?\033\\";
}

bool probe_background(const char *sequence, size_t length, bool *light)
{
    char text[64];
    unsigned c[3];
    if (length >= sizeof text)
        return false;
    memcpy(text, sequence, length);
    text[length] = '\0';
    if (sscanf(text, "\033]11;rgb:%4x/%4x/%4x", &c[0], &c[1], &c[2]) != 3)
        return false;
    /* as many digits as the terminal likes: 4 (xterm) or 2 */
    unsigned full = strchr(text, '/') - strchr(text, ':') > 3 ? 0xFFFF : 0xFF;
    *light = (0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]) / full > 0.5;
    return true;
}

bool probe_is_cell(int width, int height)
{
    return width >= 4 && width <= 64 && height >= 8 && height <= 128;
}

/* The size of a cell from the most to the least reliable source; 10x20 when none is believable. */
static void cell_size(const struct probe *probe, const struct probe_window *window, int *width,
                      int *height)
{
    const int *now = probe->graphics_size[0], *most = probe->graphics_size[1];
    bool capped = probe->graphics_sizes < 2 || now[0] >= most[0] || now[1] >= most[1];
    bool faked = window->width_px == 640 && window->height_px == 480;
    const int sources[][2] = {
        {probe->cell_width, probe->cell_height},
        {probe->window_width / window->cols, probe->window_height / window->rows},
        {capped ? 0 : now[0] / window->cols, capped ? 0 : now[1] / window->rows},
        {faked ? 0 : window->width_px / window->cols, faked ? 0 : window->height_px / window->rows},
        {10, 20},
    };
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        if (probe_is_cell(sources[i][0], sources[i][1])) {
            *width = sources[i][0];
            *height = sources[i][1];
            return;
        }
}

void probe_caps(const struct probe *probe, const struct probe_window *window,
                struct graphics_caps *caps)
{
    struct probe_window w = *window;
    w.cols = w.cols > 0 ? w.cols : 80;
    w.rows = w.rows > 0 ? w.rows : 24;
    caps->cols = w.cols;
    caps->rows = w.rows;
    caps->kitty = probe->kitty;
    caps->sixel = probe->sixel;
    caps->sync = probe->sync;
    caps->registers = probe->registers > 0 ? probe->registers : 256;
    /* xterm draws nothing at all of a picture over its limit, which is 1000x1000 unless it says */
    bool xterm = strncmp(probe->version, "XTerm", 5) == 0;
    caps->sixel_keeps = xterm || strncmp(probe->version, "foot(", 5) == 0;
    int last = probe->graphics_sizes - 1;
    caps->sixel_width = last >= 0 ? probe->graphics_size[last][0] : xterm ? 1000 : 0;
    caps->sixel_height = last >= 0 ? probe->graphics_size[last][1] : xterm ? 1000 : 0;
    cell_size(probe, &w, &caps->cell_width, &caps->cell_height);
}
