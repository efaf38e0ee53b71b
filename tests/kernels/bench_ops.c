/* bench_ops: times the operations at the demo model's shapes and says what share of the machine
 * they reach. Built by hand, not part of the suite:
 *
 *   make build/libkernels.a build/libbase.a
 *   cc -std=gnu17 -O2 -march=native -fopenmp -Isrc -I. -Itests tests/kernels/bench_ops.c \
 *      build/libkernels.a build/libbase.a -ldnnl -ljansson -lm -o build/bench_ops
 *   OMP_NUM_THREADS=2 build/bench_ops [f32|bf16] [name]
 *
 * Each row is the fastest of many calls. `times` is how often the row occurs for one latent frame
 * of decoding or one pass of the transformer over a chunk; the sums at the end use it. Rates are
 * compared with what two such cores reach in oneDNN's convolutions: 220 GFLOP/s in float32, 450 in
 * bfloat16. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "kernels/ops.h"

enum op { CONV, NORM, UP, WEAVE, LINEAR, LN, ROPE, ATTENTION, MONARCH };

struct row {
    const char *name;
    enum op op;
    double times; /* a latent frame, or a transformer pass */
    int64_t a[8]; /* CONV: T h w in out kt k residual; NORM, UP, WEAVE: T h w c;
                   * LINEAR: rows in out epilogue; LN, ROPE: rows dim;
                   * ATTENTION: queries keys heads d; MONARCH: q frames, k frames, rows, cols,
                   * heads, d */
    bool transformer;
};

static const struct row rows[] = {
    {"conv1 16-64", CONV, 1, {1, 12, 20, 16, 64, 3, 3, 0}, false},
    {"conv 64-64 12x20", CONV, 10, {1, 12, 20, 64, 64, 3, 3, 1}, false},
    {"time conv 64-128 12x20", CONV, 1, {1, 12, 20, 64, 128, 3, 1, 0}, false},
    {"up conv 64-32 24x40", CONV, 1, {2, 24, 40, 64, 32, 1, 3, 0}, false},
    {"conv 32-64 24x40", CONV, 1, {2, 24, 40, 32, 64, 3, 3, 0}, false},
    {"shortcut 32-64 24x40", CONV, 1, {2, 24, 40, 32, 64, 1, 1, 0}, false},
    {"conv 64-64 24x40", CONV, 5, {2, 24, 40, 64, 64, 3, 3, 1}, false},
    {"time conv 64-128 24x40", CONV, 1, {2, 24, 40, 64, 128, 3, 1, 0}, false},
    {"up conv 64-32 48x80", CONV, 1, {4, 48, 80, 64, 32, 1, 3, 0}, false},
    {"conv 32-32 48x80", CONV, 6, {4, 48, 80, 32, 32, 3, 3, 1}, false},
    {"up conv 32-16 96x160", CONV, 1, {4, 96, 160, 32, 16, 1, 3, 0}, false},
    {"conv 16-16 96x160", CONV, 6, {4, 96, 160, 16, 16, 3, 3, 1}, false},
    {"head conv 16-3 96x160", CONV, 1, {4, 96, 160, 16, 3, 3, 3, 0}, false},
    {"norm silu 64 12x20", NORM, 11, {1, 12, 20, 64}, false},
    {"norm silu 64 24x40", NORM, 6, {2, 24, 40, 64}, false},
    {"norm silu 32 48x80", NORM, 6, {4, 48, 80, 32}, false},
    {"norm silu 16 96x160", NORM, 7, {4, 96, 160, 16}, false},
    {"upsample 64 24x40", UP, 1, {2, 12, 20, 64}, false},
    {"upsample 64 48x80", UP, 1, {4, 24, 40, 64}, false},
    {"upsample 32 96x160", UP, 1, {4, 48, 80, 32}, false},
    {"interleave 64 24x40", WEAVE, 1, {2, 24, 40, 128}, false},
    {"qkv 192-576", LINEAR, 8, {180, 192, 576, LINEAR_STORE}, true},
    {"out 192-192 gate", LINEAR, 8, {180, 192, 192, LINEAR_GATE_RESIDUAL}, true},
    {"cross q 192-192", LINEAR, 8, {180, 192, 192, LINEAR_STORE}, true},
    {"cross out 192-192", LINEAR, 8, {180, 192, 192, LINEAR_RESIDUAL}, true},
    {"ffn 192-768 gelu", LINEAR, 8, {180, 192, 768, LINEAR_GELU_TANH}, true},
    {"ffn 768-192 gate", LINEAR, 8, {180, 768, 192, LINEAR_GATE_RESIDUAL}, true},
    {"norm modulate 192", LN, 24, {180, 192}, true},
    {"qk norm rope 192", ROPE, 24, {180, 192}, true},
    {"cross attention 64 keys", ATTENTION, 8, {180, 64, 6, 32}, true},
    {"monarch 21 frames", MONARCH, 8, {3, 21, 6, 10, 6, 32}, true},
    {"attention 1260 keys", ATTENTION, 0, {180, 1260, 6, 32}, true},
    {"linear 2048^3", LINEAR, 0, {2048, 2048, 2048, LINEAR_STORE}, true},
    {"linear 1.3B ffn", LINEAR, 0, {1560, 1536, 8960, LINEAR_GELU_TANH}, true},
    {"attention 1.3B 1560x4680", ATTENTION, 0, {1560, 4680, 2, 128}, true},
    {"monarch 1.3B 1x3 frames", MONARCH, 0, {1, 3, 30, 52, 2, 128}, true},
};

static const struct ops *ops = &ops_cpu;
static struct exec *ex;
static enum dtype dtype;
static struct dn_error err;

static struct tensor make(enum dtype type, int ndim, const int64_t *shape)
{
    struct tensor t;
    ops->tensor_alloc(ex, &t, type, ndim, shape, &err);
    int64_t count = tensor_count(&t);
    float *values = dn_malloc((size_t)count * 4);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)((i * 7919 + 13) % 1009) / 505.0f - 1.0f;
    struct tensor host = tensor_over(values, DTYPE_F32, ndim, shape);
    ops->upload(ex, &t, &host, &err);
    free(values);
    return t;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What one row needs; calls go to `call`. */
struct work {
    const struct row *row;
    struct tensor x, y, z, w, b;
    struct conv *conv;
    struct linear *linear;
    double flops, bytes;
};

static void prepare_conv(struct work *k)
{
    const int64_t *a = k->row->a;
    int64_t pad = a[6] / 2;
    struct conv_args args = {1, 1, 1, pad, pad, pad, pad};
    k->x = make(dtype, DIMS(a[0] + a[5] - 1, a[1], a[2], a[3]));
    k->y = make(dtype, DIMS(a[0], a[1], a[2], a[4]));
    k->w = make(DTYPE_F32, DIMS(a[4], a[3], a[5], a[6], a[6]));
    k->b = make(DTYPE_F32, DIMS(a[4]));
    ops->conv_pack(ex, &k->w, &k->b, &args, &k->conv, &err);
    k->flops = 2.0 * (double)(a[0] * a[1] * a[2] * a[3] * a[4] * a[5] * a[6] * a[6]);
}

static void prepare(struct work *k)
{
    const int64_t *a = k->row->a;
    double tokens;
    switch (k->row->op) {
    case CONV:
        prepare_conv(k);
        break;
    case NORM:
    case UP:
    case WEAVE:
        k->x = make(dtype, DIMS(a[0], a[1], a[2], a[3]));
        if (k->row->op == NORM)
            k->y = make(dtype, DIMS(a[0], a[1], a[2], a[3]));
        else if (k->row->op == UP)
            k->y = make(dtype, DIMS(a[0], 2 * a[1], 2 * a[2], a[3]));
        else
            k->y = make(dtype, DIMS(2 * a[0], a[1], a[2], a[3] / 2));
        k->w = make(DTYPE_F32, DIMS(a[3]));
        k->bytes = (double)(tensor_count(&k->x) + tensor_count(&k->y)) * (double)dtype_size(dtype);
        break;
    case LINEAR:
        k->x = make(dtype, DIMS(a[0], a[1]));
        k->y = make(a[3] == LINEAR_STORE || a[3] == LINEAR_GELU_TANH ? dtype : DTYPE_F32,
                    DIMS(a[0], a[2]));
        k->w = make(DTYPE_F32, DIMS(a[2], a[1]));
        k->b = make(DTYPE_F32, DIMS(a[2]));
        k->z = make(DTYPE_F32, DIMS(1, a[2]));
        ops->linear_pack(ex, &k->w, &k->b, 1, &k->linear, &err);
        k->flops = 2.0 * (double)(a[0] * a[1] * a[2]);
        break;
    case LN:
    case ROPE:
        k->x = make(k->row->op == LN ? DTYPE_F32 : dtype, DIMS(a[0], a[1]));
        k->y = make(dtype, DIMS(a[0], a[1]));
        k->w = make(DTYPE_F32, DIMS(1, a[1]));
        k->b = make(DTYPE_F32, DIMS(a[0], 16));
        k->bytes = (double)(a[0] * a[1] * (4 + dtype_size(dtype)));
        break;
    case ATTENTION:
        k->x = make(dtype, DIMS(a[0], a[2], a[3]));
        k->y = make(dtype, DIMS(a[0], a[2], a[3]));
        k->z = make(dtype, DIMS(a[1], a[2], a[3]));
        k->flops = 4.0 * (double)(a[0] * a[1] * a[2] * a[3]);
        break;
    case MONARCH:
        tokens = (double)(a[2] * a[3]);
        k->x = make(dtype, DIMS(a[0] * a[2] * a[3], a[4], a[5]));
        k->y = make(dtype, DIMS(a[0] * a[2] * a[3], a[4], a[5]));
        k->z = make(dtype, DIMS(a[1] * a[2] * a[3], a[4], a[5]));
        k->flops = (double)(a[0] * a[1] * a[4] * a[5]) * tokens *
                   (6.0 * (double)a[3] + 4.0 * (double)a[2]);
        break;
    }
}

static bool call(struct work *k)
{
    const int64_t *a = k->row->a;
    struct linear_args linear = {(enum linear_epilogue)a[3], NULL, &k->z, a[0]};
    struct attention_args attention = {.scale = 0.2f};
    struct monarch_args monarch = {0.2f, a[2], a[3], 1, 1, 1, 1, 0};
    struct tensor heads = k->y, flat = tensor_reshape(&k->w, 1, (int64_t[]){tensor_count(&k->w)});
    switch (k->row->op) {
    case CONV:
        return ops->conv(ex, &k->y, &k->x, k->conv, a[7] ? &k->y : NULL, &err);
    case NORM:
        return ops->channel_norm(ex, &k->y, &k->x, &k->w, true, &err);
    case UP:
        return ops->upsample_nearest(ex, &k->y, &k->x, &err);
    case WEAVE:
        return ops->interleave_time(ex, &k->y, &k->x, &err);
    case LINEAR:
        return ops->linear(ex, &k->y, &k->x, k->linear, &linear, &err);
    case LN:
        return ops->layer_norm_modulate(ex, &k->y, &k->x, &k->w, &k->w, a[0], 1e-6f, &err);
    case ROPE:
        heads = tensor_reshape(&k->y, 3, (int64_t[]){a[0], a[1] / 32, 32});
        return ops->qk_norm_rope(ex, &heads, &k->x, &flat, &k->b, &k->b, 1e-6f, &err);
    case ATTENTION:
        return ops->attention(ex, &k->y, &k->x, &k->z, &k->z, &attention, &err);
    case MONARCH:
        return ops->monarch_attention(ex, &k->y, &k->x, &k->z, &k->z, &monarch, &err);
    }
    return false;
}

static double fastest(struct work *k)
{
    double best = 1e9, start = now();
    for (int i = 0; i < 5 || now() - start < 0.2; i++) {
        double t = now();
        if (!call(k)) {
            fprintf(stderr, "%s: %s\n", k->row->name, err.message);
            exit(1);
        }
        t = now() - t;
        best = t < best ? t : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    dtype = argc > 1 && strcmp(argv[1], "bf16") == 0 ? DTYPE_BF16 : DTYPE_F32;
    double peak = dtype == DTYPE_F32 ? 220 : 450, sum[2] = {0}, flops[2] = {0};
    const char *threads = getenv("OMP_NUM_THREADS");
    struct exec_options options = {.dtype = dtype, .threads = threads ? atoi(threads) : 0};
    if (!ops->open(&options, &ex, &err))
        return 1;
    printf("%-26s %9s %9s %7s %7s\n", "", "us", "GFLOP/s", "share", "GB/s");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (argc > 2 && !strstr(rows[i].name, argv[2]))
            continue;
        struct work k = {.row = &rows[i]};
        prepare(&k);
        double t = fastest(&k);
        sum[rows[i].transformer] += t * rows[i].times;
        flops[rows[i].transformer] += k.flops * rows[i].times;
        printf("%-26s %9.1f %9.1f %6.0f%% %7.1f  x%g\n", rows[i].name, t * 1e6, k.flops / t * 1e-9,
               100 * k.flops / t * 1e-9 / peak, k.bytes / t * 1e-9, rows[i].times);
        ops->conv_free(ex, k.conv);
        ops->linear_free(ex, k.linear);
        struct tensor *all[] = {&k.x, &k.y, &k.z, &k.w, &k.b};
        for (int j = 0; j < 5; j++)
            ops->tensor_free(ex, all[j]);
    }
    printf("decode, a latent frame: %.2f ms, %.2f GFLOP, %.0f GFLOP/s; 21 of them %.2f s\n",
           sum[0] * 1e3, flops[0] * 1e-9, flops[0] / sum[0] * 1e-9, 21 * sum[0]);
    printf("transformer, a pass: %.2f ms, %.2f GFLOP, %.0f GFLOP/s; 35 of them %.2f s\n",
           sum[1] * 1e3, flops[1] * 1e-9, flops[1] / sum[1] * 1e-9, 35 * sum[1]);
    ops->close(ex);
    return 0;
}
