/* text_fix: see text_fix.h. The steps and their order are those of ftfy 6.3.1 (ftfy.fix_text),
 * described in its documentation: each line alone, again and again until nothing changes. */
#include "model/text_fix.h"

#include <stdlib.h>

#include <utf8proc.h>

#include "base/mem.h"
#include "model/html_unescape.h"
#include "model/mojibake.h"

/* "&amp;amp;amp;..." loses one level a round; no honest text has this many. */
enum { ROUNDS_MAX = 100 };

/* Ligatures and digraphs of Latin letters, which are how letters were drawn or coded once, not
 * what was meant. */
static const struct {
    uint32_t from;
    uint32_t to[3];
} ligatures[] = {
    {0x0132, {'I', 'J'}},      {0x0133, {'i', 'j'}},      {0x0149, {0x02BC, 'n'}},
    {0x01C4, {'D', 0x017D}},   {0x01C5, {'D', 0x017E}},   {0x01C6, {'d', 0x017E}},
    {0x01C7, {'L', 'J'}},      {0x01C8, {'L', 'j'}},      {0x01C9, {'l', 'j'}},
    {0x01CA, {'N', 'J'}},      {0x01CB, {'N', 'j'}},      {0x01CC, {'n', 'j'}},
    {0x01F1, {'D', 'Z'}},      {0x01F2, {'D', 'z'}},      {0x01F3, {'d', 'z'}},
    {0xFB00, {'f', 'f'}},      {0xFB01, {'f', 'i'}},      {0xFB02, {'f', 'l'}},
    {0xFB03, {'f', 'f', 'i'}}, {0xFB04, {'f', 'f', 'l'}}, {0xFB05, {0x017F, 't'}},
    {0xFB06, {'s', 't'}},
};

static uint32_t straight_quote(uint32_t c)
{
    if (c == 0x02BC || (c >= 0x2018 && c <= 0x201B))
        return '\'';
    return c >= 0x201C && c <= 0x201F ? '"' : c;
}

static bool is_wide_or_narrow(uint32_t c)
{
    return c == 0x3000 || (c >= 0xFF01 && c < 0xFFF0);
}

/* The ordinary form of a full-width or half-width character. */
static void append_ordinary_width(struct codepoints *out, uint32_t c)
{
    enum { ROOM = 16 };
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE;
    utf8proc_int32_t parts[ROOM];
    int boundary = 0;
    utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)c, parts, ROOM, options, &boundary);
    if (n > 0 && n <= ROOM)
        n = utf8proc_normalize_utf32(parts, n, options);
    if (n <= 0 || n > ROOM) {
        codepoints_append(out, c);
        return;
    }
    for (utf8proc_ssize_t i = 0; i < n; i++)
        codepoints_append(out, straight_quote((uint32_t)parts[i]));
}

static void append_plain(struct codepoints *out, uint32_t c)
{
    if (c >= 0x80)
        c = mojibake_c1_meaning(c);
    for (size_t i = 0; c >= ligatures[0].from && i < sizeof ligatures / sizeof ligatures[0]; i++) {
        if (ligatures[i].from != c)
            continue;
        for (size_t k = 0; k < 3 && ligatures[i].to[k]; k++)
            codepoints_append(out, straight_quote(ligatures[i].to[k]));
        return;
    }
    if (is_wide_or_narrow(c))
        append_ordinary_width(out, c);
    else
        codepoints_append(out, straight_quote(c));
}

/* Characters with a plainer equivalent: C1 controls (read as windows-1252), ligatures, widths,
 * curly quotes. */
static void make_plain(struct codepoints *text, struct codepoints *spare)
{
    spare->length = 0;
    for (size_t i = 0; i < text->length; i++)
        append_plain(spare, text->data[i]);
    codepoints_swap(text, spare);
}

static bool is_high_surrogate(uint32_t c)
{
    return c >= 0xD800 && c <= 0xDBFF;
}

static bool is_low_surrogate(uint32_t c)
{
    return c >= 0xDC00 && c <= 0xDFFF;
}

/* Every line break becomes '\n'; two surrogates become their character, one alone U+FFFD. */
static void join_pairs(struct codepoints *text, struct codepoints *spare)
{
    spare->length = 0;
    for (size_t i = 0; i < text->length; i++) {
        uint32_t c = text->data[i], next = i + 1 < text->length ? text->data[i + 1] : 0;
        if (is_high_surrogate(c) && is_low_surrogate(next)) {
            c = 0x10000 + ((c - 0xD800) << 10) + (next - 0xDC00);
            i++;
        } else if (is_high_surrogate(c) || is_low_surrogate(c)) {
            c = 0xFFFD;
        } else if (c == '\r' || c == 0x2028 || c == 0x2029 || c == 0x85) {
            i += c == '\r' && next == '\n';
            c = '\n';
        }
        codepoints_append(spare, c);
    }
    codepoints_swap(text, spare);
}

/* Length of the colour or cursor sequence ESC [ 1;31 m at text[0..length), 0 = there is none. */
static size_t escape_length(const uint32_t *text, size_t length)
{
    if (length < 3 || text[0] != 0x1B || text[1] != '[')
        return 0;
    size_t i = 2;
    while (i < length &&
           (text[i] == ';' || utf8proc_category((utf8proc_int32_t)text[i]) == UTF8PROC_CATEGORY_ND))
        i++;
    bool letter =
        i < length && ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z'));
    return letter ? i + 1 : 0;
}

/* Control characters that show nothing; white space stays, joiners and marks of direction too. */
static bool is_useless_control(uint32_t c)
{
    return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
           (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

/* Takes out terminal escapes, then (as taking one out may leave another) control characters. */
static void remove_controls(struct codepoints *text)
{
    size_t kept = 0;
    for (size_t i = 0; i < text->length;) {
        size_t n = escape_length(text->data + i, text->length - i);
        if (n == 0 && !is_useless_control(text->data[i]))
            text->data[kept++] = text->data[i];
        i += n ? n : 1;
    }
    text->length = kept;
}

static void compose(struct codepoints *text, struct codepoints *spare)
{
    bool ascii = true;
    for (size_t i = 0; i < text->length && ascii; i++)
        ascii = text->data[i] < 0x80;
    if (ascii)
        return;
    struct strbuf utf8 = {0};
    utf8proc_uint8_t *composed = NULL;
    codepoints_to_utf8(text, &utf8);
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)utf8.data, (utf8proc_ssize_t)utf8.length, &composed,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n >= 0) {
        spare->length = 0;
        codepoints_append_utf8(spare, (const char *)composed, (size_t)n);
        codepoints_swap(text, spare);
    }
    free(composed);
    strbuf_done(&utf8);
}

/* Repairs one line in place. */
static void fix_line(struct codepoints *line, bool unescape)
{
    struct codepoints before = {0}, spare = {0};
    for (int round = 0; round < ROUNDS_MAX; round++) {
        before.length = 0;
        codepoints_append_all(&before, line->data, line->length);
        if (unescape) {
            spare.length = 0;
            html_unescape_strict(line, &spare);
            codepoints_swap(line, &spare);
        }
        mojibake_fix(line);
        make_plain(line, &spare);
        join_pairs(line, &spare);
        remove_controls(line);
        compose(line, &spare);
        if (codepoints_equal(line, &before))
            break;
    }
    codepoints_done(&before);
    codepoints_done(&spare);
}

void text_fix(const struct codepoints *text, struct codepoints *out)
{
    struct codepoints line = {0};
    bool unescape = true; /* until a '<' says that this may be real HTML */
    for (size_t i = 0; i < text->length;) {
        line.length = 0;
        for (uint32_t c = 0; i < text->length && c != '\n'; i++) {
            c = text->data[i];
            unescape = unescape && c != '<';
            codepoints_append(&line, c);
        }
        fix_line(&line, unescape);
        codepoints_append_all(out, line.data, line.length);
    }
    codepoints_done(&line);
}
