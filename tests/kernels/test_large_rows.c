/* Token rows, elementwise operations, patches and copies of the 1.3B and the 14B model's widths:
 * chunks of 480x832 and 720x1280, 81 frames of 720x1280 at once, and more than 2^31 elements. */
#include "kernels/large_check.h"

struct shape {
    int64_t rows, dim, frames;
};

static const struct shape gpu[] = {
    {4680, 1536, 3}, {10800, 1536, 3}, {10800, 5120, 3}, {10799, 8960, 2}, {75600, 5120, 21},
};
static const struct shape host[] = {{30, 256, 3}, {7, 384, 1}};
/* in bf16 alone */
static const struct shape gpu_huge[] = {{419580, 5120, 21}};
static const struct shape host_huge[] = {{9, 128, 3}};

enum { SAMPLES = 40 };

static void moments(const float *x, int64_t n, double *mean, double *variance, double *power)
{
    *mean = *variance = *power = 0;
    for (int64_t i = 0; i < n; i++) {
        *mean += x[i] / (double)n;
        *power += (double)x[i] * x[i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++)
        *variance += (x[i] - *mean) * (x[i] - *mean) / (double)n;
}

/* Operands of every operation on rows: x [rows, dim], vectors [dim], modulation [frames, dim], and
 * the rows that are looked at. */
struct operands {
    struct large *l;
    struct shape s;
    int64_t per_frame, pad;
    enum dtype type;
    struct filled x, a, b, shift, scale;
    int64_t rows[SAMPLES];
    double *want;
};

static struct operands operands_new(struct large *l, const struct shape *s, int64_t pad,
                                    uint64_t seed)
{
    large_seed(l, seed);
    struct operands o = {.l = l,
                         .s = *s,
                         .per_frame = (s->rows + s->frames - 1) / s->frames,
                         .pad = pad,
                         .type = l->run.setting.activation};
    o.x = large_random(o.l, o.type, pad, DIMS(s->rows, s->dim));
    o.a = large_random(o.l, DTYPE_F32, 0, DIMS(s->dim));
    o.b = large_random(o.l, DTYPE_F32, 0, DIMS(s->dim));
    o.shift = large_random(o.l, DTYPE_F32, 8, DIMS(s->frames, s->dim));
    o.scale = large_random(o.l, DTYPE_F32, 8, DIMS(s->frames, s->dim));
    for (int64_t i = 0; i < SAMPLES; i++)
        o.rows[i] = large_pick(o.l, i, s->rows);
    o.want = dn_malloc((size_t)(SAMPLES * s->dim) * 8);
    return o;
}

static void operands_free(struct operands *o)
{
    struct filled *all[] = {&o->x, &o->a, &o->b, &o->shift, &o->scale};
    for (int i = 0; i < 5; i++)
        large_free(o->l, &all[i]->t);
    free(o->want);
}

/* y's sampled rows against o->want. */
static void expect_rows(struct operands *o, const char *what, const struct tensor *y,
                        double tolerance)
{
    int64_t offsets[SAMPLES];
    char name[96];
    for (int i = 0; i < SAMPLES; i++)
        offsets[i] = o->rows[i] * y->stride[0];
    snprintf(name, sizeof name, "%s %lldx%lld", what, (long long)o->s.rows, (long long)o->s.dim);
    large_expect(o->l, name, y, offsets, SAMPLES, o->s.dim, o->want, tolerance);
}

enum norm { PLAIN, AFFINE, MODULATED, RMS, NORM_COUNT };

static void want_norm(struct operands *o, enum norm kind)
{
    for (int64_t s = 0; s < SAMPLES; s++) {
        double mean, variance, power;
        const int64_t row = o->rows[s], frame = row / o->per_frame * o->shift.t.stride[0];
        const float *x = large_at(&o->x, row * o->x.t.stride[0]);
        const float *a = large_at(&o->a, 0), *b = large_at(&o->b, 0);
        const float *shift = large_at(&o->shift, frame), *scale = large_at(&o->scale, frame);
        moments(x, o->s.dim, &mean, &variance, &power);
        for (int64_t i = 0; i < o->s.dim; i++) {
            double n = (x[i] - mean) / sqrt(variance + 1e-6);
            const double all[NORM_COUNT] = {n, n * a[i] + b[i], n * (1.0 + scale[i]) + shift[i],
                                            x[i] / sqrt(power + 1e-6) * a[i]};
            o->want[s * o->s.dim + i] = all[kind];
        }
    }
}

static void check_norm(struct operands *o, enum norm kind)
{
    static const char *const names[] = {"layer_norm", "layer_norm affine", "layer_norm_modulate",
                                        "rms_norm"};
    struct dn_error err = {0};
    const struct ops *ops = o->l->run.ops;
    struct exec *ex = o->l->run.ex;
    struct tensor y = large_empty(o->l, o->type, o->pad, DIMS(o->s.rows, o->s.dim));
    bool ok = false;
    if (kind == PLAIN)
        ok = ops->layer_norm(ex, &y, &o->x.t, NULL, NULL, 1e-6f, &err);
    else if (kind == AFFINE)
        ok = ops->layer_norm(ex, &y, &o->x.t, &o->a.t, &o->b.t, 1e-6f, &err);
    else if (kind == MODULATED)
        ok = ops->layer_norm_modulate(ex, &y, &o->x.t, &o->shift.t, &o->scale.t, o->per_frame,
                                      1e-6f, &err);
    else
        ok = ops->rms_norm(ex, &y, &o->x.t, &o->a.t, 1e-6f, &err);
    CHECK_OK(ok, err);
    want_norm(o, kind);
    expect_rows(o, names[kind], &y, store_tolerance(&o->l->run));
    large_free(o->l, &y);
}

/* The columns from `first` on of the sampled rows of x, normed and turned in heads of 128. */
static void want_rope(struct operands *o, const struct filled *x, int64_t first,
                      const struct filled *weight, const struct filled *cos,
                      const struct filled *sin)
{
    const int64_t dim = o->s.dim;
    for (int64_t s = 0; s < SAMPLES; s++) {
        double mean, variance, power;
        const int64_t row = o->rows[s];
        const float *from = large_at(x, row * x->t.stride[0] + first), *w = large_at(weight, 0);
        const float *c = large_at(cos, row * 64), *si = large_at(sin, row * 64);
        moments(from, dim, &mean, &variance, &power);
        for (int64_t i = 0; i < dim; i += 2) {
            double root = sqrt(power + 1e-6), co = c[i % 128 / 2], sn = si[i % 128 / 2];
            double n[2] = {from[i] / root * w[i], from[i + 1] / root * w[i + 1]};
            o->want[s * dim + i] = n[0] * co - n[1] * sn;
            o->want[s * dim + i + 1] = n[0] * sn + n[1] * co;
        }
    }
}

static void check_rope(struct operands *o)
{
    struct dn_error err = {0};
    struct filled cos = large_random(o->l, DTYPE_F32, 0, DIMS(o->s.rows, 64));
    struct filled sin = large_random(o->l, DTYPE_F32, 0, DIMS(o->s.rows, 64));
    struct tensor y = large_empty(o->l, o->type, o->pad, DIMS(o->s.rows, o->s.dim / 128, 128));
    want_rope(o, &o->x, 0, &o->a, &cos, &sin);
    CHECK_OK(o->l->run.ops->qk_norm_rope(o->l->run.ex, &y, &o->x.t, &o->a.t, &cos.t, &sin.t, 1e-6f,
                                         &err),
             err);
    expect_rows(o, "qk_norm_rope", &y, store_tolerance(&o->l->run));
    large_free(o->l, &y);
    large_free(o->l, &cos.t);
    large_free(o->l, &sin.t);
}

/* q, k and v side by side, three times as many elements as all other rows have */
static void check_place(struct operands *o)
{
    struct dn_error err = {0};
    const int64_t rows = o->s.rows, dim = o->s.dim, shape[] = {rows, dim / 128, 128};
    struct filled cos = large_random(o->l, DTYPE_F32, 0, DIMS(rows, 64));
    struct filled sin = large_random(o->l, DTYPE_F32, 0, DIMS(rows, 64));
    struct filled qkv = large_random(o->l, o->type, o->pad, DIMS(rows, 3 * dim));
    struct tensor q = large_empty(o->l, o->type, o->pad, 3, shape);
    struct tensor k = large_empty(o->l, o->type, o->pad, 3, shape);
    struct tensor v = large_empty(o->l, o->type, o->pad, 3, shape);
    const struct qkv_places places = {&q, &k, &v, &o->a.t, &o->b.t, &cos.t, &sin.t, 1e-6f};
    CHECK_OK(o->l->run.ops->place_qkv(o->l->run.ex, &places, &qkv.t, &err), err);
    want_rope(o, &qkv, 0, &o->a, &cos, &sin);
    expect_rows(o, "place_qkv, q", &q, store_tolerance(&o->l->run));
    want_rope(o, &qkv, dim, &o->b, &cos, &sin);
    expect_rows(o, "place_qkv, k", &k, store_tolerance(&o->l->run));
    for (int64_t i = 0; i < SAMPLES * dim; i++)
        o->want[i] = *large_at(&qkv, o->rows[i / dim] * qkv.t.stride[0] + 2 * dim + i % dim);
    expect_rows(o, "place_qkv, v", &v, 0);
    struct tensor *all[] = {&cos.t, &sin.t, &qkv.t, &q, &k, &v};
    for (int i = 0; i < 6; i++)
        large_free(o->l, all[i]);
}

enum simple { SILU, ADD_ROW, AXPBY, SIMPLE_COUNT };

/* silu, add_row, axpby; x and y have no gaps between rows */
static void check_simple(struct operands *o, enum simple kind)
{
    static const char *const names[] = {"silu", "add_row", "axpby"};
    struct dn_error err = {0};
    const struct ops *ops = o->l->run.ops;
    struct exec *ex = o->l->run.ex;
    struct filled z = {0};
    struct tensor y = large_empty(o->l, o->type, 0, DIMS(o->s.rows, o->s.dim));
    if (kind == AXPBY)
        z = large_random(o->l, o->type, 0, DIMS(o->s.rows, o->s.dim));
    for (int64_t s = 0; s < SAMPLES; s++) {
        const float *x = large_at(&o->x, o->rows[s] * o->s.dim), *b = large_at(&o->b, 0);
        for (int64_t i = 0; i < o->s.dim; i++) {
            double other = kind == AXPBY ? *large_at(&z, o->rows[s] * o->s.dim + i) : 0;
            const double all[SIMPLE_COUNT] = {x[i] / (1 + exp(-(double)x[i])), (double)x[i] + b[i],
                                              0.5 * x[i] - 2 * other};
            o->want[s * o->s.dim + i] = all[kind];
        }
    }
    bool ok = false;
    if (kind == SILU)
        ok = ops->silu(ex, &y, &o->x.t, &err);
    else if (kind == ADD_ROW)
        ok = ops->add_row(ex, &y, &o->x.t, &o->b.t, &err);
    else
        ok = ops->axpby(ex, &y, 0.5f, &o->x.t, -2, &z.t, &err);
    CHECK_OK(ok, err);
    expect_rows(o, names[kind], &y, store_tolerance(&o->l->run));
    large_free(o->l, &y);
    large_free(o->l, &z.t);
}

static void want_row(struct operands *o, int64_t sample, int64_t row)
{
    const float *x = large_at(&o->x, row * o->x.t.stride[0]);
    for (int64_t i = 0; i < o->s.dim; i++)
        o->want[sample * o->s.dim + i] = x[i];
}

/* To the other dtype and back (which loses nothing that bf16 has), to the left over itself, and
 * zero. */
static void check_copies(struct operands *o)
{
    struct dn_error err = {0};
    const struct ops *ops = o->l->run.ops;
    struct exec *ex = o->l->run.ex;
    const enum dtype other = o->type == DTYPE_F32 ? DTYPE_BF16 : DTYPE_F32;
    const int64_t rows = o->s.rows, moved = rows / 3;
    const double tolerance = other == DTYPE_BF16 ? NMSE_BF16_STORE : 0;
    struct tensor y = large_empty(o->l, other, 8, DIMS(rows, o->s.dim));
    CHECK_OK(ops->copy(ex, &y, &o->x.t, &err), err);
    for (int64_t i = 0; i < SAMPLES; i++)
        want_row(o, i, o->rows[i]);
    expect_rows(o, "copy to the other dtype", &y, tolerance);
    large_free(o->l, &y);
    struct tensor left = tensor_slice(&o->x.t, 0, rows - moved);
    struct tensor right = tensor_slice(&o->x.t, moved, rows - moved);
    if (moved && tensor_is_contiguous(&o->x.t)) {
        CHECK_OK(ops->copy(ex, &left, &right, &err), err);
        for (int64_t i = 0; i < SAMPLES; i++)
            want_row(o, i, o->rows[i] + (o->rows[i] < rows - moved ? moved : 0));
        expect_rows(o, "overlapping copy", &o->x.t, 0);
    }
    struct tensor columns = tensor_columns(&o->x.t, 64, o->s.dim - 64);
    CHECK_OK(ops->fill_zero(ex, &columns, &err), err);
    for (int64_t i = 0; i < SAMPLES; i++)
        memset(o->want + i * o->s.dim + 64, 0, (size_t)(o->s.dim - 64) * 8);
    if (moved && tensor_is_contiguous(&o->x.t))
        expect_rows(o, "fill_zero of columns", &o->x.t, 0);
}

static void check_all(struct large *l, const struct shape *s, int64_t pad, uint64_t seed)
{
    struct operands o = operands_new(l, s, pad, seed);
    for (int kind = 0; kind < NORM_COUNT; kind++)
        check_norm(&o, (enum norm)kind);
    check_rope(&o);
    check_place(&o);
    for (int kind = 0; kind < SIMPLE_COUNT && pad == 0; kind++)
        check_simple(&o, (enum simple)kind);
    check_copies(&o);
    operands_free(&o);
}

/* The dtype of products does not matter here. */
TEST(rows)
{
    for (int n = 0; n < 2; n++) {
        struct large l = large_open(settings[n]);
        for (int i = 0; i < SHAPE_COUNT(gpu, host); i++) {
            const struct shape *s = &SHAPES(gpu, host)[i];
            check_all(&l, s, 0, 500 + (uint64_t)i);
            if (s->rows < 10000)
                check_all(&l, s, 8, 520 + (uint64_t)i);
        }
        large_close(&l);
    }
}

/* What all these tests rest on: memory is poisoned, and one NaN in the end is found. */
TEST(nan_is_found)
{
    for (int n = 0; n < 2; n++) {
        struct large l = large_open(settings[n]);
        struct dn_error err = {0};
        const int64_t rows = ON_GPU ? 10800 : 300, dim = ON_GPU ? 5119 : 57;
        struct filled x = large_random(&l, settings[n].activation, 0, DIMS(rows, dim));
        struct tensor fresh = large_empty(&l, settings[n].activation, 0, DIMS(rows, dim));
        struct tensor line = tensor_slice(&x.t, rows - 1, 1),
                      end = tensor_columns(&line, dim - 1, 1);
        float nan = NAN;
        struct tensor one = tensor_over(&nan, DTYPE_F32, DIMS(1, 1));
        CHECK(large_nan(&l, &x.t) == -1);
        CHECK(!ON_GPU || large_nan(&l, &fresh) == 0);
        CHECK_OK(l.run.ops->upload(l.run.ex, &end, &one, &err), err);
        CHECK(large_nan(&l, &x.t) == rows - 1);
        large_free(&l, &x.t);
        large_free(&l, &fresh);
        large_close(&l);
    }
}

TEST(beyond_int32)
{
    struct large l = large_open(settings[1]);
    for (int i = 0; i < SHAPE_COUNT(gpu_huge, host_huge); i++)
        check_all(&l, &SHAPES(gpu_huge, host_huge)[i], 0, 540);
    large_close(&l);
}

/* Rows of the text encoder's table, which has more than 2^30 elements. */
static void check_gather(struct large *l, uint64_t seed)
{
    const int64_t words = ON_GPU ? 256384 : 50, dim = ON_GPU ? 4096 : 64;
    enum { ROWS = 512 };
    large_seed(l, seed);
    struct dn_error err = {0};
    int32_t ids[ROWS];
    int64_t offsets[ROWS];
    struct filled table = large_random(l, DTYPE_BF16, 0, DIMS(words, dim));
    struct tensor y = large_empty(l, l->run.setting.activation, 0, DIMS(ROWS, dim));
    double *want = dn_malloc((size_t)(ROWS * dim) * 8);
    for (int64_t i = 0; i < ROWS; i++) {
        ids[i] = (int32_t)large_pick(l, i, words);
        offsets[i] = i * dim;
        for (int64_t c = 0; c < dim; c++)
            want[i * dim + c] = large_at(&table, ids[i] * dim)[c];
    }
    CHECK_OK(l->run.ops->gather_rows(l->run.ex, &y, &table.t, ids, &err), err);
    large_expect(l, "gather_rows", &y, offsets, ROWS, dim, want, 0);
    free(want);
    large_free(l, &table.t);
    large_free(l, &y);
}

/* 81 frames of 720x1280: 21 of 16 x 90 x 160; elements are looked at one at a time where they are
 * not neighbours. */
static void check_patches(struct large *l, uint64_t seed)
{
    large_seed(l, seed);
    struct dn_error err = {0};
    const int64_t F = ON_GPU ? 21 : 2, C = 16, h = ON_GPU ? 90 : 6, w = ON_GPU ? 160 : 10;
    const int64_t tokens = F * h * w / 4;
    enum { ROWS = 200, DIM = 64 };
    struct filled latents = large_random(l, DTYPE_F32, 0, DIMS(F, C, h, w));
    struct filled rows = large_random(l, l->run.setting.activation, 8, DIMS(tokens, DIM));
    struct tensor made = large_empty(l, l->run.setting.activation, 8, DIMS(tokens, DIM));
    struct tensor back = large_empty(l, DTYPE_F32, 0, DIMS(F, C, h, w));
    double want[ROWS * DIM];
    int64_t offsets[ROWS * DIM];
    for (int64_t i = 0; i < ROWS; i++) {
        const int64_t token = large_pick(l, i, tokens);
        const int64_t f = token / (h * w / 4), y = token / (w / 2) % (h / 2), x = token % (w / 2);
        offsets[i] = token * made.stride[0];
        for (int64_t e = 0; e < DIM; e++) {
            int64_t row = 2 * y + e % 4 / 2, col = 2 * x + e % 2;
            want[i * DIM + e] = *large_at(&latents, ((f * C + e / 4) * h + row) * w + col);
        }
    }
    CHECK_OK(l->run.ops->patchify(l->run.ex, &made, &latents.t, &err), err);
    large_expect(l, "patchify", &made, offsets, ROWS, DIM, want,
                 l->run.setting.activation == DTYPE_F32 ? 0 : NMSE_BF16_STORE);
    for (int64_t i = 0; i < ROWS; i++) {
        const int64_t at = large_pick(l, i, F * C * h * w);
        const int64_t x = at % w, y = at / w % h, c = at / w / h % C, f = at / w / h / C;
        const int64_t token = (f * (h / 2) + y / 2) * (w / 2) + x / 2;
        offsets[i] = at;
        want[i] = *large_at(&rows, token * rows.t.stride[0] + (y % 2 * 2 + x % 2) * C + c);
    }
    CHECK_OK(l->run.ops->unpatchify(l->run.ex, &back, &rows.t, &err), err);
    large_expect(l, "unpatchify", &back, offsets, ROWS, 1, want, 0);
    struct tensor *all[] = {&latents.t, &rows.t, &made, &back};
    for (int i = 0; i < 4; i++)
        large_free(l, all[i]);
}

TEST(gather_and_patches)
{
    for (int n = 0; n < 2; n++) {
        struct large l = large_open(settings[n]);
        check_gather(&l, 600);
        check_patches(&l, 700);
        large_close(&l);
    }
}

TESTS(T(nan_is_found), T(rows), T(beyond_int32), T(gather_and_patches))
