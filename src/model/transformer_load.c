/* transformer_load: a transformer from its weights. Names: Wan2.1's state dict. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "model/model_weights.h"
#include "model/transformer_internal.h"

#define MAX_NAME 96

/* A dimension of a wanted shape: a number, or one of these sizes of the config. */
enum size_name { DIM = -100, DIM6, FFN, FREQ, TEXT, CHANNELS, PATCH_OUT };

struct wanted {
    const char *name;
    int ndim;
    int64_t shape[5];
};

static const struct wanted outer_tensors[] = {
    {"patch_embedding.weight", 5, {DIM, CHANNELS, 1, TRANSFORMER_PATCH, TRANSFORMER_PATCH}},
    {"patch_embedding.bias", 1, {DIM}},
    {"text_embedding.0.weight", 2, {DIM, TEXT}},
    {"text_embedding.0.bias", 1, {DIM}},
    {"text_embedding.2.weight", 2, {DIM, DIM}},
    {"text_embedding.2.bias", 1, {DIM}},
    {"time_embedding.0.weight", 2, {DIM, FREQ}},
    {"time_embedding.0.bias", 1, {DIM}},
    {"time_embedding.2.weight", 2, {DIM, DIM}},
    {"time_embedding.2.bias", 1, {DIM}},
    {"time_projection.1.weight", 2, {DIM6, DIM}},
    {"time_projection.1.bias", 1, {DIM6}},
    {"head.modulation", 3, {1, 2, DIM}},
    {"head.head.weight", 2, {PATCH_OUT, DIM}},
    {"head.head.bias", 1, {PATCH_OUT}},
    {NULL, 0, {0}},
};

/* of every block, behind "blocks.N." */
static const struct wanted block_tensors[] = {
    {"modulation", 3, {1, MODULATION_PARTS, DIM}},
    {"self_attn.q.weight", 2, {DIM, DIM}},
    {"self_attn.q.bias", 1, {DIM}},
    {"self_attn.k.weight", 2, {DIM, DIM}},
    {"self_attn.k.bias", 1, {DIM}},
    {"self_attn.v.weight", 2, {DIM, DIM}},
    {"self_attn.v.bias", 1, {DIM}},
    {"self_attn.o.weight", 2, {DIM, DIM}},
    {"self_attn.o.bias", 1, {DIM}},
    {"self_attn.norm_q.weight", 1, {DIM}},
    {"self_attn.norm_k.weight", 1, {DIM}},
    {"cross_attn.q.weight", 2, {DIM, DIM}},
    {"cross_attn.q.bias", 1, {DIM}},
    {"cross_attn.k.weight", 2, {DIM, DIM}},
    {"cross_attn.k.bias", 1, {DIM}},
    {"cross_attn.v.weight", 2, {DIM, DIM}},
    {"cross_attn.v.bias", 1, {DIM}},
    {"cross_attn.o.weight", 2, {DIM, DIM}},
    {"cross_attn.o.bias", 1, {DIM}},
    {"cross_attn.norm_q.weight", 1, {DIM}},
    {"cross_attn.norm_k.weight", 1, {DIM}},
    {"norm3.weight", 1, {DIM}},
    {"norm3.bias", 1, {DIM}},
    {"ffn.0.weight", 2, {FFN, DIM}},
    {"ffn.0.bias", 1, {FFN}},
    {"ffn.2.weight", 2, {DIM, FFN}},
    {"ffn.2.bias", 1, {DIM}},
    {NULL, 0, {0}},
};

static int64_t resolve(const struct transformer_config *c, int64_t size)
{
    switch (size) {
    case DIM:
        return c->dim;
    case DIM6:
        return MODULATION_PARTS * c->dim;
    case FFN:
        return c->ffn_dim;
    case FREQ:
        return c->freq_dim;
    case TEXT:
        return c->text_dim;
    case CHANNELS:
        return c->channels;
    case PATCH_OUT:
        return c->channels * TRANSFORMER_PATCH * TRANSFORMER_PATCH;
    default:
        return size;
    }
}

/* All of a table, with prefix in front of the names. */
static bool each_of_table(const struct transformer_config *c, const struct wanted *table,
                          const char *prefix, transformer_tensor_fn *fn, void *context)
{
    for (; table->name; table++) {
        char name[MAX_NAME];
        int64_t shape[5] = {0};
        snprintf(name, sizeof name, "%s%s", prefix, table->name);
        for (int i = 0; i < table->ndim; i++)
            shape[i] = resolve(c, table->shape[i]);
        if (!fn(context, name, table->ndim, shape))
            return false;
    }
    return true;
}

bool transformer_each_tensor(const struct transformer_config *c, transformer_tensor_fn *fn,
                             void *context)
{
    char prefix[32];
    if (!each_of_table(c, outer_tensors, "", fn, context))
        return false;
    for (int64_t layer = 0; layer < c->layers; layer++) {
        snprintf(prefix, sizeof prefix, "blocks.%" PRId64 ".", layer);
        if (!each_of_table(c, block_tensors, prefix, fn, context))
            return false;
    }
    return true;
}

static bool is_in(const struct wanted *table, const char *name)
{
    for (; table->name; table++) {
        if (strcmp(table->name, name) == 0)
            return true;
    }
    return false;
}

/* A name that the model has: of the outer table, or "blocks.N." and one of the block's. */
static bool is_known(const char *name)
{
    const char *digits = name + 7;
    if (strncmp(name, "blocks.", 7) != 0)
        return is_in(outer_tensors, name);
    size_t count = strspn(digits, "0123456789");
    bool number = count > 0 && (digits[0] != '0' || count == 1) && digits[count] == '.';
    return number && is_in(block_tensors, digits + count + 1);
}

/* A tensor that the model has no place for means that the file is another model's. */
static bool check_unknown(const struct weights *w, struct dn_error *err)
{
    struct strbuf names = {0};
    int64_t unknown = 0;
    for (int64_t i = 0; i < weights_count(w); i++) {
        const char *name = weights_at(w, i)->name;
        if (is_known(name))
            continue;
        if (unknown++ < 3)
            strbuf_printf(&names, "%s%s", unknown > 1 ? ", " : "", name);
    }
    if (unknown)
        dn_fail(err, DN_E_MODEL,
                "%s: %" PRId64 " tensor%s that the transformer does not know: %s%s",
                weights_path(w), unknown, unknown > 1 ? "s" : "", strbuf_text(&names),
                unknown > 3 ? ", ..." : "");
    strbuf_done(&names);
    return unknown == 0;
}

struct presence {
    const struct weights *w;
    struct dn_error *err;
};

static bool check_tensor(void *context, const char *name, int ndim, const int64_t *shape)
{
    const struct presence *p = context;
    return model_weight_need(p->w, name, ndim, shape, p->err) != NULL;
}

bool transformer_check(const struct weights *w, const struct transformer_config *config,
                       struct dn_error *err)
{
    struct presence presence = {w, err};
    return transformer_each_tensor(config, check_tensor, &presence) && check_unknown(w, err);
}

/* Packs up to three layers NAME.weight and NAME.bias, stacked along their outputs, narrow ones as
 * the exec likes those. The tables above have been checked: every tensor is there. */
static bool pack(struct transformer *tr, const struct weights *w, const char *const *names,
                 int count, bool narrow, struct linear **out, struct dn_error *err)
{
    struct tensor parts[3], biases[3];
    void *copies[6] = {NULL};
    for (int i = 0; i < count; i++) {
        char name[MAX_NAME];
        snprintf(name, sizeof name, "%s.weight", names[i]);
        parts[i] = model_weight_tensor(weights_find(w, name), &copies[2 * i]);
        snprintf(name, sizeof name, "%s.bias", names[i]);
        biases[i] = model_weight_tensor(weights_find(w, name), &copies[2 * i + 1]);
    }
    bool ok = (narrow ? tr->ops->linear_pack_narrow : tr->ops->linear_pack)(tr->ex, parts, biases,
                                                                            count, out, err);
    for (int i = 0; i < 6; i++)
        free(copies[i]);
    return ok || dn_error_while(err, "loading %s", names[0]);
}

/* The patch convolution as a matrix [dim, channels * 4]. */
static bool pack_patch(struct transformer *tr, const struct weights *w, struct dn_error *err)
{
    const struct weight_view *view = weights_find(w, "patch_embedding.weight");
    int64_t dim = tr->config.dim, inner = view->count / dim;
    float *values = dn_malloc(dn_mul_or_abort((size_t)view->count, sizeof *values));
    void *copy;
    weights_copy_f32(view, values);
    struct tensor weight = tensor_over(values, DTYPE_F32, DIMS(dim, inner));
    struct tensor bias = model_weight_tensor(weights_find(w, "patch_embedding.bias"), &copy);
    bool ok = tr->ops->linear_pack(tr->ex, &weight, &bias, 1, &tr->patch, err);
    free(values);
    free(copy);
    return ok;
}

/* Uploads the elements of NAME to dst, F32 contiguous of the same count. */
static bool put(struct transformer *tr, const struct weights *w, const char *name,
                const struct tensor *dst, struct dn_error *err)
{
    const struct weight_view *view = weights_find(w, name);
    float *values = dn_malloc(dn_mul_or_abort((size_t)view->count, sizeof *values));
    weights_copy_f32(view, values);
    struct tensor host = tensor_over(values, DTYPE_F32, dst->ndim, dst->shape);
    bool ok = tr->ops->upload(tr->ex, dst, &host, err);
    free(values);
    return ok;
}

static bool load_outer(struct transformer *tr, const struct weights *w, struct dn_error *err)
{
    const struct {
        const char *name;
        struct linear **out;
    } layers[] = {
        {"text_embedding.0", &tr->text_in},          {"text_embedding.2", &tr->text_out},
        {"time_embedding.0", &tr->time_in},          {"time_embedding.2", &tr->time_out},
        {"time_projection.1", &tr->time_projection}, {"head.head", &tr->head},
    };
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        if (!pack(tr, w, &layers[i].name, 1, false, layers[i].out, err))
            return false;
    }
    int64_t dim = tr->config.dim;
    return pack_patch(tr, w, err) &&
           tr->ops->tensor_alloc(tr->ex, &tr->modulations, DTYPE_F32,
                                 DIMS(tr->config.layers, MODULATION_PARTS * dim), err) &&
           tr->ops->tensor_alloc(tr->ex, &tr->head_modulation, DTYPE_F32, DIMS(2, dim), err) &&
           put(tr, w, "head.modulation", &tr->head_modulation, err);
}

static bool load_block(struct transformer *tr, const struct weights *w, int64_t layer,
                       struct dn_error *err)
{
    struct block *b = &tr->blocks[layer];
    const struct {
        const char *names[3];
        int count;
        bool narrow; /* runs in every pass */
        struct linear **out;
    } linears[] = {
        {{"self_attn.q", "self_attn.k", "self_attn.v"}, 3, true, &b->qkv},
        {{"self_attn.o"}, 1, true, &b->o},
        {{"cross_attn.q"}, 1, true, &b->cross_q},
        {{"cross_attn.k", "cross_attn.v"}, 2, false, &b->cross_kv},
        {{"cross_attn.o"}, 1, true, &b->cross_o},
        {{"ffn.0"}, 1, true, &b->ffn_in},
        {{"ffn.2"}, 1, true, &b->ffn_out},
    };
    const struct {
        const char *name;
        struct tensor *out;
    } vectors[] = {
        {"self_attn.norm_q.weight", &b->norm_q},
        {"self_attn.norm_k.weight", &b->norm_k},
        {"cross_attn.norm_q.weight", &b->cross_norm_q},
        {"cross_attn.norm_k.weight", &b->cross_norm_k},
        {"norm3.weight", &b->norm3_weight},
        {"norm3.bias", &b->norm3_bias},
    };
    char name[3][MAX_NAME];

    for (size_t i = 0; i < sizeof linears / sizeof linears[0]; i++) {
        const char *names[3];
        for (int k = 0; k < linears[i].count; k++) {
            snprintf(name[k], sizeof name[k], "blocks.%" PRId64 ".%s", layer, linears[i].names[k]);
            names[k] = name[k];
        }
        if (!pack(tr, w, names, linears[i].count, linears[i].narrow, linears[i].out, err))
            return false;
    }
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        snprintf(name[0], sizeof name[0], "blocks.%" PRId64 ".%s", layer, vectors[i].name);
        if (!model_weight_vector(w, name[0], tr->config.dim, tr->ops, tr->ex, vectors[i].out, err))
            return false;
    }
    struct tensor row = tensor_slice(&tr->modulations, layer, 1);
    snprintf(name[0], sizeof name[0], "blocks.%" PRId64 ".modulation", layer);
    return put(tr, w, name[0], &row, err);
}

int64_t transformer_narrow_parameters(const struct transformer_config *c)
{
    return c->layers * c->dim * (6 * c->dim + 2 * c->ffn_dim);
}

bool transformer_open(const struct ops *ops, struct exec *ex, const struct weights *w,
                      const struct transformer_config *config, struct transformer **out,
                      struct dn_error *err)
{
    *out = NULL;
    if (!transformer_check(w, config, err))
        return false;
    struct transformer *tr = dn_calloc(1, sizeof *tr);
    tr->ops = ops;
    tr->ex = ex;
    tr->config = *config;
    tr->blocks = dn_calloc((size_t)config->layers, sizeof *tr->blocks);
    bool ok = load_outer(tr, w, err);
    for (int64_t i = 0; ok && i < config->layers; i++)
        ok = load_block(tr, w, i, err);
    if (!ok) {
        transformer_free(tr);
        return dn_error_while(err, "loading the transformer");
    }
    *out = tr;
    return true;
}

static void free_block(struct transformer *tr, struct block *b)
{
    struct linear *linears[] = {b->qkv,     b->o,      b->cross_q, b->cross_kv,
                                b->cross_o, b->ffn_in, b->ffn_out};
    struct tensor *vectors[] = {&b->norm_q,       &b->norm_k,       &b->cross_norm_q,
                                &b->cross_norm_k, &b->norm3_weight, &b->norm3_bias};
    for (size_t i = 0; i < sizeof linears / sizeof linears[0]; i++)
        tr->ops->linear_free(tr->ex, linears[i]);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        tr->ops->tensor_free(tr->ex, vectors[i]);
}

void transformer_free(struct transformer *tr)
{
    if (!tr)
        return;
    for (int64_t i = 0; i < tr->config.layers; i++)
        free_block(tr, &tr->blocks[i]);
    free(tr->blocks);
    struct linear *linears[] = {tr->patch,    tr->text_in,         tr->text_out, tr->time_in,
                                tr->time_out, tr->time_projection, tr->head};
    for (size_t i = 0; i < sizeof linears / sizeof linears[0]; i++)
        tr->ops->linear_free(tr->ex, linears[i]);
    tr->ops->tensor_free(tr->ex, &tr->modulations);
    tr->ops->tensor_free(tr->ex, &tr->head_modulation);
    transformer_timesteps_done(tr);
    transformer_scratch_done(tr);
    free(tr);
}
