/* video: convolutions and everything else on channels-last frames, against float64 loops. */
#include "kernels/conv_shapes.h"
#include "kernels/ops_check.h"

struct conv_shape {
    int64_t t, h, w, in, out, kt, kh, kw;
    struct conv_args args; /* strides, then pads top, bottom, left, right */
    bool bias, residual, in_place;
    bool norm, runs; /* the first frame that is seen lies behind the others then */
};

static void reference(const struct conv_shape *s, const double *x, const double *w, const double *b,
                      const double *residual, const int64_t *y_shape, double *y)
{
    const struct conv_args *a = &s->args;
    int64_t count = y_shape[0] * y_shape[1] * y_shape[2] * y_shape[3];
    for (int64_t at = 0; at < count; at++) {
        int64_t o = at % s->out, j = at / s->out % y_shape[2];
        int64_t i = at / s->out / y_shape[2] % y_shape[1],
                t = at / s->out / y_shape[2] / y_shape[1];
        double sum = (b ? b[o] : 0) + (residual ? residual[at] : 0);
        for (int64_t k = 0; k < s->kt * s->kh * s->kw; k++) {
            int64_t kt = k / s->kw / s->kh, kh = k / s->kw % s->kh, kw = k % s->kw;
            int64_t row = i * a->stride_h + kh - a->pad_top,
                    col = j * a->stride_w + kw - a->pad_left;
            if (row < 0 || row >= s->h || col < 0 || col >= s->w)
                continue;
            const double *pixel = x + (((t * a->stride_t + kt) * s->h + row) * s->w + col) * s->in;
            for (int64_t c = 0; c < s->in; c++)
                sum += pixel[c] * w[(o * s->in + c) * s->kt * s->kh * s->kw + k];
        }
        y[at] = sum;
    }
}

/* y = act(x / max(|x|, 1e-12) * sqrt(channels) * gamma) of every pixel; y may be x. */
static void norm_of_pixels(const double *x, int64_t count, int64_t channels, const double *gamma,
                           bool silu, double *y)
{
    for (int64_t p = 0; p < count; p += channels) {
        double squares = 0;
        for (int64_t c = 0; c < channels; c++)
            squares += x[p + c] * x[p + c];
        for (int64_t c = 0; c < channels; c++) {
            double v = x[p + c] / fmax(sqrt(squares), 1e-12) * sqrt((double)channels) * gamma[c];
            y[p + c] = silu ? v / (1 + exp(-v)) : v;
        }
    }
}

static void check_conv(struct setting setting, const struct conv_shape *s, uint64_t seed)
{
    struct check_run run = run_open(setting, seed);
    struct dn_error err = {0};
    const struct conv_args *a = &s->args;
    int64_t y_shape[] = {(s->t - s->kt) / a->stride_t + 1,
                         (s->h + a->pad_top + a->pad_bottom - s->kh) / a->stride_h + 1,
                         (s->w + a->pad_left + a->pad_right - s->kw) / a->stride_w + 1, s->out};
    int64_t w_shape[] = {s->out, s->in, s->kt, s->kh, s->kw},
            flat[] = {s->out, s->in, s->kh, s->kw};
    double range = 1.7 / sqrt((double)(s->in * s->kt * s->kh * s->kw));
    enum dtype type = setting.activation;
    /* x is the later part of a longer buffer */
    struct pair x = pair_random(&run, type, 0, 1, 0, 4, (int64_t[]){s->t + 1, s->h, s->w, s->in});
    struct pair w = pair_random(&run, DTYPE_F32, 0, range, 0, 5, w_shape);
    struct pair b = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){1, s->out});
    struct pair residual = pair_random(&run, type, 0, 1, 0, 4, y_shape);
    struct pair y = pair_random(&run, type, 0, 1, 0, 4, y_shape);
    struct pair g = pair_random(&run, DTYPE_F32, 0, 1, 1, 2, (int64_t[]){1, s->out});
    struct tensor gamma = tensor_reshape(&g.t, 1, &s->out), weight = pair_on_host(&w);
    const bool runs = s->runs && run.ops->video_habits()->runs;
    struct tensor from = runs ? x.t : tensor_slice(&x.t, 1, s->t);
    const struct conv_extra extra = {.residual = s->residual ? &residual.t : NULL,
                                     .gamma = s->norm ? &gamma : NULL,
                                     .silu = true,
                                     .runs = runs,
                                     .first = s->t,
                                     .split = 1,
                                     .then = 0};
    struct tensor bias_row = pair_on_host(&b), bias = tensor_reshape(&bias_row, 1, &s->out);
    if (s->kt == 1)
        weight = tensor_reshape(&weight, 4, flat);
    double *want = dn_malloc((size_t)tensor_count(&y.t) * 8);
    const int64_t frame = s->h * s->w * s->in;
    double *seen = dn_malloc((size_t)(s->t * frame) * 8);
    for (int64_t i = 0; i < s->t; i++)
        memcpy(seen + i * frame, x.host + (!runs ? i + 1 : i == 0 ? s->t : i - 1) * frame,
               (size_t)frame * 8);
    reference(s, seen, w.host, s->bias ? b.host : NULL, s->residual ? residual.host : NULL, y_shape,
              want);
    if (s->norm)
        norm_of_pixels(want, tensor_count(&y.t), s->out, g.host, true, want);
    free(seen);
    struct conv *conv = NULL;
    CHECK_OK(run.ops->conv_pack(run.ex, &weight, s->bias ? &bias : NULL, a, &conv, &err), err);
    const struct tensor *to = s->in_place ? &residual.t : &y.t;
    CHECK_OK(run.ops->conv(run.ex, to, &from, conv, &extra, &err), err);
    char what[96];
    snprintf(what, sizeof what, "conv case %llu, %lld -> %lld channels",
             (unsigned long long)seed % 100, (long long)s->in, (long long)s->out);
    /* without the sums' own type in between a norm may round twice */
    expect(&run, what, to, want, product_tolerance(&run) + (s->norm ? store_tolerance(&run) : 0));
    run.ops->conv_free(run.ex, conv);
    free(want);
    free(weight.data);
    free(bias.data);
    struct pair *all[] = {&x, &w, &b, &g, &residual, &y};
    for (int i = 0; i < 6; i++)
        pair_free(&run, all[i]);
    run_close(&run);
}

TEST(convolutions)
{
    static const struct conv_shape shapes[] = {
        {1, 1, 1, 1, 1, 1, 1, 1, NONE, true, false, false, false, false},
        {3, 4, 5, 6, 8, 3, 3, 3, SAME, true, false, false, false, false},
        {6, 5, 7, 6, 12, 3, 3, 3, SAME, true, true, false, false, false},
        {6, 12, 20, 64, 64, 3, 3, 3, SAME, true, true, true, false, false},
        {3, 12, 20, 16, 64, 3, 3, 3, SAME, false, false, false, false, false},
        {6, 24, 40, 16, 16, 3, 3, 3, SAME, true, true, false, false, false},
        {6, 16, 24, 16, 3, 3, 3, 3, SAME, true, false, false, false, false},
        {4, 12, 20, 64, 128, 3, 1, 1, NONE, true, false, false, false, false},
        {2, 12, 20, 64, 32, 1, 3, 3, SAME, true, false, false, false, false},
        {3, 8, 6, 8, 24, 1, 1, 1, NONE, true, false, false, false, false},
        {2, 9, 8, 24, 6, 1, 1, 1, NONE, false, true, false, false, false},
        {2, 9, 8, 6, 6, 1, 3, 3, HALF, true, false, false, false, false},
        {5, 4, 4, 6, 6, 3, 1, 1, {2, 1, 1, 0, 0, 0, 0, false}, true, false, false, false, false},
        {3, 10, 11, 3, 8, 3, 3, 3, SAME, true, false, false, false, false},
        {3, 6, 9, 16, 16, 2, 3, 3, {1, 1, 1, 2, 0, 1, 0, false}, true, false, false, false, false},
        {3, 5, 9, 96, 96, 3, 3, 3, SAME, true, true, true, false, false},
        {3, 17, 6, 96, 3, 3, 3, 3, SAME, true, false, false, false, false},
        {3, 2, 9, 128, 192, 3, 3, 3, SAME, false, true, false, false, false},
        {2, 7, 5, 192, 384, 1, 1, 1, NONE, true, false, false, false, false},
        {4, 6, 5, 72, 40, 3, 1, 1, NONE, true, false, false, false, false},
        {2,
         18,
         14,
         96,
         96,
         1,
         3,
         3,
         {1, 2, 2, 0, 1, 0, 1, false},
         true,
         false,
         false,
         false,
         false},
        {5, 6, 7, 64, 64, 3, 1, 1, {2, 1, 1, 0, 0, 0, 0, false}, true, false, false, false, false},
        {4, 5, 6, 16, 24, 3, 3, 3, SAME, true, false, false, true, true},
        {4, 5, 9, 96, 96, 3, 3, 3, SAME, true, true, true, false, true},
        {4, 9, 3, 96, 96, 3, 3, 3, SAME, true, true, false, true, false},
        {3, 3, 9, 192, 192, 3, 3, 3, SAME, true, false, false, true, true},
        {3, 6, 5, 64, 384, 1, 3, 3, SAME, false, false, false, true, false},
        {5, 6, 5, 64, 64, 3, 1, 1, {2, 1, 1, 0, 0, 0, 0, false}, true, false, false, false, true},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int n = 0; n < SETTINGS; n++)
            check_conv(settings[n], &shapes[i], 1300 + i);
}

/* Corners put in place: every pixel of y comes from the corner and the channels that ops.h names.
 */
static void check_corners(struct setting setting, int64_t h, int64_t w, int64_t in, int64_t c)
{
    struct check_run run = run_open(setting, 1450);
    struct dn_error err = {0};
    const struct conv_shape s = {.t = 2,
                                 .h = h,
                                 .w = w,
                                 .in = in,
                                 .out = 4 * c,
                                 .kt = 1,
                                 .kh = 2,
                                 .kw = 2,
                                 .args = {1, 1, 1, 1, 1, 1, 1, true}};
    const int64_t at_corners[] = {2, h + 1, w + 1, 4 * c}, y_shape[] = {2, 2 * h, 2 * w, c};
    struct pair x = pair_random(&run, setting.activation, 0, 1, 0, 4, (int64_t[]){2, h, w, in});
    struct pair weights = pair_random(&run, DTYPE_F32, 0, 0.3, 0, 4, (int64_t[]){4 * c, in, 2, 2});
    struct pair b = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){1, 4 * c});
    struct pair y = pair_random(&run, setting.activation, 0, 1, 0, 4, y_shape);
    double *corners = dn_malloc((size_t)(2 * (h + 1) * (w + 1) * 4 * c) * 8);
    double *want = dn_malloc((size_t)tensor_count(&y.t) * 8);
    reference(&s, x.host, weights.host, b.host, NULL, at_corners, corners);
    for (int64_t at = 0; at < tensor_count(&y.t); at++) {
        int64_t col = at / c % (2 * w), row = at / c / (2 * w) % (2 * h), t = at / c / (4 * w * h);
        int64_t phase = (row + 1) % 2 * 2 + (col + 1) % 2;
        int64_t corner = (t * (h + 1) + (row + 1) / 2) * (w + 1) + (col + 1) / 2;
        want[at] = corners[corner * 4 * c + phase * c + at % c];
    }
    struct conv *conv = NULL;
    struct tensor weight = pair_on_host(&weights), bias_row = pair_on_host(&b);
    struct tensor bias = tensor_reshape(&bias_row, 1, &s.out);
    CHECK_OK(run.ops->conv_pack(run.ex, &weight, &bias, &s.args, &conv, &err), err);
    CHECK_OK(run.ops->conv(run.ex, &y.t, &x.t, conv, NULL, &err), err);
    expect(&run, "conv with corners put in place", &y.t, want, product_tolerance(&run));
    run.ops->conv_free(run.ex, conv);
    free(corners);
    free(want);
    free(weight.data);
    free(bias.data);
    struct pair *all[] = {&x, &weights, &b, &y};
    for (int i = 0; i < 4; i++)
        pair_free(&run, all[i]);
    run_close(&run);
}

TEST(corners_in_place)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct check_run run = run_open(settings[n], 1);
        bool can = run.ops->video_habits()->corners;
        run_close(&run);
        if (!can)
            continue;
        check_corners(settings[n], 1, 1, 8, 8);
        check_corners(settings[n], 5, 7, 6, 3);
        check_corners(settings[n], 9, 12, 64, 32);
        check_corners(settings[n], 10, 5, 40, 96);
    }
}

/* One convolution for many shapes that differ in one axis each, more than it keeps code for, and
 * the first again: the bytes are those of a convolution that never saw another shape. */
TEST(convolution_shapes_in_turn)
{
    static const int64_t shapes[][3] = {{3, 5, 9},  {4, 5, 9}, {4, 6, 9}, {4, 6, 10},
                                        {3, 6, 10}, {6, 5, 9}, {3, 7, 9}, {3, 5, 11},
                                        {3, 8, 8},  {3, 9, 8}, {3, 5, 9}};
    for (int n = 0; n < SETTINGS; n++) {
        struct check_run run = run_open(settings[n], 1400);
        struct dn_error err = {0};
        struct pair w = pair_random(&run, DTYPE_F32, 0, 0.1, 0, 5, (int64_t[]){16, 16, 3, 3, 3});
        struct conv_args args = SAME;
        struct conv *conv = NULL;
        struct tensor weight = pair_on_host(&w);
        CHECK_OK(run.ops->conv_pack(run.ex, &weight, NULL, &args, &conv, &err), err);
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            const int64_t *s = shapes[i];
            struct conv *fresh = NULL;
            CHECK_OK(run.ops->conv_pack(run.ex, &weight, NULL, &args, &fresh, &err), err);
            struct pair x = pair_random(&run, settings[n].activation, 0, 1, 0, 4,
                                        (int64_t[]){s[0], s[1], s[2], 16});
            struct pair y = pair_random(&run, settings[n].activation, 0, 1, 0, 4,
                                        (int64_t[]){s[0] - 2, s[1], s[2], 16});
            CHECK_OK(run.ops->conv(run.ex, &y.t, &x.t, fresh, NULL, &err), err);
            double *want = download_f64(&run, &y.t);
            CHECK_OK(run.ops->fill_zero(run.ex, &y.t, &err), err);
            CHECK_OK(run.ops->conv(run.ex, &y.t, &x.t, conv, NULL, &err), err);
            expect(&run, "a convolution after other shapes", &y.t, want, 0);
            free(want);
            run.ops->conv_free(run.ex, fresh);
            pair_free(&run, &x);
            pair_free(&run, &y);
        }
        run.ops->conv_free(run.ex, conv);
        free(weight.data);
        pair_free(&run, &w);
        run_close(&run);
    }
}

/* Pixel p of x becomes `value` in all channels. */
static void set_pixel(struct check_run *run, struct pair *x, int64_t p, float value)
{
    struct dn_error err = {0};
    int64_t channels = x->t.shape[3];
    struct tensor flat = tensor_reshape(&x->t, 1, (int64_t[]){tensor_count(&x->t)});
    struct tensor pixel = tensor_slice(&flat, p * channels, channels);
    struct tensor host = tensor_over(&value, DTYPE_F32, 1, &channels);
    host.stride[0] = 0;
    CHECK_OK(run->ops->upload(run->ex, &pixel, &host, &err), err);
    double *back = download_f64(run, &pixel);
    memcpy(x->host + p * channels, back, (size_t)channels * 8);
    free(back);
}

static void check_norm(struct setting setting, const int64_t *shape, bool silu)
{
    struct check_run run = run_open(setting, 1500);
    struct dn_error err = {0};
    int64_t channels = shape[3];
    struct pair x = pair_random(&run, setting.activation, 0, 1, 0.2, 4, shape);
    struct pair y = pair_random(&run, setting.activation, 0, 1, 0, 4, shape);
    struct pair g = pair_random(&run, DTYPE_F32, 0, 1, 1, 2, (int64_t[]){1, channels});
    int64_t count = tensor_count(&x.t);
    /* a pixel of zeros, and one so small that the floor under the length counts */
    set_pixel(&run, &x, 0, 0);
    if (count > channels)
        set_pixel(&run, &x, 1, 2e-14f);
    double *want = dn_malloc((size_t)count * 8);
    norm_of_pixels(x.host, count, channels, g.host, silu, want);
    struct tensor gamma = tensor_reshape(&g.t, 1, &channels);
    struct tensor flat = tensor_reshape(&y.t, 1, &count);
    CHECK_OK(run.ops->channel_norm(run.ex, &y.t, &x.t, &gamma, silu, &err), err);
    expect(&run, "channel_norm", &y.t, want, store_tolerance(&run));
    if (count > channels) {
        struct tensor tiny = tensor_slice(&flat, channels, channels);
        expect(&run, "channel_norm of next to nothing", &tiny, want + channels,
               store_tolerance(&run));
    }
    CHECK_OK(run.ops->channel_norm(run.ex, &x.t, &x.t, &gamma, silu, &err), err);
    expect(&run, "channel_norm in place", &x.t, want, store_tolerance(&run));
    free(want);
    pair_free(&run, &x);
    pair_free(&run, &y);
    pair_free(&run, &g);
    run_close(&run);
}

TEST(channel_norms)
{
    static const int64_t shapes[][4] = {{1, 1, 1, 1},    {2, 3, 5, 6},    {1, 7, 9, 16},
                                        {4, 16, 20, 32}, {1, 12, 20, 64}, {2, 5, 3, 384},
                                        {1, 2, 3, 1100}, {3, 13, 11, 8},  {1, 9, 9, 96}};
    for (int n = 0; n < SETTINGS; n++)
        for (int i = 0; i < 9; i++)
            for (int silu = 0; silu < 2; silu++)
                check_norm(settings[n], shapes[i], silu);
}

static void check_moving(struct setting setting, const int64_t *shape, enum dtype to)
{
    struct check_run run = run_open(setting, 1600);
    struct dn_error err = {0};
    int64_t T = shape[0], h = shape[1], w = shape[2], c = shape[3];
    struct pair x = pair_random(&run, setting.activation, 0, 1, 0, 4, shape);
    struct pair up = pair_random(&run, to, 0, 1, 0, 4, (int64_t[]){T, 2 * h, 2 * w, c});
    struct pair woven = pair_random(&run, to, 0, 1, 0, 4, (int64_t[]){2 * T, h, w, c / 2});
    double *want = dn_malloc((size_t)(4 * T * h * w * c) * 8);
    double tolerance = to == DTYPE_BF16 && setting.activation == DTYPE_F32 ? NMSE_BF16_STORE : 0;
    for (int64_t at = 0; at < 4 * T * h * w * c; at++) {
        int64_t k = at % c, col = at / c % (2 * w), row = at / c / (2 * w) % (2 * h);
        int64_t t = at / c / (2 * w) / (2 * h);
        want[at] = x.host[((t * h + row / 2) * w + col / 2) * c + k];
    }
    CHECK_OK(run.ops->upsample_nearest(run.ex, &up.t, &x.t, &err), err);
    expect(&run, "upsample_nearest", &up.t, want, tolerance);
    for (int64_t at = 0; at < T * h * w * c; at++) {
        int64_t k = at % (c / 2), p = at / (c / 2) % (h * w), t = at / (c / 2) / (h * w);
        want[at] = x.host[(t / 2 * h * w + p) * c + t % 2 * (c / 2) + k];
    }
    CHECK_OK(run.ops->interleave_time(run.ex, &woven.t, &x.t, &err), err);
    expect(&run, "interleave_time", &woven.t, want, tolerance);
    free(want);
    pair_free(&run, &x);
    pair_free(&run, &up);
    pair_free(&run, &woven);
    run_close(&run);
}

TEST(moving_pixels)
{
    static const int64_t shapes[][4] = {{1, 1, 1, 2}, {3, 5, 7, 6}, {2, 12, 20, 128}};
    for (int n = 0; n < SETTINGS; n++)
        for (int i = 0; i < 3; i++) {
            check_moving(settings[n], shapes[i], DTYPE_F32);
            check_moving(settings[n], shapes[i], DTYPE_BF16);
        }
}

TEST(latents)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct check_run run = run_open(settings[n], 1700);
        struct dn_error err = {0};
        enum { T = 3, C = 16, H = 5, W = 7, COUNT = T * C * H * W };
        int64_t channels = C;
        enum dtype type = settings[n].activation;
        struct pair z = pair_random(&run, DTYPE_F32, 0, 1, 0, 4, (int64_t[]){T, C, H, W});
        struct pair x = pair_random(&run, type, 0, 1, 0, 4, (int64_t[]){T, H, W, C});
        struct pair wide = pair_random(&run, type, 0, 1, 0, 4, (int64_t[]){T, H, W, 2 * C});
        struct pair s = pair_random(&run, DTYPE_F32, 0, 0.5, 1.5, 2, (int64_t[]){1, C});
        struct pair m = pair_random(&run, DTYPE_F32, 0, 1, 0, 2, (int64_t[]){1, C});
        struct tensor scale = tensor_reshape(&s.t, 1, &channels);
        struct tensor shift = tensor_reshape(&m.t, 1, &channels);
        double there[COUNT], back[COUNT];
        for (int at = 0; at < COUNT; at++) {
            int p = at % (H * W), c = at / (H * W) % C, t = at / (H * W) / C;
            there[(t * H * W + p) * C + c] = z.host[at] * s.host[c] + m.host[c];
            back[at] = (wide.host[(t * H * W + p) * 2 * C + c] - m.host[c]) / s.host[c];
        }
        CHECK_OK(run.ops->latents_to_video(run.ex, &x.t, &z.t, &scale, &shift, &err), err);
        expect(&run, "latents_to_video", &x.t, there, store_tolerance(&run));
        CHECK_OK(run.ops->video_to_latents(run.ex, &z.t, &wide.t, &scale, &shift, &err), err);
        expect(&run, "video_to_latents", &z.t, back, NMSE_F32);
        struct pair *all[] = {&z, &x, &wide, &s, &m};
        for (int i = 0; i < 5; i++)
            pair_free(&run, all[i]);
        run_close(&run);
    }
}

TEST(rgb)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct check_run run = run_open(settings[n], 1800);
        struct dn_error err = {0};
        struct pair x =
            pair_random(&run, settings[n].activation, 0, 1.3, 0, 4, (int64_t[]){2, 19, 23, 3});
        int64_t count = tensor_count(&x.t);
        uint8_t *rgb = dn_malloc((size_t)count);
        struct tensor host = tensor_over(rgb, DTYPE_U8, 4, x.t.shape);
        CHECK_OK(run.ops->video_to_rgb8(run.ex, &host, &x.t, &err), err);
        for (int64_t i = 0; i < count; i++) {
            double want = fmin(fmax(x.host[i], -1), 1) * 127.5 + 127.5;
            CHECK_MSG(fabs(rgb[i] - want) <= 0.50001, "%g became %d", x.host[i], rgb[i]);
        }
        free(rgb);
        pair_free(&run, &x);
        run_close(&run);
    }
}

TESTS(T(convolutions), T(corners_in_place), T(convolution_shapes_in_turn), T(channel_norms),
      T(moving_pixels), T(latents), T(rgb))
