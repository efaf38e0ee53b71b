/* sixel_changes: a sixel picture of those pixels only that are another colour than before.
 *
 * The others are left out, and with P2=1 the terminal leaves them as they are: xterm and foot do so
 * exactly, mlterm shows its background there. libsixel has no such pictures; it draws the full
 * ones. It also has none in pieces, each a picture of its own with the same place and size, which a
 * slow line needs: keys come between them. */
#ifndef DANAUS_UI_GRAPHICS_SIXEL_CHANGES_H
#define DANAUS_UI_GRAPHICS_SIXEL_CHANGES_H

#include <stdint.h>

#include "base/strbuf.h"
#include "ui/graphics/graphics.h"

/* now, before: the picture divided by g->divide, as numbers in g->palette; before NULL: all of now.
 * Each pixel is drawn g->scale x g->scale times, down to the last whole band of 6 rows. Cuts as
 * g->piece wishes. */
void sixel_changes(struct graphics *g, const uint8_t *now, const uint8_t *before, struct strbuf *out);

#endif
