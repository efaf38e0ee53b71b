/* sixel_changes: a sixel picture of those pixels only that are another colour than before.
 *
 * The others are left out, and with P2=1 the terminal leaves them as they are: xterm and foot do so
 * exactly, mlterm shows its background there. libsixel has no such pictures; it draws the full ones. */
#ifndef DANAUS_UI_GRAPHICS_SIXEL_CHANGES_H
#define DANAUS_UI_GRAPHICS_SIXEL_CHANGES_H

#include <stdint.h>

#include "base/strbuf.h"
#include "ui/graphics/palette.h"

/* now, before: colours [height, width] as numbers in palette; height a multiple of 6. */
void sixel_changes(const uint8_t *now, const uint8_t *before, int width, int height,
                   const struct graphics_palette *palette, struct strbuf *out);

#endif
