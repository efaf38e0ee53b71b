/* bench_shapes: the operations of a model at the sizes of a request, and how many products they
 * are. The decoder's are read from the tensors of its file, as the public model runs them: ours
 * does the convolution behind an enlargement with 4/9 of the products, so its time may be below the
 * sum of the rows. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "commands/bench.h"
#include "format/weights.h"

#define ROTATE_BYTES 180e6 /* three times the largest cache of a GPU that we know */

/* Adds a row, or further calls of one that is there. */
static double add(struct bench_shapes *s, enum op_bench_kind kind, enum op_bench_part part,
                  double times, const int64_t sizes[8])
{
    struct op_bench_row op = {"", kind, part, times, {0}};
    memcpy(op.sizes, sizes, sizeof op.sizes);
    double flops = op_bench_flops(&op);
    for (int i = 0; i < s->count; i++) {
        struct op_bench_row *old = &s->rows[i].op;
        if (old->kind == kind && old->part == part &&
            memcmp(old->sizes, op.sizes, sizeof op.sizes) == 0) {
            old->times += times;
            return flops;
        }
    }
    assert(s->count < BENCH_MAX_ROWS);
    s->rows[s->count++] = (struct bench_row){.op = op, .flops = flops};
    return flops;
}

/* --- transformer --- */

/* How a pass attends to its frames. Frames that share a tile are one high frame. */
static enum op_bench_kind attention_row(const struct transformer_config *c,
                                        const struct bench_pass *p, int64_t sizes[8])
{
    const struct attention_choice *a = &p->attention;
    int64_t tokens = p->rows * p->cols, head = transformer_head_dim(c);
    if (a->kind == ATTENTION_DENSE) {
        const int64_t dense[8] = {p->frames * tokens, p->keys * tokens, c->heads, head};
        memcpy(sizes, dense, sizeof dense);
        return OP_BENCH_ATTENTION;
    }
    const int64_t monarch[8] = {p->frames / a->f_tied, p->keys / a->f_tied, a->f_tied * p->rows,
                                p->cols, c->heads, head, a->h_reduce, a->w_reduce};
    memcpy(sizes, monarch, sizeof monarch);
    return OP_BENCH_MONARCH;
}

static double self_attention_flops(const struct transformer_config *c, const struct bench_pass *p)
{
    struct op_bench_row row = {.name = ""};
    row.kind = attention_row(c, p, row.sizes);
    return op_bench_flops(&row);
}

double bench_pass_flops(const struct transformer_config *c, const struct bench_pass *p, bool cache)
{
    double n = (double)(p->frames * p->rows * p->cols), d = (double)c->dim;
    double layer = n * (12 * d * d + 4 * d * (double)c->ffn_dim + 4 * d * (double)p->text_keys) +
                   self_attention_flops(c, p);
    double ends = n * 16 * (double)c->channels * d; /* patches in, pixels out */
    if (cache)
        return layer * (double)(c->layers - 1) + n * 4 * d * d + ends / 2;
    return layer * (double)c->layers + ends;
}

static void add_transformer(struct bench_shapes *s, const struct transformer_config *c,
                            const struct bench_pass *p)
{
    int64_t n = p->frames * p->rows * p->cols, d = c->dim, head = transformer_head_dim(c);
    const struct {
        enum op_bench_kind kind;
        double times;
        int64_t sizes[8];
    } rows[] = {
        {OP_BENCH_LINEAR, 1, {n, d, 3 * d, LINEAR_STORE, s->fp8}},
        {OP_BENCH_LINEAR, 1, {n, d, d, LINEAR_GATE_RESIDUAL, s->fp8}},
        {OP_BENCH_LINEAR, 1, {n, d, d, LINEAR_STORE, s->fp8}},
        {OP_BENCH_LINEAR, 1, {n, d, d, LINEAR_RESIDUAL, s->fp8}},
        {OP_BENCH_LINEAR, 1, {n, d, c->ffn_dim, LINEAR_GELU_TANH, s->fp8}},
        {OP_BENCH_LINEAR, 1, {n, c->ffn_dim, d, LINEAR_GATE_RESIDUAL, s->fp8}},
        {OP_BENCH_MODULATE, 3, {n, d}},
        {OP_BENCH_PLACE, 1, {n, d, head}},
        {OP_BENCH_ROPE, 1, {n, d, head}},
        {OP_BENCH_ATTENTION, 1, {n, p->text_keys, c->heads, head}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        add(s, rows[i].kind, OP_BENCH_TRANSFORMER, rows[i].times * (double)c->layers,
            rows[i].sizes);
}

static const struct bench_row *find_row(const struct bench_shapes *s, enum op_bench_kind kind,
                                        const int64_t sizes[8])
{
    for (int i = 0; i < s->count; i++)
        if (s->rows[i].op.kind == kind && s->rows[i].op.part == OP_BENCH_TRANSFORMER &&
            memcmp(s->rows[i].op.sizes, sizes, sizeof s->rows[i].op.sizes) == 0)
            return &s->rows[i];
    return NULL;
}

void bench_shapes_pass(struct bench_shapes *s, const struct transformer_config *c,
                       const struct bench_pass *pass)
{
    bool others = false;
    int64_t sizes[8];
    for (int i = 0; i < s->count; i++)
        others |= s->rows[i].op.part == OP_BENCH_TRANSFORMER;
    if (!others)
        add_transformer(s, c, pass);
    enum op_bench_kind kind = attention_row(c, pass, sizes);
    if (!others || !find_row(s, kind, sizes))
        add(s, kind, OP_BENCH_TRANSFORMER, (double)c->layers, sizes);
}

const struct bench_row *bench_shapes_attention(const struct bench_shapes *s,
                                               const struct transformer_config *c,
                                               const struct bench_pass *pass)
{
    int64_t sizes[8];
    enum op_bench_kind kind = attention_row(c, pass, sizes);
    return find_row(s, kind, sizes);
}

/* --- decoder --- */

/* Where we are in the decoder: frames and size of what arrives, later latents. */
struct walk {
    struct bench_shapes *s;
    const struct weights *w;
    int64_t t, h, w_px;
};

/* Adds the convolution PREFIX.PART if there is one; kt of a 2-D one is 1. NULL: there is none. */
static const struct weight_view *add_conv(struct walk *k, const char *prefix, const char *part,
                                          bool residual)
{
    char name[128];
    snprintf(name, sizeof name, "%s%s.weight", prefix, part);
    const struct weight_view *v = weights_find(k->w, name);
    if (!v || v->ndim < 4)
        return NULL;
    int64_t kt = v->ndim == 5 ? v->shape[2] : 1;
    const int64_t sizes[8] = {k->t, k->h, k->w_px, v->shape[1], v->shape[0], kt,
                              v->shape[v->ndim - 1], residual};
    double flops = add(k->s, OP_BENCH_CONV, OP_BENCH_DECODE, 1, sizes);
    k->s->decode_flops += flops;
    if (kt == 1 || sizes[6] > 1) /* a convolution in time alone is left out of the first frame */
        k->s->decode_first_flops += flops / (double)k->t;
    return v;
}

static void add_norm(struct walk *k, int64_t channels)
{
    const int64_t sizes[8] = {k->t, k->h, k->w_px, channels};
    add(k->s, OP_BENCH_NORM, OP_BENCH_DECODE, 1, sizes);
}

static void tell(struct walk *k, const char *kind, int64_t in, int64_t out, int64_t more)
{
    json_array_append_new(k->s->decoder, json_pack("[s,I,I,I]", kind, (json_int_t)in,
                                                   (json_int_t)out, (json_int_t)more));
}

static bool add_residual(struct walk *k, const char *prefix)
{
    const struct weight_view *first = add_conv(k, prefix, "residual.2", false);
    if (!first)
        return false;
    int64_t in = first->shape[1], out = first->shape[0];
    add_norm(k, in);
    add_norm(k, out);
    add_conv(k, prefix, "residual.6", true);
    add_conv(k, prefix, "shortcut", false);
    tell(k, "residual", in, out, 0);
    return true;
}

static bool add_attention(struct walk *k, const char *prefix)
{
    const struct weight_view *qkv = add_conv(k, prefix, "to_qkv", false);
    if (!qkv)
        return false;
    int64_t c = qkv->shape[1], pixels = k->h * k->w_px;
    add_conv(k, prefix, "proj", true);
    const int64_t sizes[8] = {pixels, pixels, 1, c};
    double flops = add(k->s, OP_BENCH_ATTENTION, OP_BENCH_DECODE, (double)k->t, sizes);
    k->s->decode_flops += flops * (double)k->t;
    k->s->decode_first_flops += flops;
    tell(k, "attention", c, c, 0);
    return true;
}

static bool add_upsample(struct walk *k, const char *prefix)
{
    char name[128];
    snprintf(name, sizeof name, "%sresample.1.weight", prefix);
    const struct weight_view *spatial = weights_find(k->w, name);
    if (!spatial)
        return false;
    int64_t in = spatial->shape[1];
    const struct weight_view *time = add_conv(k, prefix, "time_conv", false);
    if (time) {
        const int64_t sizes[8] = {k->t, k->h, k->w_px, 2 * in};
        add(k->s, OP_BENCH_WEAVE, OP_BENCH_DECODE, 1, sizes);
        k->t *= 2;
    }
    k->h *= 2;
    k->w_px *= 2;
    add_conv(k, prefix, "resample.1", false);
    tell(k, "upsample", in, spatial->shape[0], time != NULL);
    return true;
}

/* One layer of whatever kind; false: there is none of this name. */
static bool add_layer(struct walk *k, const char *list, int index)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "decoder.%s.%d.", list, index);
    return add_residual(k, prefix) || add_attention(k, prefix) || add_upsample(k, prefix);
}

static void add_decoder(struct walk *k)
{
    const struct weight_view *v = add_conv(k, "decoder.", "conv1", false);
    if (v)
        tell(k, "conv", v->shape[1], v->shape[0], 0);
    for (int i = 0; add_layer(k, "middle", i); i++)
        ;
    for (int i = 0; add_layer(k, "upsamples", i); i++)
        ;
    v = add_conv(k, "decoder.head.", "2", false);
    if (v) {
        add_norm(k, v->shape[1]);
        tell(k, "head", v->shape[1], v->shape[0], 0);
    }
}

bool bench_shapes_decoder(struct bench_shapes *s, const char *vae, int64_t h, int64_t w,
                          struct dn_error *err)
{
    struct weights *weights;
    s->decoder = json_array();
    s->h = h;
    s->w = w;
    if (!weights_open(vae, &weights, err))
        return false;
    struct walk k = {s, weights, 1, h, w};
    add_decoder(&k);
    weights_close(weights);
    return true;
}

bool bench_shapes_run(struct bench_shapes *s, const struct job *job, double budget_s,
                      const volatile sig_atomic_t *stop, struct dn_error *err)
{
    struct op_bench_plan plan = {.budget_s = budget_s};
    if (job_queues(job->ops)) {
        plan.batch_s = 2e-3;
        plan.rotate_bytes = ROTATE_BYTES;
    }
    for (int i = 0; i < s->count; i++) {
        if (*stop)
            return dn_fail(err, DN_E_CANCELLED, "stopped");
        if (!op_bench_run(job->ops, job->ex, &s->rows[i].op, &plan, &s->rows[i].result, err))
            return false;
    }
    return true;
}

void bench_shapes_done(struct bench_shapes *s)
{
    json_decref(s->decoder);
}

void bench_row_describe(const struct bench_row *row, char op[32], char shape[64])
{
    static const char *const names[] = {
        [OP_BENCH_CONV] = "conv",           [OP_BENCH_NORM] = "norm + SiLU",
        [OP_BENCH_UPSAMPLE] = "enlarge",    [OP_BENCH_WEAVE] = "weave frames",
        [OP_BENCH_LINEAR] = "linear",       [OP_BENCH_MODULATE] = "norm + modulate",
        [OP_BENCH_ROPE] = "q/k norm + rope", [OP_BENCH_PLACE] = "q, k, v placed",
        [OP_BENCH_ATTENTION] = "attention", [OP_BENCH_MONARCH] = "Monarch",
    };
    static const char *const epilogues[LINEAR_EPILOGUE_COUNT] = {
        [LINEAR_GELU_TANH] = " + GELU", [LINEAR_RESIDUAL] = " + residual",
        [LINEAR_GATE_RESIDUAL] = " + gate"};
    const int64_t *n = row->op.sizes;
    long long a[6];
    for (int i = 0; i < 6; i++)
        a[i] = n[i];
    snprintf(op, 32, "%s", names[row->op.kind]);
    switch (row->op.kind) {
    case OP_BENCH_CONV:
        snprintf(op, 32, "conv %lldx%lldx%lld%s", a[5], (long long)n[6], (long long)n[6],
                 n[7] ? " + x" : "");
        snprintf(shape, 64, "%lldx%lldx%lld %lld-%lld", a[0], a[1], a[2], a[3], a[4]);
        break;
    case OP_BENCH_LINEAR:
        if (a[4])
            snprintf(op, 32, "fp8%s", epilogues[a[3]] ? epilogues[a[3]] : " linear");
        else
            snprintf(op, 32, "linear%s", epilogues[a[3]] ? epilogues[a[3]] : "");
        snprintf(shape, 64, "%lld x %lld-%lld", a[0], a[1], a[2]);
        break;
    case OP_BENCH_MODULATE:
    case OP_BENCH_ROPE:
    case OP_BENCH_PLACE:
        snprintf(shape, 64, "%lld x %lld", a[0], a[1]);
        break;
    case OP_BENCH_ATTENTION:
        snprintf(shape, 64, "%lld x %lld, %lld of %lld", a[0], a[1], a[2], a[3]);
        break;
    case OP_BENCH_MONARCH:
        if (n[6] > 1 || n[7] > 1)
            snprintf(op, 32, "Monarch h%lld w%lld", (long long)n[6], (long long)n[7]);
        snprintf(shape, 64, "%lld x %lld of %lldx%lld, %lld of %lld", a[0], a[1], a[2], a[3], a[4],
                 a[5]);
        break;
    default:
        snprintf(shape, 64, "%lldx%lldx%lld %lld", a[0], a[1], a[2], a[3]);
    }
}
