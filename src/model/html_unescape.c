/* html_unescape: see html_unescape.h. Follows the HTML Living Standard, 13.2.5.72 "Character
 * reference state" and on, in the reading of Python's html.unescape. */
#include "model/html_unescape.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "model/html_entities.h"
#include "model/mojibake_tables.h"

static int compare_name(const void *key, const void *entry)
{
    return strcmp(key, ((const struct html_entity *)entry)->name);
}

static const struct html_entity *find_entity(const char *name)
{
    return bsearch(name, html_entities, HTML_ENTITY_COUNT, sizeof html_entities[0], compare_name);
}

static void append_entity(struct codepoints *out, const struct html_entity *e)
{
    codepoints_append(out, e->first);
    if (e->second)
        codepoints_append(out, e->second);
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_ascii_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_value(uint32_t c)
{
    if (is_digit(c))
        return (int)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (int)(c - 'a') + 10 : -1;
}

/* Control characters and noncharacters may not be written as numbers; they vanish. */
static bool is_forbidden(uint32_t c)
{
    return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) ||
           (c >= 0x7F && c <= 0x9F) || (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

static void append_number(struct codepoints *out, uint32_t value)
{
    if (value == 0 || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        codepoints_append(out, 0xFFFD);
    else if (value >= 0x80 && value <= 0x9F)
        codepoints_append(out, code_pages[CODE_PAGE_WINDOWS_1252].upper[value - 0x80]);
    else if (!is_forbidden(value))
        codepoints_append(out, value);
}

/* Reads "#233" or "#xE9" at text[0..length) without its ';'. Returns the characters read, 0 when
 * there is no number; *value stops growing above Unicode's end. */
static size_t read_number(const uint32_t *text, size_t length, uint32_t *value)
{
    if (length < 2 || text[0] != '#')
        return 0;
    bool hex = text[1] == 'x' || text[1] == 'X';
    size_t start = hex ? 2 : 1, i = start;
    *value = 0;
    for (; i < length; i++) {
        int digit = hex ? hex_value(text[i]) : is_digit(text[i]) ? (int)(text[i] - '0') : -1;
        if (digit < 0)
            break;
        if (*value <= 0x10FFFF)
            *value = *value * (hex ? 16 : 10) + (uint32_t)digit;
    }
    return i > start ? i : 0;
}

/* Longest known name at the start of name[0..length), at least two characters; NULL if none. */
static const struct html_entity *longest_prefix(const char *name, size_t length, size_t *used)
{
    char prefix[HTML_ENTITY_NAME_MAX + 2];
    for (size_t n = length; n >= 2; n--) {
        memcpy(prefix, name, n);
        prefix[n] = '\0';
        const struct html_entity *e = find_entity(prefix);
        if (e) {
            *used = n;
            return e;
        }
    }
    return NULL;
}

/* The reference that starts behind an '&' at text[0..length). Returns how many characters it took,
 * 0 when there is none (then nothing was written). */
static size_t read_reference(const uint32_t *text, size_t length, struct codepoints *out)
{
    uint32_t value;
    size_t n = read_number(text, length, &value);
    if (n) {
        append_number(out, value);
        return n < length && text[n] == ';' ? n + 1 : n;
    }
    char name[HTML_ENTITY_NAME_MAX + 2];
    for (; n < HTML_ENTITY_NAME_MAX && n < length && text[n] < 0x80; n++) {
        if (strchr("\t\n\f <&#;", (int)text[n]))
            break;
        name[n] = (char)text[n];
    }
    if (n && n < length && text[n] == ';')
        name[n++] = ';';
    size_t used = 0;
    const struct html_entity *e = longest_prefix(name, n, &used);
    if (e)
        append_entity(out, e);
    return used;
}

void html_unescape(const struct codepoints *text, struct codepoints *out)
{
    for (size_t i = 0; i < text->length; i++) {
        if (text->data[i] == '&') {
            size_t n = read_reference(text->data + i + 1, text->length - i - 1, out);
            if (n) {
                i += n;
                continue;
            }
        }
        codepoints_append(out, text->data[i]);
    }
}

/* Capitals of more than one letter (Unicode SpecialCasing.txt), of the characters that have a
 * name. */
static const struct {
    uint32_t from;
    const char *to;
} long_capitals[] = {
    {0xDF, "SS"}, {0xFB00, "FF"}, {0xFB01, "FI"}, {0xFB02, "FL"}, {0xFB03, "FFI"}, {0xFB04, "FFL"},
};

static void append_capital(struct codepoints *out, uint32_t c)
{
    for (size_t i = 0; i < sizeof long_capitals / sizeof long_capitals[0]; i++) {
        if (long_capitals[i].from == c) {
            for (const char *s = long_capitals[i].to; *s; s++)
                codepoints_append(out, (uint32_t)*s);
            return;
        }
    }
    if (c == 0x149) { /* the capital of ŉ is ʼN */
        codepoints_append(out, 0x2BC);
        c = 'N';
    }
    codepoints_append(out, (uint32_t)utf8proc_toupper((utf8proc_int32_t)c));
}

/* A name in capitals, "EACUTE;": the capital of what the small name means, unless browsers would
 * read the start of it as something else ("GTDOT;" is ">DOT;"). */
static bool append_shouted(const char *name, size_t length, struct codepoints *out)
{
    char small[HTML_ENTITY_NAME_MAX + 2];
    size_t used;
    for (size_t i = 0; i <= length; i++) {
        if (name[i] >= 'a' && name[i] <= 'z')
            return false;
        small[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
    }
    const struct html_entity *e = find_entity(small);
    if (!e || longest_prefix(name, length, &used))
        return false;
    append_capital(out, e->first);
    if (e->second)
        append_capital(out, e->second);
    return true;
}

/* As read_reference, for html_unescape_strict. */
static size_t read_strict(const uint32_t *text, size_t length, struct codepoints *out)
{
    enum { LONGEST = 24 };
    char name[LONGEST + 2];
    size_t start = length && text[0] == '#', n = 0;
    while (n < LONGEST && start + n < length &&
           (is_digit(text[start + n]) || is_ascii_letter(text[start + n]))) {
        name[n] = (char)text[start + n];
        n++;
    }
    if (n == 0 || start + n == length || text[start + n] != ';')
        return 0;
    if (start) {
        uint32_t value;
        if (read_number(text, length, &value) != n + 1 || value == ';')
            return 0;
        append_number(out, value);
        return n + 2;
    }
    name[n] = ';';
    name[n + 1] = '\0';
    const struct html_entity *e = find_entity(name);
    if (e)
        append_entity(out, e);
    return e || append_shouted(name, n + 1, out) ? n + 1 : 0;
}

void html_unescape_strict(const struct codepoints *text, struct codepoints *out)
{
    for (size_t i = 0; i < text->length; i++) {
        if (text->data[i] == '&') {
            size_t n = read_strict(text->data + i + 1, text->length - i - 1, out);
            if (n) {
                i += n;
                continue;
            }
        }
        codepoints_append(out, text->data[i]);
    }
}
