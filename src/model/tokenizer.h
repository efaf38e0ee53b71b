/* tokenizer: cleaned text -> token ids, as SentencePiece's unigram models do it.
 *
 * The encoder is our own, since models come from strangers; ids agree with the sentencepiece
 * library. A tokenizer does not change once open: any number of threads may use it. */
#ifndef DANAUS_MODEL_TOKENIZER_H
#define DANAUS_MODEL_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

struct tokenizer;

enum {
    TOKENIZER_TEXT_LEN_MAX = 4096,        /* longest text_len, in tokens */
    TOKENIZER_TEXT_MAX_BYTES = 256 << 10, /* longest text, before and after normalising */
};

/* Opens a spiece.model of unigram type with pieces for padding and end. When tokenizer.json lies
 * beside it, byte fallback is what that file says: the public pipeline reads that one. False: a
 * file is missing, broken or of another kind. The caller closes. */
bool tokenizer_open(const char *spiece_path, struct tokenizer **out, struct dn_error *err);
/* The same from memory, which is copied; json may be NULL. what names the model in errors. */
bool tokenizer_open_bytes(const char *model, size_t model_size, const char *json, size_t json_size,
                          const char *what, struct tokenizer **out, struct dn_error *err);
void tokenizer_close(struct tokenizer *t); /* NULL allowed */

/* Pieces, that is ids 0..size-1; the encoder's embedding must have at least as many rows. */
int64_t tokenizer_vocab_size(const struct tokenizer *t);
int32_t tokenizer_pad_id(const struct tokenizer *t);
int32_t tokenizer_eos_id(const struct tokenizer *t);
int32_t tokenizer_unk_id(const struct tokenizer *t);
bool tokenizer_byte_fallback(const struct tokenizer *t);
/* The piece's text, borrowed; NULL for an id that is none. Outside text: not for the terminal. */
const char *tokenizer_piece(const struct tokenizer *t, int64_t id);

/* Appends the text as pieces are matched against it: normalised, spaces written U+2581. False: the
 * text is too long. */
bool tokenizer_normalize(const struct tokenizer *t, const char *text, size_t length,
                         struct strbuf *out, struct dn_error *err);

/* Cleaned text[0..length) -> ids[text_len] and mask[text_len] (1 = valid, 0 = padding). At most
 * text_len - 1 tokens are kept, the end token follows, the rest is padding; *n_valid counts the
 * tokens with the end. False: text too long, or text_len outside 1..TOKENIZER_TEXT_LEN_MAX. */
bool tokenizer_encode(const struct tokenizer *t, const char *text, size_t length, int64_t text_len,
                      int32_t *ids, int32_t *mask, int64_t *n_valid, struct dn_error *err);

#endif
