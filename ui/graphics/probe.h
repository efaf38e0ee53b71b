/* probe: asking a terminal what it can do, and reading its answers. Bytes only, no tty.
 *
 * All questions go out in one write, the last being DA1, which every terminal answers, in order:
 * when its answer is there the others are, or never will be. Environment variables are hints at
 * most, ssh drops them. Answers are untrusted input: bounded, and nothing else than the known
 * forms has an effect. */
#ifndef DANAUS_UI_GRAPHICS_PROBE_H
#define DANAUS_UI_GRAPHICS_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/graphics/graphics.h"

enum { PROBE_STRING_MAX = 4096, PROBE_PARAMETERS = 16 };

/* What a terminal said, and the state of reading it. Zero is a good start. */
struct probe {
    bool done;           /* DA1 has come */
    bool sixel, kitty, sync;
    int registers;       /* XTSMGRAPHICS 1 */
    int graphics_size[2][2]; /* XTSMGRAPHICS 2, first and second answer: now, maximum; w, h */
    int graphics_sizes;
    int window_width, window_height; /* CSI 14 t */
    int cell_width, cell_height;     /* CSI 16 t */
    char version[64];    /* XTVERSION */
    int acknowledged;    /* answers to CSI 5 n so far */
    int key;             /* last byte that was no answer, 0 = none */
    int state;           /* PRIVATE from here */
    size_t length;
    char text[PROBE_STRING_MAX];
};

/* The questions. multiplexer: without kitty's, which tmux and screen take for a window's title. */
const char *probe_questions(bool multiplexer);
/* Asks for the acknowledgement that probe.acknowledged counts. */
const char *probe_acknowledge(void);
/* What makes a terminal wait with drawing until ESC [ ? 2026 l, for those whose caps.sync says so; moves
 * the cursor to the first column. */
const char *probe_sync(void);

/* Asks for the background colour (OSC 11), and reads the answer, a whole sequence: false when it is
 * none. light: black reads better on it than white. */
const char *probe_background_question(void);
bool probe_background(const char *sequence, size_t length, bool *light);

/* A size of cells that a terminal may have, px. */
bool probe_is_cell(int width, int height);

/* Takes bytes from the terminal, in whatever pieces they come. */
void probe_feed(struct probe *probe, const char *bytes, size_t size);

/* The size of the screen by TIOCGWINSZ. */
struct probe_window {
    int cols, rows, width_px, height_px;
};

/* Sums up: fills everything of caps but utf8 and colours. */
void probe_caps(const struct probe *probe, const struct probe_window *window,
                struct graphics_caps *caps);

#endif
