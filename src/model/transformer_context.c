/* transformer_context: a prompt as keys and values of every layer's cross attention.
 *
 * The model attends text_len rows without a mask. Rows behind the prompt's tokens are zero, hence
 * all alike after the embedding: they are kept as one key whose logit is raised by log(how many),
 * which is the same softmax. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/transformer_internal.h"

/* host as contiguous float32 of rows + 1 rows (the last stays zero); the caller frees. */
static float *rows_f32(const struct tensor *host)
{
    int64_t rows = host->shape[0], cols = host->shape[1], size = dtype_size(host->dtype);
    float *out = dn_calloc(dn_mul_or_abort((size_t)rows + 1, (size_t)cols), sizeof *out);
    for (int64_t r = 0; r < rows; r++) {
        const char *row = (const char *)host->data + r * host->stride[0] * size;
        if (host->stride[1] == 1) {
            dtype_to_f32(out + r * cols, row, host->dtype, cols);
            continue;
        }
        for (int64_t c = 0; c < cols; c++)
            dtype_to_f32(out + r * cols + c, row + c * host->stride[1] * size, host->dtype, 1);
    }
    return out;
}

/* Rows up to the last one that is not all zero. */
static int64_t count_valid(const float *values, int64_t rows, int64_t cols)
{
    for (; rows > 0; rows--) {
        for (int64_t c = 0; c < cols; c++) {
            if (values[(rows - 1) * cols + c] != 0)
                return rows;
        }
    }
    return 0;
}

/* key_bias: 0 for the prompt's rows, log(padding) for the row that stands for the padding. */
static bool put_bias(struct text_context *ctx, int64_t padding, struct dn_error *err)
{
    struct transformer *tr = ctx->tr;
    float *bias = dn_calloc((size_t)ctx->rows, sizeof *bias);
    bias[ctx->rows - 1] = padding > 0 ? (float)log((double)padding) : 0;
    ctx->biased = padding > 1;
    struct tensor host = tensor_over(bias, DTYPE_F32, DIMS(ctx->rows));
    bool ok = tr->ops->tensor_alloc(tr->ex, &ctx->key_bias, DTYPE_F32, DIMS(ctx->rows), err) &&
              tr->ops->upload(tr->ex, &ctx->key_bias, &host, err);
    free(bias);
    return ok;
}

/* embedded = Linear(gelu(Linear(text))) */
static bool embed(struct text_context *ctx, const float *values, struct tensor *text,
                  struct tensor *hidden, struct dn_error *err)
{
    struct transformer *tr = ctx->tr;
    const struct ops *ops = tr->ops;
    int64_t dim = tr->config.dim, text_dim = tr->config.text_dim;
    struct tensor host = tensor_over((void *)values, DTYPE_F32, DIMS(ctx->rows, text_dim));
    struct linear_args gelu = {.epilogue = LINEAR_GELU_TANH};
    enum dtype type = exec_dtype(tr->ex);
    return ops->tensor_alloc(tr->ex, text, type, DIMS(ctx->rows, text_dim), err) &&
           ops->tensor_alloc(tr->ex, hidden, type, DIMS(ctx->rows, dim), err) &&
           ops->tensor_alloc(tr->ex, &ctx->embedded, type, DIMS(ctx->rows, dim), err) &&
           ops->upload(tr->ex, text, &host, err) &&
           ops->linear(tr->ex, hidden, text, tr->text_in, &gelu, err) &&
           ops->linear(tr->ex, &ctx->embedded, hidden, tr->text_out, NULL, err);
}

/* Keys (normalised) and values of one layer; kv is scratch [rows, 2 * dim]. */
static bool project(struct text_context *ctx, int64_t layer, const struct tensor *kv,
                    struct dn_error *err)
{
    struct transformer *tr = ctx->tr;
    const struct transformer_config *c = &tr->config;
    const struct block *b = &tr->blocks[layer];
    struct tensor k = tensor_columns(kv, 0, c->dim), v = tensor_columns(kv, c->dim, c->dim);
    struct tensor keys = tensor_slice(&ctx->keys, layer, 1);
    struct tensor values = tensor_slice(&ctx->values, layer, 1);
    keys = tensor_reshape(&keys, DIMS(ctx->rows, c->heads, transformer_head_dim(c)));
    values = tensor_reshape(&values, DIMS(ctx->rows, c->dim));
    return tr->ops->linear(tr->ex, kv, &ctx->embedded, b->cross_kv, NULL, err) &&
           tr->ops->qk_norm_rope(tr->ex, &keys, &k, &b->cross_norm_k, NULL, NULL, (float)c->eps,
                                 err) &&
           tr->ops->copy(tr->ex, &values, &v, err);
}

static bool project_all(struct text_context *ctx, struct tensor *kv, struct dn_error *err)
{
    struct transformer *tr = ctx->tr;
    const struct transformer_config *c = &tr->config;
    enum dtype type = exec_dtype(tr->ex);
    int64_t shape[] = {c->layers, ctx->rows, c->heads, transformer_head_dim(c)};
    if (!tr->ops->tensor_alloc(tr->ex, kv, type, DIMS(ctx->rows, 2 * c->dim), err) ||
        !tr->ops->tensor_alloc(tr->ex, &ctx->keys, type, 4, shape, err) ||
        !tr->ops->tensor_alloc(tr->ex, &ctx->values, type, 4, shape, err))
        return false;
    for (int64_t i = 0; i < c->layers; i++) {
        if (!project(ctx, i, kv, err))
            return false;
    }
    return true;
}

bool text_context_new(struct transformer *tr, const struct tensor *host, struct text_context **out,
                      struct dn_error *err)
{
    const struct transformer_config *c = &tr->config;
    *out = NULL;
    if (host->ndim != 2 || host->shape[0] < 1 || host->shape[0] > c->text_len ||
        host->shape[1] != c->text_dim)
        return dn_fail(err, DN_E_MODEL,
                       "a text context of %" PRId64 " rows of %" PRId64
                       " numbers does not fit the transformer: at most %" PRId64
                       " rows of %" PRId64,
                       host->shape[0], host->shape[1], c->text_len, c->text_dim);
    struct text_context *ctx = dn_calloc(1, sizeof *ctx);
    struct tensor text = {0}, hidden = {0}, kv = {0};
    float *values = rows_f32(host);
    int64_t valid = count_valid(values, host->shape[0], c->text_dim);
    int64_t padding = c->text_len - valid;

    ctx->tr = tr;
    ctx->rows = valid + (padding > 0);
    bool ok = put_bias(ctx, padding, err) && embed(ctx, values, &text, &hidden, err) &&
              project_all(ctx, &kv, err);
    tr->ops->tensor_free(tr->ex, &text);
    tr->ops->tensor_free(tr->ex, &hidden);
    tr->ops->tensor_free(tr->ex, &kv);
    free(values);
    if (!ok) {
        text_context_free(ctx);
        return false;
    }
    *out = ctx;
    return true;
}

void text_context_free(struct text_context *ctx)
{
    if (!ctx)
        return;
    const struct ops *ops = ctx->tr->ops;
    ops->tensor_free(ctx->tr->ex, &ctx->key_bias);
    ops->tensor_free(ctx->tr->ex, &ctx->embedded);
    ops->tensor_free(ctx->tr->ex, &ctx->keys);
    ops->tensor_free(ctx->tr->ex, &ctx->values);
    free(ctx);
}
