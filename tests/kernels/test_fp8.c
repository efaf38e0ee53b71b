/* narrow linear layers: e4m3 weights and rows against sums in float64 of numbers rounded here,
 * every epilogue, what stays as it was, and what a layer loses. */
#include "kernels/ops_check.h"

/* Rows as linear_pack_narrow and linear are to see them: what is left of each number. */
static void round_rows(double *x, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r++) {
        float most = 0;
        for (int64_t c = 0; c < cols; c++)
            most = fmaxf(most, fabsf((float)x[r * cols + c]));
        for (int64_t c = 0; c < cols; c++) {
            uint8_t code = e4m3_from_f32((float)x[r * cols + c] * (E4M3_MAX / most));
            x[r * cols + c] = (double)f32_from_e4m3(code) * (most / E4M3_MAX);
        }
    }
}

struct layer {
    struct pair x, y, aux, gate;
    struct tensor parts[2], biases[2];
    float *w, *b;           /* [out, in], [out] */
    double *exact, *narrow; /* x W^T + b, of the numbers as they are and rounded */
    struct linear *packed;
};

static double *products(const struct layer *l, const double *x, const double *w, int64_t rows,
                        int64_t in, int64_t out)
{
    double *to = dn_malloc((size_t)(rows * out) * 8);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < out; o++) {
            double sum = l->b[o];
            for (int64_t c = 0; c < in; c++)
                sum += x[r * in + c] * w[o * in + c];
            to[r * out + o] = sum;
        }
    return to;
}

/* pad: elements between rows, so that memory is aligned or not. */
static struct layer layer_new(struct check_run *run, int64_t rows, int64_t in, int64_t out,
                              int64_t pad)
{
    struct layer l = {.w = dn_malloc((size_t)(in * out) * 4), .b = dn_malloc((size_t)out * 4)};
    struct dn_error err = {0};
    enum dtype type = run->setting.activation;
    double *w = dn_malloc((size_t)(in * out) * 8), *x = dn_malloc((size_t)(rows * in) * 8);
    l.x = pair_random(run, type, pad, 1, 0, 2, (int64_t[]){rows, in});
    l.y = pair_random(run, type, pad, 1, 0, 2, (int64_t[]){rows, out});
    l.aux = pair_random(run, type, pad, 1, 0, 2, (int64_t[]){rows, out});
    l.gate = pair_random(run, DTYPE_F32, pad, 1, 0, 2, (int64_t[]){2, out});
    for (int64_t i = 0; i < in * out; i++) {
        l.w[i] = (float)(rng_next(&run->rng) * 1.7 / sqrt((double)in) * (double)(1 + i / in % 5));
        w[i] = l.w[i];
    }
    for (int64_t i = 0; i < out; i++)
        l.b[i] = (float)rng_next(&run->rng);
    memcpy(x, l.x.host, (size_t)(rows * in) * 8);
    l.exact = products(&l, x, w, rows, in, out);
    round_rows(x, rows, in);
    round_rows(w, out, in);
    l.narrow = products(&l, x, w, rows, in, out);
    int64_t first = out / 3;
    l.parts[0] = tensor_over(l.w, DTYPE_F32, 2, (int64_t[]){first, in});
    l.parts[1] = tensor_over(l.w + first * in, DTYPE_F32, 2, (int64_t[]){out - first, in});
    l.biases[0] = tensor_over(l.b, DTYPE_F32, 1, (int64_t[]){first});
    l.biases[1] = tensor_over(l.b + first, DTYPE_F32, 1, (int64_t[]){out - first});
    CHECK_OK(run->ops->linear_pack_narrow(run->ex, l.parts, l.biases, 2, &l.packed, &err), err);
    free(w);
    free(x);
    return l;
}

static void layer_free(struct check_run *run, struct layer *l)
{
    struct pair *pairs[] = {&l->x, &l->y, &l->aux, &l->gate};
    for (int i = 0; i < 4; i++)
        pair_free(run, pairs[i]);
    run->ops->linear_free(run->ex, l->packed);
    free(l->w);
    free(l->b);
    free(l->exact);
    free(l->narrow);
}

static double epilogue(const struct layer *l, enum linear_epilogue kind, double a, int64_t at,
                       double gate)
{
    switch (kind) {
    case LINEAR_GELU_TANH:
        return 0.5 * a * (1 + tanh(sqrt(2 / M_PI) * (a + 0.044715 * a * a * a)));
    case LINEAR_SILU:
        return a / (1 + exp(-a));
    case LINEAR_MULTIPLY:
        return a * l->aux.host[at];
    case LINEAR_RESIDUAL:
        return l->y.host[at] + a;
    case LINEAR_GATE_RESIDUAL:
        return l->y.host[at] + gate * a;
    default:
        return a;
    }
}

/* Sums of e4m3 are exact but for their order, so only what is stored is rounded; on a GPU they are
 * sums of some 13 bits (5e-7 to 4.1e-6 measured, more with more columns). */
static double tolerance(const struct check_run *run)
{
    if (strcmp(run->setting.backend, "cuda") == 0)
        return NMSE_BF16_PRODUCT;
    return run->setting.activation == DTYPE_F32 ? 1e-10 : NMSE_BF16_STORE;
}

static void check_case(struct setting setting, int64_t rows, int64_t in, int64_t out, int64_t pad,
                       enum linear_epilogue kind)
{
    struct check_run run = run_open_as(setting, (uint64_t)(600 + kind), true);
    struct dn_error err = {0};
    struct layer l = layer_new(&run, rows, in, out, pad);
    int64_t per_gate = (rows + 1) / 2;
    struct linear_args args = {
        .epilogue = kind, .aux = &l.aux.t, .gate = &l.gate.t, .rows_per_gate = per_gate};
    double *want = dn_malloc((size_t)(rows * out) * 8);
    for (int64_t i = 0; i < rows * out; i++)
        want[i] =
            epilogue(&l, kind, l.narrow[i], i, l.gate.host[i / out / per_gate * out + i % out]);
    CHECK_OK(run.ops->linear(run.ex, &l.y.t, &l.x.t, l.packed, kind == LINEAR_STORE ? NULL : &args,
                             &err),
             err);
    char what[96];
    snprintf(what, sizeof what, "narrow %lldx%lldx%lld, pad %lld, epilogue %d", (long long)rows,
             (long long)in, (long long)out, (long long)pad, (int)kind);
    expect(&run, what, &l.y.t, want, tolerance(&run));
    free(want);
    layer_free(&run, &l);
    run_close(&run);
}

TEST(epilogues)
{
    /* rows in eights and others, a bias that cuBLASLt adds and one that it does not */
    static const int64_t sizes[][4] = {{1, 16, 16, 8},   {16, 48, 80, 8},   {33, 192, 576, 8},
                                       {7, 2064, 48, 8}, {16, 2064, 48, 8}, {9, 64, 32, 3},
                                       {24, 64, 32, 3}};
    for (int n = 0; n < SETTINGS; n++)
        for (int i = 0; i < 7; i++)
            for (int kind = 0; kind < LINEAR_EPILOGUE_COUNT; kind++)
                check_case(settings[n], sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3],
                           (enum linear_epilogue)kind);
}

/* The widths of rows that the GPU's kernel holds in registers, and those that it does not. */
TEST(widths)
{
    static const int64_t widths[] = {1536, 2048, 5120, 8960, 13824, 16400};
    for (int n = 0; n < SETTINGS; n++)
        for (int i = 0; i < 6; i++)
            check_case(settings[n], 3, widths[i], 16, 0, LINEAR_STORE);
}

/* The norm of the new rows, as behind every other linear. */
TEST(norm_behind)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct check_run run = run_open_as(settings[n], 700, true);
        struct dn_error err = {0};
        const int64_t rows = 9, out = 192;
        struct layer l = layer_new(&run, rows, 64, out, 8);
        struct pair to = pair_random(&run, settings[n].exec, 8, 1, 0, 2, (int64_t[]){rows, out});
        struct pair want = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){rows, out});
        struct linear_norm norm = {
            .y = &to.t, .shift = &l.gate.t, .scale = &l.gate.t, .rows_per_frame = 5, .eps = 1e-6f};
        struct linear_args args = {.epilogue = LINEAR_RESIDUAL, .norm = &norm};
        CHECK_OK(run.ops->linear(run.ex, &l.y.t, &l.x.t, l.packed, &args, &err), err);
        CHECK_OK(run.ops->layer_norm_modulate(run.ex, &want.t, &l.y.t, &l.gate.t, &l.gate.t, 5,
                                              1e-6f, &err),
                 err);
        double *expected = download_f64(&run, &want.t);
        bool rounded = settings[n].exec == DTYPE_BF16 || settings[n].activation == DTYPE_BF16;
        expect(&run, "norm behind narrow", &to.t, expected,
               rounded ? 2 * NMSE_BF16_STORE : NMSE_F32);
        free(expected);
        pair_free(&run, &to);
        pair_free(&run, &want);
        layer_free(&run, &l);
        run_close(&run);
    }
}

/* Sides that are no multiple of 16, and execs that were not opened for it: as linear_pack. */
TEST(other_layers_stay)
{
    static const struct {
        bool fp8;
        int64_t in, out;
    } cases[] = {{true, 24, 48}, {true, 48, 40}, {false, 48, 48}};
    for (int n = 0; n < SETTINGS; n++)
        for (int i = 0; i < 3; i++) {
            struct check_run run = run_open_as(settings[n], 800, cases[i].fp8);
            struct dn_error err = {0};
            CHECK(exec_fp8(run.ex) == cases[i].fp8);
            CHECK(!linear_is_narrow(run.ex, cases[i].in, cases[i].out));
            struct layer l = layer_new(&run, 6, cases[i].in, cases[i].out, 8);
            CHECK_OK(run.ops->linear(run.ex, &l.y.t, &l.x.t, l.packed, NULL, &err), err);
            expect(&run, "a layer that stays", &l.y.t, l.exact, product_tolerance(&run));
            layer_free(&run, &l);
            run_close(&run);
        }
}

/* Rows and channels of zeros and of numbers that are almost none; one that is not a number stays in
 * its row. */
TEST(rows_of_nothing)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct check_run run = run_open_as(settings[n], 900, true);
        struct dn_error err = {0};
        float x[4][16] = {{0}, {1e-38f, -1e-31f}, {NAN, 1}, {1, 1e-9f}}, w[16][16] = {{0}},
              y[4][16];
        for (int i = 0; i < 16; i++)
            w[i][i] = i == 3 ? 0 : (float)(i + 1);
        struct tensor host_x = tensor_over(x, DTYPE_F32, 2, (int64_t[]){4, 16});
        struct tensor host_w = tensor_over(w, DTYPE_F32, 2, (int64_t[]){16, 16});
        struct tensor host_y = tensor_over(y, DTYPE_F32, 2, (int64_t[]){4, 16}), to;
        struct tensor from = tensor_sent(&run, &host_x);
        struct linear *l;
        CHECK_OK(run.ops->linear_pack_narrow(run.ex, &host_w, NULL, 1, &l, &err), err);
        CHECK_OK(run.ops->tensor_alloc(run.ex, &to, DTYPE_F32, 2, host_y.shape, &err), err);
        CHECK_OK(run.ops->linear(run.ex, &to, &from, l, NULL, &err), err);
        CHECK_OK(run.ops->download(run.ex, &host_y, &to, &err), err);
        for (int i = 0; i < 16; i++)
            CHECK(y[0][i] == 0 && y[1][i] == 0 && y[2][i] != y[2][i]);
        CHECK(fabsf(y[3][0] - 1) < 1e-6f && y[3][1] == 0 && y[3][3] == 0);
        run.ops->linear_free(run.ex, l);
        run.ops->tensor_free(run.ex, &from);
        run.ops->tensor_free(run.ex, &to);
        run_close(&run);
    }
}

/* What a layer of the model's kind loses: e4m3 keeps 3 bits behind the first one. */
TEST(loss)
{
    struct check_run run = run_open_as(settings[0], 1000, true);
    struct dn_error err = {0};
    const int64_t rows = 64, in = 768, out = 192;
    struct layer l = layer_new(&run, rows, in, out, 8);
    CHECK_OK(run.ops->linear(run.ex, &l.y.t, &l.x.t, l.packed, NULL, &err), err);
    double *got = download_f64(&run, &l.y.t), noise = 0, power = 0;
    for (int64_t i = 0; i < rows * out; i++) {
        noise += (got[i] - l.exact[i]) * (got[i] - l.exact[i]);
        power += l.exact[i] * l.exact[i];
    }
    CHECK_MSG(noise > 1e-4 * power && noise < 2e-3 * power, "nmse %.3g", noise / power);
    free(got);
    layer_free(&run, &l);
    run_close(&run);
}

TESTS(T(epilogues), T(widths), T(norm_behind), T(other_layers_stay), T(rows_of_nothing), T(loss))
