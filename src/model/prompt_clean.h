/* prompt_clean: what a person typed -> the text that the tokenizer gets. */
#ifndef DANAUS_MODEL_PROMPT_CLEAN_H
#define DANAUS_MODEL_PROMPT_CLEAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

/* The longest prompt that is taken. */
enum { PROMPT_MAX_BYTES = 64 * 1024 };

/* Appends the cleaned prompt to out as UTF-8: text_fix, then HTML references resolved twice, then
 * every run of white space one space, none at the ends. The public Wan2.1 pipeline cleans so before
 * it tokenizes. Bytes that are not UTF-8 become one U+FFFD a run. Fails (DN_E_ARG, out untouched)
 * when the prompt is longer than PROMPT_MAX_BYTES. */
bool prompt_clean(const char *text, size_t length, struct strbuf *out, struct dn_error *err);

#endif
