/* tmux_facts: what tmux says of our pane and of the terminals that show it, and whether pictures
 * can go there through its passthrough. Text in, facts out; tmux.h asks.
 *
 * tmux (3.3 and later, server-client.c, screen-write.c) hands wrapped bytes to every terminal that
 * shows the pane's window, as they are, and drops them while a copy mode, a message or another
 * window hides the pane. It keeps no copy. Positions are the terminal's own, so ours has to be
 * known; but for kitty's placeholders, which are text that tmux keeps and moves itself. */
#ifndef DANAUS_UI_GRAPHICS_TMUX_FACTS_H
#define DANAUS_UI_GRAPHICS_TMUX_FACTS_H

#include <stdbool.h>
#include <stdint.h>

enum tmux_passthrough { TMUX_PASSES_OFF, TMUX_PASSES_ON, TMUX_PASSES_ALL };
enum tmux_sixel { TMUX_SIXEL_UNKNOWN, TMUX_SIXEL_NO, TMUX_SIXEL_YES };

enum { TMUX_TEXT_MAX = 64 };

struct tmux_facts {
    bool ours; /* the pane is the terminal that we run in */
    enum tmux_passthrough passthrough;
    bool shown;                  /* no mode and no other pane hides it */
    int terminals;               /* that show our window; what follows is of one of them */
    int row, col;                /* of our upper left cell there, from 0 */
    int cols, rows;              /* of the terminal */
    int cell_width, cell_height; /* px, 0 = it does not tell */
    bool cut;                    /* the window is larger than the terminal */
    bool answers;                /* what it answers to a question of ours would come to us */
    long pid;                    /* of tmux's client */
    char tty[TMUX_TEXT_MAX];     /* where that writes */
    char name[TMUX_TEXT_MAX];    /* what the terminal calls itself, bytes from outside */
    bool remote;                 /* at the other end of ssh; set by tmux_look */
    enum tmux_sixel sixel;
    int sixels;        /* terminals that are known to have sixel */
    bool placeholders; /* it draws kitty's pictures where their cells are (see placeholders.h) */
    int64_t written; /* bytes that tmux has sent it so far */
};

/* The formats that tmux is asked for: of our pane, and a line of each terminal. */
extern const char tmux_pane_format[], tmux_terminal_format[];

/* tty: our terminal. version: what tmux calls itself. False: that is no such answer. */
bool tmux_facts_read(struct tmux_facts *facts, const char *answer, const char *tty,
                     const char *version);

/* A tmux with sixel of its own says so whatever its terminals have, and writes "SIXEL IMAGE" with rows
 * of + on those without. False: it would, or no terminal shows us. */
bool tmux_facts_own_sixel(const struct tmux_facts *facts);

/* SHUT: pictures cannot go this way. ASK: the terminal must say first whether it has sixel. HIDDEN:
 * they can, but not now. */
enum tmux_way { TMUX_SHUT, TMUX_ASK, TMUX_HIDDEN, TMUX_OPEN };
/* far: also to terminals at the other end of ssh. *why: of SHUT, what is missing and what would
 * help. */
enum tmux_way tmux_facts_judge(const struct tmux_facts *facts, bool far, const char **why);

#endif
