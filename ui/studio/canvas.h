/* canvas: the screen as text, drawn anew each time; ncurses finds what changed and turns it into
 * bytes, which are handed out instead of written. All text from outside passes through
 * canvas_text(), which makes it safe to show and as wide as it claims to be.
 *
 * Belongs to the main thread. One canvas exists at a time (ncurses has one screen). */
#ifndef DANAUS_UI_STUDIO_CANVAS_H
#define DANAUS_UI_STUDIO_CANVAS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

struct rect {
    int row, col, rows, cols;
};

/* What a text means; how it looks is theme.c's affair. */
enum role {
    ROLE_TEXT,
    ROLE_DIM,      /* beside the point */
    ROLE_TITLE,    /* of a pane */
    ROLE_TITLE_ON, /* of the one that has the keys */
    ROLE_ACCENT,   /* where one looks first */
    ROLE_KEY,      /* a key that can be pressed */
    ROLE_GOOD,
    ROLE_WARN,
    ROLE_BAD,
    ROLE_BORDER,
    ROLE_FOCUS,    /* border of the pane that has the keys */
    ROLE_SELECTED, /* a row of a list */
    ROLE_BAR,      /* the lines at the top and the bottom */
    ROLE_BAR_ON,   /* the present screen's name there */
    ROLE_BAR_SIGN, /* a sign there: it works */
    ROLE_BAR_GOOD,
    ROLE_BAR_WARN,
    ROLE_BAR_BAD,
    ROLE_BEHIND,   /* what lies below a dialog */
    ROLE_FIELD,    /* where text is typed */
    ROLE_COUNT
};

/* Signs with a plain form for terminals without UTF-8. */
enum symbol {
    SYMBOL_DOT, SYMBOL_PLAY, SYMBOL_PAUSE, SYMBOL_STAR, SYMBOL_NO_STAR, SYMBOL_HEART, SYMBOL_MARK,
    SYMBOL_FULL, SYMBOL_EMPTY, SYMBOL_TICK, SYMBOL_HEAD, SYMBOL_MORE, SYMBOL_BRANCH, SYMBOL_LAST,
    SYMBOL_BESIDE,    SYMBOL_LINE, SYMBOL_ARROW, SYMBOL_TIMES, SYMBOL_CHECK, SYMBOL_CROSS, SYMBOL_COUNT
};

struct canvas;

/* term: the terminal's name, NULL = unknown. colours: false for attributes only. False: the
 * terminal cannot move its cursor, or is described nowhere. */
bool canvas_open(const char *term, bool utf8, bool colours, struct canvas **out,
                 struct dn_error *err);
/* Appends what gives the terminal its own screen back, and frees. */
void canvas_close(struct canvas *c, struct strbuf *out);

void canvas_resize(struct canvas *c, int rows, int cols);
int canvas_rows(const struct canvas *c);
int canvas_cols(const struct canvas *c);
bool canvas_is_utf8(const struct canvas *c);
/* The background turned out to be light. */
void canvas_set_light(struct canvas *c, bool light);

/* An empty screen to draw on, cursor hidden. */
void canvas_begin(struct canvas *c);
/* Appends the bytes that make the terminal show it. */
void canvas_end(struct canvas *c, struct strbuf *out);
/* Rows that the terminal may show otherwise than we think: written anew. */
void canvas_damage(struct canvas *c, int row, int rows);
void canvas_damage_all(struct canvas *c);
/* Cells that show a picture: blank before what is drawn by now comes in their place. */
void canvas_blank(struct canvas *c, struct rect r);

/* At most cols columns of text, cut with a sign when it is longer. Returns the columns used. */
int canvas_text(struct canvas *c, int row, int col, int cols, enum role role, const char *text);
int canvas_bytes(struct canvas *c, int row, int col, int cols, enum role role, const char *text,
                 size_t length);
int canvas_printf(struct canvas *c, int row, int col, int cols, enum role role, const char *fmt,
                  ...) __attribute__((format(printf, 6, 7)));
int canvas_symbol(struct canvas *c, int row, int col, enum role role, enum symbol symbol);
const char *canvas_symbol_text(const struct canvas *c, enum symbol symbol);
/* Columns that text takes when it is not cut. */
int canvas_width(const struct canvas *c, const char *text, size_t length);
void canvas_fill(struct canvas *c, struct rect r, enum role role);
/* All of r in another role, whatever it shows. */
void canvas_repaint(struct canvas *c, struct rect r, enum role role);
/* Blank cells that a picture will own. */
void canvas_claim(struct canvas *c, struct rect r);
/* A border inside r with a title in it; title NULL = none. */
void canvas_box(struct canvas *c, struct rect r, const char *title, bool focused);
/* What is left inside a border. */
struct rect canvas_inside(struct rect r);
/* share 0..1 of a bar. */
void canvas_bar(struct canvas *c, int row, int col, int cols, double share, enum role role);
void canvas_cursor(struct canvas *c, int row, int col);
bool canvas_cursor_shown(const struct canvas *c); /* on the terminal, now */

#endif
