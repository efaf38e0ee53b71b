/* transformer: one forward pass. Wan2.1, wan/modules/model.py: WanModel; Self-Forcing,
 * wan/modules/causal_model.py: CausalWanModel.
 *
 * block: x += gate1 * attention(LN(x) * (1 + scale1) + shift1)
 *        x += cross_attention(LN_affine(x), text)
 *        x += gate2 * ffn(LN(x) * (1 + scale2) + shift2) */
#include "model/transformer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "model/transformer_internal.h"

/* What the steps of one pass share. */
struct pass_state {
    struct transformer *tr;
    const struct transformer_pass *pass;
    int64_t frames, rows, cols, frame_tokens, tokens;
    struct modulation modulation;
    struct kv_place place; /* with a cache */
};

/* [n, heads * d] of any row stride as [n, heads, d]. */
static struct tensor as_heads(const struct transformer_config *c, struct tensor t)
{
    int64_t d = transformer_head_dim(c);
    t.ndim = 3;
    t.shape[1] = c->heads;
    t.shape[2] = d;
    t.stride[1] = d;
    t.stride[2] = 1;
    return t;
}

static struct tensor as_rows(const struct transformer_config *c, const struct tensor *t)
{
    return tensor_reshape(t, DIMS(t->shape[0], c->dim));
}

/* Vector number `part` of a layer, or of the head behind the last layer, for rows [first, first +
 * count): [groups, dim]; *group_rows is how many of the rows share one. */
static struct tensor modulation_part(const struct pass_state *p, int64_t layer, int part,
                                     int64_t first, int64_t count, int64_t *group_rows)
{
    const struct modulation *m = &p->modulation;
    int64_t dim = p->tr->config.dim;
    struct tensor one = m->head;
    if (layer < p->tr->config.layers) {
        one = tensor_slice(&m->blocks, layer, 1);
        one = tensor_reshape(&one, DIMS(m->groups, MODULATION_PARTS * dim));
    }
    if (m->groups > 1) {
        one = tensor_slice(&one, first / m->group_rows, count / m->group_rows);
        *group_rows = m->group_rows;
    } else {
        *group_rows = count;
    }
    return tensor_columns(&one, part * dim, dim);
}

/* The norm in front of what comes next, which linear makes while it writes x. */
struct norm_ahead {
    struct linear_norm norm;
    struct tensor y, shift, scale;
};

/* Rows [first, first + count) of x, normed and modulated by parts `part` and `part` + 1 of a layer
 * (or of the head), to the same rows of scratch. Returns &out->norm. */
static const struct linear_norm *norm_ahead(const struct pass_state *p, int64_t layer, int part,
                                            int64_t first, int64_t count, struct norm_ahead *out)
{
    int64_t group_rows;
    out->y = tensor_slice(&p->tr->scratch.normed, first, count);
    out->shift = modulation_part(p, layer, part, first, count, &group_rows);
    out->scale = modulation_part(p, layer, part + 1, first, count, &group_rows);
    out->norm = (struct linear_norm){.y = &out->y,
                                     .shift = &out->shift,
                                     .scale = &out->scale,
                                     .rows_per_frame = group_rows,
                                     .eps = (float)p->tr->config.eps};
    return &out->norm;
}

static bool trace(const struct pass_state *p, const char *name, int64_t layer,
                  const struct tensor *t, struct dn_error *err)
{
    const struct transformer_trace *tr = p->pass->trace;
    return !tr || tr->tensor(tr->user, name, layer, t, err);
}

/* For traces only: what a branch adds to x before its gate, computed a second time. */
static bool trace_branch(const struct pass_state *p, const char *name, int64_t layer,
                         const struct tensor *in, const struct linear *linear, struct dn_error *err)
{
    if (!p->pass->trace)
        return true;
    struct transformer *tr = p->tr;
    struct tensor out = {0};
    bool ok =
        tr->ops->tensor_alloc(tr->ex, &out, DTYPE_F32, DIMS(in->shape[0], tr->config.dim), err) &&
        tr->ops->linear(tr->ex, &out, in, linear, NULL, err) && trace(p, name, layer, &out, err);
    tr->ops->tensor_free(tr->ex, &out);
    return ok;
}

/* --- attention --- */

static bool attend(const struct pass_state *p, int64_t layer, const struct tensor *out,
                   const struct tensor *q, const struct tensor *k, const struct tensor *v,
                   struct dn_error *err)
{
    struct transformer *tr = p->tr;
    float scale = (float)(1 / sqrt((double)transformer_head_dim(&tr->config)));
    const struct attention_choice *choice = p->pass->attention;
    if (!choice || choice[layer].kind == ATTENTION_DENSE) {
        struct attention_args args = {.scale = scale};
        return tr->ops->attention(tr->ex, out, q, k, v, &args, err);
    }
    choice += layer;
    if (!transformer_check_attention(choice, q->shape[0] / p->frame_tokens,
                                     k->shape[0] / p->frame_tokens, p->rows, p->cols, err))
        return false;
    struct monarch_args args = {.scale = scale,
                                .rows = p->rows,
                                .cols = p->cols,
                                .f_tied = choice->f_tied,
                                .h_reduce = choice->h_reduce,
                                .w_reduce = choice->w_reduce,
                                .num_iters = (int)choice->num_iters};
    return tr->ops->monarch_attention(tr->ex, out, q, k, v, &args, err);
}

/* Without a cache: one call for all, or block by block over the keys that each block sees. Query
 * tiles never mix blocks, so this equals one call with a block mask. */
static bool attend_alone(const struct pass_state *p, int64_t layer, const struct tensor *k,
                         const struct tensor *v, struct dn_error *err)
{
    const struct transformer_pass *pass = p->pass;
    struct scratch *s = &p->tr->scratch;
    if (pass->block_frames <= 0)
        return attend(p, layer, &s->attended, &s->q, k, v, err);
    int64_t end = 0;
    for (int64_t start = 0; start < p->frames; start = end) {
        end = start + (start == 0 && pass->first_alone ? 1 : pass->block_frames);
        end = end < p->frames ? end : p->frames;
        int64_t from = pass->window > 0 && end > pass->window ? end - pass->window : 0;
        int64_t n = p->frame_tokens;
        struct tensor q = tensor_slice(&s->q, start * n, (end - start) * n);
        struct tensor out = tensor_slice(&s->attended, start * n, (end - start) * n);
        struct tensor keys = tensor_slice(k, from * n, (end - from) * n);
        struct tensor values = tensor_slice(v, from * n, (end - from) * n);
        if (!attend(p, layer, &out, &q, &keys, &values, err))
            return false;
    }
    return true;
}

/* Normalises and rotates q and k and brings k and v where they are attended. */
static bool place_qkv(const struct pass_state *p, int64_t layer, bool with_query,
                      struct tensor *keys, struct tensor *values, struct dn_error *err)
{
    struct transformer *tr = p->tr;
    const struct transformer_config *c = &tr->config;
    const struct block *b = &tr->blocks[layer];
    struct scratch *s = &tr->scratch;
    struct kv_cache *cache = p->pass->cache;
    struct tensor new_keys = s->k, new_values;
    struct qkv_places to = {.q = with_query ? &s->q : NULL,
                            .k = &new_keys,
                            .weight_q = with_query ? &b->norm_q : NULL,
                            .weight_k = &b->norm_k,
                            .cos = &tr->rope.cos,
                            .sin = &tr->rope.sin,
                            .eps = (float)c->eps};

    *keys = s->k;
    *values = as_heads(c, tensor_columns(&s->qkv, 2 * c->dim, c->dim));
    if (cache) {
        new_keys = kv_cache_keys(cache, layer, p->place.first, p->place.end);
        new_values = kv_cache_values(cache, layer, p->place.first, p->place.end);
        to.v = &new_values;
        *keys = kv_cache_keys(cache, layer, 0, p->place.end);
        *values = kv_cache_values(cache, layer, 0, p->place.end);
        if (!kv_cache_move(cache, &p->place, layer, err))
            return false;
    }
    return tr->ops->place_qkv(tr->ex, &to, &s->qkv, err);
}

/* only_keys: leave when keys and values are in the cache. */
static bool self_attention(const struct pass_state *p, int64_t layer, bool only_keys,
                           struct dn_error *err)
{
    struct transformer *tr = p->tr;
    const struct block *b = &tr->blocks[layer];
    struct scratch *s = &tr->scratch;
    int64_t group_rows;
    struct tensor gate = modulation_part(p, layer, 2, 0, p->tokens, &group_rows);
    struct tensor keys, values;

    if (!tr->ops->linear(tr->ex, &s->qkv, &s->normed, b->qkv, NULL, err) ||
        !place_qkv(p, layer, !only_keys, &keys, &values, err))
        return false;
    if (only_keys)
        return true;
    if (p->pass->cache ? !attend(p, layer, &s->attended, &s->q, &keys, &values, err)
                       : !attend_alone(p, layer, &keys, &values, err))
        return false;
    struct tensor attended = as_rows(&tr->config, &s->attended);
    struct linear_norm norm = {.y = &s->normed,
                               .weight = &b->norm3_weight,
                               .bias = &b->norm3_bias,
                               .eps = (float)tr->config.eps};
    struct linear_args args = {.epilogue = LINEAR_GATE_RESIDUAL,
                               .gate = &gate,
                               .rows_per_gate = group_rows,
                               .norm = &norm};
    return trace_branch(p, "self_attn", layer, &attended, b->o, err) &&
           tr->ops->linear(tr->ex, &s->x, &attended, b->o, &args, err);
}

static bool cross_attention(const struct pass_state *p, int64_t layer, struct dn_error *err)
{
    struct transformer *tr = p->tr;
    const struct transformer_config *c = &tr->config;
    const struct block *b = &tr->blocks[layer];
    const struct text_context *text = p->pass->context;
    struct scratch *s = &tr->scratch;
    int64_t shape[] = {text->rows, c->heads, transformer_head_dim(c)};
    struct tensor keys = tensor_slice(&text->keys, layer, 1);
    struct tensor values = tensor_slice(&text->values, layer, 1);
    struct tensor attended = as_rows(c, &s->attended);
    struct tensor query = tensor_reshape(&s->k, DIMS(p->tokens, c->dim)); /* k is free by now */
    struct attention_args attention = {.scale = (float)(1 / sqrt((double)transformer_head_dim(c))),
                                       .key_bias = text->biased ? &text->key_bias : NULL};
    struct norm_ahead ahead;
    struct linear_args residual = {
        .epilogue = LINEAR_RESIDUAL,
        .norm = norm_ahead(p, layer, 3, 0, p->tokens, &ahead),
    };

    keys = tensor_reshape(&keys, 3, shape);
    values = tensor_reshape(&values, 3, shape);
    return tr->ops->linear(tr->ex, &query, &s->normed, b->cross_q, NULL, err) &&
           tr->ops->qk_norm_rope(tr->ex, &s->q, &query, &b->cross_norm_q, NULL, NULL, (float)c->eps,
                                 err) &&
           tr->ops->attention(tr->ex, &s->attended, &s->q, &keys, &values, &attention, err) &&
           trace_branch(p, "cross_attn", layer, &attended, b->cross_o, err) &&
           tr->ops->linear(tr->ex, &s->x, &attended, b->cross_o, &residual, err);
}

/* Rows [first, first + count) of the feed-forward. */
static bool feed_forward_rows(const struct pass_state *p, int64_t layer, int64_t first,
                              int64_t count, struct dn_error *err)
{
    struct transformer *tr = p->tr;
    const struct block *b = &tr->blocks[layer];
    int64_t group_rows;
    struct tensor gate = modulation_part(p, layer, 5, first, count, &group_rows);
    struct tensor x = tensor_slice(&tr->scratch.x, first, count);
    struct tensor normed = tensor_slice(&tr->scratch.normed, first, count);
    struct tensor hidden = tensor_slice(&tr->scratch.hidden, 0, count);
    struct linear_args gelu = {.epilogue = LINEAR_GELU_TANH};
    struct norm_ahead ahead;
    struct linear_args gated = {
        .epilogue = LINEAR_GATE_RESIDUAL,
        .gate = &gate,
        .rows_per_gate = group_rows,
        .norm = norm_ahead(p, layer + 1, 0, first, count, &ahead),
    };

    return tr->ops->linear(tr->ex, &hidden, &normed, b->ffn_in, &gelu, err) &&
           trace_branch(p, "ffn", layer, &hidden, b->ffn_out, err) &&
           tr->ops->linear(tr->ex, &x, &hidden, b->ffn_out, &gated, err);
}

static bool feed_forward(const struct pass_state *p, int64_t layer, struct dn_error *err)
{
    int64_t step = p->tr->scratch.ffn_rows;
    for (int64_t first = 0; first < p->tokens; first += step) {
        int64_t count = p->tokens - first < step ? p->tokens - first : step;
        if (!feed_forward_rows(p, layer, first, count, err))
            return false;
    }
    return true;
}

/* --- the pass --- */

static bool check_pass(const struct pass_state *p, struct dn_error *err)
{
    const struct transformer_config *c = &p->tr->config;
    const struct tensor *latents = p->pass->latents;
    const struct kv_cache *cache = p->pass->cache;
    if (latents->shape[1] != c->channels || latents->shape[2] % TRANSFORMER_PATCH ||
        latents->shape[3] % TRANSFORMER_PATCH)
        return dn_fail(err, DN_E_MODEL,
                       "latents of %" PRId64 " x %" PRId64 " with %" PRId64
                       " channels do not fit a transformer of %" PRId64
                       " channels and 2 x 2 patches",
                       latents->shape[3], latents->shape[2], latents->shape[1], c->channels);
    if (cache && cache->sizes.frame_tokens != p->frame_tokens)
        return dn_fail(err, DN_E_ARG,
                       "a cache for %" PRId64 " tokens a frame does not fit frames of %" PRId64,
                       cache->sizes.frame_tokens, p->frame_tokens);
    return true;
}

static bool begin(struct pass_state *p, struct dn_error *err)
{
    struct transformer *tr = p->tr;
    const struct tensor *latents = p->pass->latents;
    p->frames = latents->shape[0];
    p->rows = latents->shape[2] / TRANSFORMER_PATCH;
    p->cols = latents->shape[3] / TRANSFORMER_PATCH;
    p->frame_tokens = p->rows * p->cols;
    p->tokens = p->frames * p->frame_tokens;
    if (!check_pass(p, err) || !transformer_scratch_fit(tr, p->frames, p->frame_tokens, err) ||
        !transformer_rope_fit(tr, p->pass->start_frame, p->frames, p->rows, p->cols, err) ||
        !transformer_modulation(tr, p->pass->timesteps, p->frames, p->frame_tokens, &p->modulation,
                                err))
        return false;
    struct scratch *s = &tr->scratch;
    struct norm_ahead ahead;
    struct linear_args args = {.norm = norm_ahead(p, 0, 0, 0, p->tokens, &ahead)};
    return (!p->pass->cache ||
            kv_cache_place(p->pass->cache, p->pass->start_frame, p->frames, &p->place, err)) &&
           tr->ops->patchify(tr->ex, &s->patches, latents, err) &&
           tr->ops->linear(tr->ex, &s->x, &s->patches, tr->patch, &args, err);
}

/* The head, to patches of the flow. */
static bool finish(const struct pass_state *p, const struct tensor *flow, struct dn_error *err)
{
    struct transformer *tr = p->tr;
    struct scratch *s = &tr->scratch;
    return tr->ops->linear(tr->ex, &s->out, &s->normed, tr->head, NULL, err) &&
           trace(p, "head_tokens", 0, &s->out, err) &&
           tr->ops->unpatchify(tr->ex, flow, &s->out, err);
}

static bool trace_inputs(const struct pass_state *p, struct dn_error *err)
{
    if (!p->pass->trace)
        return true;
    const struct timestep_slot *slot = transformer_timestep(p->tr, p->pass->timesteps[0], err);
    return slot && trace(p, "patch_tokens", 0, &p->tr->scratch.x, err) &&
           trace(p, "e", 0, &slot->e, err) && trace(p, "e0", 0, &slot->e0, err) &&
           trace(p, "context", 0, &p->pass->context->embedded, err);
}

bool transformer_forward(struct transformer *tr, const struct transformer_pass *pass,
                         const struct tensor *flow, struct dn_error *err)
{
    struct pass_state p = {.tr = tr, .pass = pass};
    if (!begin(&p, err) || !trace_inputs(&p, err))
        return false;
    for (int64_t i = 0; i < tr->config.layers; i++) {
        bool only_keys = !flow && i == tr->config.layers - 1;
        if (!self_attention(&p, i, only_keys, err))
            return false;
        if (only_keys)
            return true;
        if (!cross_attention(&p, i, err) || !feed_forward(&p, i, err) ||
            !trace(&p, "block", i, &tr->scratch.x, err))
            return false;
    }
    return finish(&p, flow, err);
}

bool transformer_cache_new(struct transformer *tr, int64_t rows, int64_t cols, int64_t frames,
                           int64_t sink_frames, struct kv_cache **out, struct dn_error *err)
{
    const struct transformer_config *c = &tr->config;
    struct kv_cache_sizes sizes = {.layers = c->layers,
                                   .heads = c->heads,
                                   .head_dim = transformer_head_dim(c),
                                   .frame_tokens = rows * cols,
                                   .frames = frames,
                                   .sink_frames = sink_frames};
    return kv_cache_new(tr->ops, tr->ex, &sizes, out, err);
}

const struct transformer_config *transformer_get_config(const struct transformer *tr)
{
    return &tr->config;
}

const struct ops *transformer_ops(const struct transformer *tr)
{
    return tr->ops;
}

struct exec *transformer_exec(const struct transformer *tr)
{
    return tr->ex;
}

/* The divisors of n next to wanted, both equal when there is only one. */
static void nearest_divisors(int64_t n, int64_t wanted, int64_t *below, int64_t *above)
{
    *below = 1;
    *above = n;
    for (int64_t d = 1; d <= n; d++) {
        if (n % d)
            continue;
        if (d <= wanted)
            *below = d;
        if (d >= wanted && d < *above)
            *above = d;
    }
}

bool transformer_check_attention(const struct attention_choice *choice, int64_t query_frames,
                                 int64_t key_frames, int64_t rows, int64_t cols,
                                 struct dn_error *err)
{
    if (choice->kind == ATTENTION_DENSE)
        return true;
    const struct {
        const char *name, *what;
        int64_t tile, size;
    } checks[] = {
        {"h_reduce", "token rows of a frame", choice->h_reduce, rows},
        {"w_reduce", "token columns of a frame", choice->w_reduce, cols},
        {"f_tied", "latent frames of a chunk", choice->f_tied, query_frames},
        {"f_tied", "latent frames that are attended", choice->f_tied, key_frames},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        int64_t tile = checks[i].tile, size = checks[i].size, below, above;
        if (tile >= 1 && size % tile == 0)
            continue;
        nearest_divisors(size, tile, &below, &above);
        dn_fail(err, DN_E_ARG,
                "Monarch attention: %s %" PRId64 " does not divide the %" PRId64 " %s",
                checks[i].name, tile, size, checks[i].what);
        if (below == above)
            return dn_error_hint(err, "use %s %" PRId64, checks[i].name, below);
        return dn_error_hint(err, "use %s %" PRId64 " or %" PRId64, checks[i].name, below, above);
    }
    return true;
}
