/* token rows, elementwise operations, patches and memory. */
#include "kernels/ops_check.h"

static const int64_t dims[][2] = {{1, 1},    {1, 192},  {5, 7},    {180, 192}, {33, 1536},
                                  {3, 1030}, {9, 1544}, {4, 2560}, {3, 5120},  {3, 5128}};
#define DIMS_COUNT (int)(sizeof dims / sizeof dims[0])

/* A case: x, y [rows, dim] with free strides, two vectors [dim], modulation [frames, dim]. */
struct rows_case {
    struct check_run run;
    int64_t rows, dim, per_frame;
    struct pair x, y, a, b, shift, scale;
    double *want;
};

/* even: rows begin at multiples of 16 bytes, where a backend may have a faster way. */
static struct rows_case case_new(struct setting setting, int shape, bool even, uint64_t seed)
{
    int64_t gap = even ? 8 : 1;
    struct rows_case c = {.run = run_open(setting, seed + (uint64_t)shape),
                          .rows = dims[shape][0],
                          .dim = dims[shape][1]};
    c.per_frame = (c.rows + 2) / 3;
    int64_t frames = (c.rows + c.per_frame - 1) / c.per_frame;
    enum dtype type = setting.activation;
    c.x = pair_random(&c.run, type, 3 * gap, 2, 0.7, 2, (int64_t[]){c.rows, c.dim});
    c.y = pair_random(&c.run, type, 5 * gap, 1, 0, 2, (int64_t[]){c.rows, c.dim});
    c.a = pair_random(&c.run, DTYPE_F32, 0, 1, 1, 2, (int64_t[]){1, c.dim});
    c.b = pair_random(&c.run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){1, c.dim});
    c.a.t = tensor_reshape(&c.a.t, 1, &c.dim);
    c.b.t = tensor_reshape(&c.b.t, 1, &c.dim);
    c.shift = pair_random(&c.run, DTYPE_F32, 7 * gap, 1, 0, 2, (int64_t[]){frames, c.dim});
    c.scale = pair_random(&c.run, DTYPE_F32, 9 * gap, 1, 0, 2, (int64_t[]){frames, c.dim});
    c.want = dn_malloc((size_t)(c.rows * c.dim) * 8);
    return c;
}

static void case_free(struct rows_case *c)
{
    struct pair *all[] = {&c->x, &c->y, &c->a, &c->b, &c->shift, &c->scale};
    for (int i = 0; i < 6; i++)
        pair_free(&c->run, all[i]);
    free(c->want);
    run_close(&c->run);
}

static void moments(const double *x, int64_t n, double *mean, double *variance, double *power)
{
    *mean = *variance = *power = 0;
    for (int64_t i = 0; i < n; i++) {
        *mean += x[i] / (double)n;
        *power += x[i] * x[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++)
        *variance += (x[i] - *mean) * (x[i] - *mean) / (double)n;
}

enum norm { PLAIN, AFFINE, MODULATED, RMS };

static void check_norm(struct setting setting, int shape, bool even, enum norm kind)
{
    struct rows_case c = case_new(setting, shape, even, 500);
    struct dn_error err = {0};
    const struct ops *ops = c.run.ops;
    const double eps = 1e-6;
    for (int64_t r = 0; r < c.rows; r++) {
        double mean, variance, power;
        const double *x = c.x.host + r * c.dim;
        moments(x, c.dim, &mean, &variance, &power);
        for (int64_t i = 0; i < c.dim; i++) {
            int64_t m = r / c.per_frame * c.dim + i;
            double n = (x[i] - mean) / sqrt(variance + eps);
            double all[] = {n, n * c.a.host[i] + c.b.host[i],
                            n * (1 + c.scale.host[m]) + c.shift.host[m],
                            x[i] / sqrt(power + eps) * c.a.host[i]};
            c.want[r * c.dim + i] = all[kind];
        }
    }
    float e = (float)eps;
    bool ok = false;
    if (kind == PLAIN)
        ok = ops->layer_norm(c.run.ex, &c.y.t, &c.x.t, NULL, NULL, e, &err);
    else if (kind == AFFINE)
        ok = ops->layer_norm(c.run.ex, &c.y.t, &c.x.t, &c.a.t, &c.b.t, e, &err);
    else if (kind == MODULATED)
        ok = ops->layer_norm_modulate(c.run.ex, &c.y.t, &c.x.t, &c.shift.t, &c.scale.t, c.per_frame,
                                      e, &err);
    else
        ok = ops->rms_norm(c.run.ex, &c.y.t, &c.x.t, &c.a.t, e, &err);
    CHECK_OK(ok, err);
    static const char *const names[] = {"layer_norm", "layer_norm affine", "layer_norm_modulate",
                                        "rms_norm"};
    expect(&c.run, names[kind], &c.y.t, c.want, store_tolerance(&c.run));
    case_free(&c);
}

TEST(norms)
{
    for (int n = 0; n < SETTINGS; n++)
        for (int shape = 0; shape < DIMS_COUNT; shape++)
            for (int kind = PLAIN; kind <= RMS; kind++) {
                check_norm(settings[n], shape, false, (enum norm)kind);
                check_norm(settings[n], shape, true, (enum norm)kind);
            }
}

/* want [rows, dim] = the normed rows of x, which begin at column `first` of x_dim, turned by c and
 * s [rows, d / 2], or not where these are NULL. */
static void rope_reference(double *want, const double *x, int64_t x_dim, int64_t first,
                           int64_t rows, int64_t dim, int64_t d, const double *w, const double *c,
                           const double *s)
{
    for (int64_t r = 0; r < rows; r++) {
        double mean, variance, power;
        const double *from = x + r * x_dim + first;
        moments(from, dim, &mean, &variance, &power);
        for (int64_t i = 0; i < dim; i += 2) {
            double n[2], *to = want + r * dim + i;
            for (int j = 0; j < 2; j++)
                n[j] = from[i + j] / sqrt(power + 1e-6) * w[i + j];
            double co = c ? c[r * d / 2 + i % d / 2] : 1;
            double si = s ? s[r * d / 2 + i % d / 2] : 0;
            to[0] = n[0] * co - n[1] * si;
            to[1] = n[0] * si + n[1] * co;
        }
    }
}

static void check_rope(struct setting setting, int64_t rows, int64_t heads, int64_t d, int64_t gap,
                       bool turn)
{
    struct check_run run = run_open(setting, 600);
    struct dn_error err = {0};
    int64_t dim = heads * d;
    struct pair x = pair_random(&run, setting.activation, 3 * gap, 2, 0, 2, (int64_t[]){rows, dim});
    struct pair y =
        pair_random(&run, setting.activation, 5 * gap, 1, 0, 3, (int64_t[]){rows, heads, d});
    struct pair w = pair_random(&run, DTYPE_F32, 0, 1, 1, 2, (int64_t[]){1, dim});
    struct pair c = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){rows, d / 2});
    struct pair s = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){rows, d / 2});
    double *want = dn_malloc((size_t)(rows * dim) * 8);
    rope_reference(want, x.host, dim, 0, rows, dim, d, w.host, turn ? c.host : NULL,
                   turn ? s.host : NULL);
    struct tensor weight = tensor_reshape(&w.t, 1, &dim);
    CHECK_OK(run.ops->qk_norm_rope(run.ex, &y.t, &x.t, &weight, turn ? &c.t : NULL,
                                   turn ? &s.t : NULL, 1e-6f, &err),
             err);
    expect(&run, turn ? "qk_norm_rope" : "qk_norm", &y.t, want, store_tolerance(&run));
    free(want);
    struct pair *all[] = {&x, &y, &w, &c, &s};
    for (int i = 0; i < 5; i++)
        pair_free(&run, all[i]);
    run_close(&run);
}

TEST(rope)
{
    /* gap 8: rows begin at multiples of 16 bytes */
    static const int64_t shapes[][4] = {{1, 1, 2, 1},    {7, 3, 6, 1},     {180, 6, 32, 1},
                                        {180, 6, 32, 8}, {33, 12, 128, 1}, {33, 12, 128, 8},
                                        {9, 3, 24, 8},   {5, 40, 128, 8},  {3, 30, 80, 8}};
    for (int n = 0; n < SETTINGS; n++)
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            for (int turn = 0; turn < 2; turn++)
                check_rope(settings[n], shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3],
                           turn);
}

/* One of q, k, v of `placed` against float64: part 2 is v. */
static void expect_part(struct check_run *run, const struct pair *got, const struct pair *qkv,
                        int part, const struct pair *w, const struct pair *c, const struct pair *s)
{
    static const char *const names[] = {"place_qkv, q", "place_qkv, k", "place_qkv, v"};
    int64_t rows = got->t.shape[0], d = got->t.shape[2], dim = got->t.shape[1] * d;
    double *want = dn_malloc((size_t)(rows * dim) * 8);
    for (int64_t r = 0; part == 2 && r < rows; r++)
        memcpy(want + r * dim, qkv->host + (3 * r + 2) * dim, (size_t)dim * 8);
    if (part < 2)
        rope_reference(want, qkv->host, 3 * dim, part * dim, rows, dim, d, w->host, c->host,
                       s->host);
    expect(run, names[part], &got->t, want, part < 2 ? store_tolerance(run) : 0);
    free(want);
}

/* parts: bit 0 wants q, bit 1 wants v */
static void check_place(struct setting setting, const int64_t shape[4], int parts)
{
    struct check_run run = run_open(setting, 650);
    struct dn_error err = {0};
    enum dtype type = setting.activation;
    int64_t rows = shape[0], heads = shape[1], d = shape[2], gap = shape[3], dim = heads * d;
    const int64_t to[] = {rows, heads, d};
    struct pair qkv = pair_random(&run, type, gap, 2, 0, 2, (int64_t[]){rows, 3 * dim});
    struct pair q = pair_random(&run, type, 3 * gap, 1, 0, 3, to);
    struct pair k = pair_random(&run, type, 5 * gap, 1, 0, 3, to);
    struct pair v = pair_random(&run, type, 7 * gap, 1, 0, 3, to);
    struct pair wq = pair_random(&run, DTYPE_F32, 0, 1, 1, 2, (int64_t[]){1, dim});
    struct pair wk = pair_random(&run, DTYPE_F32, 0, 1, 1, 2, (int64_t[]){1, dim});
    struct pair c = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){rows, d / 2});
    struct pair s = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){rows, d / 2});
    struct tensor weight_q = tensor_reshape(&wq.t, 1, &dim);
    struct tensor weight_k = tensor_reshape(&wk.t, 1, &dim);
    struct qkv_places places = {.k = &k.t, .weight_k = &weight_k, .cos = &c.t, .sin = &s.t};
    places.eps = 1e-6f;
    if (parts & 1) {
        places.q = &q.t;
        places.weight_q = &weight_q;
    }
    if (parts & 2)
        places.v = &v.t;
    CHECK_OK(run.ops->place_qkv(run.ex, &places, &qkv.t, &err), err);
    expect_part(&run, &k, &qkv, 1, &wk, &c, &s);
    if (parts & 1)
        expect_part(&run, &q, &qkv, 0, &wq, &c, &s);
    if (parts & 2)
        expect_part(&run, &v, &qkv, 2, NULL, NULL, NULL);
    struct pair *all[] = {&qkv, &q, &k, &v, &wq, &wk, &c, &s};
    for (int i = 0; i < 8; i++)
        pair_free(&run, all[i]);
    run_close(&run);
}

TEST(places)
{
    /* gap 8: rows begin at multiples of 16 bytes */
    static const int64_t shapes[][4] = {{1, 1, 2, 1},     {7, 3, 6, 1},     {180, 6, 32, 8},
                                        {33, 12, 128, 1}, {33, 12, 128, 8}, {9, 3, 24, 8},
                                        {3, 40, 128, 8},  {3, 30, 80, 8},   {2, 72, 128, 8}};
    for (int n = 0; n < SETTINGS; n++)
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            for (int parts = 0; parts < 4; parts++)
                check_place(settings[n], shapes[i], parts);
}

/* silu, axpby and add_row on one set of operands; silu over a range where e^x overflows too */
static void check_elementwise(struct setting setting, int64_t rows, int64_t dim)
{
    struct check_run run = run_open(setting, 700);
    struct dn_error err = {0};
    enum dtype type = setting.activation;
    int64_t count = rows * dim, shape[] = {rows, dim};
    struct pair x = pair_random(&run, type, 0, 6, 0, 2, shape);
    struct pair z = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, shape);
    struct pair y = pair_random(&run, type, 0, 1, 0, 2, shape);
    struct pair b = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){1, dim});
    struct tensor row = tensor_reshape(&b.t, 1, &dim);
    double *want = dn_malloc((size_t)count * 8), tolerance = store_tolerance(&run);
    for (int64_t i = 0; i < count; i++)
        want[i] = x.host[i] / (1 + exp(-x.host[i]));
    CHECK_OK(run.ops->silu(run.ex, &y.t, &x.t, &err), err);
    expect(&run, "silu", &y.t, want, tolerance);
    for (int64_t i = 0; i < count; i++)
        want[i] = x.host[i] + b.host[i % dim];
    CHECK_OK(run.ops->add_row(run.ex, &y.t, &x.t, &row, &err), err);
    expect(&run, "add_row", &y.t, want, tolerance);
    for (int64_t i = 0; i < count; i++)
        want[i] = 0.5 * x.host[i];
    CHECK_OK(run.ops->axpby(run.ex, &y.t, 0.5f, &x.t, 7, NULL, &err), err);
    expect(&run, "axpby without z", &y.t, want, tolerance);
    for (int64_t i = 0; i < count; i++)
        want[i] = 0.5 * x.host[i] - 2 * z.host[i];
    CHECK_OK(run.ops->axpby(run.ex, &x.t, 0.5f, &x.t, -2, &z.t, &err), err);
    expect(&run, "axpby in place", &x.t, want, tolerance);
    free(want);
    struct pair *all[] = {&x, &y, &z, &b};
    for (int i = 0; i < 4; i++)
        pair_free(&run, all[i]);
    run_close(&run);
}

TEST(elementwise)
{
    for (int n = 0; n < SETTINGS; n++)
        for (int i = 0; i < DIMS_COUNT; i++)
            check_elementwise(settings[n], dims[i][0], dims[i][1]);
}

/* the ends of silu's range, where exp leaves float32 */
TEST(silu_extremes)
{
    struct check_run run = run_open(settings[0], 1);
    struct dn_error err = {0};
    float in[] = {-INFINITY, -1e30f, -200, -88.5f, -87, 87, 88.5f, 200, 1e30f, NAN}, out[10];
    int64_t n = 10;
    struct tensor host = tensor_over(in, DTYPE_F32, 1, &n), x = tensor_sent(&run, &host);
    CHECK_OK(run.ops->silu(run.ex, &x, &x, &err), err);
    host.data = out;
    CHECK_OK(run.ops->download(run.ex, &host, &x, &err), err);
    run.ops->tensor_free(run.ex, &x);
    for (int i = 1; i < 5; i++)
        CHECK_MSG(out[i] <= 0 && out[i] > -1e-6f, "silu(%g) = %g", in[i], out[i]);
    for (int i = 5; i < 9; i++)
        CHECK_MSG(out[i] == in[i], "silu(%g) = %g", in[i], out[i]);
    CHECK(isnan(out[9]));
    run_close(&run);
}

TEST(gather)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct check_run run = run_open(settings[n], 800);
        struct dn_error err = {0};
        int32_t ids[] = {3, 0, 3, 10, 1};
        struct pair table = pair_random(&run, DTYPE_BF16, 2, 1, 0, 2, (int64_t[]){11, 37});
        struct pair y = pair_random(&run, settings[n].activation, 1, 1, 0, 2, (int64_t[]){5, 37});
        double want[5 * 37];
        for (int i = 0; i < 5; i++)
            memcpy(want + i * 37, table.host + ids[i] * 37, 37 * 8);
        CHECK_OK(run.ops->gather_rows(run.ex, &y.t, &table.t, ids, &err), err);
        expect(&run, "gather_rows", &y.t, want, 0);
        pair_free(&run, &table);
        pair_free(&run, &y);
        run_close(&run);
    }
}

TEST(patches)
{
    static const int64_t shapes[][4] = {{1, 1, 2, 2}, {3, 16, 12, 20}, {2, 5, 6, 14}};
    for (int n = 0; n < SETTINGS; n++)
        for (int i = 0; i < 3; i++) {
            struct check_run run = run_open(settings[n], 900);
            struct dn_error err = {0};
            int64_t F = shapes[i][0], C = shapes[i][1], h = shapes[i][2], w = shapes[i][3];
            int64_t count = F * C * h * w, tokens = F * h * w / 4;
            struct pair latents = pair_random(&run, DTYPE_F32, 0, 1, 0, 4, shapes[i]);
            struct pair rows =
                pair_random(&run, settings[n].activation, 3, 1, 0, 2, (int64_t[]){tokens, 4 * C});
            double *slow = dn_malloc((size_t)count * 8), *fast = dn_malloc((size_t)count * 8);
            for (int64_t at = 0; at < count; at++) {
                int64_t x = at % w, y = at / w % h, c = at / w / h % C, f = at / w / h / C;
                int64_t token = (f * (h / 2) + y / 2) * (w / 2) + x / 2, pq = y % 2 * 2 + x % 2;
                slow[token * 4 * C + c * 4 + pq] = latents.host[at];
                fast[at] = rows.host[token * 4 * C + pq * C + c];
            }
            struct pair back = pair_random(&run, DTYPE_F32, 0, 1, 0, 4, shapes[i]);
            CHECK_OK(run.ops->unpatchify(run.ex, &back.t, &rows.t, &err), err);
            expect(&run, "unpatchify", &back.t, fast, 0);
            CHECK_OK(run.ops->patchify(run.ex, &rows.t, &latents.t, &err), err);
            expect(&run, "patchify", &rows.t, slow,
                   settings[n].activation == DTYPE_F32 ? 0 : NMSE_BF16_STORE);
            free(slow);
            free(fast);
            pair_free(&run, &latents);
            pair_free(&run, &back);
            pair_free(&run, &rows);
            run_close(&run);
        }
}

/* strided copies, conversions, zero, and the cache that moves to the left */
TEST(memory)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct check_run run = run_open(settings[n], 1000);
        struct dn_error err = {0};
        struct pair x = pair_random(&run, settings[n].activation, 3, 1, 0, 3, (int64_t[]){6, 5, 4});
        struct pair y = pair_random(&run, DTYPE_F32, 0, 1, 0, 3, (int64_t[]){6, 5, 4});
        struct tensor turned = x.t; /* [4, 5, 6], any strides */
        turned.shape[0] = 4;
        turned.shape[2] = 6;
        turned.stride[0] = x.t.stride[2];
        turned.stride[2] = x.t.stride[0];
        struct tensor to = tensor_over(y.t.data, DTYPE_F32, 3, (int64_t[]){4, 5, 6});
        CHECK_OK(run.ops->copy(run.ex, &to, &turned, &err), err);
        double want[120];
        for (int i = 0; i < 120; i++)
            want[i] = x.host[i % 6 * 20 + i / 6 % 5 * 4 + i / 30];
        expect(&run, "copy of a transposed view", &to, want, 0);
        CHECK_OK(run.ops->copy(run.ex, &x.t, &y.t, &err), err);
        double *flat = download_f64(&run, &y.t);
        expect(&run, "copy to strided rows", &x.t, flat, 0);
        struct tensor left = tensor_slice(&y.t, 0, 4), right = tensor_slice(&y.t, 2, 4);
        CHECK_OK(run.ops->copy(run.ex, &left, &right, &err), err);
        expect(&run, "overlapping copy", &left, flat + 40, 0);
        free(flat);
        struct tensor middle = tensor_columns(&x.t, 1, 2);
        CHECK_OK(run.ops->fill_zero(run.ex, &middle, &err), err);
        double zero[60] = {0};
        expect(&run, "fill_zero", &middle, zero, 0);
        CHECK_OK(run.ops->sync(run.ex, &err), err);
        pair_free(&run, &x);
        pair_free(&run, &y);
        run_close(&run);
    }
}

/* columns of a wider tensor whose rows are aligned, with and without conversion */
static void check_columns(struct setting setting, enum dtype to_dtype)
{
    struct check_run run = run_open(setting, 1020);
    struct dn_error err = {0};
    struct pair x = pair_random(&run, setting.activation, 8, 1, 0, 3, (int64_t[]){7, 6, 32});
    struct pair y = pair_random(&run, to_dtype, 24, 1, 0, 3, (int64_t[]){7, 6, 16});
    struct tensor from = tensor_columns(&x.t, 16, 16);
    double want[7 * 6 * 16];
    for (int i = 0; i < 7 * 6 * 16; i++)
        want[i] = x.host[i / 16 * 32 + 16 + i % 16];
    CHECK_OK(run.ops->copy(run.ex, &y.t, &from, &err), err);
    expect(&run, "copy of aligned columns", &y.t, want,
           to_dtype == DTYPE_F32 || to_dtype == setting.activation ? 0 : NMSE_BF16_STORE);
    pair_free(&run, &x);
    pair_free(&run, &y);
    run_close(&run);
}

TEST(columns)
{
    for (int n = 0; n < SETTINGS; n++) {
        check_columns(settings[n], DTYPE_F32);
        check_columns(settings[n], DTYPE_BF16);
    }
}

/* what was uploaded is there although the host's memory changed at once, more than a backend is
 * likely to stage, in either dtype, to rows with gaps too */
static void check_upload(struct setting setting, enum dtype host_dtype, int64_t cols, int64_t pad)
{
    struct check_run run = run_open(setting, 1030);
    struct dn_error err = {0};
    int64_t rows = 3, count = rows * cols;
    struct tensor t, all;
    CHECK_OK(run.ops->tensor_alloc(run.ex, &all, setting.activation, 2,
                                   (int64_t[]){rows, cols + pad}, &err),
             err);
    t = tensor_columns(&all, 0, cols);
    float *values = dn_malloc((size_t)count * 4), *got = dn_malloc((size_t)count * 4);
    void *stored = dn_malloc((size_t)count * 4);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)(i % 251) - 125;
    dtype_from_f32(stored, host_dtype, values, count);
    struct tensor host = tensor_over(stored, host_dtype, 2, t.shape);
    CHECK_OK(run.ops->upload(run.ex, &t, &host, &err), err);
    memset(stored, 0xFF, (size_t)count * 4);
    host = tensor_over(got, DTYPE_F32, 2, t.shape);
    CHECK_OK(run.ops->download(run.ex, &host, &t, &err), err);
    CHECK(memcmp(got, values, (size_t)count * 4) == 0);
    free(values);
    free(stored);
    free(got);
    run.ops->tensor_free(run.ex, &all);
    run_close(&run);
}

TEST(uploads)
{
    for (int n = 0; n < SETTINGS && n < 2; n++) /* the dtype of products does not matter here */
        for (int pad = 0; pad < 6; pad += 5) {
            check_upload(settings[n], DTYPE_F32, 7003, pad);
            check_upload(settings[n], DTYPE_BF16, 7003, pad);
        }
    check_upload(settings[0], DTYPE_F32, 7000003, 0);
}

/* runs long enough to be shared by threads: plain, converted, and moving left over themselves */
TEST(long_copies)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct check_run run = run_open(settings[n], 1050);
        struct dn_error err = {0};
        int64_t count = 3000007;
        struct pair x =
            pair_random(&run, settings[n].activation, 0, 1, 0, 2, (int64_t[]){1, count});
        struct pair y = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){1, count});
        struct tensor line = tensor_reshape(&x.t, 1, &count);
        CHECK_OK(run.ops->copy(run.ex, &y.t, &x.t, &err), err);
        expect(&run, "long copy", &y.t, x.host, 0);
        struct tensor left = tensor_slice(&line, 0, count - 5);
        struct tensor right = tensor_slice(&line, 5, count - 5);
        CHECK_OK(run.ops->copy(run.ex, &left, &right, &err), err);
        expect(&run, "long overlapping copy", &left, x.host + 5, 0);
        pair_free(&run, &x);
        pair_free(&run, &y);
        run_close(&run);
    }
}

TESTS(T(norms), T(rope), T(places), T(elementwise), T(silu_extremes), T(gather), T(patches),
      T(memory), T(columns), T(uploads), T(long_copies))
