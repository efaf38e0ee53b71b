/* attention at the sizes of real videos: dense over the whole cache, with a block-causal mask, of a
 * text's keys, and the VAE's one wide head; 12 and 40 heads. */
#include "kernels/large_check.h"

struct shape {
    int64_t queries, keys, heads, d;
    int64_t block; /* rows of a causal block; 0: no mask */
    bool key_bias; /* the later half of the keys is hidden */
    bool in_f32;   /* else bf16 alone: without tensor cores it would take seconds */
};

static const struct shape gpu[] = {
    {4680, 32760, 12, 128, 0, false, true},   {10800, 75600, 12, 128, 0, false, false},
    {10800, 75600, 40, 128, 0, false, false}, {200, 75600, 40, 128, 0, false, true},
    {75600, 75600, 40, 128, 0, false, false}, {75600, 75600, 12, 128, 10800, false, false},
    {10800, 512, 40, 128, 0, true, true},     {75600, 257, 40, 128, 0, true, true},
    {4680, 512, 12, 128, 0, true, true},      {6240, 6240, 1, 384, 0, false, true},
    {14400, 14400, 1, 384, 0, false, true},   {512, 512, 64, 64, 0, false, true},
};
static const struct shape host[] = {{20, 70, 2, 32, 0, false, true},
                                    {24, 24, 3, 16, 6, true, true}};

enum { SAMPLES = 24 };

/* Query i of head h. */
static void reference(const struct shape *s, float scale, const struct filled *q,
                      const struct filled *k, const struct filled *v, const struct filled *bias,
                      int64_t i, int64_t h, double *out)
{
    const int64_t end = s->block ? (i / s->block + 1) * s->block : s->keys;
    const float *query = large_at(q, i * q->t.stride[0] + h * s->d);
    double *z = dn_malloc((size_t)s->keys * 8), max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < end; j++) {
        const float *key = large_at(k, j * k->t.stride[0] + h * s->d);
        z[j] = 0;
        for (int64_t c = 0; c < s->d; c++)
            z[j] += (double)query[c] * key[c];
        z[j] = z[j] * scale + (s->key_bias ? *large_at(bias, j) : 0);
        if (s->key_bias && j >= s->keys / 2)
            z[j] = -INFINITY;
        max = fmax(max, z[j]);
    }
    memset(out, 0, (size_t)s->d * 8);
    for (int64_t j = 0; j < end; j++) {
        const float *value = large_at(v, j * v->t.stride[0] + h * s->d);
        double p = exp(z[j] - max);
        sum += p;
        for (int64_t c = 0; c < s->d; c++)
            out[c] += p * value[c];
    }
    for (int64_t c = 0; c < s->d; c++)
        out[c] /= sum;
    free(z);
}

/* The keys' bias, the later half hidden. */
static struct filled hiding_bias(struct large *l, int64_t keys)
{
    struct dn_error err = {0};
    struct filled bias = large_random(l, DTYPE_F32, 0, DIMS(keys));
    struct tensor later = tensor_slice(&bias.t, keys / 2, keys - keys / 2);
    float hidden = -INFINITY;
    struct tensor from = tensor_over(&hidden, DTYPE_F32, 1, later.shape);
    from.stride[0] = 0;
    CHECK_OK(l->run.ops->upload(l->run.ex, &later, &from, &err), err);
    return bias;
}

static void check_shape(struct large *l, const struct shape *s, float scale, uint64_t seed)
{
    large_seed(l, seed);
    struct dn_error err = {0};
    const enum dtype type = l->run.setting.activation;
    /* rows of a fused q, k, v; of a cache; of one's own */
    struct filled q = large_random(l, type, 2 * s->heads * s->d, DIMS(s->queries, s->heads, s->d));
    struct filled k = large_random(l, type, 0, DIMS(s->keys, s->heads, s->d));
    struct filled v = large_random(l, type, 0, DIMS(s->keys, s->heads, s->d));
    struct filled bias = hiding_bias(l, s->keys);
    struct tensor out = large_empty(l, type, 0, DIMS(s->queries, s->heads, s->d));
    int64_t first[64] = {0}, end[64], offsets[SAMPLES];
    struct attention_mask mask = {.query_block = s->block, .first = first, .end = end};
    for (; mask.blocks * s->block < s->queries && s->block; mask.blocks++)
        end[mask.blocks] = (mask.blocks + 1) * s->block;
    struct attention_args args = {
        .scale = scale, .mask = s->block ? &mask : NULL, .key_bias = s->key_bias ? &bias.t : NULL};
    double *want = dn_malloc((size_t)(SAMPLES * s->d) * 8);
    for (int64_t i = 0; i < SAMPLES; i++)
        offsets[i] = large_pick(l, i, s->queries) * s->heads + large_pick(l, i, s->heads);
    CHECK_OK(l->run.ops->attention(l->run.ex, &out, &q.t, &k.t, &v.t, &args, &err), err);
#pragma omp parallel for
    for (int i = 0; i < SAMPLES; i++) {
        reference(s, scale, &q, &k, &v, &bias, offsets[i] / s->heads, offsets[i] % s->heads,
                  want + i * s->d);
        offsets[i] *= s->d;
    }
    char what[96];
    snprintf(what, sizeof what, "attention %lldx%lld, %lld heads of %lld", (long long)s->queries,
             (long long)s->keys, (long long)s->heads, (long long)s->d);
    /* a float32 sum rounds at each key: n of them lose n times (2^-24)^2 / 3 of their power */
    large_expect(l, what, &out, offsets, SAMPLES, s->d, want,
                 fmax(product_tolerance(&l->run), 2.5e-15 * (double)s->keys));
    free(want);
    struct tensor *all[] = {&q.t, &k.t, &v.t, &bias.t, &out};
    for (int i = 0; i < 5; i++)
        large_free(l, all[i]);
}

/* Weights spread over many keys (the models' own scale), and over few. */
TEST(shapes)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct large l = large_open(settings[n]);
        for (int i = 0; i < SHAPE_COUNT(gpu, host); i++) {
            const struct shape *s = &SHAPES(gpu, host)[i];
            const float scale = 1 / sqrtf((float)s->d);
            if (!s->in_f32 && n < 3)
                continue;
            check_shape(&l, s, scale, 800 + (uint64_t)i);
            check_shape(&l, s, 5 * scale, 820 + (uint64_t)i);
        }
        large_close(&l);
    }
}

TESTS(T(shapes))
