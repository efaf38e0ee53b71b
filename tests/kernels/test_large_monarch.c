/* monarch at the token grids of 480x832 and 720x1280, 12 and 40 heads, the last chunk of 81 frames
 * and all of them at once. */
#include "kernels/large_check.h"
#include "kernels/monarch_reference.h"

struct shape {
    struct monarch_shape s;
    bool in_f32; /* else bf16 alone: float32 has no way with tensor cores */
};

#define S 0.4f
static const struct shape gpu[] = {
    {{3, 21, 12, 128, {S, 30, 52, 1, 1, 1, 1, 0}, 0}, true},
    {{3, 21, 12, 128, {S, 30, 52, 1, 2, 1, 1, 0}, 0}, true},
    {{3, 21, 40, 128, {S, 30, 52, 1, 1, 1, 1, 0}, 0}, false},
    {{3, 21, 12, 128, {S, 45, 80, 1, 1, 1, 1, 0}, 0}, true},
    {{3, 21, 40, 128, {S, 45, 80, 1, 1, 1, 1, 0}, 0}, false},
    {{3, 21, 40, 128, {S, 45, 80, 1, 3, 1, 1, 0}, 0}, false},
    {{3, 21, 40, 128, {S, 45, 80, 1, 1, 2, 1, 0}, 0}, false},
    {{3, 21, 12, 128, {S, 30, 52, 1, 1, 1, 2, 0}, 8}, true},
    {{3, 21, 12, 128, {S, 30, 52, 3, 2, 1, 1, 0}, 0}, false},
    {{21, 21, 12, 128, {S, 30, 52, 1, 1, 1, 1, 3}, 0}, false},
    {{21, 21, 40, 128, {S, 45, 80, 1, 1, 1, 1, 3}, 0}, false},
};
static const struct shape host[] = {
    {{3, 6, 2, 32, {S, 6, 10, 1, 1, 1, 1, 0}, 0}, true},
    {{3, 3, 3, 16, {S, 6, 10, 1, 2, 1, 1, 3}, 8}, true},
};

enum { SAMPLES = 5 };

/* A head of x, [tokens, d], as doubles; the caller frees it. */
static double *head_of(const struct filled *x, int64_t head)
{
    const int64_t tokens = x->t.shape[0], d = x->t.shape[2];
    double *out = dn_malloc((size_t)(tokens * d) * 8);
    for (int64_t i = 0; i < tokens; i++) {
        const float *from = large_at(x, i * x->t.stride[0] + head * d);
        for (int64_t c = 0; c < d; c++)
            out[i * d + c] = from[c];
    }
    return out;
}

/* The outputs [b1, d] of a column of a query tile of a head, and their tokens. */
static void want_column(const struct monarch_shape *s, const struct filled *q,
                        const struct filled *k, const struct filled *v, int64_t head, int64_t tile,
                        int64_t column, int64_t *tokens, double *want)
{
    const int64_t b1 = s->args.f_tied * s->args.rows / s->args.h_reduce, d = s->d;
    double *q1 = head_of(q, head), *k1 = head_of(k, head), *v1 = head_of(v, head);
    double *out = dn_malloc((size_t)(q->t.shape[0] * d) * 8);
    struct monarch_shape one = *s;
    one.heads = 1;
    monarch_reference_column(&one, q1, k1, v1, out, 0, tile, column);
    for (int64_t i = 0; i < b1; i++) {
        tokens[i] = monarch_token(&s->args, tile, i, column);
        memcpy(want + i * d, out + tokens[i] * d, (size_t)d * 8);
    }
    double *all[] = {q1, k1, v1, out};
    for (int i = 0; i < 4; i++)
        free(all[i]);
}

static void check_shape(struct large *l, const struct monarch_shape *s, uint64_t seed)
{
    large_seed(l, seed);
    struct dn_error err = {0};
    const struct monarch_args *a = &s->args;
    const enum dtype type = l->run.setting.activation;
    const int64_t frame = a->rows * a->cols, d = s->d, b1 = a->f_tied * a->rows / a->h_reduce;
    const int64_t tiles = s->q_frames / a->f_tied * a->h_reduce * a->w_reduce;
    struct filled q = large_random(l, type, s->pad, DIMS(s->q_frames * frame, s->heads, d));
    struct filled k = large_random(l, type, s->pad, DIMS(s->kv_frames * frame, s->heads, d));
    struct filled v = large_random(l, type, 0, DIMS(s->kv_frames * frame, s->heads, d));
    struct tensor out = large_empty(l, type, s->pad, DIMS(s->q_frames * frame, s->heads, d));
    CHECK_OK(l->run.ops->monarch_attention(l->run.ex, &out, &q.t, &k.t, &v.t, a, &err), err);
    int64_t at[SAMPLES][3], *offsets = dn_malloc((size_t)(SAMPLES * b1) * 8);
    double *want = dn_malloc((size_t)(SAMPLES * b1 * d) * 8);
    for (int i = 0; i < SAMPLES; i++) {
        at[i][0] = large_pick(l, i, s->heads);
        at[i][1] = large_pick(l, i, tiles);
        at[i][2] = large_pick(l, i, a->cols / a->w_reduce);
    }
#pragma omp parallel for
    for (int i = 0; i < SAMPLES; i++) {
        int64_t *to = offsets + i * b1;
        want_column(s, &q, &k, &v, at[i][0], at[i][1], at[i][2], to, want + i * b1 * d);
        for (int64_t r = 0; r < b1; r++)
            to[r] = to[r] * out.stride[0] + at[i][0] * d;
    }
    char what[96];
    snprintf(what, sizeof what,
             "monarch %lld frames of %lldx%lld, %lld heads, tiles %lld %lld %lld",
             (long long)s->q_frames, (long long)a->rows, (long long)a->cols, (long long)s->heads,
             (long long)a->f_tied, (long long)a->h_reduce, (long long)a->w_reduce);
    /* as in test_monarch: the map from logits to weights is steep */
    large_expect(l, what, &out, offsets, SAMPLES * b1, d, want,
                 fmax(product_tolerance(&l->run), 1e-10));
    free(offsets);
    free(want);
    struct tensor *all[] = {&q.t, &k.t, &v.t, &out};
    for (int i = 0; i < 4; i++)
        large_free(l, all[i]);
}

TEST(shapes)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct large l = large_open(settings[n]);
        for (int i = 0; i < SHAPE_COUNT(gpu, host); i++)
            if (SHAPES(gpu, host)[i].in_f32 || n == 3)
                check_shape(&l, &SHAPES(gpu, host)[i].s, 900 + (uint64_t)i);
        large_close(&l);
    }
}

TESTS(T(shapes))
