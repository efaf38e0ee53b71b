/* safetext: see safetext.h */
#include "base/safetext.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

/* Ranges that must never reach a terminal as they are. */
static const struct {
    uint32_t first, last;
} unsafe_ranges[] = {
    {0x0000, 0x001F}, /* C0 */
    {0x007F, 0x009F}, /* DEL, C1 */
    {0x00AD, 0x00AD}, /* soft hyphen: width differs between terminals */
    {0x061C, 0x061C}, /* Arabic letter mark */
    {0x180E, 0x180E}, /* Mongolian vowel separator */
    {0x200B, 0x200F}, /* zero width, directional marks */
    {0x2028, 0x202E}, /* line separators, bidirectional overrides */
    {0x2060, 0x206F}, /* invisible operators, isolates */
    {0xFEFF, 0xFEFF}, /* byte order mark */
    {0xFFF9, 0xFFFB}, /* interlinear annotation */
    {0xE0000, 0xE007F}, /* tags */
};

static bool is_unsafe(uint32_t c)
{
    for (size_t i = 0; i < sizeof unsafe_ranges / sizeof unsafe_ranges[0]; i++)
        if (c >= unsafe_ranges[i].first && c <= unsafe_ranges[i].last)
            return true;
    return false;
}

/* Safe form of the character at text; returns the bytes it consumed. */
static size_t safe_piece(const char *text, size_t length, char piece[16], size_t *piece_size)
{
    uint32_t c;
    size_t n = dn_utf8_decode(text, length, &c);
    if (n == 0) {
        *piece_size = (size_t)snprintf(piece, 16, "\\x%02X", (unsigned char)text[0]);
        return 1;
    }
    if (c == '\n')
        *piece_size = (size_t)snprintf(piece, 16, "\\n");
    else if (c == '\t')
        *piece_size = (size_t)snprintf(piece, 16, "\\t");
    else if (c < 0x100 && is_unsafe(c))
        *piece_size = (size_t)snprintf(piece, 16, "\\x%02X", (unsigned)c);
    else if (is_unsafe(c))
        *piece_size = (size_t)snprintf(piece, 16, "\\u{%X}", (unsigned)c);
    else {
        memcpy(piece, text, n);
        *piece_size = n;
    }
    return n;
}

size_t dn_safetext(char *out, size_t size, const char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length;) {
        char piece[16];
        size_t piece_size;
        size_t n = safe_piece(text + i, length - i, piece, &piece_size);
        if (used + piece_size >= size)
            break;
        memcpy(out + used, piece, piece_size);
        used += piece_size;
        i += n;
    }
    out[used] = '\0';
    return used;
}

char *dn_safetext_dup(const char *text, size_t length)
{
    size_t size = dn_mul_or_abort(length, 12) + 1;
    char *out = dn_malloc(size);
    dn_safetext(out, size, text, length);
    return out;
}
