/* op_bench: see op_bench.h */
#include "kernels/op_bench.h"

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

/* The demo model makes 160x96 pixels from latents of 20x12: 3 latent frames a chunk of 60 tokens
 * each, width 192 in 6 heads, and 64 to 16 channels in the decoder, where the later latents become
 * 1, 2, 4 and 4 frames from stage to stage. */
const struct op_bench_row op_bench_rows[] = {
    {"conv1 16-64", OP_BENCH_CONV, OP_BENCH_DECODE, 1, {1, 12, 20, 16, 64, 3, 3, 0}},
    {"conv 64-64 12x20", OP_BENCH_CONV, OP_BENCH_DECODE, 10, {1, 12, 20, 64, 64, 3, 3, 1}},
    {"time conv 64-128 12x20", OP_BENCH_CONV, OP_BENCH_DECODE, 1, {1, 12, 20, 64, 128, 3, 1, 0}},
    {"up conv 64-32 24x40", OP_BENCH_CONV, OP_BENCH_DECODE, 1, {2, 24, 40, 64, 32, 1, 3, 0}},
    {"conv 32-64 24x40", OP_BENCH_CONV, OP_BENCH_DECODE, 1, {2, 24, 40, 32, 64, 3, 3, 0}},
    {"shortcut 32-64 24x40", OP_BENCH_CONV, OP_BENCH_DECODE, 1, {2, 24, 40, 32, 64, 1, 1, 0}},
    {"conv 64-64 24x40", OP_BENCH_CONV, OP_BENCH_DECODE, 5, {2, 24, 40, 64, 64, 3, 3, 1}},
    {"time conv 64-128 24x40", OP_BENCH_CONV, OP_BENCH_DECODE, 1, {2, 24, 40, 64, 128, 3, 1, 0}},
    {"up conv 64-32 48x80", OP_BENCH_CONV, OP_BENCH_DECODE, 1, {4, 48, 80, 64, 32, 1, 3, 0}},
    {"conv 32-32 48x80", OP_BENCH_CONV, OP_BENCH_DECODE, 6, {4, 48, 80, 32, 32, 3, 3, 1}},
    {"up conv 32-16 96x160", OP_BENCH_CONV, OP_BENCH_DECODE, 1, {4, 96, 160, 32, 16, 1, 3, 0}},
    {"conv 16-16 96x160", OP_BENCH_CONV, OP_BENCH_DECODE, 6, {4, 96, 160, 16, 16, 3, 3, 1}},
    {"head conv 16-3 96x160", OP_BENCH_CONV, OP_BENCH_DECODE, 1, {4, 96, 160, 16, 3, 3, 3, 0}},
    {"norm silu 64 12x20", OP_BENCH_NORM, OP_BENCH_DECODE, 11, {1, 12, 20, 64}},
    {"norm silu 64 24x40", OP_BENCH_NORM, OP_BENCH_DECODE, 6, {2, 24, 40, 64}},
    {"norm silu 32 48x80", OP_BENCH_NORM, OP_BENCH_DECODE, 6, {4, 48, 80, 32}},
    {"norm silu 16 96x160", OP_BENCH_NORM, OP_BENCH_DECODE, 7, {4, 96, 160, 16}},
    {"upsample 64 24x40", OP_BENCH_UPSAMPLE, OP_BENCH_DECODE, 1, {2, 12, 20, 64}},
    {"upsample 64 48x80", OP_BENCH_UPSAMPLE, OP_BENCH_DECODE, 1, {4, 24, 40, 64}},
    {"upsample 32 96x160", OP_BENCH_UPSAMPLE, OP_BENCH_DECODE, 1, {4, 48, 80, 32}},
    {"interleave 64 24x40", OP_BENCH_WEAVE, OP_BENCH_DECODE, 1, {2, 24, 40, 128}},
    {"qkv 192-576", OP_BENCH_LINEAR, OP_BENCH_TRANSFORMER, 8, {180, 192, 576, LINEAR_STORE}},
    {"out 192-192 gate",
     OP_BENCH_LINEAR,
     OP_BENCH_TRANSFORMER,
     8,
     {180, 192, 192, LINEAR_GATE_RESIDUAL}},
    {"cross q 192-192", OP_BENCH_LINEAR, OP_BENCH_TRANSFORMER, 8, {180, 192, 192, LINEAR_STORE}},
    {"cross out 192-192",
     OP_BENCH_LINEAR,
     OP_BENCH_TRANSFORMER,
     8,
     {180, 192, 192, LINEAR_RESIDUAL}},
    {"ffn 192-768 gelu",
     OP_BENCH_LINEAR,
     OP_BENCH_TRANSFORMER,
     8,
     {180, 192, 768, LINEAR_GELU_TANH}},
    {"ffn 768-192 gate",
     OP_BENCH_LINEAR,
     OP_BENCH_TRANSFORMER,
     8,
     {180, 768, 192, LINEAR_GATE_RESIDUAL}},
    {"norm modulate 192", OP_BENCH_MODULATE, OP_BENCH_TRANSFORMER, 24, {180, 192}},
    {"qk norm rope 192", OP_BENCH_ROPE, OP_BENCH_TRANSFORMER, 24, {180, 192}},
    {"cross attention 64 keys", OP_BENCH_ATTENTION, OP_BENCH_TRANSFORMER, 8, {180, 64, 6, 32}},
    {"monarch 21 frames", OP_BENCH_MONARCH, OP_BENCH_TRANSFORMER, 8, {3, 21, 6, 10, 6, 32}},
    {"attention 1260 keys", OP_BENCH_ATTENTION, OP_BENCH_TRANSFORMER, 0, {180, 1260, 6, 32}},
    {"linear 2048^3", OP_BENCH_LINEAR, OP_BENCH_LARGE, 0, {2048, 2048, 2048, LINEAR_STORE}},
    {"linear 1.3B ffn", OP_BENCH_LINEAR, OP_BENCH_LARGE, 0, {1560, 1536, 8960, LINEAR_GELU_TANH}},
    {"attention 1.3B 1560x4680", OP_BENCH_ATTENTION, OP_BENCH_LARGE, 0, {1560, 4680, 2, 128}},
    {"monarch 1.3B 1x3 frames", OP_BENCH_MONARCH, OP_BENCH_LARGE, 0, {1, 3, 30, 52, 2, 128}},
};
const int op_bench_count = sizeof op_bench_rows / sizeof op_bench_rows[0];

/* What a row's calls need. */
struct work {
    const struct ops *ops;
    struct exec *ex;
    const struct op_bench_row *row;
    struct tensor x, y, z, w, b;
    struct conv *conv;
    struct linear *linear;
};

/* A tensor of numbers in [-1, 1), the same ones every time. */
static bool make(struct work *k, struct tensor *t, enum dtype dtype, int ndim, const int64_t *shape,
                 struct dn_error *err)
{
    if (!k->ops->tensor_alloc(k->ex, t, dtype, ndim, shape, err))
        return false;
    int64_t count = tensor_count(t);
    float *values = dn_malloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)((i * 7919 + 13) % 1009) / 505.0f - 1.0f;
    struct tensor host = tensor_over(values, DTYPE_F32, ndim, shape);
    bool ok = k->ops->upload(k->ex, t, &host, err);
    free(values);
    return ok;
}

static bool prepare_conv(struct work *k, struct op_bench_result *out, struct dn_error *err)
{
    const int64_t *a = k->row->sizes;
    enum dtype dtype = exec_dtype(k->ex);
    int64_t pad = a[6] / 2;
    struct conv_args args = {1, 1, 1, pad, pad, pad, pad, false};
    float *values = dn_malloc((size_t)(a[4] * a[3] * a[5] * a[6] * a[6]) * sizeof *values);
    for (int64_t i = 0; i < a[4] * a[3] * a[5] * a[6] * a[6]; i++)
        values[i] = (float)(i * 31 % 101) / 500.0f - 0.1f;
    struct tensor weight = tensor_over(values, DTYPE_F32, DIMS(a[4], a[3], a[5], a[6], a[6]));
    struct tensor bias = tensor_over(values, DTYPE_F32, DIMS(a[4]));
    out->flops = 2.0 * (double)(a[0] * a[1] * a[2] * a[3] * a[4] * a[5] * a[6] * a[6]);
    bool ok = make(k, &k->x, dtype, DIMS(a[0] + a[5] - 1, a[1], a[2], a[3]), err) &&
              make(k, &k->y, dtype, DIMS(a[0], a[1], a[2], a[4]), err) &&
              k->ops->conv_pack(k->ex, &weight, &bias, &args, &k->conv, err);
    free(values);
    return ok;
}

static bool prepare_linear(struct work *k, struct op_bench_result *out, struct dn_error *err)
{
    const int64_t *a = k->row->sizes;
    enum dtype dtype = exec_dtype(k->ex);
    bool residual = a[3] == LINEAR_RESIDUAL || a[3] == LINEAR_GATE_RESIDUAL;
    float *values = dn_malloc((size_t)(a[1] * a[2]) * sizeof *values);
    for (int64_t i = 0; i < a[1] * a[2]; i++)
        values[i] = (float)(i * 31 % 101) / 500.0f - 0.1f;
    struct tensor weight = tensor_over(values, DTYPE_F32, DIMS(a[2], a[1]));
    struct tensor bias = tensor_over(values, DTYPE_F32, DIMS(a[2]));
    out->flops = 2.0 * (double)(a[0] * a[1] * a[2]);
    bool ok = make(k, &k->x, dtype, DIMS(a[0], a[1]), err) &&
              make(k, &k->y, residual ? DTYPE_F32 : dtype, DIMS(a[0], a[2]), err) &&
              make(k, &k->z, DTYPE_F32, DIMS(1, a[2]), err) &&
              k->ops->linear_pack(k->ex, &weight, &bias, 1, &k->linear, err);
    free(values);
    return ok;
}

static bool prepare_video(struct work *k, struct op_bench_result *out, struct dn_error *err)
{
    const int64_t *a = k->row->sizes;
    enum dtype dtype = exec_dtype(k->ex);
    int64_t t = a[0], h = a[1], w = a[2], c = a[3];
    if (k->row->kind == OP_BENCH_UPSAMPLE) {
        h *= 2;
        w *= 2;
    } else if (k->row->kind == OP_BENCH_WEAVE) {
        t *= 2;
        c /= 2;
    }
    bool ok = make(k, &k->x, dtype, DIMS(a[0], a[1], a[2], a[3]), err) &&
              make(k, &k->y, dtype, DIMS(t, h, w, c), err) &&
              make(k, &k->w, DTYPE_F32, DIMS(a[3]), err);
    out->bytes = (double)(a[0] * a[1] * a[2] * a[3] + t * h * w * c) * (double)dtype_size(dtype);
    return ok;
}

static bool prepare(struct work *k, struct op_bench_result *out, struct dn_error *err)
{
    const int64_t *a = k->row->sizes;
    enum dtype dtype = exec_dtype(k->ex);
    int64_t frame = a[2] * a[3]; /* tokens, for Monarch */
    int64_t head_dim = a[2] ? a[2] : 32; /* for the rotary embedding */
    switch (k->row->kind) {
    case OP_BENCH_CONV:
        return prepare_conv(k, out, err);
    case OP_BENCH_LINEAR:
        return prepare_linear(k, out, err);
    case OP_BENCH_NORM:
    case OP_BENCH_UPSAMPLE:
    case OP_BENCH_WEAVE:
        return prepare_video(k, out, err);
    case OP_BENCH_MODULATE:
        out->bytes = (double)(a[0] * a[1] * (4 + dtype_size(dtype)));
        return make(k, &k->x, DTYPE_F32, DIMS(a[0], a[1]), err) &&
               make(k, &k->y, dtype, DIMS(a[0], a[1]), err) &&
               make(k, &k->w, DTYPE_F32, DIMS(1, a[1]), err);
    case OP_BENCH_ROPE:
        out->bytes = (double)(a[0] * a[1] * 2 * dtype_size(dtype));
        return make(k, &k->x, dtype, DIMS(a[0], a[1]), err) &&
               make(k, &k->y, dtype, DIMS(a[0], a[1] / head_dim, head_dim), err) &&
               make(k, &k->w, DTYPE_F32, DIMS(a[1]), err) &&
               make(k, &k->b, DTYPE_F32, DIMS(a[0], head_dim / 2), err);
    case OP_BENCH_ATTENTION:
        out->flops = 4.0 * (double)(a[0] * a[1] * a[2] * a[3]);
        return make(k, &k->x, dtype, DIMS(a[0], a[2], a[3]), err) &&
               make(k, &k->y, dtype, DIMS(a[0], a[2], a[3]), err) &&
               make(k, &k->z, dtype, DIMS(a[1], a[2], a[3]), err);
    case OP_BENCH_MONARCH:
        out->flops =
            (double)(a[0] * a[1] * a[4] * a[5] * frame) * (6.0 * (double)a[3] + 4.0 * (double)a[2]);
        return make(k, &k->x, dtype, DIMS(a[0] * frame, a[4], a[5]), err) &&
               make(k, &k->y, dtype, DIMS(a[0] * frame, a[4], a[5]), err) &&
               make(k, &k->z, dtype, DIMS(a[1] * frame, a[4], a[5]), err);
    }
    return false;
}

static bool call(struct work *k, struct dn_error *err)
{
    const int64_t *a = k->row->sizes;
    const struct ops *ops = k->ops;
    struct linear_args linear = {(enum linear_epilogue)a[3], NULL, &k->z, a[0]};
    struct attention_args attention = {.scale = 0.2f};
    struct monarch_args monarch = {0.2f, a[2], a[3], 1, 1, 1, 1, 0};
    switch (k->row->kind) {
    case OP_BENCH_CONV:
        return ops->conv(k->ex, &k->y, &k->x, k->conv, a[7] ? &k->y : NULL, err);
    case OP_BENCH_NORM:
        return ops->channel_norm(k->ex, &k->y, &k->x, &k->w, true, err);
    case OP_BENCH_UPSAMPLE:
        return ops->upsample_nearest(k->ex, &k->y, &k->x, err);
    case OP_BENCH_WEAVE:
        return ops->interleave_time(k->ex, &k->y, &k->x, err);
    case OP_BENCH_LINEAR:
        return ops->linear(k->ex, &k->y, &k->x, k->linear, &linear, err);
    case OP_BENCH_MODULATE:
        return ops->layer_norm_modulate(k->ex, &k->y, &k->x, &k->w, &k->w, a[0], 1e-6f, err);
    case OP_BENCH_ROPE:
        return ops->qk_norm_rope(k->ex, &k->y, &k->x, &k->w, &k->b, &k->b, 1e-6f, err);
    case OP_BENCH_ATTENTION:
        return ops->attention(k->ex, &k->y, &k->x, &k->z, &k->z, &attention, err);
    case OP_BENCH_MONARCH:
        return ops->monarch_attention(k->ex, &k->y, &k->x, &k->z, &k->z, &monarch, err);
    }
    return false;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare_seconds(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool op_bench_run(const struct ops *ops, struct exec *ex, const struct op_bench_row *row,
                  double budget_s, struct op_bench_result *out, struct dn_error *err)
{
    struct work k = {.ops = ops, .ex = ex, .row = row};
    *out = (struct op_bench_result){.seconds = 1e9};
    bool ok = prepare(&k, out, err);
    double start = now_s();
    double samples[OP_BENCH_SAMPLES];
    int count = 0;
    for (int i = 0; ok && (i < 5 || now_s() - start < budget_s); i++) {
        double t = now_s();
        ok = call(&k, err) && ops->sync(ex, err);
        t = now_s() - t;
        out->seconds = t < out->seconds ? t : out->seconds;
        if (count < OP_BENCH_SAMPLES)
            samples[count++] = t;
    }
    qsort(samples, (size_t)count, sizeof *samples, compare_seconds);
    out->median = count ? samples[count / 2] : 0;
    if (k.conv)
        ops->conv_free(ex, k.conv);
    if (k.linear)
        ops->linear_free(ex, k.linear);
    struct tensor *all[] = {&k.x, &k.y, &k.z, &k.w, &k.b};
    for (int i = 0; i < 5; i++)
        if (all[i]->data)
            ops->tensor_free(ex, all[i]);
    return ok;
}
