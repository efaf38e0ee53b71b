/* text_encoder_load: umT5 weights by the names of the public download or of the Hugging Face form;
 * sizes from shapes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/model_weights.h"
#include "model/text_encoder_internal.h"

#define NAME_SIZE 128
#define MAX_LAYERS 1000
#define STREAM_ABOVE_BYTES (2ll << 30)
#define LEAVE_BYTES                                                                                \
    (13ll << 30) /* of a device's memory: a clip of 480x832 with the public model takes 12.5 */

static const struct text_names known_names[] = {
    {"token_embedding.weight", "norm.weight", "blocks.", "norm1.weight", "attn.q.weight",
     "attn.k.weight", "attn.v.weight", "attn.o.weight", "pos_embedding.embedding.weight",
     "norm2.weight", "ffn.gate.0.weight", "ffn.fc1.weight", "ffn.fc2.weight"},
    {"shared.weight", "encoder.final_layer_norm.weight", "encoder.block.",
     "layer.0.layer_norm.weight", "layer.0.SelfAttention.q.weight",
     "layer.0.SelfAttention.k.weight", "layer.0.SelfAttention.v.weight",
     "layer.0.SelfAttention.o.weight", "layer.0.SelfAttention.relative_attention_bias.weight",
     "layer.1.layer_norm.weight", "layer.1.DenseReluDense.wi_0.weight",
     "layer.1.DenseReluDense.wi_1.weight", "layer.1.DenseReluDense.wo.weight"},
};

static const char *layer_name(char out[NAME_SIZE], const struct text_names *names, int64_t layer,
                              const char *part)
{
    snprintf(out, NAME_SIZE, "%s%" PRId64 ".%s", names->layer_prefix, layer, part);
    return out;
}

/* The names that the file uses; the public ones when neither fits, so that complaints name them. */
static const struct text_names *choose_names(const struct weights *w)
{
    return weights_find(w, known_names[1].embedding) ? &known_names[1] : &known_names[0];
}

static bool read_sizes(const struct weights *w, const struct text_names *names,
                       struct text_encoder_info *info, struct dn_error *err)
{
    const int64_t any[2] = {MODEL_ANY_SIZE, MODEL_ANY_SIZE};
    char name[NAME_SIZE];
    const struct weight_view *table = model_weight_need(w, names->embedding, 2, any, err);
    const struct weight_view *q =
        table ? model_weight_need(w, layer_name(name, names, 0, names->q), 2, any, err) : NULL;
    const struct weight_view *fc1 =
        q ? model_weight_need(w, layer_name(name, names, 0, names->fc1), 2, any, err) : NULL;
    const struct weight_view *position =
        fc1 ? model_weight_need(w, layer_name(name, names, 0, names->position), 2, any, err) : NULL;
    if (!position)
        return false;
    info->vocab = table->shape[0];
    info->dim = table->shape[1];
    info->attention_dim = q->shape[0];
    info->ffn_dim = fc1->shape[0];
    info->buckets = position->shape[0];
    info->heads = position->shape[1];
    if (info->attention_dim % info->heads || info->buckets % 4)
        return dn_fail(err, DN_E_MODEL,
                       "%s: tensor %s gives %" PRId64 " buckets and %" PRId64
                       " heads, which do not divide (buckets by 4, width %" PRId64 " by heads)",
                       weights_path(w), name, info->buckets, info->heads, info->attention_dim);
    while (info->layers < MAX_LAYERS &&
           weights_find(w, layer_name(name, names, info->layers, names->norm1)))
        info->layers++;
    return true;
}

static bool check_layer(const struct weights *w, const struct text_names *names,
                        const struct text_encoder_info *info, int64_t layer, struct dn_error *err)
{
    const struct {
        const char *part;
        int ndim;
        int64_t shape[2];
    } wanted[] = {
        {names->norm1, 1, {info->dim, 1}},
        {names->q, 2, {info->attention_dim, info->dim}},
        {names->k, 2, {info->attention_dim, info->dim}},
        {names->v, 2, {info->attention_dim, info->dim}},
        {names->o, 2, {info->dim, info->attention_dim}},
        {names->position, 2, {info->buckets, info->heads}},
        {names->norm2, 1, {info->dim, 1}},
        {names->gate, 2, {info->ffn_dim, info->dim}},
        {names->fc1, 2, {info->ffn_dim, info->dim}},
        {names->fc2, 2, {info->dim, info->ffn_dim}},
    };
    char name[NAME_SIZE];
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!model_weight_need(w, layer_name(name, names, layer, wanted[i].part), wanted[i].ndim,
                               wanted[i].shape, err))
            return false;
    return true;
}

bool text_encoder_inspect(const struct weights *w, struct text_encoder_info *info,
                          struct dn_error *err)
{
    const struct text_names *names = choose_names(w);
    *info = (struct text_encoder_info){0};
    if (!read_sizes(w, names, info, err))
        return false;
    if (info->layers == 0) /* read_sizes saw layer 0's q, so its norm is what lacks */
        return check_layer(w, names, info, 0, err);
    for (int64_t i = 0; i < info->layers; i++)
        if (!check_layer(w, names, info, i, err))
            return false;
    info->parameters = model_weight_parameters(w, "");
    return model_weight_need(w, names->final_norm, 1, &info->dim, err) != NULL;
}

/* One linear layer of parts stacked along out, without biases. */
static bool pack(const struct text_encoder *enc, int64_t layer, const char *const *parts, int count,
                 struct linear **out, struct dn_error *err)
{
    struct tensor hosts[3] = {{0}};
    void *copies[3] = {NULL};
    char name[NAME_SIZE];
    const int64_t any[2] = {MODEL_ANY_SIZE, MODEL_ANY_SIZE};
    for (int i = 0; i < count; i++) {
        layer_name(name, enc->names, layer, parts[i]);
        /* shapes were checked by text_encoder_inspect */
        hosts[i] = model_weight_tensor(model_weight_need(enc->w, name, 2, any, NULL), &copies[i]);
    }
    bool ok = enc->ops->linear_pack(enc->ex, hosts, NULL, count, out, err);
    for (int i = 0; i < count; i++)
        free(copies[i]);
    return ok || dn_error_while(err, "packing %s", name);
}

bool text_layer_load(const struct text_encoder *enc, int64_t index, struct text_layer *out,
                     struct dn_error *err)
{
    const struct text_names *names = enc->names;
    const char *const qkv[] = {names->q, names->k, names->v};
    char name[NAME_SIZE];
    *out = (struct text_layer){0};
    bool ok = pack(enc, index, qkv, 3, &out->qkv, err) &&
              pack(enc, index, &names->o, 1, &out->o, err) &&
              pack(enc, index, &names->gate, 1, &out->gate, err) &&
              pack(enc, index, &names->fc1, 1, &out->fc1, err) &&
              pack(enc, index, &names->fc2, 1, &out->fc2, err) &&
              model_weight_vector(enc->w, layer_name(name, names, index, names->norm1),
                                  enc->info.dim, enc->ops, enc->ex, &out->norm1, err) &&
              model_weight_vector(enc->w, layer_name(name, names, index, names->norm2),
                                  enc->info.dim, enc->ops, enc->ex, &out->norm2, err);
    if (!ok)
        text_layer_done(enc, out);
    return ok;
}

void text_layer_done(const struct text_encoder *enc, struct text_layer *layer)
{
    struct linear *const linears[] = {layer->qkv, layer->o, layer->gate, layer->fc1, layer->fc2};
    for (size_t i = 0; i < sizeof linears / sizeof linears[0]; i++)
        if (linears[i])
            enc->ops->linear_free(enc->ex, linears[i]);
    if (layer->norm1.data)
        enc->ops->tensor_free(enc->ex, &layer->norm1);
    if (layer->norm2.data)
        enc->ops->tensor_free(enc->ex, &layer->norm2);
    *layer = (struct text_layer){0};
}

bool text_layer_positions(const struct text_encoder *enc, int64_t index, float *out,
                          struct dn_error *err)
{
    char name[NAME_SIZE];
    const int64_t shape[2] = {enc->info.buckets, enc->info.heads};
    const struct weight_view *view = model_weight_need(
        enc->w, layer_name(name, enc->names, index, enc->names->position), 2, shape, err);
    if (view)
        weights_copy_f32(view, out);
    return view != NULL;
}

static bool load_layers(struct text_encoder *enc, struct dn_error *err)
{
    enc->layers = dn_calloc((size_t)(enc->stream ? 1 : enc->info.layers), sizeof *enc->layers);
    for (int64_t i = 0; !enc->stream && i < enc->info.layers; i++)
        if (!text_layer_load(enc, i, &enc->layers[i], err))
            return false;
    return model_weight_vector(enc->w, enc->names->final_norm, enc->info.dim, enc->ops, enc->ex,
                               &enc->final_norm, err);
}

/* Layers are packed anew for every prompt where they would take the memory that others need: of a
 * host a file's size decides, of a device what it has free. */
static bool too_large(const struct text_encoder *enc)
{
    int64_t available = 0, size = dtype_size(exec_dtype(enc->ex));
    if (weights_file_bytes(enc->w) <= STREAM_ABOVE_BYTES)
        return false;
    if (!enc->ops->memory_free(enc->ex, &available, &(struct dn_error){0}) ||
        available == INT64_MAX)
        return true;
    int64_t layers = model_weight_parameters(enc->w, enc->names->layer_prefix) * size;
    return available - layers < LEAVE_BYTES;
}

bool text_encoder_load(const struct weights *w, enum text_encoder_keep keep, const struct ops *ops,
                       struct exec *ex, struct text_encoder **out, struct dn_error *err)
{
    struct text_encoder *enc = dn_calloc(1, sizeof *enc);
    *enc = (struct text_encoder){.w = w, .ops = ops, .ex = ex, .names = choose_names(w)};
    enc->stream = keep == TEXT_ENCODER_STREAM || (keep == TEXT_ENCODER_AUTO && too_large(enc));
    if (!text_encoder_inspect(w, &enc->info, err) || !load_layers(enc, err)) {
        text_encoder_free(enc);
        *out = NULL;
        return dn_error_while(err, "loading the text encoder");
    }
    *out = enc;
    return true;
}
