/* synthetic: see synthetic.h. All tensors of a file point into one block of random numbers, at
 * different places, so that writing 2.8 GB costs no more than writing. */
#include "model/synthetic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/mem.h"
#include "format/safetensors_write.h"
#include "model/transformer.h"

const struct synthetic_size synthetic_sizes[] = {
    {"wan2.1-1.3b", 1536, 8960, 12, 30, 256, 4096, 512, 96},
    {"wan2.1-14b", 5120, 13824, 40, 40, 256, 4096, 512, 96},
    {NULL, 0, 0, 0, 0, 0, 0, 0, 0},
};

const struct synthetic_size *synthetic_find(const char *name)
{
    for (const struct synthetic_size *s = synthetic_sizes; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

#define SHIFT_STEP 4099 /* elements between the starts of two tensors: prime */
#define SHIFTS 64

struct block {
    struct safetensors_writer *writer;
    uint16_t *numbers; /* bf16, about uniform in +-0.03; NULL: none are wanted */
    uint16_t *ones;    /* for norms */
    int64_t made;
};

static uint16_t *random_numbers(int64_t count)
{
    uint16_t *out = dn_malloc(dn_mul_or_abort((size_t)count, 2));
    uint64_t state = 0x9E3779B97F4A7C15u;
    for (int64_t i = 0; i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        out[i] = bf16_from_f32(((float)(state >> 40) / 8388608.0f - 1.0f) * 0.03f);
    }
    return out;
}

static bool add_tensor(void *context, const char *name, int ndim, const int64_t *shape)
{
    struct block *b = context;
    if (!b->numbers) {
        safetensors_writer_tensor(b->writer, name, DTYPE_BF16, ndim, shape, NULL);
        return true;
    }
    bool norm = strstr(name, "norm_") || strstr(name, "norm3.weight") || strstr(name, "gamma");
    const uint16_t *data = norm ? b->ones : b->numbers + b->made % SHIFTS * SHIFT_STEP;
    safetensors_writer_tensor(b->writer, name, DTYPE_BF16, ndim, shape, data);
    b->made++;
    return true;
}

static bool write_block(const char *dir, const char *name, int64_t largest,
                        void (*fill)(struct block *, const struct synthetic_size *),
                        const struct synthetic_size *size, struct dn_error *err)
{
    struct block b = {.writer = safetensors_writer_new()};
    if (largest > 0) {
        b.numbers = random_numbers(largest + SHIFTS * SHIFT_STEP);
        b.ones = dn_malloc(dn_mul_or_abort((size_t)largest, 2));
        safetensors_writer_passing(b.writer);
    } else {
        safetensors_writer_hollow(b.writer);
    }
    for (int64_t i = 0; i < largest; i++)
        b.ones[i] = bf16_from_f32(1.0f);
    fill(&b, size);
    char *path = dn_asprintf("%s/%s", dir, name);
    bool ok = safetensors_writer_finish(b.writer, path, true, err);
    free(path);
    safetensors_writer_free(b.writer);
    free(b.numbers);
    free(b.ones);
    return ok;
}

static void fill_transformer(struct block *b, const struct synthetic_size *s)
{
    const struct transformer_config config = {.dim = s->dim, .ffn_dim = s->ffn_dim,
                                              .freq_dim = s->freq_dim, .text_dim = s->text_dim,
                                              .heads = s->heads, .layers = s->layers,
                                              .channels = 16, .text_len = s->text_len};
    transformer_each_tensor(&config, add_tensor, b);
}

/* --- the autoencoder, names of Wan2.1_VAE.pth --- */

static void add_named(struct block *b, const char *prefix, const char *part, int ndim,
                      const int64_t *shape)
{
    char name[128];
    snprintf(name, sizeof name, "%s%s", prefix, part);
    add_tensor(b, name, ndim, shape);
}

static void add_conv(struct block *b, const char *prefix, const char *part, int64_t out, int64_t in,
                     int64_t kt, int64_t k)
{
    char weight[64], bias[64];
    snprintf(weight, sizeof weight, "%s.weight", part);
    snprintf(bias, sizeof bias, "%s.bias", part);
    add_named(b, prefix, weight, 5, (int64_t[]){out, in, kt, k, k});
    add_named(b, prefix, bias, 1, &out);
}

static void add_conv2d(struct block *b, const char *prefix, const char *part, int64_t out,
                       int64_t in, int64_t k)
{
    char weight[64], bias[64];
    snprintf(weight, sizeof weight, "%s.weight", part);
    snprintf(bias, sizeof bias, "%s.bias", part);
    add_named(b, prefix, weight, 4, (int64_t[]){out, in, k, k});
    add_named(b, prefix, bias, 1, &out);
}

static void add_residual(struct block *b, const char *prefix, int64_t out, int64_t in)
{
    add_named(b, prefix, "residual.0.gamma", 4, (int64_t[]){in, 1, 1, 1});
    add_conv(b, prefix, "residual.2", out, in, 3, 3);
    add_named(b, prefix, "residual.3.gamma", 4, (int64_t[]){out, 1, 1, 1});
    add_conv(b, prefix, "residual.6", out, out, 3, 3);
    if (out != in)
        add_conv(b, prefix, "shortcut", out, in, 1, 1);
}

static void add_middle(struct block *b, const char *net, int64_t width)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s.middle.0.", net);
    add_residual(b, prefix, width, width);
    snprintf(prefix, sizeof prefix, "%s.middle.1.", net);
    add_named(b, prefix, "norm.gamma", 3, (int64_t[]){width, 1, 1});
    add_conv2d(b, prefix, "to_qkv", 3 * width, width, 1);
    add_conv2d(b, prefix, "proj", width, width, 1);
    snprintf(prefix, sizeof prefix, "%s.middle.2.", net);
    add_residual(b, prefix, width, width);
}

static void add_head(struct block *b, const char *net, int64_t out, int64_t in)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s.head.", net);
    add_named(b, prefix, "0.gamma", 4, (int64_t[]){in, 1, 1, 1});
    add_conv(b, prefix, "2", out, in, 3, 3);
}

#define STAGES 4
#define LATENT 16

static void fill_encoder(struct block *b, int64_t width)
{
    static const int64_t multiple[STAGES] = {1, 2, 4, 4};
    static const bool in_time[STAGES - 1] = {false, true, true};
    int64_t in = width;
    int layer = 0;
    char prefix[64];
    add_conv(b, "encoder.", "conv1", width, 3, 3, 3);
    for (int stage = 0; stage < STAGES; stage++) {
        int64_t out = width * multiple[stage];
        for (int block = 0; block < 2; block++, in = out) {
            snprintf(prefix, sizeof prefix, "encoder.downsamples.%d.", layer++);
            add_residual(b, prefix, out, in);
        }
        if (stage == STAGES - 1)
            break;
        snprintf(prefix, sizeof prefix, "encoder.downsamples.%d.", layer++);
        add_conv2d(b, prefix, "resample.1", out, out, 3);
        if (in_time[stage])
            add_conv(b, prefix, "time_conv", out, out, 3, 1);
    }
    add_middle(b, "encoder", in);
    add_head(b, "encoder", 2 * LATENT, in);
    add_conv(b, "", "conv1", 2 * LATENT, 2 * LATENT, 1, 1);
}

static void fill_decoder(struct block *b, int64_t width)
{
    static const int64_t multiple[STAGES] = {4, 4, 2, 1};
    static const bool in_time[STAGES - 1] = {true, true, false};
    int64_t in = width * multiple[0];
    int layer = 0;
    char prefix[64];
    add_conv(b, "", "conv2", LATENT, LATENT, 1, 1);
    add_conv(b, "decoder.", "conv1", in, LATENT, 3, 3);
    add_middle(b, "decoder", in);
    for (int stage = 0; stage < STAGES; stage++) {
        int64_t out = width * multiple[stage];
        for (int block = 0; block < 3; block++, in = out) {
            snprintf(prefix, sizeof prefix, "decoder.upsamples.%d.", layer++);
            add_residual(b, prefix, out, in);
        }
        if (stage == STAGES - 1)
            break;
        snprintf(prefix, sizeof prefix, "decoder.upsamples.%d.", layer++);
        add_conv2d(b, prefix, "resample.1", out / 2, out, 3);
        if (in_time[stage])
            add_conv(b, prefix, "time_conv", 2 * out, out, 3, 1);
        in = out / 2;
    }
    add_head(b, "decoder", 3, in);
}

static void fill_vae(struct block *b, const struct synthetic_size *s)
{
    fill_encoder(b, s->vae_width);
    fill_decoder(b, s->vae_width);
}

static bool write_config(const struct synthetic_size *s, const char *dir, struct dn_error *err)
{
    char *path = dn_asprintf("%s/config.json", dir);
    FILE *f = fopen(path, "w");
    bool ok = f != NULL;
    if (ok) {
        fprintf(f,
                "{\"_class_name\": \"WanModel\", \"model_type\": \"t2v\", \"dim\": %lld, "
                "\"ffn_dim\": %lld, \"freq_dim\": %lld, \"num_heads\": %lld, \"num_layers\": %lld, "
                "\"text_len\": %lld, \"in_dim\": 16, \"out_dim\": 16, \"eps\": 1e-06}\n",
                (long long)s->dim, (long long)s->ffn_dim, (long long)s->freq_dim,
                (long long)s->heads, (long long)s->layers, (long long)s->text_len);
        ok = fclose(f) == 0;
    }
    if (!ok)
        dn_fail(err, DN_E_IO, "cannot write %s: %s", path, strerror(errno));
    free(path);
    return ok;
}

/* largest: elements of a file's largest tensor; 0: hollow files. */
static bool write_files(const struct synthetic_size *size, const char *dir, int64_t largest,
                        struct dn_error *err)
{
    return write_config(size, dir, err) &&
           write_block(dir, "diffusion_pytorch_model.safetensors", largest, fill_transformer, size,
                       err) &&
           write_block(dir, "Wan2.1_VAE.safetensors", largest, fill_vae, size, err);
}

bool synthetic_write(const struct synthetic_size *size, const char *dir, struct dn_error *err)
{
    int64_t widest = size->vae_width * 4;
    int64_t largest = size->dim * size->ffn_dim;
    if (largest < 27 * widest * widest)
        largest = 27 * widest * widest;
    if (largest < size->dim * 6 * size->dim)
        largest = size->dim * 6 * size->dim;
    return write_files(size, dir, largest, err);
}

bool synthetic_write_hollow(const struct synthetic_size *size, const char *dir,
                            struct dn_error *err)
{
    return write_files(size, dir, 0, err);
}
