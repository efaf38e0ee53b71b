/* utf8: strict decoding of UTF-8 (no overlong forms, no surrogates, at most U+10FFFF). */
#ifndef DANAUS_BASE_UTF8_H
#define DANAUS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the character at text[0..length), length >= 1. Returns its bytes (1..4) and sets
 * *codepoint, or returns 0 when the bytes are not a whole valid character. */
size_t dn_utf8_decode(const char *text, size_t length, uint32_t *codepoint);

/* Writes codepoint (a valid one) to out[0..4); returns the bytes written, 1..4. */
size_t dn_utf8_encode(uint32_t codepoint, char out[4]);

/* True when all of text is valid. */
bool dn_utf8_valid(const char *text, size_t length);

#endif
