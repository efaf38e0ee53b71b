/* text_encoder: the umT5 encoder. Source: Wan2.1 (wan/modules/t5.py, T5Encoder):
 * x += o(attention(rms(x))), x += fc2(gelu_tanh(gate(rms(x))) * fc1(rms(x))), rms(x) at the end.
 * Logits are not scaled; every layer adds its own position bias. */
#include "model/text_encoder.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/relative_position.h"
#include "model/text_encoder_internal.h"

#define NORM_EPS 1e-6f /* no file tells it */

/* A run: where it is, for the functions below. */
struct run {
    struct text_encoder *enc;
    struct text_buffers *b;
    const struct text_layer *layer;
    int64_t index;
    text_trace_fn *trace;
    void *trace_context;
};

static bool show(const struct run *r, const char *name, const struct tensor *t,
                 struct dn_error *err)
{
    return !r->trace || r->trace(r->trace_context, r->index, name, t, err);
}

static void buffers_done(struct text_encoder *enc)
{
    struct text_buffers *b = &enc->buffers;
    struct tensor *const own[] = {&b->x,    &b->normed, &b->qkv,  &b->attended,
                                  &b->gate, &b->hidden, &b->bias, &b->distances, &b->probe};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (own[i]->data)
            enc->ops->tensor_free(enc->ex, own[i]);
    free(b->buckets);
    free(b->host);
    *b = (struct text_buffers){0};
}

void text_encoder_free(struct text_encoder *enc)
{
    if (!enc)
        return;
    for (int64_t i = 0; enc->layers && i < (enc->stream ? 1 : enc->info.layers); i++)
        text_layer_done(enc, &enc->layers[i]);
    free(enc->layers);
    if (enc->final_norm.data)
        enc->ops->tensor_free(enc->ex, &enc->final_norm);
    buffers_done(enc);
    free(enc);
}

const struct text_encoder_info *text_encoder_get_info(const struct text_encoder *enc)
{
    return &enc->info;
}

static bool buffers_fit(struct text_encoder *enc, int64_t n, int64_t keys, bool probe,
                        struct dn_error *err)
{
    struct text_buffers *b = &enc->buffers;
    const struct text_encoder_info *info = &enc->info;
    if (b->n == n && b->keys == keys && (b->probe.data || !probe))
        return true;
    buffers_done(enc);
    const enum dtype t = exec_dtype(enc->ex);
    const int64_t wide = info->dim > info->ffn_dim ? info->dim : info->ffn_dim;
    const struct {
        struct tensor *tensor;
        enum dtype dtype;
        int64_t cols;
    } wanted[] = {
        {&b->x, DTYPE_F32, info->dim},  {&b->normed, t, info->dim},
        {&b->qkv, t, 3 * info->attention_dim}, {&b->attended, t, info->attention_dim},
        {&b->gate, t, info->ffn_dim},   {&b->hidden, t, info->ffn_dim},
        {&b->probe, DTYPE_F32, wide},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (wanted[i].tensor == &b->probe && !probe)
            continue;
        if (!enc->ops->tensor_alloc(enc->ex, wanted[i].tensor, wanted[i].dtype,
                                    DIMS(n, wanted[i].cols), err))
            return false;
    }
    int64_t distances = info->heads * (n + keys - 1);
    if (!enc->ops->tensor_alloc(enc->ex, &b->bias, DTYPE_F32, DIMS(info->heads, n, keys), err) ||
        !enc->ops->tensor_alloc(enc->ex, &b->distances, DTYPE_F32,
                                DIMS(info->heads, n + keys - 1), err))
        return false;
    int64_t host = distances > n * info->dim ? distances : n * info->dim;
    b->host = dn_malloc(dn_mul_or_abort((size_t)host, sizeof *b->host));
    b->buckets = dn_malloc(dn_mul_or_abort((size_t)(n + keys), sizeof *b->buckets));
    for (int64_t i = 0; i < n + keys - 1; i++)
        b->buckets[i] = relative_position_bucket(i - (n - 1), info->buckets);
    b->n = n;
    b->keys = keys;
    return true;
}

/* x = rows of the embedding, gathered from the map: the table itself never moves to the device. */
static bool embed(const struct run *r, const int32_t *ids, struct dn_error *err)
{
    const struct text_encoder *enc = r->enc;
    const struct weight_view *table = weights_find(enc->w, enc->names->embedding);
    for (int64_t i = 0; i < r->b->n; i++) {
        if (ids[i] < 0 || ids[i] >= enc->info.vocab)
            return dn_fail(err, DN_E_MODEL,
                           "token id %" PRId32 " is outside the %" PRId64
                           " rows of the text encoder's embedding in %s",
                           ids[i], enc->info.vocab, weights_path(enc->w));
        struct weight_view row = *table;
        row.ndim = 1;
        row.shape[0] = row.count = enc->info.dim;
        row.stride[0] = table->stride[1];
        row.shape[1] = 1;
        row.stride[1] = 0;
        row.contiguous = row.stride[0] == 1;
        row.data = (const char *)table->data + ids[i] * table->stride[0] * dtype_size(table->dtype);
        weights_copy_f32(&row, r->b->host + i * enc->info.dim);
    }
    struct tensor host = tensor_over(r->b->host, DTYPE_F32, DIMS(r->b->n, enc->info.dim));
    return enc->ops->upload(enc->ex, &r->b->x, &host, err) &&
           show(r, "embedding", &r->b->x, err);
}

/* bias[head][query][key] = table[bucket(key - query)][head]: a row of it is the row before moved by
 * one, so that only the distances are sent and a copy with such strides spreads them. */
static bool position_bias(const struct run *r, struct dn_error *err)
{
    const struct text_encoder *enc = r->enc;
    const int64_t heads = enc->info.heads, n = r->b->n, keys = r->b->keys;
    float *table = dn_malloc(dn_mul_or_abort((size_t)(enc->info.buckets * heads), sizeof *table));
    if (!text_layer_positions(enc, r->index, table, err)) {
        free(table);
        return false;
    }
    const int64_t width = n + keys - 1;
    for (int64_t head = 0; head < heads; head++)
        for (int64_t i = 0; i < width; i++)
            r->b->host[head * width + i] = table[r->b->buckets[i] * heads + head];
    free(table);
    struct tensor host = tensor_over(r->b->host, DTYPE_F32, DIMS(heads, width));
    struct tensor spread = {.data = (float *)r->b->distances.data + n - 1, .dtype = DTYPE_F32,
                            .ndim = 3, .shape = {heads, n, keys}, .stride = {width, -1, 1}};
    return enc->ops->upload(enc->ex, &r->b->distances, &host, err) &&
           enc->ops->copy(enc->ex, &r->b->bias, &spread, err) &&
           show(r, "pos_bias", &r->b->bias, err);
}

/* What a layer adds to x, seen before it is added; only in a trace. */
static bool show_linear(const struct run *r, const char *name, const struct tensor *in,
                        const struct linear *linear, int64_t cols, struct dn_error *err)
{
    if (!r->trace)
        return true;
    struct tensor out = tensor_over(r->b->probe.data, DTYPE_F32, DIMS(r->b->n, cols));
    return r->enc->ops->linear(r->enc->ex, &out, in, linear, NULL, err) && show(r, name, &out, err);
}

static bool attend(const struct run *r, struct dn_error *err)
{
    const struct text_encoder *enc = r->enc;
    const struct ops *ops = enc->ops;
    struct text_buffers *b = r->b;
    const int64_t width = enc->info.attention_dim, heads = enc->info.heads, d = width / heads;
    if (!position_bias(r, err) ||
        !ops->rms_norm(enc->ex, &b->normed, &b->x, &r->layer->norm1, NORM_EPS, err) ||
        !show(r, "norm1", &b->normed, err) ||
        !ops->linear(enc->ex, &b->qkv, &b->normed, r->layer->qkv, NULL, err))
        return false;
    static const char *const names[3] = {"attn.q", "attn.k", "attn.v"};
    struct tensor part[3];
    for (int i = 0; i < 3; i++) {
        struct tensor flat = tensor_columns(&b->qkv, i * width, width);
        if (!show(r, names[i], &flat, err))
            return false;
        part[i] = (struct tensor){.data = flat.data, .dtype = flat.dtype, .ndim = 3,
                                  .shape = {i ? b->keys : b->n, heads, d},
                                  .stride = {flat.stride[0], d, 1}};
    }
    struct tensor out = tensor_reshape(&b->attended, DIMS(b->n, heads, d));
    const struct attention_args args = {.scale = 1.0f, .bias = &b->bias};
    const struct linear_args add = {.epilogue = LINEAR_RESIDUAL};
    return ops->attention(enc->ex, &out, &part[0], &part[1], &part[2], &args, err) &&
           show_linear(r, "attn", &b->attended, r->layer->o, enc->info.dim, err) &&
           ops->linear(enc->ex, &b->x, &b->attended, r->layer->o, &add, err);
}

static bool feed_forward(const struct run *r, struct dn_error *err)
{
    const struct text_encoder *enc = r->enc;
    const struct ops *ops = enc->ops;
    struct text_buffers *b = r->b;
    const struct linear_args gelu = {.epilogue = LINEAR_GELU_TANH};
    const struct linear_args multiply = {.epilogue = LINEAR_MULTIPLY, .aux = &b->gate};
    const struct linear_args add = {.epilogue = LINEAR_RESIDUAL};
    return ops->rms_norm(enc->ex, &b->normed, &b->x, &r->layer->norm2, NORM_EPS, err) &&
           show(r, "norm2", &b->normed, err) &&
           ops->linear(enc->ex, &b->gate, &b->normed, r->layer->gate, &gelu, err) &&
           show(r, "ffn.gate", &b->gate, err) &&
           show_linear(r, "ffn.fc1", &b->normed, r->layer->fc1, enc->info.ffn_dim, err) &&
           ops->linear(enc->ex, &b->hidden, &b->normed, r->layer->fc1, &multiply, err) &&
           show_linear(r, "ffn", &b->hidden, r->layer->fc2, enc->info.dim, err) &&
           ops->linear(enc->ex, &b->x, &b->hidden, r->layer->fc2, &add, err) &&
           show(r, "out", &b->x, err);
}

static bool run_layer(struct run *r, struct dn_error *err)
{
    struct text_encoder *enc = r->enc;
    struct text_layer *layer = &enc->layers[enc->stream ? 0 : r->index];
    if (enc->stream && !text_layer_load(enc, r->index, layer, err))
        return false;
    r->layer = layer;
    bool ok = attend(r, err) && feed_forward(r, err);
    if (enc->stream) {
        ok = ok && enc->ops->sync(enc->ex, err);
        text_layer_done(enc, layer);
    }
    return ok || dn_error_while(err, "running text encoder layer %" PRId64, r->index);
}

bool text_encoder_encode_masked(struct text_encoder *enc, const int32_t *ids, int64_t n,
                                int64_t keys, const struct tensor *context, text_trace_fn *trace,
                                void *trace_context, struct dn_error *err)
{
    assert(n >= 1 && keys >= 1 && keys <= n && context->shape[0] == n &&
           context->shape[1] == enc->info.dim);
    struct run r = {.enc = enc, .b = &enc->buffers, .index = -1, .trace = trace,
                    .trace_context = trace_context};
    if (!buffers_fit(enc, n, keys, trace != NULL, err) || !embed(&r, ids, err))
        return false;
    for (r.index = 0; r.index < enc->info.layers; r.index++)
        if (!run_layer(&r, err))
            return false;
    r.index = -1;
    return enc->ops->rms_norm(enc->ex, context, &enc->buffers.x, &enc->final_norm, NORM_EPS, err) &&
           show(&r, "context", context, err);
}

bool text_encoder_encode(struct text_encoder *enc, const int32_t *ids, int64_t n,
                         const struct tensor *context, struct dn_error *err)
{
    return text_encoder_encode_masked(enc, ids, n, n, context, NULL, NULL, err);
}
