/* placeholders: kitty's pictures as cells of text (kitty 0.28 and later): a cell says which part of
 * which picture it shows, so a tmux in between moves, hides and redraws pictures like any other
 * text. Bytes only. */
#ifndef DANAUS_UI_GRAPHICS_PLACEHOLDERS_H
#define DANAUS_UI_GRAPHICS_PLACEHOLDERS_H

#include <stdint.h>

#include "base/strbuf.h"

/* Rows and columns that a picture can have, and values of the byte of its number. */
enum { PLACEHOLDERS_MOST = 297 };

/* Appends row, of cols cells, of picture number, in the cells from the cursor on. Of the number the
 * lowest and the highest byte may be other than 0, as tmux keeps no more of colours where it must.
 */
void placeholders_append_row(struct strbuf *out, uint32_t number, int row, int cols);

#endif
