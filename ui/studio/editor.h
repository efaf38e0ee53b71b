/* editor: text that is typed, of one line or many, with readline's keys. The cursor goes by what
 * people see as one character (grapheme clusters, Unicode UAX 29, by utf8proc). */
#ifndef DANAUS_UI_STUDIO_EDITOR_H
#define DANAUS_UI_STUDIO_EDITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "ui/studio/canvas.h"
#include "ui/studio/editor_undo.h"

struct editor {
    struct strbuf text;
    size_t cursor;    /* in bytes */
    bool one_line;    /* newlines become spaces */
    size_t max;       /* bytes, 0 = 64 KiB */
    struct strbuf killed;
    struct editor_undo undo;
    bool changed;     /* since the owner last set it false */
    int first_line;   /* PRIVATE: scrolled by */
    int shown_cols;   /* PRIVATE: columns at the last drawing, for up and down */
};

void editor_set(struct editor *e, const char *text); /* cursor at the end; nothing to undo */
/* The same as a change that can be undone. */
void editor_change(struct editor *e, const char *text);
/* Takes the last change back. False: there is none. */
bool editor_undo(struct editor *e);
const char *editor_text(const struct editor *e);
/* False: not all of it, the text is as long as it may be. */
bool editor_insert(struct editor *e, const char *text, size_t length);
void editor_insert_char(struct editor *e, uint32_t c);
void editor_done(struct editor *e);

enum editor_move {
    MOVE_LEFT, MOVE_RIGHT, MOVE_WORD_LEFT, MOVE_WORD_RIGHT, MOVE_HOME, MOVE_END, MOVE_FIRST,
    MOVE_LAST, MOVE_UP, MOVE_DOWN
};
/* False: it stands there already (up on the first line, down on the last). */
bool editor_move(struct editor *e, const struct canvas *c, enum editor_move move);
/* Deletes from the cursor to where move would go; kill keeps it for editor_yank. */
void editor_delete(struct editor *e, const struct canvas *c, enum editor_move move, bool kill);
void editor_yank(struct editor *e);
/* Text for editor_yank from elsewhere. */
void editor_keep(struct editor *e, const char *text);

/* Draws in r, scrolled so that the cursor is seen; focused also places it. empty: what is shown
 * instead of no text, or NULL. */
void editor_draw(struct editor *e, struct canvas *c, struct rect r, bool focused,
                 const char *empty);
/* A click: the cursor goes there. row and col within the rectangle drawn last. */
void editor_click(struct editor *e, const struct canvas *c, int row, int col);

#endif
