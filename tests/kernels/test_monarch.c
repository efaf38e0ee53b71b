/* monarch: against plain nested loops in float64, and against fixtures of the public operator. */
#include <glob.h>

#include <jansson.h>

#include "kernels/monarch_reference.h"
#include "kernels/ops_check.h"

static void reference(const struct monarch_shape *s, const double *q, const double *k,
                      const double *v, double *out)
{
    const struct monarch_args *g = &s->args;
    int64_t tiles = s->q_frames / g->f_tied * g->h_reduce * g->w_reduce;
    for (int64_t h = 0; h < s->heads; h++)
        for (int64_t a = 0; a < tiles; a++)
            for (int64_t j = 0; j < g->cols / g->w_reduce; j++)
                monarch_reference_column(s, q, k, v, out, h, a, j);
}

static void check_shape(struct setting setting, const struct monarch_shape *s, double range,
                        uint64_t seed)
{
    struct check_run run = run_open(setting, seed);
    struct dn_error err = {0};
    int64_t frame = s->args.rows * s->args.cols, nq = s->q_frames * frame,
            nk = s->kv_frames * frame;
    enum dtype type = setting.activation;
    int64_t pad = s->pad;
    struct pair q = pair_random(&run, type, 5 * pad, range, 0, DIMS(nq, s->heads, s->d));
    struct pair k = pair_random(&run, type, 3 * pad, range, 0, DIMS(nk, s->heads, s->d));
    struct pair v = pair_random(&run, type, 0, 1, 0, DIMS(nk, s->heads, s->d));
    struct pair out = pair_random(&run, type, pad, 1, 0, DIMS(nq, s->heads, s->d));
    CHECK_OK(run.ops->monarch_attention(run.ex, &out.t, &q.t, &k.t, &v.t, &s->args, &err), err);
    double *want = dn_calloc((size_t)(nq * s->heads * s->d), 8);
    reference(s, q.host, k.host, v.host, want);
    /* the map from logits to weights is steep: e^z of logits near 10 keeps a relative error of
     * 1e-6, and two softmaxes follow each other */
    expect(&run, "monarch", &out.t, want, fmax(product_tolerance(&run), 1e-10));
    free(want);
    pair_free(&run, &q);
    pair_free(&run, &k);
    pair_free(&run, &v);
    pair_free(&run, &out);
    run_close(&run);
}

TEST(against_nested_loops)
{
    static const struct monarch_shape shapes[] = {
        {1, 1, 1, 2, {.scale = 1, .rows = 1, .cols = 1, 1, 1, 1, 1, 0}, 1},
        {3, 6, 2, 16, {0.25f, 5, 7, 1, 1, 1, 1, 0}, 1},
        {3, 3, 3, 24, {0.2f, 6, 10, 1, 1, 1, 1, 3}, 1},
        {2, 4, 1, 8, {0.35f, 6, 40, 1, 2, 2, 1, 0}, 1},
        {6, 6, 1, 16, {0.25f, 4, 6, 3, 2, 3, 1, 3}, 1},
        {2, 4, 2, 16, {0.25f, 6, 5, 1, 3, 1, 2, 0}, 1},
        {4, 4, 1, 12, {0.3f, 4, 18, 2, 1, 1, 3, 2}, 1},
        {1, 2, 1, 128, {0.088f, 15, 26, 1, 1, 1, 1, 0}, 1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int n = 0; n < SETTINGS; n++)
            check_shape(settings[n], &shapes[i], 2, 100 + i);
}

/* What the CUDA backend's form for tensor cores takes: rows aligned to 16 bytes, bf16, one
 * iteration. The sizes stand at the edges of its tiles of 8, 16 and 64. */
TEST(aligned_rows)
{
    static const struct monarch_shape shapes[] = {
        {3, 6, 2, 32, {0.18f, 6, 10, 1, 1, 1, 1, 0}, 8},     /* the demo model's frames */
        {1, 2, 1, 128, {0.088f, 30, 52, 1, 1, 1, 1, 0}, 8},  /* a frame of 480x832 */
        {1, 1, 1, 128, {0.088f, 30, 52, 1, 2, 1, 1, 0}, 16}, /* in two tiles */
        {3, 9, 1, 128, {0.088f, 2, 26, 1, 1, 1, 1, 0}, 0},
        {1, 1, 1, 128, {0.088f, 3, 64, 1, 1, 1, 1, 0}, 8},
        {4, 30, 1, 128, {0.088f, 17, 3, 1, 1, 1, 1, 0}, 0}, /* Hopper: one launch from here on */
        {4, 12, 2, 128, {0.088f, 11, 5, 1, 1, 1, 1, 0}, 8}, /* and where tiles have few rows */
        {2, 2, 1, 64, {0.125f, 17, 57, 1, 1, 1, 1, 0}, 8},
        /* tiles of more than 64 columns, on Hopper of more than 56, have kernels of their own */
        {1, 1, 1, 128, {0.088f, 2, 57, 1, 1, 1, 1, 0}, 8},
        {3, 3, 1, 128, {0.088f, 2, 65, 1, 1, 1, 1, 0}, 0},
        {2, 2, 2, 128, {0.088f, 3, 146, 1, 1, 2, 1, 1}, 16},
        {1, 1, 1, 128, {0.088f, 6, 80, 1, 1, 1, 1, 0}, 0},  /* a frame of 720x1280: its columns */
        {1, 1, 1, 128, {0.088f, 45, 17, 1, 1, 1, 1, 0}, 0}, /* and its rows */
        {1, 1, 1, 64, {0.125f, 18, 73, 1, 1, 1, 1, 0}, 8},
        {1, 1, 1, 64, {0.125f, 2, 80, 1, 2, 1, 1, 0}, 0},
        {1, 2, 2, 32, {0.18f, 2, 80, 1, 1, 1, 1, 0}, 0},
        {1, 1, 1, 64, {0.125f, 2, 81, 1, 1, 1, 1, 0}, 0}, /* too many */
        {4, 4, 2, 128, {0.088f, 6, 18, 2, 1, 2, 1, 2}, 0},
        {9, 9, 1, 32, {0.18f, 3, 9, 1, 1, 1, 1, 3}, 8}, /* causal; pairs of three tiles in a unit */
        {1, 1, 1, 64, {0.125f, 70, 1, 1, 1, 1, 1, 0}, 8},
        {1, 1, 1, 32, {0.18f, 1, 1, 1, 1, 1, 1, 0}, 0},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check_shape(settings[SETTINGS - 1], &shapes[i], 2, 200 + i);
}

/* --- fixtures --- */

struct fixture {
    char *bytes;
    json_t *header;
    const char *data;
};

static bool fixture_open(const char *path, struct fixture *f)
{
    FILE *file = fopen(path, "rb");
    CHECK_MSG(file != NULL, "%s", path);
    if (!file)
        return false;
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    f->bytes = dn_malloc(size);
    CHECK(fread(f->bytes, 1, size, file) == size);
    fclose(file);
    uint64_t length;
    memcpy(&length, f->bytes, 8);
    f->header = json_loadb(f->bytes + 8, length, 0, NULL);
    f->data = f->bytes + 8 + length;
    CHECK(f->header != NULL);
    return f->header != NULL;
}

/* tensor `name` as [tokens, heads, d] of sample b; false when absent */
static bool fixture_tensor(const struct fixture *f, const char *name, int64_t b, struct tensor *t)
{
    json_t *entry = json_object_get(f->header, name);
    if (!entry)
        return false;
    int64_t shape[4];
    for (size_t i = 0; i < 4; i++)
        shape[i] = json_integer_value(json_array_get(json_object_get(entry, "shape"), i));
    json_int_t at = json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), 0));
    *t = tensor_over((char *)f->data + at + b * shape[1] * shape[2] * shape[3] * 4, DTYPE_F32, 3,
                     shape + 1);
    return true;
}

static int64_t meta(const struct fixture *f, const char *key)
{
    json_t *metadata = json_object_get(f->header, "__metadata__");
    const char *text = json_string_value(json_object_get(metadata, key));
    CHECK_MSG(text != NULL, "no metadata %s", key);
    return text ? strtoll(text, NULL, 10) : 0;
}

static double relative(struct check_run *run, const struct tensor *t, const float *want)
{
    double noise = 0, signal = 0, *got = download_f64(run, t);
    for (int64_t i = 0; i < tensor_count(t); i++) {
        noise += (got[i] - want[i]) * (got[i] - want[i]);
        signal += (double)want[i] * want[i];
    }
    free(got);
    return sqrt(noise / signal);
}

/* out through monarch_attention, dense through attention with the block mask of the fixture */
static void check_sample(struct check_run *run, const struct fixture *f, const char *path,
                         int64_t b, const struct monarch_args *args)
{
    struct dn_error err = {0};
    struct tensor in[3], out, dense, got;
    CHECK(fixture_tensor(f, "q", b, &in[0]) && fixture_tensor(f, "k", b, &in[1]) &&
          fixture_tensor(f, "v", b, &in[2]) && fixture_tensor(f, "out", b, &out));
    struct tensor q = tensor_sent(run, &in[0]), k = tensor_sent(run, &in[1]);
    struct tensor v = tensor_sent(run, &in[2]);
    CHECK_OK(run->ops->tensor_alloc(run->ex, &got, DTYPE_F32, 3, q.shape, &err), err);
    CHECK_OK(run->ops->monarch_attention(run->ex, &got, &q, &k, &v, args, &err), err);
    double rel = relative(run, &got, out.data);
    CHECK_MSG(rel <= 1e-5, "%s: out rel %.3g", path, rel);
    if (fixture_tensor(f, "dense", b, &dense)) {
        int64_t block = args->causal_block_frames * args->rows * args->cols, first[16], end[16];
        struct attention_mask mask = {.query_block = block, .first = first, .end = end};
        mask.blocks = block ? q.shape[0] / block : 0;
        CHECK(mask.blocks <= 16);
        for (int64_t i = 0; i < mask.blocks; i++) {
            first[i] = 0;
            end[i] = (i + 1) * block;
        }
        struct attention_args exact = {.scale = args->scale, .mask = block ? &mask : NULL};
        CHECK_OK(run->ops->attention(run->ex, &got, &q, &k, &v, &exact, &err), err);
        rel = relative(run, &got, dense.data);
        CHECK_MSG(rel <= 1e-5, "%s: dense rel %.3g", path, rel);
    }
    struct tensor *all[] = {&q, &k, &v, &got};
    for (int i = 0; i < 4; i++)
        run->ops->tensor_free(run->ex, all[i]);
}

static void check_fixture(const char *path)
{
    struct fixture f = {0};
    if (!fixture_open(path, &f))
        return;
    struct check_run run = run_open(settings[0], 0);
    struct monarch_args args = {.scale = 1 / sqrtf((float)meta(&f, "head_dim")),
                                .rows = meta(&f, "H"),
                                .cols = meta(&f, "W"),
                                .f_tied = meta(&f, "f_tied"),
                                .h_reduce = meta(&f, "h_reduce"),
                                .w_reduce = meta(&f, "w_reduce"),
                                .num_iters = (int)meta(&f, "num_iters"),
                                .causal_block_frames = meta(&f, "causal_block_frames")};
    json_t *shape = json_object_get(json_object_get(f.header, "q"), "shape");
    for (int64_t b = 0; b < json_integer_value(json_array_get(shape, 0)); b++)
        check_sample(&run, &f, path, b, &args);
    run_close(&run);
    json_decref(f.header);
    free(f.bytes);
}

TEST(fixtures)
{
    static const char *const names[] = {
        "causal_blk3_tile_3_2_1_h6w4_d16",
        "huge_q200_h5w7_d16",
        "iters2_kv_q2_kv4_tile_1_3_1_h6w5_d64",
        "kv_tile_3_1_2_q3_kv6_h5w6_d16",
        "near_separable_h6w10_d48",
        "separable_equals_dense_h5w7_d48",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "tests/data/kernels/monarch/%s.safetensors", names[i]);
        check_fixture(path);
    }
}

/* All files of a folder named by MONARCH_FIXTURES, for trying other fixtures by hand. */
TEST(other_fixtures)
{
    const char *pattern = getenv("MONARCH_FIXTURES");
    glob_t found;
    if (!pattern || glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        check_fixture(found.gl_pathv[i]);
    globfree(&found);
}

TESTS(T(against_nested_loops), T(aligned_rows), T(fixtures), T(other_fixtures))
