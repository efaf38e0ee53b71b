/* prompt_encoder: a prompt as a person typed it -> token ids -> context rows. */
#ifndef DANAUS_PIPELINE_PROMPT_ENCODER_H
#define DANAUS_PIPELINE_PROMPT_ENCODER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/ops.h"
#include "model/model_dir.h"

struct prompt_encoder;

struct prompt_context {
    int64_t text_len, valid, dim;
    int32_t *ids, *mask; /* [text_len] */
    float *rows;         /* [valid, dim]; rows valid..text_len are zero by definition */
};

/* Opens tokenizer and text encoder of dir. False: a part is missing or they do not fit. */
bool prompt_encoder_open(const struct model_dir *dir, const struct ops *ops, struct exec *ex,
                         struct prompt_encoder **out, struct dn_error *err);
void prompt_encoder_close(struct prompt_encoder *enc); /* NULL allowed */
/* Width of a context row. */
int64_t prompt_encoder_dim(const struct prompt_encoder *enc);

/* Cleans, tokenizes to text_len and encodes. prompt is C text, any bytes. done frees. */
bool prompt_encoder_encode(struct prompt_encoder *enc, const char *prompt, int64_t text_len,
                           struct prompt_context *out, struct dn_error *err);
void prompt_context_done(struct prompt_context *context);

#endif
