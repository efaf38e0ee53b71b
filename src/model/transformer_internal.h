/* transformer_internal: what the transformer's files share. Private to src/model/transformer*.c. */
#ifndef DANAUS_MODEL_TRANSFORMER_INTERNAL_H
#define DANAUS_MODEL_TRANSFORMER_INTERNAL_H

#include "model/transformer.h"

#define MODULATION_PARTS 6 /* shift, scale, gate of self attention, then of the feed-forward */
#define TIMESTEP_SLOTS 16

struct block {
    struct linear *qkv, *o; /* self attention; q, k, v stacked */
    struct linear *cross_q, *cross_kv, *cross_o;
    struct linear *ffn_in, *ffn_out;
    struct tensor norm_q, norm_k;             /* F32 [dim] */
    struct tensor cross_norm_q, cross_norm_k; /* F32 [dim] */
    struct tensor norm3_weight, norm3_bias;   /* F32 [dim], before cross attention */
};

/* Everything that depends on a timestep alone. F32. */
struct timestep_slot {
    bool used;
    float t;
    struct tensor e;      /* [1, dim] */
    struct tensor e0;     /* [1, 6 * dim] */
    struct tensor blocks; /* [layers, 6 * dim] = modulation of each block + e0 */
    struct tensor head;   /* [2, dim] = modulation of the head + e */
};

/* Modulation of one pass: `groups` rows that `group_rows` tokens each share. */
struct modulation {
    int64_t groups, group_rows;
    struct tensor blocks; /* [layers, groups, 6 * dim] */
    struct tensor head;   /* [groups, 2 * dim] */
};

/* Buffers of a pass, kept while its size stays the same. T = exec's dtype. */
struct scratch {
    int64_t tokens, frames, ffn_rows;
    struct tensor patches;      /* T [tokens, channels * 4] */
    struct tensor x;            /* F32 [tokens, dim], the residual stream */
    struct tensor normed;       /* T [tokens, dim] */
    struct tensor qkv;          /* T [tokens, 3 * dim] */
    struct tensor q, k;         /* T [tokens, heads, head_dim] */
    struct tensor attended;     /* T [tokens, heads, head_dim] */
    struct tensor hidden;       /* T [ffn_rows, ffn_dim] */
    struct tensor out;          /* F32 [tokens, channels * 4] */
    struct tensor mixed_blocks; /* F32 [layers, frames, 6 * dim], made at the first mixed pass */
    struct tensor mixed_head;   /* F32 [frames, 2 * dim] */
};

/* Rotary tables of the last pass. */
struct rope_slot {
    bool used;
    int64_t start, frames, rows, cols;
    struct tensor cos, sin; /* F32 [tokens, head_dim / 2] */
};

struct transformer {
    const struct ops *ops;
    struct exec *ex;
    struct transformer_config config;
    struct linear *patch, *text_in, *text_out, *time_in, *time_out, *time_projection, *head;
    struct tensor modulations;     /* F32 [layers, 6 * dim] */
    struct tensor head_modulation; /* F32 [2, dim] */
    struct block *blocks;          /* [layers] */
    struct timestep_slot slots[TIMESTEP_SLOTS];
    int next_slot; /* replaced when all are used */
    struct scratch scratch;
    struct rope_slot rope;
    bool is_twin; /* of a plan: nobody looks at numbers */
};

struct text_context {
    struct transformer *tr;
    int64_t rows;           /* keys kept; the last one may stand for many */
    struct tensor key_bias; /* F32 [rows], log of how many rows each key stands for */
    bool biased;
    struct tensor embedded;     /* T [rows, dim], kept for traces */
    struct tensor keys, values; /* T [layers, rows, heads, head_dim] */
};

/* The slot of timestep t, computed when it is new. NULL with err filled when the backend failed. */
const struct timestep_slot *transformer_timestep(struct transformer *tr, float t,
                                                 struct dn_error *err);
/* Modulation for a pass of `frames` frames of frame_tokens tokens: one group when all timesteps are
 * equal, one a frame otherwise. Views into tr, valid until the next pass. */
bool transformer_modulation(struct transformer *tr, const float *timesteps, int64_t frames,
                            int64_t frame_tokens, struct modulation *out, struct dn_error *err);
void transformer_timesteps_done(struct transformer *tr);

/* Makes the scratch fit a pass of frames x frame_tokens tokens. */
bool transformer_scratch_fit(struct transformer *tr, int64_t frames, int64_t frame_tokens,
                             struct dn_error *err);
void transformer_scratch_done(struct transformer *tr);
/* Makes tr->rope hold the tables of these tokens. */
bool transformer_rope_fit(struct transformer *tr, int64_t start, int64_t frames, int64_t rows,
                          int64_t cols, struct dn_error *err);

#endif
