/* codepoints: see codepoints.h */
#include "model/codepoints.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

static void reserve(struct codepoints *s, size_t more)
{
    size_t need = s->length + more;
    if (need <= s->capacity)
        return;
    size_t capacity = s->capacity ? s->capacity : 64;
    while (capacity < need)
        capacity = dn_mul_or_abort(capacity, 2);
    s->data = dn_realloc(s->data, capacity, sizeof s->data[0]);
    s->capacity = capacity;
}

void codepoints_append(struct codepoints *s, uint32_t c)
{
    reserve(s, 1);
    s->data[s->length++] = c;
}

void codepoints_append_all(struct codepoints *s, const uint32_t *data, size_t length)
{
    if (length == 0)
        return;
    reserve(s, length);
    memcpy(s->data + s->length, data, length * sizeof data[0]);
    s->length += length;
}

bool codepoints_equal(const struct codepoints *a, const struct codepoints *b)
{
    return a->length == b->length &&
           (a->length == 0 || memcmp(a->data, b->data, a->length * sizeof a->data[0]) == 0);
}

void codepoints_swap(struct codepoints *a, struct codepoints *b)
{
    struct codepoints t = *a;
    *a = *b;
    *b = t;
}

void codepoints_done(struct codepoints *s)
{
    free(s->data);
    *s = (struct codepoints){0};
}

/* A surrogate in three bytes, ED A0..BF 80..BF; 0 when text is none. */
static uint32_t three_byte_surrogate(const unsigned char *text, size_t length)
{
    if (length < 3 || text[0] != 0xED || (text[1] & 0xE0) != 0xA0 || (text[2] & 0xC0) != 0x80)
        return 0;
    return 0xD000u | (uint32_t)(text[1] & 0x3F) << 6 | (text[2] & 0x3F);
}

void codepoints_append_utf8(struct codepoints *s, const char *text, size_t length)
{
    reserve(s, length);
    bool in_bad_run = false;
    for (size_t i = 0; i < length;) {
        uint32_t c;
        size_t n = dn_utf8_decode(text + i, length - i, &c);
        if (n == 0) {
            c = three_byte_surrogate((const unsigned char *)text + i, length - i);
            n = c ? 3 : 0;
        }
        if (n == 0 && !in_bad_run)
            codepoints_append(s, 0xFFFD);
        else if (n)
            codepoints_append(s, c);
        in_bad_run = n == 0;
        i += n ? n : 1;
    }
}

void codepoints_to_utf8(const struct codepoints *s, struct strbuf *out)
{
    for (size_t i = 0; i < s->length; i++) {
        uint32_t c = s->data[i];
        char bytes[4];
        if ((c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF)
            c = 0xFFFD;
        strbuf_append(out, bytes, dn_utf8_encode(c, bytes));
    }
}

bool codepoint_is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}
