/* Fuzz target: a tokenizer model from a stranger, and a prompt run through it.
 *
 * Input: [flags][u24 size of the model][model][u16 size of tokenizer.json, when flags & 1][json]
 * [prompt]. With flags & 2 the prompt is also cleaned first, which is the slow half. What comes out
 * is checked against what the headers promise. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "model/prompt_clean.h"
#include "model/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_LEN = 64 };

struct input {
    const char *bytes;
    size_t left;
};

/* At most size bytes from the front. */
static struct input take(struct input *in, size_t size)
{
    struct input part = {in->bytes, size < in->left ? size : in->left};
    in->bytes += part.left;
    in->left -= part.left;
    return part;
}

static size_t take_size(struct input *in, size_t bytes)
{
    struct input part = take(in, bytes);
    size_t size = 0;
    for (size_t i = 0; i < part.left; i++)
        size |= (size_t)(unsigned char)part.bytes[i] << (8 * i);
    return size;
}

static void require(bool promise)
{
    if (!promise)
        abort();
}

static void encode(const struct tokenizer *t, const char *text, size_t length)
{
    int32_t ids[TEXT_LEN], mask[TEXT_LEN];
    int64_t n_valid;
    struct dn_error err;
    struct strbuf normalized = {0};
    if (!tokenizer_normalize(t, text, length, &normalized, &err)) {
        strbuf_done(&normalized);
        return;
    }
    require(dn_utf8_valid(strbuf_text(&normalized), normalized.length));
    require(tokenizer_encode(t, text, length, TEXT_LEN, ids, mask, &n_valid, &err));
    require(n_valid >= 1 && n_valid <= TEXT_LEN);
    for (int64_t i = 0; i < TEXT_LEN; i++) {
        require(ids[i] >= 0 && ids[i] < tokenizer_vocab_size(t));
        require(mask[i] == (i < n_valid));
        require(i < n_valid || ids[i] == tokenizer_pad_id(t));
    }
    require(ids[n_valid - 1] == tokenizer_eos_id(t));
    strbuf_done(&normalized);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {(const char *)data, size}, json = {0};
    size_t flags = take_size(&in, 1);
    size_t model_size = take_size(&in, 3);
    struct input model = take(&in, model_size);
    if (flags & 1) {
        size_t json_size = take_size(&in, 2);
        json = take(&in, json_size);
    }
    struct dn_error err;
    struct strbuf cleaned = {0};
    if (flags & 2 && prompt_clean(in.bytes, in.left, &cleaned, &err))
        require(dn_utf8_valid(strbuf_text(&cleaned), cleaned.length));
    struct tokenizer *t = NULL;
    if (tokenizer_open_bytes(model.bytes, model.left, flags & 1 ? json.bytes : NULL, json.left,
                             "model", &t, &err)) {
        encode(t, in.bytes, in.left);
        encode(t, strbuf_text(&cleaned), cleaned.length);
        tokenizer_close(t);
    } else {
        require(err.message[0] != '\0' && !strchr(err.message, '\n'));
    }
    strbuf_done(&cleaned);
    return 0;
}
