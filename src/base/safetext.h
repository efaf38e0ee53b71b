/* safetext: text from outside, made safe to show on a terminal.
 *
 * Prompts, file names, tensor names and metadata come from strangers. Every control character
 * (C0, DEL, C1), bidirectional override, line separator, zero-width character and byte that is not
 * UTF-8 is shown as \xNN or \u{NNNN}; everything else passes unchanged. CWE-150. */
#ifndef DANAUS_BASE_SAFETEXT_H
#define DANAUS_BASE_SAFETEXT_H

#include <stddef.h>

/* Writes at most size bytes (NUL included, cut at a whole character) of the safe form of
 * text[0..length) to out. Returns the number of bytes written without the NUL. size >= 1. */
size_t dn_safetext(char *out, size_t size, const char *text, size_t length);

/* The same into new memory; the caller frees. Never cut. */
char *dn_safetext_dup(const char *text, size_t length);

#endif
