/* graphics: pictures as bytes for a terminal. Pixels in, bytes out; nothing here touches a tty.
 *
 * A way to draw is an entry of graphics_table.c, best first. What the terminal can do comes from
 * probe.h. A picture is drawn at the cursor and covers cols x rows cells; where the cursor is
 * afterwards is not defined. Only blocks must know where that is on a screen: see row. */
#ifndef DANAUS_UI_GRAPHICS_GRAPHICS_H
#define DANAUS_UI_GRAPHICS_GRAPHICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

/* What a terminal can do; zero = unknown or not. */
struct graphics_caps {
    int cols, rows;                 /* the screen, cells */
    int cell_width, cell_height;    /* px */
    bool kitty;                     /* answered the kitty graphics query */
    bool sixel;                     /* DA1 names attribute 4 */
    int sixel_width, sixel_height;  /* largest picture, px */
    int registers;                  /* sixel colours */
    bool sixel_keeps;               /* pixels that a sixel leaves out stay as they are */
    bool sync;                      /* synchronised output, mode 2026 */
    bool utf8;
    int colours;                    /* of text: 0, 256 or 1 << 24 */
    bool tmux;                      /* pictures reach the terminal through tmux's passthrough */
    int quality; /* asked for: 0 best, 1 fewer colours, 2 also half the size, 3 a quarter */
};

/* Where the picture encoded last may be cut: other output may come there, when the cursor is put
 * back to where the picture begins. The last one is its end. */
struct graphics_cuts {
    size_t *at; /* [count] in the bytes of out, rising */
    int count, capacity;
};

struct graphics_entry;
struct graphics_palette;

/* One clip being shown. */
struct graphics {
    const struct graphics_entry *entry;
    struct graphics_caps caps;
    int width, height; /* of the frames, px */
    int cols, rows;    /* cells that they cover */
    int row, col;      /* of the upper left cell, from 1; 0 = the cursor, in the first column */
    size_t passed;     /* kitty through tmux: bytes of the picture encoded last that go past it */
    int number;        /* kitty: of several pictures at once, from 0 */
    int turn;          /* kitty: odd or even, other than that of the picture shown; counted by encode */
    int scale, divide; /* screen px per px (sixel), px per px sent; one of them is 1 */
    size_t piece;      /* cuts are wished for so many bytes apart; 0 = none */
    struct graphics_cuts cuts;
    size_t budget;     /* bytes that pictures should not have more of, as far as that can be; 0 = none */
    struct graphics_palette *palette; /* sixel: one for the clip */
    uint8_t *indexed;                 /* sixel: scratch, the divided picture in colours of palette */
    uint8_t *reduced;                 /* sixel: scratch, one row of pixels */
    uint8_t *shown; /* what the terminal shows, as indexed or as cells of blocks; NULL = unknown */
    int near;       /* sixel and blocks: differences a channel that are let be */
    bool exact; /* the picture encoded last has the best colour for each pixel: set by the way */
    bool full; /* the next picture must not build on the last: set by the caller, then false */
};

struct graphics_entry {
    const char *name;
    bool (*supported)(const struct graphics_caps *caps);
    /* Sets cols, rows and what else the way needs; samples [count, height, width, 3] are frames of
     * the clip to choose colours from. False: it does not fit on the screen. */
    bool (*open)(struct graphics *g, const uint8_t *samples, int64_t count);
    /* Appends one picture, rgb [height, width, 3]. */
    bool (*encode)(struct graphics *g, const uint8_t *rgb, struct strbuf *out,
                   struct dn_error *err);
    /* Appends what takes the picture away where overwriting its cells does not; may be NULL. */
    void (*remove)(struct graphics *g, struct strbuf *out);
};

extern const struct graphics_entry *const graphics_table[]; /* ends with NULL */
extern const struct graphics_entry graphics_kitty_entry;
extern const struct graphics_entry graphics_sixel_entry;
extern const struct graphics_entry graphics_blocks_entry;

/* True for auto, none and the names of the table. */
bool graphics_is_wish(const char *wish);
/* The way to draw for a wish ("auto", NULL = auto, or a name, which is then not asked whether the
 * terminal supports it). NULL = none. */
const struct graphics_entry *graphics_choose(const char *wish, const struct graphics_caps *caps);

/* Ready to show frames of that size; NULL when they do not fit. graphics_close() frees. */
struct graphics *graphics_open(const struct graphics_entry *entry, const struct graphics_caps *caps,
                               int width, int height, const uint8_t *samples, int64_t count);
/* The same with the way that wish names, or for auto with the best one in which they fit. */
struct graphics *graphics_open_wish(const char *wish, const struct graphics_caps *caps, int width,
                                    int height, const uint8_t *samples, int64_t count);
bool graphics_encode(struct graphics *g, const uint8_t *rgb, struct strbuf *out,
                     struct dn_error *err);
void graphics_remove(struct graphics *g, struct strbuf *out);

/* For the ways to draw: a cut is possible here; true when one was made. */
bool graphics_may_cut(struct graphics *g, const struct strbuf *out);
/* Row y of the frame divided by g->divide: out [width / divide, 3], means of squares. */
void graphics_reduce_row(const struct graphics *g, const uint8_t *rgb, int y, uint8_t *out);
void graphics_close(struct graphics *g); /* NULL is allowed */

#endif
