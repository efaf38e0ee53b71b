/* placeholders: see placeholders.h. A cell is U+10EEEE with three marks above it, for its row, its
 * column and the highest byte of the picture's number; the lowest byte is the colour of the text.
 * One without marks goes on where the one left of it is (sw.kovidgoyal.net/kitty/graphics-protocol,
 * "Unicode placeholders"). tmux draws a cell anew with each mark, so only each EVERYth has them: a
 * menu of tmux's over the picture spoils fewer cells than that beside it. */
#include "ui/graphics/placeholders.h"

#include <assert.h>
#include <stddef.h>

#include "base/utf8.h"

enum { EVERY = 8 };

/* Mark number n stands for n: of Unicode 6.0 the combining characters of class 230 that neither
 * have nor are part of a decomposition (kitty's rowcolumn-diacritics.txt). */
static const struct {
    uint32_t first;
    int count;
} marks[] = {
    {0x0305, 1},  {0x030D, 2},  {0x0310, 1}, {0x0312, 1},  {0x033D, 3},  {0x0346, 1},  {0x034A, 3},
    {0x0350, 3},  {0x0357, 1},  {0x035B, 1}, {0x0363, 13}, {0x0483, 5},  {0x0592, 4},  {0x0597, 3},
    {0x059C, 6},  {0x05A8, 2},  {0x05AB, 2}, {0x05AF, 1},  {0x05C4, 1},  {0x0610, 8},  {0x0657, 5},
    {0x065D, 2},  {0x06D6, 7},  {0x06DF, 4}, {0x06E4, 1},  {0x06E7, 2},  {0x06EB, 2},  {0x0730, 1},
    {0x0732, 2},  {0x0735, 2},  {0x073A, 1}, {0x073D, 1},  {0x073F, 3},  {0x0743, 1},  {0x0745, 1},
    {0x0747, 1},  {0x0749, 2},  {0x07EB, 7}, {0x07F3, 1},  {0x0816, 4},  {0x081B, 9},  {0x0825, 3},
    {0x0829, 5},  {0x0951, 1},  {0x0953, 2}, {0x0F82, 2},  {0x0F86, 2},  {0x135D, 3},  {0x17DD, 1},
    {0x193A, 1},  {0x1A17, 1},  {0x1A75, 8}, {0x1B6B, 1},  {0x1B6D, 7},  {0x1CD0, 3},  {0x1CDA, 2},
    {0x1CE0, 1},  {0x1DC0, 2},  {0x1DC3, 7}, {0x1DCB, 2},  {0x1DD1, 22}, {0x1DFE, 1},  {0x20D0, 2},
    {0x20D4, 4},  {0x20DB, 2},  {0x20E1, 1}, {0x20E7, 1},  {0x20E9, 1},  {0x20F0, 1},  {0x2CEF, 3},
    {0x2DE0, 32}, {0xA66F, 1},  {0xA67C, 2}, {0xA6F0, 2},  {0xA8E0, 18}, {0xAAB0, 1},  {0xAAB2, 2},
    {0xAAB7, 2},  {0xAABE, 2},  {0xAAC1, 1}, {0xFE20, 7},  {0x10A0F, 1}, {0x10A38, 1}, {0x1D185, 5},
    {0x1D1AA, 4}, {0x1D242, 3},
};

static uint32_t mark(int n)
{
    assert(n >= 0 && n < PLACEHOLDERS_MOST);
    size_t i = 0;
    for (; n >= marks[i].count; i++)
        n -= marks[i].count;
    return marks[i].first + (uint32_t)n;
}

static void append_character(struct strbuf *out, uint32_t c)
{
    char bytes[4];
    strbuf_append(out, bytes, dn_utf8_encode(c, bytes));
}

void placeholders_append_row(struct strbuf *out, uint32_t number, int row, int cols)
{
    assert((number & 0x00FFFF00) == 0);
    uint32_t of_row = mark(row), of_number = mark((int)(number >> 24));
    strbuf_printf(out, "\033[38;5;%um", number & 0xFF);
    for (int col = 0; col < cols; col++) {
        append_character(out, 0x10EEEE);
        if (col % EVERY != 0)
            continue;
        append_character(out, of_row);
        append_character(out, mark(col));
        append_character(out, of_number);
    }
    strbuf_append_text(out, "\033[m");
}
