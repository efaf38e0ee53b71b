/* json_cursor: strict JSON (RFC 8259), pulled token by token out of a byte range, without a tree
 * and without recursion. Stricter than most readers on purpose: strings must be valid UTF-8
 * without \u0000, numbers are unsigned digits only. The first problem sticks. */
#ifndef DANAUS_FORMAT_JSON_CURSOR_H
#define DANAUS_FORMAT_JSON_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_cursor {
    const char *text;
    size_t length;
    size_t at;           /* next byte */
    const char *problem; /* NULL while all is well; static text */
    size_t problem_at;   /* byte offset of the problem */
};

/* Sets the problem unless there is one; returns false. */
bool json_problem(struct json_cursor *c, const char *problem);
/* Skips white space; takes the byte ch if it is next. */
bool json_take(struct json_cursor *c, char ch);
/* Takes ch or sets a problem. */
bool json_expect(struct json_cursor *c, char ch, const char *problem);
/* Reads a string into out (size bytes, NUL-terminated); *length is its bytes. A longer one is a
 * problem. */
bool json_take_string(struct json_cursor *c, char *out, size_t size, size_t *length);
/* Reads digits without sign, fraction, exponent or leading zero; a number above max is a
 * problem. */
bool json_uint(struct json_cursor *c, uint64_t max, uint64_t *out);
/* Reads past one value of any type, nested at most 32 deep. */
bool json_skip(struct json_cursor *c);

#endif
