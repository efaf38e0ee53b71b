/* text_encoder: umT5, token ids -> context rows.
 *
 * Runs the valid tokens only; masked padding would not change them, and the rows past them are
 * zero by definition (the caller's buffer: see text_encoder_encode). All sizes are read from the
 * file; a file with the public names or with those of the Hugging Face form is accepted.
 * One thread, the exec's owner. */
#ifndef DANAUS_MODEL_TEXT_ENCODER_H
#define DANAUS_MODEL_TEXT_ENCODER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "format/weights.h"
#include "kernels/ops.h"

struct text_encoder;

struct text_encoder_info {
    int64_t vocab; /* rows of the embedding; may exceed the tokenizer's pieces */
    int64_t dim, attention_dim, heads, ffn_dim, layers, buckets;
    int64_t parameters;
};

/* How layers are kept: the public encoder is 11 GB, so beyond 2 GB of weights each layer is packed
 * from the map when its turn comes and freed again. */
enum text_encoder_keep { TEXT_ENCODER_AUTO, TEXT_ENCODER_PACKED, TEXT_ENCODER_STREAM };

/* w is borrowed and must stay open until text_encoder_free. False: a tensor is missing or misfits
 * (named with shapes), or the backend failed. The caller frees. */
bool text_encoder_load(const struct weights *w, enum text_encoder_keep keep, const struct ops *ops,
                       struct exec *ex, struct text_encoder **out, struct dn_error *err);
void text_encoder_free(struct text_encoder *enc); /* NULL allowed */
const struct text_encoder_info *text_encoder_get_info(const struct text_encoder *enc);
/* The same checks and numbers from names and shapes alone. */
bool text_encoder_inspect(const struct weights *w, struct text_encoder_info *info,
                          struct dn_error *err);

/* context [n, dim] (exec memory, F32 or BF16) = the encoder's output for ids[0..n), all valid,
 * EOS included, n >= 1. False: an id is outside the embedding, or the backend failed. */
bool text_encoder_encode(struct text_encoder *enc, const int32_t *ids, int64_t n,
                         const struct tensor *context, struct dn_error *err);

#endif
