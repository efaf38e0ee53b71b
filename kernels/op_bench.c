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
    {"qk norm rope 192", OP_BENCH_ROPE, OP_BENCH_TRANSFORMER, 8, {180, 192}},
    {"q, k, v placed 192", OP_BENCH_PLACE, OP_BENCH_TRANSFORMER, 8, {180, 192}},
    {"cross attention 64 keys", OP_BENCH_ATTENTION, OP_BENCH_TRANSFORMER, 8, {180, 64, 6, 32}},
    {"monarch 21 frames", OP_BENCH_MONARCH, OP_BENCH_TRANSFORMER, 8, {3, 21, 6, 10, 6, 32}},
    {"attention 1260 keys", OP_BENCH_ATTENTION, OP_BENCH_TRANSFORMER, 0, {180, 1260, 6, 32}},
    {"linear 2048^3", OP_BENCH_LINEAR, OP_BENCH_LARGE, 0, {2048, 2048, 2048, LINEAR_STORE}},
    {"linear 1.3B ffn", OP_BENCH_LINEAR, OP_BENCH_LARGE, 0, {1560, 1536, 8960, LINEAR_GELU_TANH}},
    {"attention 1.3B 1560x4680", OP_BENCH_ATTENTION, OP_BENCH_LARGE, 0, {1560, 4680, 2, 128}},
    {"monarch 1.3B 1x3 frames", OP_BENCH_MONARCH, OP_BENCH_LARGE, 0, {1, 3, 30, 52, 2, 128}},
};
const int op_bench_count = sizeof op_bench_rows / sizeof op_bench_rows[0];

enum {
    MAX_SETS = 16,
    MAX_BATCH = 64,
    BLOCK = 1 << 20, /* random numbers made on the host; tensors repeat them */
};

/* What a call works on. */
struct operands {
    struct tensor x, y, z, u, w, b;
    struct conv *conv;
    struct linear *linear;
};

/* What a row's calls need. */
struct work {
    const struct ops *ops;
    struct exec *ex;
    const struct op_bench_row *row;
    float *block; /* [BLOCK] in [-1, 1) */
    struct operands sets[MAX_SETS];
    int count;
    double packed; /* bytes of a set's weights */
};

static float *random_block(void)
{
    float *block = dn_malloc(BLOCK * sizeof *block);
    uint64_t state = 1;
    for (int i = 0; i < BLOCK; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        block[i] = (float)(state >> 40) / 8388608.0f - 1.0f;
    }
    return block;
}

/* A tensor of random numbers: the block, and then copies of what is there. */
static bool make(struct work *k, struct tensor *t, enum dtype dtype, int ndim, const int64_t *shape,
                 struct dn_error *err)
{
    if (!k->ops->tensor_alloc(k->ex, t, dtype, ndim, shape, err))
        return false;
    int64_t count = tensor_count(t), done = count < BLOCK ? count : BLOCK;
    struct tensor flat = tensor_over(t->data, dtype, DIMS(count));
    struct tensor host = tensor_over(k->block, DTYPE_F32, DIMS(done));
    struct tensor to = tensor_slice(&flat, 0, done);
    bool ok = k->ops->upload(k->ex, &to, &host, err);
    while (ok && done < count) {
        int64_t n = count - done < done ? count - done : done;
        struct tensor from = tensor_slice(&flat, 0, n);
        to = tensor_slice(&flat, done, n);
        ok = k->ops->copy(k->ex, &to, &from, err);
        done += n;
    }
    return ok;
}

/* Small weights on the host; the caller frees. */
static float *make_weights(const struct work *k, int64_t count)
{
    float *values = dn_malloc(dn_mul_or_abort((size_t)count, sizeof *values));
    for (int64_t i = 0; i < count; i++)
        values[i] = 0.05f * k->block[i % BLOCK];
    return values;
}

static bool prepare_conv(struct work *k, struct operands *o, struct dn_error *err)
{
    const int64_t *a = k->row->sizes;
    enum dtype dtype = exec_dtype(k->ex);
    int64_t pad = a[6] / 2, count = a[4] * a[3] * a[5] * a[6] * a[6];
    struct conv_args args = {1, 1, 1, pad, pad, pad, pad, false};
    float *values = make_weights(k, count);
    struct tensor weight = tensor_over(values, DTYPE_F32, DIMS(a[4], a[3], a[5], a[6], a[6]));
    struct tensor bias = tensor_over(values, DTYPE_F32, DIMS(a[4]));
    bool ok = make(k, &o->x, dtype, DIMS(a[0] + a[5] - 1, a[1], a[2], a[3]), err) &&
              make(k, &o->y, dtype, DIMS(a[0], a[1], a[2], a[4]), err) &&
              k->ops->conv_pack(k->ex, &weight, &bias, &args, &o->conv, err);
    k->packed = (double)(count * dtype_size(dtype));
    free(values);
    return ok;
}

static bool prepare_linear(struct work *k, struct operands *o, struct dn_error *err)
{
    const int64_t *a = k->row->sizes;
    enum dtype dtype = exec_dtype(k->ex);
    bool residual = a[3] == LINEAR_RESIDUAL || a[3] == LINEAR_GATE_RESIDUAL;
    float *values = make_weights(k, a[1] * a[2]);
    struct tensor weight = tensor_over(values, DTYPE_F32, DIMS(a[2], a[1]));
    struct tensor bias = tensor_over(values, DTYPE_F32, DIMS(a[2]));
    bool ok = make(k, &o->x, dtype, DIMS(a[0], a[1]), err) &&
              make(k, &o->y, residual ? DTYPE_F32 : dtype, DIMS(a[0], a[2]), err) &&
              make(k, &o->z, DTYPE_F32, DIMS(1, a[2]), err) &&
              (a[4] ? k->ops->linear_pack_narrow : k->ops->linear_pack)(k->ex, &weight, &bias, 1,
                                                                        &o->linear, err);
    k->packed = (double)(a[1] * a[2] * (op_bench_is_narrow(k->ex, k->row) ? 1 : dtype_size(dtype)));
    free(values);
    return ok;
}

static bool prepare_video(struct work *k, struct operands *o, struct dn_error *err)
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
    return make(k, &o->x, dtype, DIMS(a[0], a[1], a[2], a[3]), err) &&
           make(k, &o->y, dtype, DIMS(t, h, w, c), err) &&
           make(k, &o->w, DTYPE_F32, DIMS(a[3]), err);
}

/* q, out, k, v */
static bool prepare_attention(struct work *k, struct operands *o, int64_t queries, int64_t keys,
                              int64_t heads, int64_t d, struct dn_error *err)
{
    enum dtype dtype = exec_dtype(k->ex);
    return make(k, &o->x, dtype, DIMS(queries, heads, d), err) &&
           make(k, &o->y, dtype, DIMS(queries, heads, d), err) &&
           make(k, &o->z, dtype, DIMS(keys, heads, d), err) &&
           make(k, &o->b, dtype, DIMS(keys, heads, d), err);
}

static bool prepare(struct work *k, struct operands *o, struct dn_error *err)
{
    const int64_t *a = k->row->sizes;
    enum dtype dtype = exec_dtype(k->ex);
    int64_t frame = a[2] * a[3];         /* tokens, for Monarch */
    int64_t head_dim = a[2] ? a[2] : 32; /* for the rotary embedding */
    switch (k->row->kind) {
    case OP_BENCH_CONV:
        return prepare_conv(k, o, err);
    case OP_BENCH_LINEAR:
        return prepare_linear(k, o, err);
    case OP_BENCH_NORM:
    case OP_BENCH_UPSAMPLE:
    case OP_BENCH_WEAVE:
        return prepare_video(k, o, err);
    case OP_BENCH_MODULATE:
        return make(k, &o->x, DTYPE_F32, DIMS(a[0], a[1]), err) &&
               make(k, &o->y, dtype, DIMS(a[0], a[1]), err) &&
               make(k, &o->w, DTYPE_F32, DIMS(1, a[1]), err);
    case OP_BENCH_ROPE:
        return make(k, &o->x, dtype, DIMS(a[0], a[1]), err) &&
               make(k, &o->y, dtype, DIMS(a[0], a[1] / head_dim, head_dim), err) &&
               make(k, &o->w, DTYPE_F32, DIMS(a[1]), err) &&
               make(k, &o->b, DTYPE_F32, DIMS(a[0], head_dim / 2), err);
    case OP_BENCH_PLACE:
        return make(k, &o->x, dtype, DIMS(a[0], 3 * a[1]), err) &&
               make(k, &o->y, dtype, DIMS(a[0], a[1] / head_dim, head_dim), err) &&
               make(k, &o->z, dtype, DIMS(a[0], a[1] / head_dim, head_dim), err) &&
               make(k, &o->u, dtype, DIMS(a[0], a[1] / head_dim, head_dim), err) &&
               make(k, &o->w, DTYPE_F32, DIMS(a[1]), err) &&
               make(k, &o->b, DTYPE_F32, DIMS(a[0], head_dim / 2), err);
    case OP_BENCH_ATTENTION:
        return prepare_attention(k, o, a[0], a[1], a[2], a[3], err);
    case OP_BENCH_MONARCH:
        return prepare_attention(k, o, a[0] * frame, a[1] * frame, a[4], a[5], err);
    case OP_BENCH_COPY:
        return make(k, &o->x, dtype, DIMS(a[0]), err) && make(k, &o->y, dtype, DIMS(a[0]), err);
    }
    return false;
}

static bool call(struct work *k, struct operands *o, struct dn_error *err)
{
    const int64_t *a = k->row->sizes;
    const struct ops *ops = k->ops;
    struct linear_args linear = {
        .epilogue = (enum linear_epilogue)a[3], .gate = &o->z, .rows_per_gate = a[0]};
    struct attention_args attention = {.scale = 0.2f};
    struct qkv_places qkv = {&o->y, &o->z, &o->u, &o->w, &o->w, &o->b, &o->b, 1e-6f};
    struct monarch_args monarch = {0.2f, a[2], a[3], 1, a[6] ? a[6] : 1, a[7] ? a[7] : 1, 1, 0};
    switch (k->row->kind) {
    case OP_BENCH_CONV:
        return ops->conv(k->ex, &o->y, &o->x, o->conv,
                         &(struct conv_extra){.residual = a[7] ? &o->y : NULL}, err);
    case OP_BENCH_NORM:
        return ops->channel_norm(k->ex, &o->y, &o->x, &o->w, true, err);
    case OP_BENCH_UPSAMPLE:
        return ops->upsample_nearest(k->ex, &o->y, &o->x, err);
    case OP_BENCH_WEAVE:
        return ops->interleave_time(k->ex, &o->y, &o->x, err);
    case OP_BENCH_LINEAR:
        return ops->linear(k->ex, &o->y, &o->x, o->linear, &linear, err);
    case OP_BENCH_MODULATE:
        return ops->layer_norm_modulate(k->ex, &o->y, &o->x, &o->w, &o->w, a[0], 1e-6f, err);
    case OP_BENCH_ROPE:
        return ops->qk_norm_rope(k->ex, &o->y, &o->x, &o->w, &o->b, &o->b, 1e-6f, err);
    case OP_BENCH_PLACE:
        return ops->place_qkv(k->ex, &qkv, &o->x, err);
    case OP_BENCH_ATTENTION:
        return ops->attention(k->ex, &o->y, &o->x, &o->z, &o->b, &attention, err);
    case OP_BENCH_MONARCH:
        return ops->monarch_attention(k->ex, &o->y, &o->x, &o->z, &o->b, &monarch, err);
    case OP_BENCH_COPY:
        return ops->copy(k->ex, &o->y, &o->x, err);
    }
    return false;
}

/* --- floors --- */

/* Tiles of rows / h x cols / w: every query tile meets every key tile. */
static double monarch_flops(const int64_t *a)
{
    double h = a[6] ? (double)a[6] : 1, w = a[7] ? (double)a[7] : 1;
    double rows = (double)a[2] / h, cols = (double)a[3] / w, tiles = (double)(a[0] * a[1]) * h * w;
    return tiles * h * w * rows * cols * (double)(a[4] * a[5]) * (6 * cols + 4 * rows);
}

bool op_bench_is_narrow(const struct exec *ex, const struct op_bench_row *row)
{
    const int64_t *a = row->sizes;
    return row->kind == OP_BENCH_LINEAR && a[4] && linear_is_narrow(ex, a[1], a[2]);
}

double op_bench_flops(const struct op_bench_row *row)
{
    const int64_t *a = row->sizes;
    switch (row->kind) {
    case OP_BENCH_CONV:
        return 2.0 * (double)(a[0] * a[1] * a[2] * a[3]) * (double)(a[4] * a[5] * a[6] * a[6]);
    case OP_BENCH_LINEAR:
        return 2.0 * (double)(a[0] * a[1] * a[2]);
    case OP_BENCH_ATTENTION:
        return 4.0 * (double)(a[0] * a[1] * a[2] * a[3]);
    case OP_BENCH_MONARCH:
        return monarch_flops(a);
    default:
        return 0;
    }
}

static double tensor_bytes(const struct tensor *t)
{
    return t->data ? (double)(tensor_count(t) * dtype_size(t->dtype)) : 0;
}

/* What a call must read and write. An output that is added to is read as well. */
static double set_bytes(const struct work *k, const struct operands *o)
{
    const int64_t *a = k->row->sizes;
    bool adds = k->row->kind == OP_BENCH_CONV
                    ? a[7] != 0
                    : k->row->kind == OP_BENCH_LINEAR &&
                          (a[3] == LINEAR_RESIDUAL || a[3] == LINEAR_GATE_RESIDUAL);
    return tensor_bytes(&o->x) + tensor_bytes(&o->y) * (adds ? 2 : 1) + tensor_bytes(&o->z) +
           tensor_bytes(&o->u) + tensor_bytes(&o->w) + tensor_bytes(&o->b) + k->packed;
}

/* --- timing --- */

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

/* Seconds a call of `batch` calls and a wait; *turn: which operands come next. */
static bool time_batch(struct work *k, int batch, int *turn, double *seconds, struct dn_error *err)
{
    bool ok = true;
    double start = now_s();
    for (int i = 0; ok && i < batch; i++)
        ok = call(k, &k->sets[(*turn)++ % k->count], err);
    ok = ok && k->ops->sync(k->ex, err);
    *seconds = (now_s() - start) / batch;
    return ok;
}

/* How many calls a batch has, after each set has been used once. */
static bool choose_batch(struct work *k, const struct op_bench_plan *plan, int *batch,
                         struct dn_error *err)
{
    int turn = 0;
    double seconds;
    *batch = 1;
    if (plan->batch_s <= 0)
        return true;
    if (!time_batch(k, k->count, &turn, &seconds, err) ||
        !time_batch(k, k->count, &turn, &seconds, err))
        return false;
    double wanted = plan->batch_s / seconds;
    *batch = wanted < 1 ? 1 : wanted > MAX_BATCH ? MAX_BATCH : (int)wanted;
    return true;
}

static bool measure(struct work *k, const struct op_bench_plan *plan, struct op_bench_result *out,
                    struct dn_error *err)
{
    double samples[OP_BENCH_SAMPLES], start, seconds;
    int count = 0, turn = 0, batch;
    if (!choose_batch(k, plan, &batch, err))
        return false;
    start = now_s();
    for (int i = 0; i < 5 || now_s() - start < plan->budget_s; i++) {
        if (!time_batch(k, batch, &turn, &seconds, err))
            return false;
        out->seconds = seconds < out->seconds ? seconds : out->seconds;
        if (count < OP_BENCH_SAMPLES)
            samples[count++] = seconds;
    }
    qsort(samples, (size_t)count, sizeof *samples, compare_seconds);
    out->median = samples[count / 2];
    return true;
}

/* One set of operands, and more until they are large enough together. */
static bool prepare_all(struct work *k, const struct op_bench_plan *plan,
                        struct op_bench_result *out, struct dn_error *err)
{
    double bytes = 0;
    do {
        struct operands *o = &k->sets[k->count++];
        if (!prepare(k, o, err))
            return false;
        out->bytes = set_bytes(k, o);
        bytes += out->bytes;
    } while (bytes < plan->rotate_bytes && k->count < MAX_SETS);
    out->flops = op_bench_flops(k->row);
    return true;
}

static void release(struct work *k)
{
    for (int s = 0; s < k->count; s++) {
        struct operands *o = &k->sets[s];
        struct tensor *all[] = {&o->x, &o->y, &o->z, &o->u, &o->w, &o->b};
        if (o->conv)
            k->ops->conv_free(k->ex, o->conv);
        if (o->linear)
            k->ops->linear_free(k->ex, o->linear);
        for (int i = 0; i < 6; i++)
            if (all[i]->data)
                k->ops->tensor_free(k->ex, all[i]);
    }
    free(k->block);
}

bool op_bench_run(const struct ops *ops, struct exec *ex, const struct op_bench_row *row,
                  const struct op_bench_plan *plan, struct op_bench_result *out,
                  struct dn_error *err)
{
    struct work k = {.ops = ops, .ex = ex, .row = row, .block = random_block()};
    *out = (struct op_bench_result){.seconds = 1e9};
    bool ok = prepare_all(&k, plan, out, err) && measure(&k, plan, out, err);
    release(&k);
    return ok;
}
