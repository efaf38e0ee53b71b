/* transformer_scratch: the buffers and rotary tables of a pass, kept from pass to pass. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/rope.h"
#include "model/transformer_internal.h"

/* Rows that go through the feed-forward at a time: its hidden layer is the widest buffer, and this
 * many rows fill the machine already. */
#define FFN_ROWS 8192

void transformer_scratch_done(struct transformer *tr)
{
    struct scratch *s = &tr->scratch;
    struct tensor *all[] = {&s->patches,   &s->x,        &s->normed, &s->qkv, &s->q,
                            &s->k,         &s->attended, &s->hidden, &s->out, &s->mixed_blocks,
                            &s->mixed_head};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tr->ops->tensor_free(tr->ex, all[i]);
    *s = (struct scratch){0};
    tr->ops->tensor_free(tr->ex, &tr->rope.cos);
    tr->ops->tensor_free(tr->ex, &tr->rope.sin);
    tr->rope = (struct rope_slot){0};
}

/* What a pass needs, whole frames at a time in the feed-forward, so that a slice of rows has whole
 * modulation groups. */
struct wanted {
    struct tensor *t;
    enum dtype dtype;
    int ndim;
    int64_t shape[3];
};
enum { WANTED = 9 };

/* Returns the rows of the feed-forward. */
static int64_t want(struct transformer *tr, int64_t frames, int64_t frame_tokens,
                    struct wanted wanted[WANTED])
{
    struct scratch *s = &tr->scratch;
    const struct transformer_config *c = &tr->config;
    int64_t n = frames * frame_tokens, head_dim = transformer_head_dim(c);
    int64_t patch = c->channels * TRANSFORMER_PATCH * TRANSFORMER_PATCH;
    enum dtype type = exec_dtype(tr->ex);
    int64_t ffn_frames = FFN_ROWS / frame_tokens;
    ffn_frames = ffn_frames < 1 ? 1 : ffn_frames > frames ? frames : ffn_frames;
    const struct wanted all[WANTED] = {
        {&s->patches, type, 2, {n, patch}},
        {&s->x, DTYPE_F32, 2, {n, c->dim}},
        {&s->normed, type, 2, {n, c->dim}},
        {&s->qkv, type, 2, {n, 3 * c->dim}},
        {&s->q, type, 3, {n, c->heads, head_dim}},
        {&s->k, type, 3, {n, c->heads, head_dim}},
        {&s->attended, type, 3, {n, c->heads, head_dim}},
        {&s->hidden, type, 2, {ffn_frames * frame_tokens, c->ffn_dim}},
        {&s->out, DTYPE_F32, 2, {n, patch}},
    };
    memcpy(wanted, all, sizeof all);
    return ffn_frames * frame_tokens;
}

bool transformer_scratch_fit(struct transformer *tr, int64_t frames, int64_t frame_tokens,
                             struct dn_error *err)
{
    struct scratch *s = &tr->scratch;
    struct wanted wanted[WANTED];
    if (s->tokens == frames * frame_tokens && s->frames == frames)
        return true;
    transformer_scratch_done(tr);
    int64_t ffn_rows = want(tr, frames, frame_tokens, wanted);
    for (int i = 0; i < WANTED; i++) {
        if (!tr->ops->tensor_alloc(tr->ex, wanted[i].t, wanted[i].dtype, wanted[i].ndim,
                                   wanted[i].shape, err))
            return false;
    }
    s->tokens = frames * frame_tokens;
    s->frames = frames;
    s->ffn_rows = ffn_rows;
    return true;
}

int64_t transformer_pass_bytes(struct transformer *tr, int64_t frames, int64_t frame_tokens)
{
    struct wanted wanted[WANTED];
    int64_t bytes = 0;
    want(tr, frames, frame_tokens, wanted);
    for (int i = 0; i < WANTED; i++) {
        struct tensor t = tensor_over(NULL, wanted[i].dtype, wanted[i].ndim, wanted[i].shape);
        bytes += tensor_count(&t) * dtype_size(t.dtype);
        t = *wanted[i].t; /* is given back before the new one is taken */
        bytes -= t.data ? tensor_count(&t) * dtype_size(t.dtype) : 0;
    }
    return bytes;
}

struct transformer *transformer_twin(const struct transformer *tr)
{
    struct transformer *twin = dn_malloc(sizeof *twin);
    *twin = *tr;
    twin->is_twin = true;
    return twin;
}

void transformer_twin_free(struct transformer *twin)
{
    if (!twin)
        return;
    transformer_scratch_done(twin);
    transformer_timesteps_done(twin);
    free(twin);
}

bool transformer_rope_fit(struct transformer *tr, int64_t start, int64_t frames, int64_t rows,
                          int64_t cols, struct dn_error *err)
{
    struct rope_slot *r = &tr->rope;
    int64_t head_dim = transformer_head_dim(&tr->config);
    int64_t shape[] = {frames * rows * cols, head_dim / 2};

    if (r->used && r->start == start && r->frames == frames && r->rows == rows && r->cols == cols)
        return true;
    if (!r->cos.data || r->cos.shape[0] != shape[0]) {
        tr->ops->tensor_free(tr->ex, &r->cos);
        tr->ops->tensor_free(tr->ex, &r->sin);
        if (!tr->ops->tensor_alloc(tr->ex, &r->cos, DTYPE_F32, 2, shape, err) ||
            !tr->ops->tensor_alloc(tr->ex, &r->sin, DTYPE_F32, 2, shape, err))
            return false;
    }
    r->used = false;
    size_t count = dn_mul_or_abort((size_t)shape[0], (size_t)shape[1]);
    float *tables = dn_malloc(dn_mul_or_abort(count, 2 * sizeof *tables));
    if (!tr->is_twin)
        rope_table(tables, tables + count, head_dim, start, frames, rows, cols);
    struct tensor cos_host = tensor_over(tables, DTYPE_F32, 2, shape);
    struct tensor sin_host = tensor_over(tables + count, DTYPE_F32, 2, shape);
    bool ok = tr->ops->upload(tr->ex, &r->cos, &cos_host, err) &&
              tr->ops->upload(tr->ex, &r->sin, &sin_host, err);
    free(tables);
    if (ok) {
        r->used = true;
        r->start = start;
        r->frames = frames;
        r->rows = rows;
        r->cols = cols;
    }
    return ok;
}
