/* codepoints: text as an array of Unicode codepoints, for rules that look at characters. */
#ifndef DANAUS_MODEL_CODEPOINTS_H
#define DANAUS_MODEL_CODEPOINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

struct codepoints {
    uint32_t *data; /* NULL until the first is added */
    size_t length;
    size_t capacity; /* PRIVATE */
};

void codepoints_append(struct codepoints *s, uint32_t c);
void codepoints_append_all(struct codepoints *s, const uint32_t *data, size_t length);
bool codepoints_equal(const struct codepoints *a, const struct codepoints *b);
void codepoints_swap(struct codepoints *a, struct codepoints *b);
void codepoints_done(struct codepoints *s);

/* Appends the characters of UTF-8 text. Surrogates written as three bytes become surrogates (some
 * programs pass them on so); any other run of bytes that is not UTF-8 becomes one U+FFFD. */
void codepoints_append_utf8(struct codepoints *s, const char *text, size_t length);

/* Appends s as UTF-8; a surrogate or a number above U+10FFFF becomes U+FFFD. */
void codepoints_to_utf8(const struct codepoints *s, struct strbuf *out);

/* White space as Python's str.isspace sees it, which the public cleaning relies on. */
bool codepoint_is_space(uint32_t c);

#endif
