/* transformer_modulation: what a pass's timesteps do to every block: shift, scale and gate.
 *
 * A sampler uses a handful of timesteps over and over, so each one's vectors are computed once, for
 * all layers, and kept. */
#include <stdlib.h>

#include "base/mem.h"
#include "model/time_embedding.h"
#include "model/transformer_internal.h"

static bool alloc_slot(struct transformer *tr, struct timestep_slot *s, struct dn_error *err)
{
    int64_t dim = tr->config.dim, layers = tr->config.layers;
    const struct ops *ops = tr->ops;
    return ops->tensor_alloc(tr->ex, &s->e, DTYPE_F32, DIMS(1, dim), err) &&
           ops->tensor_alloc(tr->ex, &s->e0, DTYPE_F32, DIMS(1, MODULATION_PARTS * dim), err) &&
           ops->tensor_alloc(tr->ex, &s->blocks, DTYPE_F32, DIMS(layers, MODULATION_PARTS * dim),
                             err) &&
           ops->tensor_alloc(tr->ex, &s->head, DTYPE_F32, DIMS(2, dim), err);
}

/* e = Linear(silu(Linear(sinusoid(t)))), e0 = Linear(silu(e)), and their sums with the learned
 * modulations. */
static bool compute_slot(struct transformer *tr, struct timestep_slot *s, float t,
                         struct tensor *wave, struct tensor *hidden, struct dn_error *err)
{
    const struct ops *ops = tr->ops;
    int64_t freq = tr->config.freq_dim, dim = tr->config.dim;
    float *values = dn_malloc(dn_mul_or_abort((size_t)freq, sizeof *values));
    time_embedding(values, freq, t);
    struct tensor host = tensor_over(values, DTYPE_F32, DIMS(1, freq));
    struct linear_args silu = {.epilogue = LINEAR_SILU};
    struct tensor e0_row = tensor_reshape(&s->e0, DIMS(MODULATION_PARTS * dim));
    struct tensor e_row = tensor_reshape(&s->e, DIMS(dim));

    bool ok = ops->upload(tr->ex, wave, &host, err) &&
              ops->linear(tr->ex, hidden, wave, tr->time_in, &silu, err) &&
              ops->linear(tr->ex, &s->e, hidden, tr->time_out, NULL, err) &&
              ops->silu(tr->ex, hidden, &s->e, err) &&
              ops->linear(tr->ex, &s->e0, hidden, tr->time_projection, NULL, err) &&
              ops->add_row(tr->ex, &s->blocks, &tr->modulations, &e0_row, err) &&
              ops->add_row(tr->ex, &s->head, &tr->head_modulation, &e_row, err);
    free(values);
    return ok;
}

const struct timestep_slot *transformer_timestep(struct transformer *tr, float t,
                                                 struct dn_error *err)
{
    for (int i = 0; i < TIMESTEP_SLOTS; i++) {
        if (tr->slots[i].used && tr->slots[i].t == t)
            return &tr->slots[i];
    }
    struct timestep_slot *s = &tr->slots[tr->next_slot];
    struct tensor wave = {0}, hidden = {0};
    s->used = false;
    if (!s->e.data && !alloc_slot(tr, s, err))
        return NULL;
    bool ok = tr->ops->tensor_alloc(tr->ex, &wave, DTYPE_F32, DIMS(1, tr->config.freq_dim), err) &&
              tr->ops->tensor_alloc(tr->ex, &hidden, DTYPE_F32, DIMS(1, tr->config.dim), err) &&
              compute_slot(tr, s, t, &wave, &hidden, err);
    tr->ops->tensor_free(tr->ex, &wave);
    tr->ops->tensor_free(tr->ex, &hidden);
    if (!ok)
        return NULL;
    s->used = true;
    s->t = t;
    tr->next_slot = (tr->next_slot + 1) % TIMESTEP_SLOTS;
    return s;
}

static bool alloc_mixed(struct transformer *tr, int64_t frames, struct dn_error *err)
{
    struct scratch *s = &tr->scratch;
    int64_t dim = tr->config.dim;
    return s->mixed_blocks.data ||
           (tr->ops->tensor_alloc(tr->ex, &s->mixed_blocks, DTYPE_F32,
                                  DIMS(tr->config.layers, frames, MODULATION_PARTS * dim), err) &&
            tr->ops->tensor_alloc(tr->ex, &s->mixed_head, DTYPE_F32, DIMS(frames, 2 * dim), err));
}

/* Copies the vectors of timestep t to row f of the mixed tables. */
static bool put_frame(struct transformer *tr, int64_t f, float t, struct dn_error *err)
{
    struct scratch *s = &tr->scratch;
    const struct timestep_slot *slot = transformer_timestep(tr, t, err);
    if (!slot)
        return false;
    struct tensor column = s->mixed_blocks; /* [layers, 6 * dim], one frame's rows */
    column.ndim = 2;
    column.data = (float *)column.data + f * s->mixed_blocks.stride[1];
    column.shape[1] = s->mixed_blocks.shape[2];
    column.stride[1] = 1;
    struct tensor head_row = tensor_slice(&s->mixed_head, f, 1);
    struct tensor head = tensor_reshape(&slot->head, DIMS(1, 2 * tr->config.dim));
    return tr->ops->copy(tr->ex, &column, &slot->blocks, err) &&
           tr->ops->copy(tr->ex, &head_row, &head, err);
}

bool transformer_modulation(struct transformer *tr, const float *timesteps, int64_t frames,
                            int64_t frame_tokens, struct modulation *out, struct dn_error *err)
{
    int64_t dim = tr->config.dim, layers = tr->config.layers;
    bool equal = true;
    for (int64_t f = 1; f < frames; f++)
        equal = equal && timesteps[f] == timesteps[0];
    if (equal) {
        const struct timestep_slot *slot = transformer_timestep(tr, timesteps[0], err);
        if (!slot)
            return false;
        *out = (struct modulation){.groups = 1, .group_rows = frames * frame_tokens};
        out->blocks = tensor_reshape(&slot->blocks, DIMS(layers, 1, MODULATION_PARTS * dim));
        out->head = tensor_reshape(&slot->head, DIMS(1, 2 * dim));
        return true;
    }
    if (!alloc_mixed(tr, frames, err))
        return false;
    for (int64_t f = 0; f < frames; f++) {
        if (!put_frame(tr, f, timesteps[f], err))
            return false;
    }
    *out = (struct modulation){.groups = frames,
                               .group_rows = frame_tokens,
                               .blocks = tr->scratch.mixed_blocks,
                               .head = tr->scratch.mixed_head};
    return true;
}

void transformer_timesteps_done(struct transformer *tr)
{
    for (int i = 0; i < TIMESTEP_SLOTS; i++) {
        struct timestep_slot *s = &tr->slots[i];
        tr->ops->tensor_free(tr->ex, &s->e);
        tr->ops->tensor_free(tr->ex, &s->e0);
        tr->ops->tensor_free(tr->ex, &s->blocks);
        tr->ops->tensor_free(tr->ex, &s->head);
    }
}
