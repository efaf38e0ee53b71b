/* sentencepiece_normalize: text as the pieces of a model want it: characters replaced by the
 * model's own map, white space collapsed and written U+2581. */
#ifndef DANAUS_MODEL_SENTENCEPIECE_NORMALIZE_H
#define DANAUS_MODEL_SENTENCEPIECE_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "model/sentencepiece_model.h"

struct piece_trie;

/* The rules of a model; a view into it. */
struct spm_normalizer {
    const struct spm_model *model;
    const struct piece_trie *verbatim; /* user-defined pieces, which are left as they are */
    const char *units;                 /* double array, 4 bytes each; NULL = no map */
    size_t unit_count;
    const char *strings; /* replacements, NUL after each */
    size_t strings_size;
};

/* Checks the model's map. False: broken. Borrows all. what names the file in errors. */
bool spm_normalizer_init(struct spm_normalizer *n, const struct spm_model *model,
                         const struct piece_trie *verbatim, const char *what, struct dn_error *err);

/* Appends the normalised form of text[0..length) to out, always valid UTF-8: each byte that is not
 * UTF-8 becomes U+FFFD. False: longer than max bytes. */
bool spm_normalize(const struct spm_normalizer *n, const char *text, size_t length, size_t max,
                   struct strbuf *out, struct dn_error *err);

#endif
