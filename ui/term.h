/* term: the terminal as we own it for a while: raw input, its capabilities, pictures at the pace
 * it can take, and everything as it was afterwards, whatever happens. */
#ifndef DANAUS_UI_TERM_H
#define DANAUS_UI_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct term_clip {
    const uint8_t *rgb24; /* [frames, height, width, 3] */
    int64_t frames;
    int width, height;
    int fps_num, fps_den;
};

/* What came of it. */
struct term_played {
    const char *graphics; /* "kitty", "sixel", "blocks"; NULL = nothing was shown */
    int64_t shown;        /* frames drawn; the others were skipped to keep the pace */
};

/* Plays clip once below the cursor and leaves its last frame there. wish: "auto" (NULL), "none"
 * or the name of a way to draw. Shows nothing and is content when stdin or stdout is no terminal,
 * when we are in the background, or when the terminal can draw no pictures. q or Ctrl-C ends it
 * early. False only when drawing fails or the wish is unknown. The terminal is set back also on
 * SIGINT, SIGTERM, SIGHUP, SIGQUIT (which then take their usual effect) and on crashes. */
bool term_play_frames(const struct term_clip *clip, const char *wish, struct term_played *played,
                      struct dn_error *err);

/* What a terminal can do, as far as it says. */
struct term_facts {
    int cols, rows;       /* cells, 0 = unknown */
    int colours;          /* of text: 0, 256 or 1 << 24 */
    const char *graphics; /* how pictures would be drawn; NULL = not at all */
    char version[64];     /* what it calls itself: bytes from outside */
    const char *passed;   /* in tmux: "sixel" or "kitty", as which the studio's pictures go through */
    const char *shut;     /* in tmux without sixel: why they do not; NULL = they do, or no tmux */
};

/* Asks the terminal on stdin and stdout. False: there is none, or we are in the background. A
 * terminal that does not answer has facts of zero. */
bool term_ask(struct term_facts *facts);

#endif
