/* attention_bench: the attention operation as the models call it, timed from the host over many
 * queued calls, and each of its ways by itself (attention.h), compared with one another. Random
 * inputs; an argument picks rows by name. attention_lab checks and times the Hopper kernel's
 * variants alone.
 *
 *   make CUDA=1 build/libkernels.a build/libbase.a
 *   nvcc -std=c++17 -O2 -arch=sm_90 -Isrc -I. kernels/lab/attention/attention_bench.cu \
 *        build/libkernels.a build/libbase.a -lcublasLt -ldnnl -ljansson -lgomp -o attention_bench
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/cuda/attention.h"

extern "C" {
#include "base/clock.h"
#include "kernels/ops.h"
}

static const struct row {
    const char *name;
    int64_t queries, keys, heads, d;
    bool bias, key_bias;
} rows[] = {
    {"self 4680, chunk 1", 4680, 4680, 12, 128, false, false},
    {"self 4680, chunk 4", 4680, 18720, 12, 128, false, false},
    {"self 4680, chunk 7", 4680, 32760, 12, 128, false, false},
    {"self 4680, chunk 7, 40 heads", 4680, 32760, 40, 128, false, false},
    {"cross, 512 keys", 4680, 512, 12, 128, false, true},
    {"cross, 64 keys", 4680, 64, 12, 128, false, true},
    {"VAE, 60x104", 6240, 6240, 1, 384, false, false},
    {"VAE, 90x160", 14400, 14400, 1, 384, false, false},
    {"text encoder, 512", 512, 512, 64, 64, true, false},
    {"demo, 1260 keys", 180, 1260, 6, 32, false, false},
};

static const struct ops *ops;
static struct exec *ex;

static void stop(const struct dn_error *err)
{
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static struct tensor random_tensor(enum dtype dtype, int64_t a, int64_t b, int64_t c)
{
    struct dn_error err;
    struct tensor t, host;
    int64_t shape[] = {a, b, c};
    float *values = (float *)dn_malloc((size_t)(a * b * c) * 4);
    static uint32_t state = 12345; /* equal q and k would make an easy softmax, cold units */
    for (int64_t i = 0; i < a * b * c; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / 8388608.0f * 1.7f - 1.7f;
    }
    host = tensor_over(values, DTYPE_F32, 3, shape);
    if (!ops->tensor_alloc(ex, &t, dtype, 3, shape, &err) || !ops->upload(ex, &t, &host, &err))
        stop(&err);
    free(values);
    return t;
}

typedef bool way(struct exec *, const struct attention_call *, struct dn_error *);

static bool whole_op(struct exec *on, const struct attention_call *c, struct dn_error *err)
{
    return ops->attention(on, c->out, c->q, c->k, c->v, c->args, err);
}

static void time_way(const struct row *r, const char *name, way *run,
                     const struct attention_call *c)
{
    struct dn_error err;
    double flops = 4.0 * (double)(r->queries * r->keys * r->heads * r->d), best = 1e30;
    int calls = (int)fmin(50, fmax(2, 3e12 / flops));
    for (int turn = 0; turn < 4; turn++) {
        int64_t start = dn_now_ns();
        for (int i = 0; i < calls; i++)
            if (!run(ex, c, &err))
                stop(&err);
        double queued = (double)(dn_now_ns() - start) * 1e-9;
        if (!ops->sync(ex, &err))
            stop(&err);
        double seconds = (double)(dn_now_ns() - start) * 1e-9 / calls;
        best = turn > 0 && seconds < best ? seconds : best;
        if (turn == 3)
            printf("%-8s %-30s %9.1f us %7.1f TFLOP/s, %5.1f us to queue\n", name, r->name,
                   best * 1e6, flops / best * 1e-12, queued / calls * 1e6);
    }
    fflush(stdout);
}

static double distance(const struct tensor *a, const struct tensor *b)
{
    struct dn_error err;
    int64_t count = tensor_count(a);
    float *x = (float *)dn_malloc((size_t)count * 4), *y = (float *)dn_malloc((size_t)count * 4);
    struct tensor to_x = tensor_over(x, DTYPE_F32, a->ndim, a->shape);
    struct tensor to_y = tensor_over(y, DTYPE_F32, a->ndim, a->shape);
    if (!ops->download(ex, &to_x, a, &err) || !ops->download(ex, &to_y, b, &err))
        stop(&err);
    double noise = 0, signal = 0;
    for (int64_t i = 0; i < count; i++) {
        noise += (double)(x[i] - y[i]) * (x[i] - y[i]);
        signal += (double)x[i] * x[i];
    }
    free(x);
    free(y);
    return noise / signal;
}

static void run(const struct row *r)
{
    struct tensor q = random_tensor(DTYPE_BF16, r->queries, r->heads, r->d);
    struct tensor k = random_tensor(DTYPE_BF16, r->keys, r->heads, r->d);
    struct tensor v = random_tensor(DTYPE_BF16, r->keys, r->heads, r->d);
    struct tensor out = random_tensor(DTYPE_BF16, r->queries, r->heads, r->d);
    struct tensor bias = {}, key_bias = {}, per_key;
    struct attention_args args = {};
    args.scale = 1 / sqrtf((float)r->d);
    if (r->bias) {
        bias = random_tensor(DTYPE_F32, r->heads, r->queries, r->keys);
        args.bias = &bias;
    }
    if (r->key_bias) {
        key_bias = random_tensor(DTYPE_F32, 1, 1, r->keys);
        per_key = tensor_reshape(&key_bias, 1, &r->keys);
        args.key_bias = &per_key;
    }
    struct attention_call call = {&out, &q, &k, &v, &args};
    time_way(r, "op", whole_op, &call);
    if (attention_tiles_fit(ex, &call)) {
        struct tensor other = random_tensor(DTYPE_BF16, r->queries, r->heads, r->d);
        call.out = &other;
        time_way(r, "mma", attention_mma, &call);
        printf("   %-30s nmse %.2e between them\n", r->name, distance(&out, &other));
        if (attention_products_fits(ex, &call)) {
            time_way(r, "products", attention_products, &call);
            printf("   %-30s nmse %.2e between them\n", r->name, distance(&out, &other));
        }
        ops->tensor_free(ex, &other);
    }
    struct tensor *all[] = {&q, &k, &v, &out, &bias, &key_bias};
    for (int i = 0; i < 6; i++)
        if (all[i]->data)
            ops->tensor_free(ex, all[i]);
}

int main(int argc, char **argv)
{
    struct exec_options options = {};
    options.dtype = DTYPE_BF16;
    struct dn_error err;
    if (!ops_select("cuda", &ops, &err) || !ops->open(&options, &ex, &err))
        stop(&err);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (argc < 2 || strstr(rows[i].name, argv[1]))
            run(&rows[i]);
    ops->close(ex);
    return 0;
}
