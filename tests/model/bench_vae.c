/* bench_vae: a whole decode and encode of the public VAE's size with random weights, and what its
 * time is made of.
 *
 *   bench_vae BACKEND FOLDER [frames height width [DUMP]]
 *
 * FOLDER: where 254 MB of weights may be put. DUMP: a file for the decoded bytes, to compare.
 *
 * First the whole clip three times as the program does it; then once more with a wait after every
 * operation, added up by operation and shape. Latents are random. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "format/weights.h"
#include "kernels/ops.h"
#include "model/synthetic.h"
#include "model/vae.h"

#define OK(call)                                                                                   \
    do {                                                                                           \
        struct dn_error err = {0};                                                                 \
        if (!(call)) {                                                                             \
            printf("FAILED %s: %s\n", #call, err.message);                                         \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* --- operations that are timed one by one --- */

struct row {
    char name[96];
    double seconds;
    int64_t calls;
};
static struct row rows[256];
static int row_count;
static const struct ops *plain;

static void add(struct exec *ex, const char *op, const struct tensor *y, const struct tensor *x,
                int64_t start_ns)
{
    struct dn_error err = {0};
    char name[96];
    plain->sync(ex, &err);
    double seconds = (double)(dn_now_ns() - start_ns) * 1e-9;
    int at = snprintf(name, sizeof name, "%-16s", op);
    for (int i = 0; y && i < y->ndim; i++)
        at += snprintf(name + at, sizeof name - (size_t)at, "%s%lld", i ? "x" : " ",
                       (long long)y->shape[i]);
    for (int i = 0; x && i < x->ndim; i++)
        at += snprintf(name + at, sizeof name - (size_t)at, "%s%lld", i ? "x" : " of ",
                       (long long)x->shape[i]);
    int r = 0;
    while (r < row_count && strcmp(rows[r].name, name))
        r++;
    if (r == row_count && row_count < 255)
        strcpy(rows[row_count++].name, name);
    rows[r].seconds += seconds;
    rows[r].calls++;
}

#define START                                                                                      \
    plain->sync(ex, err);                                                                          \
    int64_t start = dn_now_ns()
static bool timed_conv(struct exec *ex, const struct tensor *y, const struct tensor *x,
                       const struct conv *conv, const struct conv_extra *extra,
                       struct dn_error *err)
{
    START;
    bool ok = plain->conv(ex, y, x, conv, extra, err);
    add(ex, "conv", y, x, start);
    return ok;
}
static bool timed_channel_norm(struct exec *ex, const struct tensor *y, const struct tensor *x,
                               const struct tensor *gamma, bool silu, struct dn_error *err)
{
    START;
    bool ok = plain->channel_norm(ex, y, x, gamma, silu, err);
    add(ex, "channel_norm", y, NULL, start);
    return ok;
}
static bool timed_copy(struct exec *ex, const struct tensor *y, const struct tensor *x,
                       struct dn_error *err)
{
    START;
    bool ok = plain->copy(ex, y, x, err);
    add(ex, "copy", y, NULL, start);
    return ok;
}
static bool timed_interleave(struct exec *ex, const struct tensor *y, const struct tensor *x,
                             struct dn_error *err)
{
    START;
    bool ok = plain->interleave_time(ex, y, x, err);
    add(ex, "interleave_time", y, NULL, start);
    return ok;
}
static bool timed_attention(struct exec *ex, const struct tensor *y, const struct tensor *q,
                            const struct tensor *k, const struct tensor *v,
                            const struct attention_args *args, struct dn_error *err)
{
    START;
    bool ok = plain->attention(ex, y, q, k, v, args, err);
    add(ex, "attention", y, NULL, start);
    return ok;
}
static bool timed_linear(struct exec *ex, const struct tensor *y, const struct tensor *x,
                         const struct linear *linear, const struct linear_args *args,
                         struct dn_error *err)
{
    START;
    bool ok = plain->linear(ex, y, x, linear, args, err);
    add(ex, "linear", y, x, start);
    return ok;
}
static bool timed_rgb(struct exec *ex, const struct tensor *host, const struct tensor *x,
                      struct dn_error *err)
{
    START;
    bool ok = plain->video_to_rgb8(ex, host, x, err);
    add(ex, "video_to_rgb8", x, NULL, start);
    return ok;
}
static bool timed_upload(struct exec *ex, const struct tensor *y, const struct tensor *x,
                         struct dn_error *err)
{
    START;
    bool ok = plain->upload(ex, y, x, err);
    add(ex, "upload", y, NULL, start);
    return ok;
}

static int slowest(const void *a, const void *b)
{
    double x = ((const struct row *)a)->seconds, y = ((const struct row *)b)->seconds;
    return (x < y) - (x > y);
}

static void print_rows(const char *what)
{
    double all = 0;
    qsort(rows, (size_t)row_count, sizeof rows[0], slowest);
    for (int i = 0; i < row_count; i++)
        all += rows[i].seconds;
    printf("%s, a wait after each operation: %.1f ms\n", what, all * 1e3);
    for (int i = 0; i < row_count && i < 45; i++)
        printf("  %8.2f ms %5lld calls %8.1f us  %s\n", rows[i].seconds * 1e3,
               (long long)rows[i].calls, rows[i].seconds * 1e6 / (double)rows[i].calls,
               rows[i].name);
    memset(rows, 0, sizeof rows);
    row_count = 0;
}

/* --- the clip --- */

struct sink {
    const struct ops *ops;
    struct exec *ex;
    uint8_t *bytes; /* [frames, h, w, 3] */
};

static bool take(void *context, const struct tensor *video, int64_t first, struct dn_error *err)
{
    struct sink *s = context;
    struct tensor host = tensor_over(s->bytes + first * video->shape[1] * video->shape[2] * 3,
                                     DTYPE_U8, 4, video->shape);
    return s->ops->video_to_rgb8(s->ex, &host, video, err);
}

static float *noise(int64_t count)
{
    float *x = dn_malloc((size_t)count * sizeof *x);
    uint64_t state = 7;
    for (int64_t i = 0; i < count; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        x[i] = (float)(state >> 40) / 8388608.0f - 1.0f;
    }
    return x;
}

struct work {
    const struct ops *ops;
    struct exec *ex;
    struct vae_decoder *dec;
    struct vae_encoder *enc;
    struct tensor z, out; /* latents, [T, 16, h, w] on the device */
    uint8_t *bytes;
    int64_t frames, height, width;
};

static double decode(struct work *w)
{
    struct sink sink = {w->ops, w->ex, w->bytes};
    OK(vae_decoder_reset(w->dec, &err) && w->ops->sync(w->ex, &err));
    int64_t start = dn_now_ns();
    OK(vae_decoder_push(w->dec, &w->z, take, &sink, &err) && w->ops->sync(w->ex, &err));
    return (double)(dn_now_ns() - start) * 1e-9;
}

static double encode(struct work *w)
{
    struct tensor video = tensor_over(w->bytes, DTYPE_U8, DIMS(w->frames, w->height, w->width, 3));
    OK(vae_encoder_reset(w->enc, &err) && w->ops->sync(w->ex, &err));
    int64_t start = dn_now_ns();
    OK(vae_encoder_push(w->enc, &video, &w->out, &err) && w->ops->sync(w->ex, &err));
    return (double)(dn_now_ns() - start) * 1e-9;
}

static void run(struct work *w, const struct weights *file, const char *how)
{
    struct vae *vae;
    const int64_t h = w->height / 8, width = w->width / 8, latents = (w->frames + 3) / 4;
    OK(vae_load(file, VAE_BOTH, w->ops, w->ex, &vae, &err));
    OK(vae_decoder_new(vae, h, width, &w->dec, &err));
    printf("decoder holds %.2f GB\n", (double)vae_decoder_bytes(w->dec) * 1e-9);
    const int repeats = w->ops == plain ? 3 : 1;
    if (repeats == 1) {
        decode(w);
        memset(rows, 0, sizeof rows);
        row_count = 0;
    }
    for (int i = 0; i < repeats; i++)
        printf("decode of %lld frames%s: %.1f ms\n", (long long)w->frames, how, decode(w) * 1e3);
    uint64_t sum = 14695981039346656037ull;
    for (int64_t i = 0; i < w->frames * w->height * w->width * 3; i++)
        sum = (sum ^ w->bytes[i]) * 1099511628211ull;
    printf("bytes %016llx\n", (unsigned long long)sum);
    if (repeats == 1)
        print_rows("decode");
    vae_decoder_free(w->dec);
    OK(vae_encoder_new(vae, w->height, w->width, &w->enc, &err));
    for (int i = 0; i < repeats; i++)
        printf("encode of %lld frames%s: %.1f ms\n", (long long)w->frames, how, encode(w) * 1e3);
    if (repeats == 1)
        print_rows("encode");
    float *got = dn_malloc((size_t)tensor_count(&w->out) * 4);
    struct tensor host = tensor_over(got, DTYPE_F32, 4, w->out.shape);
    OK(w->ops->download(w->ex, &host, &w->out, &err));
    double squares = 0;
    for (int64_t i = 0; i < tensor_count(&w->out); i++)
        squares += (double)got[i] * got[i];
    printf("latents %lld, rms %.4f\n", (long long)latents,
           sqrt(squares / (double)tensor_count(&w->out)));
    free(got);
    vae_encoder_free(w->enc);
    vae_free(vae);
}

int main(int argc, char **argv)
{
    static const struct synthetic_size size = {"vae", 24, 32, 2, 2, 16, 16, 6, 96};
    if (argc < 3)
        return 2;
    char path[512];
    struct work w = {.frames = argc > 5 ? atoi(argv[3]) : 81,
                     .height = argc > 5 ? atoi(argv[4]) : 480,
                     .width = argc > 5 ? atoi(argv[5]) : 832};
    struct exec_options options = {.dtype = DTYPE_BF16};
    OK(ops_select(argv[1], &plain, &err));
    struct weights *file = NULL;
    snprintf(path, sizeof path, "%s/Wan2.1_VAE.safetensors", argv[2]);
    OK(synthetic_write(&size, argv[2], &err));
    OK(weights_open(path, &file, &err));
    w.ops = plain;
    OK(plain->open(&options, &w.ex, &err));
    const int64_t latents = (w.frames + 3) / 4;
    const int64_t shape[] = {latents, 16, w.height / 8, w.width / 8};
    OK(plain->tensor_alloc(w.ex, &w.z, DTYPE_F32, 4, shape, &err));
    OK(plain->tensor_alloc(w.ex, &w.out, DTYPE_F32, 4, shape, &err));
    float *z = noise(tensor_count(&w.z));
    struct tensor host = tensor_over(z, DTYPE_F32, 4, shape);
    OK(plain->upload(w.ex, &w.z, &host, &err));
    w.bytes = dn_malloc((size_t)(w.frames * w.height * w.width * 3));
    run(&w, file, "");
    struct ops timed = *plain;
    timed.conv = timed_conv;
    timed.channel_norm = timed_channel_norm;
    timed.copy = timed_copy;
    timed.interleave_time = timed_interleave;
    timed.attention = timed_attention;
    timed.linear = timed_linear;
    timed.video_to_rgb8 = timed_rgb;
    timed.upload = timed_upload;
    w.ops = &timed;
    if (argc > 6) {
        FILE *dump = fopen(argv[6], "wb");
        if (!dump || !fwrite(w.bytes, (size_t)(w.frames * w.height * w.width * 3), 1, dump) ||
            fclose(dump))
            return 1;
        return 0;
    }
    run(&w, file, ", timed one by one");
    return 0;
}
