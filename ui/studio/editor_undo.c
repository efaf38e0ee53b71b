/* editor_undo: see editor_undo.h */
#include "ui/studio/editor_undo.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void drop_oldest(struct editor_undo *u)
{
    u->bytes -= u->steps[0].length;
    free(u->steps[0].text);
    memmove(u->steps, u->steps + 1, --u->count * sizeof *u->steps);
}

void editor_undo_keep(struct editor_undo *u, const struct strbuf *text, size_t cursor)
{
    u->typed_to = 0;
    while (u->count > 0 &&
           (u->count == EDITOR_UNDO_STEPS || u->bytes + text->length > EDITOR_UNDO_BYTES))
        drop_oldest(u);
    u->steps = dn_realloc(u->steps, u->count + 1, sizeof *u->steps);
    u->steps[u->count++] =
        (struct editor_step){dn_strndup(strbuf_text(text), text->length), text->length, cursor};
    u->bytes += text->length;
}

bool editor_undo_take(struct editor_undo *u, struct strbuf *text, size_t *cursor)
{
    if (u->count == 0)
        return false;
    struct editor_step step = u->steps[--u->count];
    u->bytes -= step.length;
    u->typed_to = 0;
    text->length = 0;
    strbuf_append(text, step.text, step.length);
    *cursor = step.cursor;
    free(step.text);
    return true;
}

void editor_undo_done(struct editor_undo *u)
{
    while (u->count)
        drop_oldest(u);
    free(u->steps);
    *u = (struct editor_undo){0};
}
