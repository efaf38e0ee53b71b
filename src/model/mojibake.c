/* mojibake: see mojibake.h. Text that looks misread is written back in each encoding that has all
 * its characters; if the bytes are UTF-8, that was it. The order of attempts and the special cases
 * are those of ftfy 6.3.1 (ftfy.fix_encoding), described in its documentation. */
#include "model/mojibake.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "model/mojibake_tables.h"

enum {
    LOST = 0x1A,     /* byte that stands for U+FFFD in a filled code page */
    ROUNDS_MAX = 64, /* every useful round makes the text shorter */
};

uint32_t mojibake_c1_meaning(uint32_t c)
{
    return c >= 0x80 && c <= 0x9F ? code_pages[CODE_PAGE_WINDOWS_1252].upper[c - 0x80] : c;
}

/* The byte of c in page (NULL = Latin-1), or -1. */
static int byte_of(const struct code_page *page, uint32_t c)
{
    if (page && page->filled && (c == LOST || c == 0xFFFD))
        return c == LOST ? -1 : LOST;
    if (c < 0x80)
        return (int)c;
    if (!page)
        return c <= 0xFF ? (int)c : -1;
    for (int i = 0; i < 128; i++) {
        if (page->upper[i] == c)
            return 128 + i;
    }
    return -1;
}

static bool encode(const struct code_page *page, const struct codepoints *text, struct strbuf *out)
{
    for (size_t i = 0; i < text->length; i++) {
        int byte = byte_of(page, text->data[i]);
        if (byte < 0)
            return false;
        char b = (char)byte;
        strbuf_append(out, &b, 1);
    }
    return true;
}

/* One byte of a pattern: any byte of first..last, or `also`. */
struct byte_set {
    unsigned char first, last, also;
};
struct byte_pattern {
    struct byte_set sets[4]; /* {0} ends it */
};

#define SPACE_                                                                                     \
    {                                                                                              \
        ' ', ' ', ' '                                                                              \
    }
#define TRAIL                                                                                      \
    {                                                                                              \
        0x80, 0xBF, 0x80                                                                           \
    }
/* 85 is left out: three dots are never half of a character */
#define TRAIL_LOW                                                                                  \
    {                                                                                              \
        0x80, 0x84, 0x80                                                                           \
    }
#define TRAIL_HIGH                                                                                 \
    {                                                                                              \
        0x86, 0x9F, 0x86                                                                           \
    }
#define TRAIL_NO_A0                                                                                \
    {                                                                                              \
        0xA1, 0xBF, 0xA1                                                                           \
    }
#define ONE(b)                                                                                     \
    {                                                                                              \
        b, b, b                                                                                    \
    }

/* UTF-8 in which byte A0 was taken for a kind of space and became one. Only lead bytes whose
 * characters are common. */
static const struct byte_pattern spaced[] = {
    {{{0xC2, 0xC3, 0xC5}, SPACE_}},
    {{{0xCE, 0xCE, 0xD0}, SPACE_}},
    {{ONE(0xD9), SPACE_}},
    {{{0xE2, 0xE3, 0xE2}, SPACE_, TRAIL_LOW}},
    {{{0xE2, 0xE3, 0xE2}, SPACE_, TRAIL_HIGH}},
    {{{0xE2, 0xE3, 0xE2}, SPACE_, TRAIL_NO_A0}},
    {{{0xE0, 0xE3, 0xE0}, TRAIL_LOW, SPACE_}},
    {{{0xE0, 0xE3, 0xE0}, TRAIL_HIGH, SPACE_}},
    {{{0xE0, 0xE3, 0xE0}, TRAIL_NO_A0, SPACE_}},
    {{ONE(0xF0), SPACE_, TRAIL, TRAIL}},
    {{ONE(0xF0), TRAIL, SPACE_, TRAIL}},
    {{ONE(0xF0), TRAIL, TRAIL, SPACE_}},
};

#define LOST_ ONE(LOST)
#define LOST_OR_ASKED                                                                              \
    {                                                                                              \
        LOST, LOST, '?'                                                                            \
    }
#define TRAIL_OR_LOST                                                                              \
    {                                                                                              \
        0x80, 0xBF, LOST                                                                           \
    }
#define LEAD3                                                                                      \
    {                                                                                              \
        0xE0, 0xEF, 0xE0                                                                           \
    }
#define LEAD4                                                                                      \
    {                                                                                              \
        0xF0, 0xF4, 0xF0                                                                           \
    }

/* UTF-8 of which some bytes were lost; at most one of them became '?'. */
static const struct byte_pattern lossy[] = {
    {{{0xC2, 0xDF, 0xC2}, LOST_}},
    {{{0xC2, 0xC3, 0xC2}, ONE('?')}},
    {{LEAD3, LOST_OR_ASKED, TRAIL_OR_LOST}},
    {{LEAD3, TRAIL_OR_LOST, LOST_OR_ASKED}},
    {{LEAD4, LOST_OR_ASKED, TRAIL_OR_LOST, TRAIL_OR_LOST}},
    {{LEAD4, TRAIL_OR_LOST, LOST_OR_ASKED, TRAIL_OR_LOST}},
    {{LEAD4, TRAIL_OR_LOST, TRAIL_OR_LOST, LOST_OR_ASKED}},
    {{LOST_}},
};

/* Bytes that the pattern takes at s[0..length), 0 = does not match. */
static size_t pattern_match(const struct byte_pattern *p, const unsigned char *s, size_t length)
{
    size_t n = 0;
    for (; n < 4 && p->sets[n].first; n++) {
        const struct byte_set *set = &p->sets[n];
        if (n == length || !((s[n] >= set->first && s[n] <= set->last) || s[n] == set->also))
            return 0;
    }
    return n;
}

static size_t any_match(const struct byte_pattern *patterns, size_t count, const unsigned char *s,
                        size_t length)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = pattern_match(&patterns[i], s, length);
        if (n)
            return n;
    }
    return 0;
}

static size_t spaced_match(const unsigned char *s, size_t length)
{
    return any_match(spaced, sizeof spaced / sizeof spaced[0], s, length);
}

static bool starts_with(const char *s, size_t length, const char *word)
{
    size_t n = strlen(word);
    return length >= n && memcmp(s, word, n) == 0;
}

/* "Ã " alone is the word "à": the space stays behind it, except where Portuguese contracts two
 * words ("às", "àquela"). */
static void restore_a_grave(const struct strbuf *in, struct strbuf *out)
{
    static const char *const contracted[] = {" ", "quele", "quela", "quilo", "s "};
    for (size_t i = 0; i < in->length; i++) {
        const char *s = in->data + i;
        size_t left = in->length - i;
        bool word = starts_with(s, left, "\xC3 ");
        for (size_t k = 0; word && k < sizeof contracted / sizeof contracted[0]; k++)
            word = !starts_with(s + 2, left - 2, contracted[k]);
        if (word) {
            strbuf_append(out, "\xC3\xA0 ", 3);
            i++;
        } else {
            strbuf_append(out, s, 1);
        }
    }
}

/* Turns spaces that were byte A0 back, when there is any sign of them. */
static void restore_spaces(struct strbuf *bytes)
{
    bool any = false;
    for (size_t i = 0; i < bytes->length && !any; i++)
        any = spaced_match((unsigned char *)bytes->data + i, bytes->length - i) > 0;
    if (!any)
        return;
    struct strbuf out = {0};
    restore_a_grave(bytes, &out);
    for (size_t i = 0; i < out.length;) {
        size_t n = spaced_match((unsigned char *)out.data + i, out.length - i);
        for (size_t k = 0; k < n; k++) {
            if (out.data[i + k] == ' ')
                out.data[i + k] = (char)0xA0;
        }
        i += n ? n : 1;
    }
    strbuf_done(bytes);
    *bytes = out;
}

/* Two surrogates in UTF-8 of which one lost its last byte. */
static size_t lossy_surrogates(const unsigned char *s, size_t length)
{
    if (length < 6 || s[0] != 0xED || s[3] != 0xED)
        return 0;
    bool shape = s[1] >= 0xA0 && s[1] <= 0xAF && s[4] >= 0xB0 && s[4] <= 0xBF;
    bool lost2 = s[2] == LOST || s[2] == '?', lost5 = s[5] == LOST || s[5] == '?';
    bool trail2 = s[2] >= 0x80 && s[2] <= 0xBF, trail5 = s[5] >= 0x80 && s[5] <= 0xBF;
    return shape && (lost2 || lost5) && (lost2 || trail2) && (lost5 || trail5) ? 6 : 0;
}

static void replace_lossy(struct strbuf *bytes)
{
    struct strbuf out = {0};
    for (size_t i = 0; i < bytes->length;) {
        const unsigned char *s = (const unsigned char *)bytes->data + i;
        size_t left = bytes->length - i, n = lossy_surrogates(s, left);
        if (n == 0)
            n = any_match(lossy, sizeof lossy / sizeof lossy[0], s, left);
        if (n)
            strbuf_append(&out, "\xEF\xBF\xBD", 3);
        else
            strbuf_append(&out, s, 1);
        i += n ? n : 1;
    }
    strbuf_done(bytes);
    *bytes = out;
}

/* Two encoded surrogates that stand for one character (CESU-8); 0 = there are none. */
static uint32_t surrogate_pair(const unsigned char *s, size_t length)
{
    bool is_pair = length >= 6 && s[0] == 0xED && s[1] >= 0xA0 && s[1] <= 0xAF && s[2] >= 0x80 &&
                   s[2] <= 0xBF && s[3] == 0xED && s[4] >= 0xB0 && s[4] <= 0xBF && s[5] >= 0x80 &&
                   s[5] <= 0xBF;
    if (!is_pair)
        return 0;
    return 0x10000u + ((uint32_t)(s[1] & 0x0F) << 16 | (uint32_t)(s[2] & 0x3F) << 10 |
                       (uint32_t)(s[4] & 0x0F) << 6 | (s[5] & 0x3F));
}

/* UTF-8, with Java's two-byte NUL and CESU-8 allowed. False when the bytes are neither. */
static bool decode(const struct strbuf *bytes, struct codepoints *out)
{
    for (size_t i = 0; i < bytes->length;) {
        const unsigned char *s = (const unsigned char *)bytes->data + i;
        size_t left = bytes->length - i;
        uint32_t c = 0;
        size_t n = dn_utf8_decode((const char *)s, left, &c);
        if (n == 0 && s[0] == 0xC0 && left >= 2 && (s[1] == 0x80 || (left == 2 && s[1] == '\n')))
            n = 2;
        if (n == 0 && (c = surrogate_pair(s, left)) != 0)
            n = 6;
        if (n == 0)
            return false;
        codepoints_append(out, c);
        i += n;
    }
    return true;
}

/* Reads text as UTF-8 that was decoded by page; false when it cannot have been. */
static bool reread(const struct code_page *page, const struct codepoints *text,
                   struct codepoints *out)
{
    struct strbuf bytes = {0};
    out->length = 0;
    bool ok = encode(page, text, &bytes);
    if (ok && (!page || page->restore_space))
        restore_spaces(&bytes);
    if (ok && page && page->filled)
        replace_lossy(&bytes);
    ok = ok && decode(&bytes, out);
    strbuf_done(&bytes);
    return ok;
}

/* Characters at text[0..length) that look like whole UTF-8 sequences in some code page. */
static size_t sequences_length(const uint32_t *text, size_t length)
{
    static const uint32_t leads[] = {KIND_LEAD2, KIND_LEAD3, KIND_LEAD4};
    size_t i = 0;
    while (i < length) {
        uint32_t kinds = mojibake_kinds(text[i]);
        size_t trail = 0;
        for (size_t k = 0; k < 3 && !trail; k++)
            trail = kinds & leads[k] ? k + 1 : 0;
        if (trail == 0 || trail >= length - i)
            return i;
        for (size_t k = 1; k <= trail; k++) {
            if (text[i + k] != ' ' && !(mojibake_kinds(text[i + k]) & KIND_TRAIL))
                return i;
        }
        i += trail + 1;
    }
    return i;
}

/* Mends the misread parts of a text that is not misread as a whole. The recursion is bounded: a
 * part is shorter than the whole, and is only taken apart again after it was reread, which at
 * least halves it. */
static void fix_parts(const struct codepoints *text, struct codepoints *out)
{
    out->length = 0;
    for (size_t i = 0; i < text->length;) {
        bool after_trail = i && (mojibake_kinds(text->data[i - 1]) & KIND_TRAIL_STRICT);
        size_t n = after_trail ? 0 : sequences_length(text->data + i, text->length - i);
        if (n && n < text->length && mojibake_is_likely(text->data + i, n)) {
            struct codepoints part = {0};
            codepoints_append_all(&part, text->data + i, n);
            mojibake_fix(&part);
            codepoints_append_all(out, part.data, part.length);
            codepoints_done(&part);
        } else {
            codepoints_append_all(out, text->data + i, n ? n : 1);
        }
        i += n ? n : 1;
    }
}

static bool is_ascii(const struct codepoints *text)
{
    for (size_t i = 0; i < text->length; i++) {
        if (text->data[i] >= 0x80)
            return false;
    }
    return true;
}

/* One attempt: true when out holds a better text. */
static bool fix_once(const struct codepoints *text, struct codepoints *out)
{
    if (is_ascii(text) || !mojibake_is_likely(text->data, text->length))
        return false;
    if (reread(NULL, text, out))
        return true;
    for (int i = 0; i < CODE_PAGE_COUNT; i++) {
        if (reread(&code_pages[i], text, out))
            return true;
    }
    fix_parts(text, out);
    if (!codepoints_equal(text, out))
        return true;
    out->length = 0;
    for (size_t i = 0; i < text->length; i++)
        codepoints_append(out, mojibake_c1_meaning(text->data[i]));
    return true;
}

void mojibake_fix(struct codepoints *text)
{
    struct codepoints next = {0};
    for (int round = 0; round < ROUNDS_MAX; round++) {
        if (!fix_once(text, &next) || codepoints_equal(text, &next))
            break;
        codepoints_swap(text, &next);
    }
    codepoints_done(&next);
}
