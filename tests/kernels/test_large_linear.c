/* linear at the widths of the 1.3B and the 14B model, for chunks of 480x832 and 720x1280: every
 * epilogue and the norm behind it. */
#include "kernels/large_check.h"

struct shape {
    int64_t rows, in, out, gates;
};

static const struct shape gpu[] = {
    {4680, 1536, 1536, 3},   {4680, 1536, 8960, 3},    {4680, 8960, 1536, 3},
    {10800, 1536, 4608, 3},  {10800, 5120, 5120, 3},   {10800, 5120, 13824, 3},
    {10800, 13824, 5120, 3}, {4679, 5120, 15360, 1},   {1, 5120, 13824, 1},
    {512, 4096, 10240, 1},   {155648, 5120, 13824, 1},
};
static const struct shape host[] = {{30, 64, 96, 3}, {1, 40, 72, 1}};

/* Weights and bias as they are multiplied, packed. */
struct layer {
    struct linear *packed;
    float *w, *b; /* [out, in], [out] */
};

static struct layer layer_new(struct large *l, const struct shape *s)
{
    struct layer layer = {
        .w = large_numbers(2, l->run.setting.exec, 1.7 / sqrt((double)s->in), s->out * s->in),
        .b = large_numbers(3, DTYPE_F32, 1, s->out)};
    struct dn_error err = {0};
    struct tensor w = tensor_over(layer.w, DTYPE_F32, DIMS(s->out, s->in));
    struct tensor b = tensor_over(layer.b, DTYPE_F32, DIMS(s->out));
    CHECK_OK(l->run.ops->linear_pack(l->run.ex, &w, &b, 1, &layer.packed, &err), err);
    return layer;
}

static void layer_free(struct large *l, struct layer *layer)
{
    l->run.ops->linear_free(l->run.ex, layer->packed);
    free(layer->w);
    free(layer->b);
}

static double gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

/* What becomes of the sum a where y, aux and gate have these values. */
static double epilogue(int kind, double a, double y, double aux, double gate)
{
    const double all[LINEAR_EPILOGUE_COUNT] = {[LINEAR_STORE] = a,
                                               [LINEAR_GELU_TANH] = gelu_tanh(a),
                                               [LINEAR_SILU] = a / (1 + exp(-a)),
                                               [LINEAR_MULTIPLY] = a * aux,
                                               [LINEAR_RESIDUAL] = y + a,
                                               [LINEAR_GATE_RESIDUAL] = y + gate * a};
    return all[kind];
}

enum { SAMPLES = 64, COLUMNS = 48 };

static void check_epilogue(struct large *l, const struct shape *s, const struct layer *layer,
                           int kind, int64_t pad)
{
    struct dn_error err = {0};
    const enum dtype type = l->run.setting.activation;
    const bool adds = kind == LINEAR_RESIDUAL || kind == LINEAR_GATE_RESIDUAL;
    struct filled x = large_random(l, type, pad, DIMS(s->rows, s->in)), y = {0}, aux = {0};
    struct filled gate = large_random(l, DTYPE_F32, pad, DIMS(s->gates, s->out));
    if (adds)
        y = large_random(l, type, pad, DIMS(s->rows, s->out));
    else
        y.t = large_empty(l, type, pad, DIMS(s->rows, s->out));
    if (kind == LINEAR_MULTIPLY)
        aux = large_random(l, type, pad, DIMS(s->rows, s->out));
    struct linear_args args = {.epilogue = (enum linear_epilogue)kind,
                               .aux = &aux.t,
                               .gate = &gate.t,
                               .rows_per_gate = s->rows / s->gates};
    int64_t rows[SAMPLES], cols[SAMPLES], offsets[SAMPLES];
    double *want = dn_malloc(SAMPLES * COLUMNS * 8);
    for (int64_t i = 0; i < SAMPLES; i++) {
        rows[i] = large_pick(l, i, s->rows);
        cols[i] = large_pick(l, i, s->out - COLUMNS + 1);
        offsets[i] = rows[i] * y.t.stride[0] + cols[i];
    }
#pragma omp parallel for
    for (int64_t n = 0; n < SAMPLES * COLUMNS; n++) {
        const int64_t row = rows[n / COLUMNS], o = cols[n / COLUMNS] + n % COLUMNS;
        const int64_t at = offsets[n / COLUMNS] + n % COLUMNS;
        const int64_t g = row / args.rows_per_gate * gate.t.stride[0] + o;
        const float *in = large_at(&x, row * x.t.stride[0]), *w = layer->w + o * s->in;
        double a = layer->b[o];
        for (int64_t c = 0; c < s->in; c++)
            a += (double)in[c] * w[c];
        want[n] = epilogue(kind, a, adds ? *large_at(&y, at) : 0,
                           kind == LINEAR_MULTIPLY ? *large_at(&aux, at) : 0, *large_at(&gate, g));
    }
    CHECK_OK(l->run.ops->linear(l->run.ex, &y.t, &x.t, layer->packed,
                                kind == LINEAR_STORE ? NULL : &args, &err),
             err);
    char what[96];
    snprintf(what, sizeof what, "linear %lldx%lldx%lld epilogue %d", (long long)s->rows,
             (long long)s->in, (long long)s->out, kind);
    large_expect(l, what, &y.t, offsets, SAMPLES, COLUMNS, want, product_tolerance(&l->run));
    free(want);
    large_free(l, &x.t);
    large_free(l, &y.t);
    large_free(l, &gate.t);
    large_free(l, &aux.t);
}

/* y += gate a, and layer_norm_modulate of it: against what linear has written. */
static void check_norm(struct large *l, const struct shape *s, const struct layer *layer)
{
    struct dn_error err = {0};
    const enum dtype type = l->run.setting.activation;
    const int64_t per_frame = s->rows / s->gates;
    struct filled x = large_random(l, type, 0, DIMS(s->rows, s->in));
    struct filled y = large_random(l, type, 0, DIMS(s->rows, s->out));
    struct filled gate = large_random(l, DTYPE_F32, 0, DIMS(s->gates, s->out));
    struct filled shift = large_random(l, DTYPE_F32, 8, DIMS(s->gates, s->out));
    struct filled scale = large_random(l, DTYPE_F32, 8, DIMS(s->gates, s->out));
    struct tensor n = large_empty(l, type, 0, DIMS(s->rows, s->out));
    struct linear_norm norm = {
        .y = &n, .shift = &shift.t, .scale = &scale.t, .rows_per_frame = per_frame, .eps = 1e-6f};
    struct linear_args args = {.epilogue = LINEAR_GATE_RESIDUAL,
                               .gate = &gate.t,
                               .rows_per_gate = per_frame,
                               .norm = &norm};
    CHECK_OK(l->run.ops->linear(l->run.ex, &y.t, &x.t, layer->packed, &args, &err), err);
    int64_t offsets[SAMPLES];
    double *want = dn_malloc((size_t)(SAMPLES * s->out) * 8);
    for (int64_t i = 0; i < SAMPLES; i++) {
        int64_t row = large_pick(l, i, s->rows), frame = row / per_frame * shift.t.stride[0];
        struct tensor line = tensor_slice(&y.t, row, 1);
        double *sum = download_f64(&l->run, &line), mean = 0, variance = 0;
        offsets[i] = row * s->out;
        for (int64_t c = 0; c < s->out; c++)
            mean += sum[c] / (double)s->out;
        for (int64_t c = 0; c < s->out; c++)
            variance += (sum[c] - mean) * (sum[c] - mean) / (double)s->out;
        for (int64_t c = 0; c < s->out; c++)
            want[i * s->out + c] =
                (sum[c] - mean) / sqrt(variance + 1e-6) * (1 + *large_at(&scale, frame + c)) +
                *large_at(&shift, frame + c);
        free(sum);
    }
    large_expect(l, "norm behind linear", &n, offsets, SAMPLES, s->out, want,
                 type == DTYPE_BF16 ? 2 * NMSE_BF16_STORE : NMSE_F32);
    free(want);
    struct tensor *all[] = {&x.t, &y.t, &gate.t, &shift.t, &scale.t, &n};
    for (int i = 0; i < 6; i++)
        large_free(l, all[i]);
}

/* Float32 products, which are exact and have no tensor cores, and so many rows that y has more than
 * 2^31 elements: one epilogue. */
static void check_shape(struct large *l, const struct shape *s, uint64_t seed)
{
    large_seed(l, seed);
    struct layer layer = layer_new(l, s);
    const bool one = ON_GPU && (l->run.setting.exec == DTYPE_F32 || s->rows > 100000);
    for (int kind = one ? LINEAR_EPILOGUE_COUNT - 1 : 0; kind < LINEAR_EPILOGUE_COUNT; kind++)
        check_epilogue(l, s, &layer, kind, kind % 2 ? 8 : 0);
    if (s->rows > 1 && s->rows < 100000)
        check_norm(l, s, &layer);
    layer_free(l, &layer);
}

TEST(epilogues)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct large l = large_open(settings[n]);
        for (int i = 0; i < SHAPE_COUNT(gpu, host); i++)
            if (SHAPES(gpu, host)[i].rows < 100000 || n == 3)
                check_shape(&l, &SHAPES(gpu, host)[i], 200 + (uint64_t)i);
        large_close(&l);
    }
}

TESTS(T(epilogues))
