/* json_cursor: see json_cursor.h */
#include "format/json_cursor.h"

#include <string.h>

#include "base/utf8.h"

#define MAX_DEPTH 32

bool json_problem(struct json_cursor *c, const char *problem)
{
    if (!c->problem) {
        c->problem = problem;
        c->problem_at = c->at;
    }
    return false;
}

static int peek(struct json_cursor *c)
{
    while (c->at < c->length) {
        char ch = c->text[c->at];
        if (ch != ' ' && ch != '\n' && ch != '\r' && ch != '\t')
            return (unsigned char)ch;
        c->at++;
    }
    return -1;
}

bool json_take(struct json_cursor *c, char ch)
{
    if (c->problem || peek(c) != (unsigned char)ch)
        return false;
    c->at++;
    return true;
}

bool json_expect(struct json_cursor *c, char ch, const char *problem)
{
    if (json_take(c, ch))
        return true;
    return json_problem(c, c->at >= c->length ? "the JSON ends too early" : problem);
}

/* Four hex digits at c->at. */
static bool hex4(struct json_cursor *c, uint32_t *out)
{
    if (c->length - c->at < 4)
        return json_problem(c, "the JSON ends too early");
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char ch = c->text[c->at + (size_t)i];
        uint32_t digit;
        if (ch >= '0' && ch <= '9')
            digit = (uint32_t)(ch - '0');
        else if (ch >= 'a' && ch <= 'f')
            digit = (uint32_t)(ch - 'a') + 10;
        else if (ch >= 'A' && ch <= 'F')
            digit = (uint32_t)(ch - 'A') + 10;
        else
            return json_problem(c, "a bad \\u escape");
        value = value << 4 | digit;
    }
    c->at += 4;
    *out = value;
    return true;
}

/* The part of an escape behind \u; surrogate pairs are joined. */
static bool unicode_escape(struct json_cursor *c, uint32_t *out)
{
    uint32_t high, low;
    if (!hex4(c, &high))
        return false;
    if (high == 0)
        return json_problem(c, "a NUL character in a string");
    if (high >= 0xDC00 && high <= 0xDFFF)
        return json_problem(c, "a lone surrogate in a string");
    *out = high;
    if (high < 0xD800 || high > 0xDBFF)
        return true;
    if (c->length - c->at < 2 || c->text[c->at] != '\\' || c->text[c->at + 1] != 'u')
        return json_problem(c, "a lone surrogate in a string");
    c->at += 2;
    if (!hex4(c, &low))
        return false;
    if (low < 0xDC00 || low > 0xDFFF)
        return json_problem(c, "a lone surrogate in a string");
    *out = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* The part of an escape behind the backslash. */
static bool escape(struct json_cursor *c, uint32_t *out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (c->at >= c->length)
        return json_problem(c, "the JSON ends inside a string");
    char ch = c->text[c->at++];
    if (ch == 'u')
        return unicode_escape(c, out);
    const char *found = ch ? strchr(names, ch) : NULL;
    if (!found)
        return json_problem(c, "an unknown escape in a string");
    *out = (unsigned char)values[found - names];
    return true;
}

/* One character of a string's content as UTF-8; *bytes is its length. */
static bool character(struct json_cursor *c, char out[4], size_t *bytes)
{
    uint32_t codepoint;
    if (c->text[c->at] == '\\') {
        c->at++;
        if (!escape(c, &codepoint))
            return false;
        *bytes = dn_utf8_encode(codepoint, out);
        return true;
    }
    if ((unsigned char)c->text[c->at] < 0x20)
        return json_problem(c, "a control character in a string");
    *bytes = dn_utf8_decode(c->text + c->at, c->length - c->at, &codepoint);
    if (*bytes == 0)
        return json_problem(c, "a string that is not UTF-8");
    memcpy(out, c->text + c->at, *bytes);
    c->at += *bytes;
    return true;
}

/* Reads a string; keeps it when out is not NULL. */
static bool string(struct json_cursor *c, char *out, size_t size, size_t *length)
{
    if (!json_expect(c, '"', "a string was expected"))
        return false;
    size_t used = 0;
    while (c->at < c->length && c->text[c->at] != '"') {
        char bytes[4];
        size_t n;
        if (!character(c, bytes, &n))
            return false;
        if (!out)
            continue;
        if (size - 1 - used < n)
            return json_problem(c, "a string that is too long");
        memcpy(out + used, bytes, n);
        used += n;
    }
    if (c->at >= c->length)
        return json_problem(c, "the JSON ends inside a string");
    c->at++;
    if (out)
        out[used] = '\0';
    *length = used;
    return true;
}

bool json_take_string(struct json_cursor *c, char *out, size_t size, size_t *length)
{
    return string(c, out, size, length);
}

bool json_uint(struct json_cursor *c, uint64_t max, uint64_t *out)
{
    if (c->problem)
        return false;
    int first = peek(c);
    if (first < '0' || first > '9')
        return json_problem(c, first < 0 ? "the JSON ends too early"
                                         : "a whole number without sign was expected");
    size_t start = c->at;
    uint64_t value = 0;
    while (c->at < c->length && c->text[c->at] >= '0' && c->text[c->at] <= '9') {
        uint64_t digit = (uint64_t)(c->text[c->at] - '0');
        if (digit > max || value > (max - digit) / 10)
            return json_problem(c, "a number that is too large");
        value = value * 10 + digit;
        c->at++;
    }
    if (first == '0' && c->at - start > 1)
        return json_problem(c, "a number with a leading zero");
    if (c->at < c->length && strchr(".eE", c->text[c->at]) && c->text[c->at])
        return json_problem(c, "a whole number was expected");
    *out = value;
    return true;
}

static size_t digits(struct json_cursor *c)
{
    size_t start = c->at;
    while (c->at < c->length && c->text[c->at] >= '0' && c->text[c->at] <= '9')
        c->at++;
    return c->at - start;
}

/* Any JSON number, its value not wanted. */
static bool skip_number(struct json_cursor *c)
{
    if (c->text[c->at] == '-')
        c->at++;
    size_t start = c->at, n = digits(c);
    if (n == 0 || (n > 1 && c->text[start] == '0'))
        return json_problem(c, "a bad number");
    if (c->at < c->length && c->text[c->at] == '.') {
        c->at++;
        if (digits(c) == 0)
            return json_problem(c, "a bad number");
    }
    if (c->at < c->length && (c->text[c->at] == 'e' || c->text[c->at] == 'E')) {
        c->at++;
        if (c->at < c->length && (c->text[c->at] == '+' || c->text[c->at] == '-'))
            c->at++;
        if (digits(c) == 0)
            return json_problem(c, "a bad number");
    }
    return true;
}

static bool skip_scalar(struct json_cursor *c, int first)
{
    static const char *const words[] = {"true", "false", "null"};
    size_t length;
    if (first == '"')
        return string(c, NULL, 0, &length);
    if (first == '-' || (first >= '0' && first <= '9'))
        return skip_number(c);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i]);
        if (c->length - c->at >= n && memcmp(c->text + c->at, words[i], n) == 0) {
            c->at += n;
            return true;
        }
    }
    return json_problem(c, first < 0 ? "the JSON ends too early" : "a value was expected");
}

/* Key and colon of an object's next member. */
static bool skip_key(struct json_cursor *c)
{
    size_t length;
    return string(c, NULL, 0, &length) && json_expect(c, ':', "a colon was expected");
}

bool json_skip(struct json_cursor *c)
{
    char closers[MAX_DEPTH];
    int depth = 0;
    for (;;) {
        int first = c->problem ? -1 : peek(c);
        bool opened = first == '{' || first == '[';
        if (opened) {
            if (depth == MAX_DEPTH)
                return json_problem(c, "nested too deeply");
            c->at++;
            closers[depth++] = first == '{' ? '}' : ']';
        } else if (!skip_scalar(c, first)) {
            return false;
        }
        if (opened && !json_take(c, closers[depth - 1])) {
            if (closers[depth - 1] == '}' && !skip_key(c))
                return false;
            continue;
        }
        if (opened)
            depth--;
        while (depth > 0 && json_take(c, closers[depth - 1]))
            depth--;
        if (depth == 0)
            return !c->problem;
        if (!json_expect(c, ',', "a comma was expected"))
            return false;
        if (closers[depth - 1] == '}' && !skip_key(c))
            return false;
    }
}
