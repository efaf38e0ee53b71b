/* linear: every epilogue, odd shapes, stacked parts, strided rows, all dtypes of stored weights. */
#include "kernels/ops_check.h"

struct shape {
    int64_t rows, in, out, gates;
    bool even; /* y, aux and gate have rows at multiples of 16 bytes */
};

static double gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

struct operands {
    struct pair x, y, aux, gate;
    struct tensor weights[2], biases[2];
    double *w, *b; /* [out, in] stacked, as stored in the file's dtype; [out] */
    void *memory[4];
};

/* Host weights [rows, in] of a dtype and their values. */
static struct tensor host_matrix(struct check_run *run, enum dtype dtype, int64_t rows, int64_t in,
                                 double range, double *values, void **memory)
{
    int64_t count = rows * in;
    float *f = dn_malloc((size_t)count * 4);
    *memory = dn_malloc((size_t)(count * dtype_size(dtype)));
    for (int64_t i = 0; i < count; i++)
        f[i] = (float)(rng_next(&run->rng) * range);
    dtype_from_f32(*memory, dtype, f, count);
    dtype_to_f32(f, *memory, dtype, count);
    for (int64_t i = 0; i < count; i++)
        values[i] = f[i];
    free(f);
    return tensor_over(*memory, dtype, 2, (int64_t[]){rows, in});
}

static struct operands operands_new(struct check_run *run, const struct shape *s, enum dtype stored)
{
    struct operands o = {0};
    int64_t first = s->out / 3;
    o.w = dn_malloc((size_t)(s->out * s->in) * 8);
    o.b = dn_malloc((size_t)s->out * 8);
    int64_t rows[2] = {first, s->out - first};
    double range = 1.7 / sqrt((double)s->in);
    for (int i = 0; i < 2; i++) {
        int64_t at = i ? first : 0;
        o.weights[i] =
            host_matrix(run, stored, rows[i], s->in, range, o.w + at * s->in, &o.memory[2 * i]);
        o.biases[i] = host_matrix(run, stored, rows[i], 1, 1, o.b + at, &o.memory[2 * i + 1]);
        o.biases[i].ndim = 1;
    }
    enum dtype type = run->setting.activation;
    o.x = pair_random(run, type, 8, 1, 0, 2, (int64_t[]){s->rows, s->in});
    o.y = pair_random(run, type, s->even ? 8 : 4, 1, 0, 2, (int64_t[]){s->rows, s->out});
    o.aux = pair_random(run, type, s->even ? 8 : 2, 1, 0, 2, (int64_t[]){s->rows, s->out});
    o.gate = pair_random(run, DTYPE_F32, s->even ? 4 : 6, 1, 0, 2, (int64_t[]){s->gates, s->out});
    return o;
}

static void operands_free(struct check_run *run, struct operands *o)
{
    pair_free(run, &o->x);
    pair_free(run, &o->y);
    pair_free(run, &o->aux);
    pair_free(run, &o->gate);
    free(o->w);
    free(o->b);
    for (int i = 0; i < 4; i++)
        free(o->memory[i]);
}

static double epilogue(const struct operands *o, const struct shape *s, int kind, double a,
                       int64_t r, int64_t i)
{
    int64_t at = r * s->out + i, per_gate = (s->rows + s->gates - 1) / s->gates;
    switch (kind) {
    case LINEAR_GELU_TANH:
        return gelu_tanh(a);
    case LINEAR_SILU:
        return silu(a);
    case LINEAR_MULTIPLY:
        return a * o->aux.host[at];
    case LINEAR_RESIDUAL:
        return o->y.host[at] + a;
    case LINEAR_GATE_RESIDUAL:
        return o->y.host[at] + o->gate.host[r / per_gate * s->out + i] * a;
    default:
        return a;
    }
}

static void check_case(struct setting setting, const struct shape *s, enum dtype stored, int kind,
                       bool with_bias, uint64_t seed)
{
    struct check_run run = run_open(setting, seed);
    struct dn_error err = {0};
    struct operands o = operands_new(&run, s, stored);
    struct linear *l = NULL;
    /* one part when there are too few rows for two */
    int parts = s->out / 3 ? 2 : 1;
    const struct tensor *w = parts == 2 ? o.weights : o.weights + 1;
    const struct tensor *b = parts == 2 ? o.biases : o.biases + 1;
    CHECK_OK(run.ops->linear_pack(run.ex, w, with_bias ? b : NULL, parts, &l, &err), err);
    struct linear_args args = {.epilogue = kind,
                               .aux = &o.aux.t,
                               .gate = &o.gate.t,
                               .rows_per_gate = (s->rows + s->gates - 1) / s->gates};
    double *want = dn_malloc((size_t)(s->rows * s->out) * 8);
    for (int64_t r = 0; r < s->rows; r++)
        for (int64_t i = 0; i < s->out; i++) {
            double a = with_bias ? o.b[i] : 0;
            for (int64_t c = 0; c < s->in; c++)
                a += o.x.host[r * s->in + c] * o.w[i * s->in + c];
            want[r * s->out + i] = epilogue(&o, s, kind, a, r, i);
        }
    const struct linear_args *given = kind == LINEAR_STORE ? NULL : &args;
    CHECK_OK(run.ops->linear(run.ex, &o.y.t, &o.x.t, l, given, &err), err);
    char what[96];
    snprintf(what, sizeof what, "linear %lldx%lldx%lld epilogue %d stored %s", (long long)s->rows,
             (long long)s->in, (long long)s->out, kind, dtype_name(stored));
    expect(&run, what, &o.y.t, want, product_tolerance(&run));
    free(want);
    run.ops->linear_free(run.ex, l);
    operands_free(&run, &o);
    run_close(&run);
}

TEST(epilogues)
{
    static const struct shape shapes[] = {
        {1, 1, 1, 1, false},      {1, 64, 192, 1, false},    {7, 33, 19, 2, false},
        {180, 192, 96, 3, false}, {65, 200, 577, 65, false}, {33, 40, 96, 3, true},
        {9, 24, 1536, 3, true},   {5, 16, 1640, 1, true},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int n = 0; n < SETTINGS; n++)
            for (int kind = 0; kind < LINEAR_EPILOGUE_COUNT; kind++)
                check_case(settings[n], &shapes[i], DTYPE_F32, kind, kind % 2 == 0, 200 + i);
}

/* A norm behind a linear: the same as the operation itself on what linear has written, in aligned
 * rows of either form that a backend may hold in registers, and in rows that are not aligned. */
static void check_norm(struct setting setting, const int64_t sizes[4], enum linear_epilogue kind,
                       bool modulated, enum dtype out_dtype)
{
    struct check_run run = run_open(setting, 500);
    struct dn_error err = {0};
    int64_t rows = sizes[0], out = sizes[2], gap = sizes[3], per_frame = (rows + 1) / 2;
    struct shape s = {rows, sizes[1], out, 2, false};
    struct operands o = operands_new(&run, &s, DTYPE_F32);
    struct linear *l = NULL;
    CHECK_OK(run.ops->linear_pack(run.ex, o.weights, o.biases, 2, &l, &err), err);
    struct pair y = pair_random(&run, setting.activation, gap, 1, 0, 2, (int64_t[]){rows, out});
    struct pair n = pair_random(&run, out_dtype, gap, 1, 0, 2, (int64_t[]){rows, out});
    struct pair want = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){rows, out});
    struct pair a = pair_random(&run, DTYPE_F32, gap, 1, 0.5, 2, (int64_t[]){2, out});
    struct pair b = pair_random(&run, DTYPE_F32, gap, 1, 0, 2, (int64_t[]){2, out});
    struct tensor weight = tensor_over(a.t.data, DTYPE_F32, 1, &out);
    struct tensor bias = tensor_over(b.t.data, DTYPE_F32, 1, &out);
    struct linear_norm norm = {.y = &n.t, .rows_per_frame = per_frame, .eps = 1e-6f};
    if (modulated) {
        norm.shift = &a.t;
        norm.scale = &b.t;
    } else {
        norm.weight = &weight;
        norm.bias = &bias;
    }
    struct linear_args args = {
        .epilogue = kind, .gate = &o.gate.t, .rows_per_gate = per_frame, .norm = &norm};
    CHECK_OK(run.ops->linear(run.ex, &y.t, &o.x.t, l, &args, &err), err);
    CHECK_OK(modulated ? run.ops->layer_norm_modulate(run.ex, &want.t, &y.t, &a.t, &b.t, per_frame,
                                                      1e-6f, &err)
                       : run.ops->layer_norm(run.ex, &want.t, &y.t, &weight, &bias, 1e-6f, &err),
             err);
    double *expected = download_f64(&run, &want.t);
    bool rounded = out_dtype == DTYPE_BF16 || setting.activation == DTYPE_BF16;
    expect(&run, "norm behind linear", &n.t, expected, rounded ? 2 * NMSE_BF16_STORE : NMSE_F32);
    free(expected);
    run.ops->linear_free(run.ex, l);
    struct pair *all[] = {&y, &n, &want, &a, &b};
    for (int i = 0; i < 5; i++)
        pair_free(&run, all[i]);
    operands_free(&run, &o);
    run_close(&run);
}

TEST(norm_behind)
{
    static const int64_t sizes[][4] = {
        {33, 24, 192, 8}, {9, 16, 1536, 8}, {5, 16, 1544, 8}, {4, 16, 2560, 8}, {7, 24, 191, 3}};
    static const enum linear_epilogue kinds[] = {LINEAR_STORE, LINEAR_RESIDUAL,
                                                 LINEAR_GATE_RESIDUAL};
    for (int n = 0; n < SETTINGS; n++)
        for (int i = 0; i < 5; i++)
            for (int kind = 0; kind < 3; kind++)
                for (int form = 0; form < 4; form++)
                    check_norm(settings[n], sizes[i], kinds[kind], form & 1,
                               form & 2 ? DTYPE_BF16 : DTYPE_F32);
}

TEST(stored_dtypes)
{
    static const struct shape s = {20, 48, 40, 4, false};
    static const enum dtype stored[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_F64};
    for (int n = 0; n < SETTINGS; n++)
        for (int i = 0; i < 4; i++)
            check_case(settings[n], &s, stored[i], LINEAR_STORE, true, 300);
}

/* More row counts than a linear keeps code for, each twice: the bytes must not change. */
TEST(many_row_counts_same_bytes)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct check_run run = run_open(settings[n], 400);
        struct dn_error err = {0};
        struct shape s = {40, 24, 56, 1, false};
        struct operands o = operands_new(&run, &s, DTYPE_F32);
        struct linear *l = NULL;
        CHECK_OK(run.ops->linear_pack(run.ex, o.weights, o.biases, 2, &l, &err), err);
        double *first[21] = {0};
        for (int turn = 0; turn < 2; turn++)
            for (int64_t rows = 1; rows <= 20; rows++) {
                struct tensor x = tensor_slice(&o.x.t, 0, rows), y = tensor_slice(&o.y.t, 0, rows);
                CHECK_OK(run.ops->linear(run.ex, &y, &x, l, NULL, &err), err);
                double *got = download_f64(&run, &y);
                if (turn)
                    CHECK(memcmp(got, first[rows], (size_t)(rows * s.out) * 8) == 0);
                free(turn ? got : NULL);
                if (turn)
                    free(first[rows]);
                else
                    first[rows] = got;
            }
        run.ops->linear_free(run.ex, l);
        operands_free(&run, &o);
        run_close(&run);
    }
}

TESTS(T(epilogues), T(norm_behind), T(stored_dtypes), T(many_row_counts_same_bytes))
