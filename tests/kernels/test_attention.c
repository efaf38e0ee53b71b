/* attention: against float64 loops, with masks, biases and hidden keys. */
#include "kernels/ops_check.h"

struct shape {
    int64_t queries, keys, heads, d;
    int64_t query_block; /* 0: no mask */
    bool bias, key_bias;
    float scale; /* 0: 0.4 */
};

/* Elements between the rows of q, k, v, out: backends have faster ways for aligned rows. */
static const int64_t odd_pads[] = {5, 3, 0, 1}, even_pads[] = {8, 16, 0, 24};

static void reference(const struct shape *s, const struct attention_args *args, const double *q,
                      const double *k, const double *v, const double *bias, const double *key_bias,
                      double *out)
{
    double *z = dn_malloc((size_t)s->keys * 8);
    for (int64_t at = 0; at < s->queries * s->heads; at++) {
        int64_t i = at / s->heads, h = at % s->heads, first = 0, end = s->keys;
        if (args->mask) {
            first = args->mask->first[i / s->query_block];
            end = args->mask->end[i / s->query_block];
        }
        double max = -INFINITY, sum = 0;
        for (int64_t j = first; j < end; j++) {
            z[j] = 0;
            for (int64_t c = 0; c < s->d; c++)
                z[j] += q[at * s->d + c] * k[(j * s->heads + h) * s->d + c];
            z[j] *= args->scale;
            z[j] += bias ? bias[(h * s->queries + i) * s->keys + j] : 0;
            z[j] += key_bias ? key_bias[j] : 0;
            max = fmax(max, z[j]);
        }
        for (int64_t j = first; j < end; j++)
            sum += z[j] = exp(z[j] - max);
        for (int64_t c = 0; c < s->d; c++) {
            out[at * s->d + c] = 0;
            for (int64_t j = first; j < end; j++)
                out[at * s->d + c] += z[j] / sum * v[(j * s->heads + h) * s->d + c];
        }
    }
    free(z);
}

/* Block i sees a window that starts late and ends early, at odd keys. */
static void fill_mask(const struct shape *s, struct attention_mask *mask, int64_t *first,
                      int64_t *end)
{
    mask->query_block = s->query_block;
    mask->blocks = (s->queries + s->query_block - 1) / s->query_block;
    mask->first = first;
    mask->end = end;
    for (int64_t i = 0; i < mask->blocks; i++) {
        end[i] = s->keys * (i + 1) / mask->blocks;
        first[i] = i > 1 ? s->keys * (i - 1) / mask->blocks : 0;
        if (end[i] <= first[i])
            end[i] = first[i] + 1;
    }
}

/* The same call gives the same bytes, also where nobody had written before. */
static void check_again(struct check_run *run, const struct tensor *out, const struct tensor *q,
                        const struct tensor *k, const struct tensor *v,
                        const struct attention_args *args)
{
    struct dn_error err = {0};
    double *before = download_f64(run, out);
    CHECK_OK(run->ops->fill_zero(run->ex, out, &err), err);
    CHECK_OK(run->ops->attention(run->ex, out, q, k, v, args, &err), err);
    double *after = download_f64(run, out);
    CHECK(memcmp(before, after, (size_t)tensor_count(out) * 8) == 0);
    free(before);
    free(after);
}

static void check_shape(struct setting setting, const struct shape *s, const int64_t *pads,
                        uint64_t seed)
{
    struct check_run run = run_open(setting, seed);
    struct dn_error err = {0};
    enum dtype type = setting.activation;
    int64_t query_shape[] = {s->queries, s->heads, s->d}, key_shape[] = {s->keys, s->heads, s->d};
    struct pair q = pair_random(&run, type, pads[0], 2, 0, 3, query_shape);
    struct pair k = pair_random(&run, type, pads[1], 2, 0, 3, key_shape);
    struct pair v = pair_random(&run, type, pads[2], 1, 0.2, 3, key_shape);
    struct pair out = pair_random(&run, type, pads[3], 1, 0, 3, query_shape);
    struct pair bias =
        pair_random(&run, DTYPE_F32, 0, 3, 0, 3, (int64_t[]){s->heads, s->queries, s->keys});
    struct pair key_bias = pair_random(&run, DTYPE_F32, 0, 3, 0, 2, (int64_t[]){1, s->keys});
    for (int64_t j = s->keys / 2; s->key_bias && j < s->keys; j++)
        key_bias.host[j] = -INFINITY;
    struct tensor hidden = pair_on_host(&key_bias);
    CHECK_OK(run.ops->upload(run.ex, &key_bias.t, &hidden, &err), err);
    free(hidden.data);
    struct tensor per_key = tensor_reshape(&key_bias.t, 1, &s->keys);
    int64_t first[256], end[256];
    struct attention_mask mask;
    if (s->query_block)
        fill_mask(s, &mask, first, end);
    struct attention_args args = {.scale = s->scale != 0 ? s->scale : 0.4f,
                                  .mask = s->query_block ? &mask : NULL,
                                  .bias = s->bias ? &bias.t : NULL,
                                  .key_bias = s->key_bias ? &per_key : NULL};
    double *want = dn_malloc((size_t)(s->queries * s->heads * s->d) * 8);
    reference(s, &args, q.host, k.host, v.host, s->bias ? bias.host : NULL,
              s->key_bias ? key_bias.host : NULL, want);
    CHECK_OK(run.ops->attention(run.ex, &out.t, &q.t, &k.t, &v.t, &args, &err), err);
    /* logits of size 20 carry errors of 1e-6, of size 200 of 1e-5, and e^z keeps them */
    double least = s->scale > 1 ? 1e-10 : 1e-11;
    expect(&run, "attention", &out.t, want, fmax(product_tolerance(&run), least));
    free(want);
    if (setting.exec == type)
        check_again(&run, &out.t, &q.t, &k.t, &v.t, &args);
    struct pair *all[] = {&q, &k, &v, &out, &bias, &key_bias};
    for (int i = 0; i < 6; i++)
        pair_free(&run, all[i]);
    run_close(&run);
}

/* The large ones last: racecheck sees the first seven (tests/gpu/sanitizer.sh). */
TEST(shapes)
{
    static const struct shape shapes[] = {
        {1, 1, 1, 2, 0, false, false, 0},      {17, 65, 3, 16, 0, false, false, 0},
        {33, 130, 2, 24, 5, false, false, 0},  {64, 64, 1, 128, 16, false, false, 0},
        {23, 23, 4, 16, 0, true, false, 0},    {40, 200, 2, 30, 0, false, true, 0},
        {12, 70, 1, 8, 4, true, false, 0},     {180, 64, 3, 64, 0, false, false, 0},
        {180, 333, 6, 32, 0, false, false, 0},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int n = 0; n < SETTINGS; n++)
            check_shape(settings[n], &shapes[i], odd_pads, 1100 + i);
}

/* Rows at multiples of 16 bytes; tails of tiles of 64 and 128; keys enough to be cut in parts;
 * logits to several hundred, so that one key takes nearly all. */
TEST(aligned_shapes)
{
    static const struct shape shapes[] = {
        {1, 1, 1, 128, 0, false, false, 0},      {130, 260, 1, 128, 0, false, false, 0.1f},
        {65, 129, 3, 64, 0, false, false, 0.1f}, {70, 90, 2, 384, 0, false, false, 0.05f},
        {10, 800, 2, 64, 0, false, false, 0},    {10, 1100, 1, 128, 0, false, false, 4},
        {140, 150, 1, 128, 20, false, false, 0}, {100, 77, 2, 128, 0, false, true, 0},
        {90, 130, 2, 64, 0, true, false, 0},     {70, 200, 1, 96, 0, true, true, 0},
        {130, 140, 2, 32, 0, false, false, 0},   {30, 140, 2, 128, 9, true, false, 0},
        {33, 70, 1, 40, 0, false, false, 20},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int n = 0; n < SETTINGS; n++)
            check_shape(settings[n], &shapes[i], even_pads, 1300 + i);
}

/* hidden keys come first, so that whole blocks are -inf before the first visible key */
static void check_hidden_first(struct setting setting)
{
    struct check_run run = run_open(setting, 1200);
    struct dn_error err = {0};
    int64_t keys = 400, d = 8, shape[] = {400, 1, 8}, query_shape[] = {3, 1, 8};
    struct pair q = pair_random(&run, setting.activation, 0, 1, 0, 3, query_shape);
    struct pair k = pair_random(&run, setting.activation, 0, 1, 0, 3, shape);
    struct pair v = pair_random(&run, setting.activation, 0, 1, 0, 3, shape);
    struct pair out = pair_random(&run, setting.activation, 0, 1, 0, 3, query_shape);
    float hide[400];
    double want[24];
    /* a backend may walk the keys from either end */
    for (int64_t only = 10; only < keys; only += 380) {
        for (int64_t j = 0; j < keys; j++)
            hide[j] = j == only ? 0 : -INFINITY;
        struct tensor host = tensor_over(hide, DTYPE_F32, 1, &keys);
        struct tensor key_bias = tensor_sent(&run, &host);
        struct attention_args args = {.scale = 1, .key_bias = &key_bias};
        CHECK_OK(run.ops->attention(run.ex, &out.t, &q.t, &k.t, &v.t, &args, &err), err);
        for (int i = 0; i < 24; i++)
            want[i] = v.host[only * d + i % d];
        expect(&run, "attention to one key", &out.t, want, 1e-14);
        run.ops->tensor_free(run.ex, &key_bias);
    }
    struct pair *all[] = {&q, &k, &v, &out};
    for (int i = 0; i < 4; i++)
        pair_free(&run, all[i]);
    run_close(&run);
}

TEST(hidden_keys_first)
{
    for (int n = 0; n < SETTINGS; n++)
        check_hidden_first(settings[n]);
}

TESTS(T(shapes), T(aligned_shapes), T(hidden_keys_first))
