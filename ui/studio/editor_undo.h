/* editor_undo: texts as they were before each change, newest last. What is typed in one go, to the end
 * of a word, is one change. */
#ifndef DANAUS_UI_STUDIO_EDITOR_UNDO_H
#define DANAUS_UI_STUDIO_EDITOR_UNDO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* STEPS, BYTES: kept at most; the oldest go first. */
enum { EDITOR_UNDO_STEPS = 200, EDITOR_UNDO_BYTES = 1 << 20 };

struct editor_step {
    char *text;
    size_t length, cursor;
};

struct editor_undo {
    struct editor_step *steps; /* [count] */
    size_t count, bytes;
    size_t typed_to; /* where typing goes on; 0 = the next change is one by itself */
};

/* Before text, with its cursor, is changed. */
void editor_undo_keep(struct editor_undo *u, const struct strbuf *text, size_t cursor);
/* The last one is put into text and cursor. False: there is none. */
bool editor_undo_take(struct editor_undo *u, struct strbuf *text, size_t *cursor);
void editor_undo_done(struct editor_undo *u);

#endif
