/* tokenizer_json: the few facts of a Hugging Face tokenizer.json that change token ids. */
#ifndef DANAUS_MODEL_TOKENIZER_JSON_H
#define DANAUS_MODEL_TOKENIZER_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct tokenizer_json {
    bool is_unigram;    /* model.type is "Unigram" */
    bool byte_fallback; /* model.byte_fallback; without it the libraries that read this file say no
                         */
};

/* Looks through text[0..length) (17 MB in the public umT5) without building anything. False: not
 * JSON, or without a "model". what names the file in errors. */
bool tokenizer_json_read(const char *text, size_t length, const char *what,
                         struct tokenizer_json *out, struct dn_error *err);

#endif
