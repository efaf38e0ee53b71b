/* The Wan VAE's operations on frames of 720x1280, and on tensors of more than 2^31 elements. */
#include "kernels/conv_shapes.h"
#include "kernels/large_check.h"

struct conv_shape {
    int64_t t, h, w, in, out, kt, kh, kw;
    struct conv_args args; /* strides, then pads top, bottom, left, right; corners */
    bool residual, norm, runs;
    bool in_f32; /* else bf16 alone: float32 has no way with tensor cores */
};

static const struct conv_shape gpu[] = {
    {6, 720, 1280, 96, 96, 3, 3, 3, SAME, true, false, false, true},
    {6, 720, 1280, 96, 96, 3, 3, 3, SAME, false, true, true, false},
    {27, 720, 1280, 96, 96, 3, 3, 3, SAME, false, true, true, false}, /* 2.2e9 elements */
    {27, 720, 1280, 96, 96, 3, 3, 3, SAME, true, false, false, false},
    {6, 720, 1280, 96, 3, 3, 3, 3, SAME, false, false, true, true},
    {6, 720, 1280, 3, 96, 3, 3, 3, SAME, false, true, false, true},
    {2, 720, 1280, 96, 96, 1, 3, 3, HALF, false, false, false, true},
    {4, 360, 640, 192, 384, 1, 2, 2, CORNERS, false, false, false, true},
    {25, 360, 640, 192, 384, 1, 2, 2, CORNERS, false, false, false, false}, /* 2.2e9 */
    {6, 360, 640, 192, 192, 3, 3, 3, SAME, true, true, true, true},
    {5, 360, 640, 192, 192, 3, 1, 1, {2, 1, 1, 0, 0, 0, 0, false}, false, false, false, true},
    {4, 360, 640, 192, 384, 1, 1, 1, NONE, false, false, false, true},
    {5, 180, 320, 384, 384, 3, 3, 3, SAME, true, false, true, true},
    {5, 180, 320, 384, 768, 3, 1, 1, NONE, false, false, true, true},
    {5, 90, 160, 16, 384, 3, 3, 3, SAME, false, true, false, true},
    {3, 1, 1, 384, 384, 3, 3, 3, SAME, false, false, false, true},
};
static const struct conv_shape host[] = {
    {4, 7, 9, 16, 24, 3, 3, 3, SAME, true, true, true, true},
    {2, 8, 6, 8, 6, 1, 3, 3, HALF, false, false, false, true},
};

enum { PIXELS = 48 };

/* The weights [out, in, kt, kh, kw], bias [out], gamma [out] of a convolution, and its operands. */
struct operands {
    float *w, *b;
    struct filled x, residual, gamma;
    bool runs;
};

/* Frame i that is seen of x, where in its memory. */
static int64_t frame_of(const struct conv_shape *s, const struct operands *o, int64_t i)
{
    return !o->runs ? i : i == 0 ? s->t : i - 1;
}

/* Channels [first, first + count) of the sum at (t, i, j). */
static void sums_at(const struct conv_shape *s, const struct operands *o, int64_t t, int64_t i,
                    int64_t j, int64_t first, int64_t count, double *sums)
{
    const struct conv_args *a = &s->args;
    const int64_t taps = s->kt * s->kh * s->kw;
    for (int64_t c = 0; c < count; c++)
        sums[c] = o->b[first + c];
    for (int64_t k = 0; k < taps; k++) {
        int64_t frame = frame_of(s, o, t * a->stride_t + k / s->kw / s->kh);
        int64_t row = i * a->stride_h + k / s->kw % s->kh - a->pad_top;
        int64_t col = j * a->stride_w + k % s->kw - a->pad_left;
        if (row < 0 || row >= s->h || col < 0 || col >= s->w)
            continue;
        const float *pixel = large_at(&o->x, ((frame * s->h + row) * s->w + col) * s->in);
        for (int64_t c = 0; c < count; c++) {
            const float *w = o->w + (first + c) * s->in * taps + k;
            for (int64_t n = 0; n < s->in; n++)
                sums[c] += (double)pixel[n] * w[n * taps];
        }
    }
}

static void norm_of_pixel(double *x, int64_t channels, const float *gamma, bool silu)
{
    double squares = 0;
    for (int64_t c = 0; c < channels; c++)
        squares += x[c] * x[c];
    for (int64_t c = 0; c < channels; c++) {
        double v = x[c] / fmax(sqrt(squares), 1e-12) * sqrt((double)channels) * gamma[c];
        x[c] = silu ? v / (1 + exp(-v)) : v;
    }
}

/* Pixel `at` of y, [channels]. */
static void want_pixel(const struct conv_shape *s, const struct operands *o, const struct tensor *y,
                       int64_t at, double *want)
{
    const int64_t h = y->shape[1], w = y->shape[2], channels = y->shape[3];
    const int64_t t = at / w / h, i = at / w % h, j = at % w;
    if (s->args.corners) {
        const int64_t corner = (i + 1) % 2 * 2 + (j + 1) % 2;
        sums_at(s, o, t, (i + 1) / 2, (j + 1) / 2, corner * channels, channels, want);
        return;
    }
    sums_at(s, o, t, i, j, 0, channels, want);
    for (int64_t c = 0; c < channels && s->residual; c++)
        want[c] += large_at(&o->residual, at * channels)[c];
    if (s->norm)
        norm_of_pixel(want, channels, large_at(&o->gamma, 0), true);
}

/* Pixels at the first and the last corner, in first and last rows and columns, and anywhere. */
static int64_t pick_pixel(struct large *l, int64_t n, const struct tensor *y)
{
    const int64_t h = y->shape[1], w = y->shape[2];
    int64_t t = large_pick(l, n, y->shape[0]), i = large_pick(l, n < 2 ? n : n % 5, h);
    return (t * h + i) * w + large_pick(l, n < 2 ? n : n % 7, w);
}

static void y_shape_of(const struct conv_shape *s, int64_t *shape)
{
    const struct conv_args *a = &s->args;
    shape[0] = (s->t - s->kt) / a->stride_t + 1;
    shape[1] = (s->h + a->pad_top + a->pad_bottom - s->kh) / a->stride_h + 1;
    shape[2] = (s->w + a->pad_left + a->pad_right - s->kw) / a->stride_w + 1;
    shape[3] = s->out;
    if (a->corners) {
        shape[1] = 2 * s->h;
        shape[2] = 2 * s->w;
        shape[3] = s->out / 4;
    }
}

static void expect_conv(struct large *l, const struct conv_shape *s, const struct operands *o,
                        const struct tensor *y)
{
    const int64_t channels = y->shape[3];
    int64_t offsets[PIXELS];
    double *want = dn_malloc((size_t)(PIXELS * channels) * 8);
    char what[96];
    for (int64_t n = 0; n < PIXELS; n++)
        offsets[n] = pick_pixel(l, n, y);
#pragma omp parallel for
    for (int64_t n = 0; n < PIXELS; n++) {
        want_pixel(s, o, y, offsets[n], want + n * channels);
        offsets[n] *= channels;
    }
    snprintf(what, sizeof what, "conv %lldx%lldx%lld, %lld -> %lld channels, case %llu",
             (long long)s->t, (long long)s->h, (long long)s->w, (long long)s->in, (long long)s->out,
             (unsigned long long)l->run.seed % 100);
    /* without the sums' own type in between a norm may round twice */
    large_expect(l, what, y, offsets, PIXELS, channels, want,
                 product_tolerance(&l->run) + (s->norm ? store_tolerance(&l->run) : 0));
    free(want);
}

static void check_conv(struct large *l, const struct conv_shape *s, uint64_t seed)
{
    large_seed(l, seed);
    struct dn_error err = {0};
    const enum dtype type = l->run.setting.activation;
    const int64_t depth = s->in * s->kt * s->kh * s->kw;
    int64_t y_shape[4];
    y_shape_of(s, y_shape);
    struct operands o = {
        .w = large_numbers(4, l->run.setting.exec, 1.7 / sqrt((double)depth), s->out * depth),
        .b = large_numbers(5, DTYPE_F32, 1, s->out),
        .gamma = large_random(l, DTYPE_F32, 0, DIMS(s->out)),
        .runs = s->runs && l->run.ops->video_habits()->runs};
    o.x = large_random(l, type, 0, DIMS(s->t + o.runs, s->h, s->w, s->in));
    if (s->residual)
        o.residual = large_random(l, type, 0, 4, y_shape);
    struct tensor y = large_empty(l, type, 0, 4, y_shape);
    const struct conv_extra extra = {.residual = s->residual ? &o.residual.t : NULL,
                                     .gamma = s->norm ? &o.gamma.t : NULL,
                                     .silu = true,
                                     .runs = o.runs,
                                     .first = s->t,
                                     .split = 1};
    struct tensor weight = tensor_over(o.w, DTYPE_F32, DIMS(s->out, s->in, s->kt, s->kh, s->kw));
    struct tensor bias = tensor_over(o.b, DTYPE_F32, DIMS(s->out));
    struct conv *conv = NULL;
    CHECK_OK(l->run.ops->conv_pack(l->run.ex, &weight, &bias, &s->args, &conv, &err), err);
    CHECK_OK(l->run.ops->conv(l->run.ex, &y, &o.x.t, conv, &extra, &err), err);
    expect_conv(l, s, &o, &y);
    if (s->residual) { /* and in place */
        CHECK_OK(l->run.ops->conv(l->run.ex, &o.residual.t, &o.x.t, conv, &extra, &err), err);
        expect_conv(l, s, &o, &o.residual.t);
    }
    l->run.ops->conv_free(l->run.ex, conv);
    free(o.w);
    free(o.b);
    struct tensor *all[] = {&o.x.t, &o.residual.t, &o.gamma.t, &y};
    for (int i = 0; i < 4; i++)
        large_free(l, all[i]);
}

TEST(convolutions)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct large l = large_open(settings[n]);
        for (int i = 0; i < SHAPE_COUNT(gpu, host); i++)
            if (SHAPES(gpu, host)[i].in_f32 || n == 3)
                check_conv(&l, &SHAPES(gpu, host)[i], 1300 + (uint64_t)i);
        large_close(&l);
    }
}

struct frames {
    int64_t t, h, w, c;
    bool in_f32; /* as above */
};

static const struct frames gpu_frames[] = {
    {4, 720, 1280, 96, true},  {25, 720, 1280, 96, false}, {4, 360, 640, 192, true},
    {4, 180, 320, 384, true},  {1, 720, 1280, 96, true},   {13, 720, 1280, 192, false},
    {7, 361, 639, 102, false},
};
static const struct frames host_frames[] = {{2, 5, 7, 16, true}};

static void check_norm(struct large *l, const struct frames *s, uint64_t seed)
{
    large_seed(l, seed);
    struct dn_error err = {0};
    struct filled x = large_random(l, l->run.setting.activation, 0, DIMS(s->t, s->h, s->w, s->c));
    struct filled gamma = large_random(l, DTYPE_F32, 0, DIMS(s->c));
    struct tensor y = large_empty(l, l->run.setting.activation, 0, 4, x.t.shape);
    for (int turn = 0; turn < 2; turn++) { /* the second in place */
        int64_t offsets[PIXELS];
        double *want = dn_malloc((size_t)(PIXELS * s->c) * 8);
        const struct tensor *to = turn ? &x.t : &y;
        for (int64_t n = 0; n < PIXELS; n++) {
            offsets[n] = pick_pixel(l, n, &y) * s->c;
            for (int64_t c = 0; c < s->c; c++)
                want[n * s->c + c] = large_at(&x, offsets[n])[c];
            norm_of_pixel(want + n * s->c, s->c, large_at(&gamma, 0), turn);
        }
        CHECK_OK(l->run.ops->channel_norm(l->run.ex, to, &x.t, &gamma.t, turn, &err), err);
        large_expect(l, turn ? "channel_norm in place, silu" : "channel_norm", to, offsets, PIXELS,
                     s->c, want, store_tolerance(&l->run));
        free(want);
    }
    struct tensor *all[] = {&x.t, &gamma.t, &y};
    for (int i = 0; i < 3; i++)
        large_free(l, all[i]);
}

/* Frames of the size of s, made of frames half as high and wide, and of half as many with twice
 * the channels. */
static void check_moving(struct large *l, const struct frames *s, uint64_t seed)
{
    large_seed(l, seed);
    struct dn_error err = {0};
    const enum dtype type = l->run.setting.activation;
    const int64_t h = s->h / 2, w = s->w / 2, c = s->c;
    int64_t offsets[PIXELS];
    double *want = dn_malloc((size_t)(PIXELS * c) * 8);
    struct filled x = large_random(l, type, 0, DIMS(s->t, h, w, c));
    struct tensor y = large_empty(l, type, 0, DIMS(s->t, 2 * h, 2 * w, c));
    for (int64_t n = 0; n < PIXELS; n++) {
        const int64_t at = pick_pixel(l, n, &y);
        const int64_t t = at / (4 * h * w), i = at / (2 * w) % (2 * h), j = at % (2 * w);
        offsets[n] = at * c;
        for (int64_t k = 0; k < c; k++)
            want[n * c + k] = large_at(&x, ((t * h + i / 2) * w + j / 2) * c)[k];
    }
    CHECK_OK(l->run.ops->upsample_nearest(l->run.ex, &y, &x.t, &err), err);
    large_expect(l, "upsample_nearest", &y, offsets, PIXELS, c, want, 0);
    large_free(l, &x.t);
    large_free(l, &y);
    const int64_t half = (s->t + 1) / 2, pixels = s->h * s->w;
    x = large_random(l, type, 0, DIMS(half, s->h, s->w, 2 * c));
    y = large_empty(l, type, 0, DIMS(2 * half, s->h, s->w, c));
    for (int64_t n = 0; n < PIXELS; n++) {
        const int64_t at = pick_pixel(l, n, &y), t = at / pixels, p = at % pixels;
        offsets[n] = at * c;
        for (int64_t k = 0; k < c; k++)
            want[n * c + k] = large_at(&x, (t / 2 * pixels + p) * 2 * c + t % 2 * c)[k];
    }
    CHECK_OK(l->run.ops->interleave_time(l->run.ex, &y, &x.t, &err), err);
    large_expect(l, "interleave_time", &y, offsets, PIXELS, c, want, 0);
    large_free(l, &x.t);
    large_free(l, &y);
    free(want);
}

TEST(frames)
{
    for (int n = 0; n < 2; n++) {
        struct large l = large_open(settings[n]);
        for (int i = 0; i < SHAPE_COUNT(gpu_frames, host_frames); i++) {
            const struct frames *s = &SHAPES(gpu_frames, host_frames)[i];
            if (!s->in_f32 && n == 0)
                continue;
            check_norm(&l, s, 1500 + (uint64_t)i);
            check_moving(&l, s, 1600 + (uint64_t)i);
        }
        large_close(&l);
    }
}

/* 81 frames of 720x1280: 21 latents of 16 channels; numbers that are not neighbours are looked at
 * one at a time. */
static void check_latents(struct large *l, uint64_t seed)
{
    large_seed(l, seed);
    struct dn_error err = {0};
    const int64_t T = ON_GPU ? 21 : 2, C = 16, P = ON_GPU ? 90 * 160 : 35;
    const int64_t h = ON_GPU ? 90 : 5, w = P / h;
    enum { ONES = 200 };
    struct filled z = large_random(l, DTYPE_F32, 0, DIMS(T, C, h, w));
    struct filled wide = large_random(l, l->run.setting.activation, 0, DIMS(T, h, w, 2 * C));
    struct tensor x = large_empty(l, l->run.setting.activation, 0, DIMS(T, h, w, C));
    struct tensor back = large_empty(l, DTYPE_F32, 0, DIMS(T, C, h, w));
    float *factors = large_numbers(6, DTYPE_F32, 0.5, 2 * C);
    for (int c = 0; c < C; c++)
        factors[c] += 1.5f;
    struct tensor host_scale = tensor_over(factors, DTYPE_F32, DIMS(C));
    struct tensor host_shift = tensor_over(factors + C, DTYPE_F32, DIMS(C));
    struct tensor scale = tensor_sent(&l->run, &host_scale),
                  shift = tensor_sent(&l->run, &host_shift);
    int64_t there_at[ONES], back_at[ONES];
    double there_want[ONES], back_want[ONES];
    for (int64_t i = 0; i < ONES; i++) {
        const int64_t c = large_pick(l, i, C), t = large_pick(l, i, T), p = large_pick(l, i, P);
        there_at[i] = (t * P + p) * C + c;
        back_at[i] = (t * C + c) * P + p;
        there_want[i] = (double)*large_at(&z, back_at[i]) * factors[c] + factors[C + c];
        back_want[i] =
            ((double)*large_at(&wide, (t * P + p) * 2 * C + c) - factors[C + c]) / factors[c];
    }
    CHECK_OK(l->run.ops->latents_to_video(l->run.ex, &x, &z.t, &scale, &shift, &err), err);
    large_expect(l, "latents_to_video", &x, there_at, ONES, 1, there_want,
                 store_tolerance(&l->run));
    CHECK_OK(l->run.ops->video_to_latents(l->run.ex, &back, &wide.t, &scale, &shift, &err), err);
    large_expect(l, "video_to_latents", &back, back_at, ONES, 1, back_want, NMSE_F32);
    free(factors);
    struct tensor *all[] = {&z.t, &wide.t, &x, &back, &scale, &shift};
    for (int i = 0; i < 6; i++)
        large_free(l, all[i]);
}

/* Bytes of whole clips, every one of them against the number that it was made of. */
static void check_rgb(struct large *l, int64_t frames, uint64_t seed)
{
    large_seed(l, seed);
    struct dn_error err = {0};
    struct filled x = large_random(l, l->run.setting.activation, 0,
                                   DIMS(frames, ON_GPU ? 720 : 19, ON_GPU ? 1280 : 23, 3));
    const int64_t count = tensor_count(&x.t);
    uint8_t *rgb = dn_malloc((size_t)count);
    struct tensor bytes = tensor_over(rgb, DTYPE_U8, 4, x.t.shape);
    CHECK_OK(l->run.ops->video_to_rgb8(l->run.ex, &bytes, &x.t, &err), err);
    int64_t wrong = 0;
#pragma omp parallel for reduction(+ : wrong)
    for (int64_t i = 0; i < count; i++)
        wrong += fabsf((float)rgb[i] - (*large_at(&x, i) * 127.5f + 127.5f)) > 0.5001f;
    CHECK_MSG(wrong == 0, "%lld of %lld bytes, seed %llu", (long long)wrong, (long long)count,
              (unsigned long long)seed);
    free(rgb);
    large_free(l, &x.t);
}

TEST(latents_and_rgb)
{
    for (int n = 0; n < 2; n++) {
        struct large l = large_open(settings[n]);
        check_latents(&l, 1700);
        check_rgb(&l, ON_GPU ? 81 : 3, 1800);
        if (n == 1)
            check_rgb(&l, ON_GPU ? 777 : 2, 1801); /* more than 2^31 bytes */
        large_close(&l);
    }
}

TESTS(T(convolutions), T(frames), T(latents_and_rgb))
