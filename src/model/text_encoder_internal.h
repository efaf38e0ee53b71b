/* text_encoder_internal: what text_encoder.c and text_encoder_load.c share. */
#ifndef DANAUS_MODEL_TEXT_ENCODER_INTERNAL_H
#define DANAUS_MODEL_TEXT_ENCODER_INTERNAL_H

#include "model/text_encoder.h"

/* A layer ready to run. */
struct text_layer {
    struct tensor norm1, norm2; /* F32 [dim] */
    struct linear *qkv, *o;     /* q, k, v stacked along out */
    struct linear *gate, *fc1, *fc2;
};

/* Buffers for n tokens. T = the exec's dtype. */
struct text_buffers {
    int64_t n, keys;
    struct tensor x;        /* F32 [n, dim], the residual stream: it outgrows bf16's digits */
    struct tensor normed;   /* T [n, dim] */
    struct tensor qkv;      /* T [n, 3 * attention_dim] */
    struct tensor attended; /* T [n, attention_dim] */
    struct tensor gate;     /* T [n, ffn_dim] */
    struct tensor hidden;   /* T [n, ffn_dim] */
    struct tensor distances; /* F32 [heads, n + keys - 1], bias by key - query + n - 1 */
    struct tensor bias;     /* F32 [heads, n, keys] */
    struct tensor probe;    /* F32 [n, max(dim, ffn_dim)], made when a trace asks */
    int32_t *buckets;       /* host [n + keys - 1], by key - query + n - 1 */
    float *host;            /* host [max(heads * (n + keys - 1), n * dim)] */
};

/* How the tensors of a file are called. */
struct text_names {
    const char *embedding, *final_norm;
    const char *layer_prefix; /* before the layer's number */
    const char *norm1, *q, *k, *v, *o, *position, *norm2, *gate, *fc1, *fc2;
};

struct text_encoder {
    const struct weights *w;
    const struct ops *ops;
    struct exec *ex;
    const struct text_names *names;
    struct text_encoder_info info;
    bool stream;               /* pack a layer when its turn comes */
    struct text_layer *layers; /* [layers], or one that is packed anew when stream */
    struct tensor final_norm;  /* F32 [dim] */
    struct text_buffers buffers;
};

bool text_layer_load(const struct text_encoder *enc, int64_t index, struct text_layer *out,
                     struct dn_error *err);
void text_layer_done(const struct text_encoder *enc, struct text_layer *layer);
/* The position table of a layer, host [buckets * heads]. */
bool text_layer_positions(const struct text_encoder *enc, int64_t index, float *out,
                          struct dn_error *err);

/* Sees intermediate results; layer -1: of no layer. */
typedef bool text_trace_fn(void *context, int64_t layer, const char *name, const struct tensor *t,
                           struct dn_error *err);
/* text_encoder_encode where only the first keys tokens are attended (n >= keys >= 1): the rows
 * behind are computed all the same. trace may be NULL. */
bool text_encoder_encode_masked(struct text_encoder *enc, const int32_t *ids, int64_t n,
                                int64_t keys, const struct tensor *context, text_trace_fn *trace,
                                void *trace_context, struct dn_error *err);

#endif
