/* pass: one pass of Wan2.1 1.3B over a chunk at 480x832 with random weights and without attention
 * (its two operations do nothing): what all the rest costs, how much of that the host needs to
 * queue it, and how long the weights take from the page cache.
 *
 *   make CUDA=1 all && gcc -std=gnu17 -O2 -fopenmp -Isrc -I. kernels/lab/runtime/pass.c \
 *       build/lib{model,config,format,kernels,base}.a -lcublasLt ... -o build/lab-pass
 *   lab-pass DIR [passes [fp8]]      DIR receives 2.9 GB; fp8: with narrow linears */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/synthetic.h"
#include "model/transformer.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if (!(call)) {                                                                             \
            printf("%s: %s\n", #call, err.message);                                                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { FRAMES = 3, CACHE = 21, ROWS = 30, COLS = 52 };

static struct dn_error err;

static bool no_attention(struct exec *ex, const struct tensor *out, const struct tensor *q,
                         const struct tensor *k, const struct tensor *v,
                         const struct attention_args *args, struct dn_error *e)
{
    (void)ex, (void)out, (void)q, (void)k, (void)v, (void)args, (void)e;
    return true;
}

static double since(int64_t start)
{
    return (double)(dn_now_ns() - start) / 1e6;
}

static struct transformer *load(const struct ops *ops, struct exec *ex, const char *dir)
{
    struct weights *w = NULL;
    struct transformer_config config;
    struct transformer *tr;
    char path[512], config_path[512];
    snprintf(path, sizeof path, "%s/diffusion_pytorch_model.safetensors", dir);
    snprintf(config_path, sizeof config_path, "%s/config.json", dir);
    int64_t start = dn_now_ns();
    MUST(weights_open(path, &w, &err));
    MUST(transformer_config_load(config_path, w, &config, &err));
    double opened = since(start);
    MUST(transformer_open(ops, ex, w, &config, &tr, &err));
    double queued = since(start);
    MUST(ops->sync(ex, &err));
    printf("load: opened after %.0f ms, queued %.0f ms, there %.0f ms\n", opened, queued,
           since(start));
    weights_close(w);
    return tr;
}

int main(int argc, char **argv)
{
    const struct ops *cuda;
    struct exec *ex;
    struct exec_options options = {.dtype = DTYPE_BF16};
    const char *dir = argc > 1 ? argv[1] : "/dev/shm";
    int passes = argc > 2 ? atoi(argv[2]) : 10;
    options.fp8 = argc > 3 && strcmp(argv[3], "fp8") == 0;
    int64_t start = dn_now_ns();
    MUST(synthetic_write(synthetic_find("wan2.1-1.3b"), dir, &err));
    printf("weights written in %.0f ms\n", since(start));
    start = dn_now_ns();
    MUST(ops_select("cuda", &cuda, &err));
    MUST(cuda->open(&options, &ex, &err));
    printf("backend opened in %.0f ms\n", since(start));
    struct ops ops = *cuda;
    ops.attention = no_attention;
    transformer_free(load(&ops, ex, dir));
    struct transformer *tr = load(&ops, ex, dir);

    struct kv_cache *cache;
    struct text_context *context;
    const struct transformer_config *c = transformer_get_config(tr);
    float *values = dn_calloc((size_t)(FRAMES * 16 * 60 * 104), sizeof *values);
    for (int i = 0; i < FRAMES * 16 * 60 * 104; i++)
        values[i] = (float)(i * 37 % 101) / 50 - 1;
    struct tensor text = tensor_over(values, DTYPE_F32, DIMS(64, c->text_dim));
    MUST(text_context_new(tr, &text, &context, &err));
    MUST(transformer_cache_new(tr, ROWS, COLS, CACHE, 0, &cache, &err));
    struct tensor x, flow, host = tensor_over(values, DTYPE_F32, DIMS(FRAMES, 16, 60, 104));
    MUST(ops.tensor_alloc(ex, &x, DTYPE_F32, host.ndim, host.shape, &err));
    MUST(ops.tensor_alloc(ex, &flow, DTYPE_F32, host.ndim, host.shape, &err));
    MUST(ops.upload(ex, &x, &host, &err));
    const float timesteps[FRAMES] = {1000, 1000, 1000};
    struct transformer_pass pass = {
        .latents = &x, .timesteps = timesteps, .context = context, .cache = cache};
    for (int warm = 0; warm < 3; warm++) {
        start = dn_now_ns();
        MUST(transformer_forward(tr, &pass, &flow, &err) && ops.sync(ex, &err));
        printf("pass %d: %.2f ms\n", warm, since(start));
    }
    start = dn_now_ns();
    for (int i = 0; i < passes; i++)
        MUST(transformer_forward(tr, &pass, &flow, &err));
    double queued = since(start);
    MUST(ops.sync(ex, &err));
    double all = since(start);
    printf("%d passes: %.2f ms each, queued in %.2f ms each; 35 of them %.0f ms\n", passes,
           all / passes, queued / passes, 35 * all / passes);
    start = dn_now_ns();
    for (int i = 0; i < passes; i++)
        MUST(transformer_forward(tr, &pass, NULL, &err));
    MUST(ops.sync(ex, &err));
    printf("cache pass: %.2f ms\n", since(start) / passes);
    return 0;
}
