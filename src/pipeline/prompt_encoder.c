/* prompt_encoder: see prompt_encoder.h */
#include "pipeline/prompt_encoder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "format/weights.h"
#include "model/prompt_clean.h"
#include "model/text_encoder.h"
#include "model/tokenizer.h"

struct prompt_encoder {
    const struct ops *ops;
    struct exec *ex;
    struct tokenizer *tokenizer;
    struct weights *weights; /* the text encoder reads layers from it */
    struct text_encoder *encoder;
};

bool prompt_encoder_open(const struct model_dir *dir, const struct ops *ops, struct exec *ex,
                         struct prompt_encoder **out, struct dn_error *err)
{
    *out = NULL;
    if (!model_dir_require(dir, MODEL_NEEDS_TEXT, err))
        return false;
    struct prompt_encoder *enc = dn_calloc(1, sizeof *enc);
    enc->ops = ops;
    enc->ex = ex;
    bool ok = tokenizer_open(dir->tokenizer_file, &enc->tokenizer, err) &&
              weights_open(dir->text_encoder, &enc->weights, err) &&
              text_encoder_load(enc->weights, TEXT_ENCODER_AUTO, ops, ex, &enc->encoder, err);
    if (ok) {
        int64_t pieces = tokenizer_vocab_size(enc->tokenizer);
        int64_t vocab = text_encoder_get_info(enc->encoder)->vocab;
        if (pieces > vocab)
            ok = dn_fail(err, DN_E_MODEL, "%s has %" PRId64 " pieces, but %s embeds only %" PRId64,
                         dir->tokenizer_file, pieces, dir->text_encoder, vocab);
    }
    if (!ok) {
        prompt_encoder_close(enc);
        return false;
    }
    *out = enc;
    return true;
}

void prompt_encoder_close(struct prompt_encoder *enc)
{
    if (!enc)
        return;
    text_encoder_free(enc->encoder);
    weights_close(enc->weights);
    tokenizer_close(enc->tokenizer);
    free(enc);
}

int64_t prompt_encoder_dim(const struct prompt_encoder *enc)
{
    return text_encoder_get_info(enc->encoder)->dim;
}

static bool encode_ids(struct prompt_encoder *enc, struct prompt_context *c, struct dn_error *err)
{
    struct tensor rows = {0};
    int64_t shape[] = {c->valid, c->dim};
    c->rows = dn_malloc(dn_mul_or_abort((size_t)(c->valid * c->dim), sizeof *c->rows));
    struct tensor host = tensor_over(c->rows, DTYPE_F32, 2, shape);
    bool ok = enc->ops->tensor_alloc(enc->ex, &rows, DTYPE_F32, 2, shape, err) &&
              text_encoder_encode(enc->encoder, c->ids, c->valid, &rows, err) &&
              enc->ops->download(enc->ex, &host, &rows, err);
    enc->ops->tensor_free(enc->ex, &rows);
    return ok;
}

bool prompt_encoder_encode(struct prompt_encoder *enc, const char *prompt, int64_t text_len,
                           struct prompt_context *out, struct dn_error *err)
{
    struct strbuf text = {0};
    *out = (struct prompt_context){.text_len = text_len, .dim = prompt_encoder_dim(enc)};
    out->ids = dn_calloc((size_t)text_len, sizeof *out->ids);
    out->mask = dn_calloc((size_t)text_len, sizeof *out->mask);
    bool ok = prompt_clean(prompt, strlen(prompt), &text, err) &&
              tokenizer_encode(enc->tokenizer, strbuf_text(&text), text.length, text_len, out->ids,
                               out->mask, &out->valid, err) &&
              encode_ids(enc, out, err);
    strbuf_done(&text);
    if (!ok)
        prompt_context_done(out);
    return ok;
}

void prompt_context_done(struct prompt_context *context)
{
    free(context->ids);
    free(context->mask);
    free(context->rows);
    *context = (struct prompt_context){0};
}
