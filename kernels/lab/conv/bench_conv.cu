/* bench_conv: the autoencoder's convolutions on a GPU, every tile shape: correct at small and odd
 * sizes, then time and TFLOP/s of all layers of one latent of 480x832 and their sum.
 *
 *   bench_conv [repeats [layer]]      layer: part of a name
 *
 * Expected values are float64 sums of the same bf16 inputs at sampled outputs; y is filled with
 * NaNs before. Times are medians of events around single calls; x changes place from call to call.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/cuda/conv.cuh"

struct layer {
    const char *name;
    int count;                                               /* times in one latent */
    int64_t t, h, w, in, out, kt, kh, kw, pad_low, pad_high; /* t of y; h, w of x */
    bool residual, norm; /* results with a norm are not checked here */
};

static const struct layer small[] = {
    {"384-384", 0, 2, 17, 21, 384, 384, 3, 3, 3, 1, 1, true, false},
    {"192-192", 0, 2, 19, 37, 192, 192, 3, 3, 3, 1, 1, true, false},
    {"96-96", 0, 1, 33, 41, 96, 96, 3, 3, 3, 1, 1, true, false},
    {"64-96 1x3x3", 0, 3, 9, 5, 64, 96, 1, 3, 3, 1, 1, false, false},
    {"192-384 1x1x1", 0, 2, 13, 9, 192, 384, 1, 1, 1, 0, 0, false, false},
    {"128-256 3x1x1", 0, 2, 13, 9, 128, 256, 3, 1, 1, 0, 0, false, false},
    {"192-384 corners", 0, 2, 13, 21, 192, 384, 1, 2, 2, 1, 1, false, false},
    {"16-384", 0, 1, 12, 20, 16, 384, 3, 3, 3, 1, 1, false, false},
    {"96-3", 0, 2, 37, 21, 96, 3, 3, 3, 3, 1, 1, false, false},
};
static const struct layer latent[] = {
    {"16-384 60x104", 1, 1, 60, 104, 16, 384, 3, 3, 3, 1, 1, false, false},
    {"384-384 60x104", 10, 1, 60, 104, 384, 384, 3, 3, 3, 1, 1, true, false},
    {"384-768 time 60x104", 1, 1, 60, 104, 384, 768, 3, 1, 1, 0, 0, false, false},
    {"384-768 corners 60x104", 1, 2, 60, 104, 384, 768, 1, 2, 2, 1, 1, false, false},
    {"192-384 120x208", 1, 2, 120, 208, 192, 384, 3, 3, 3, 1, 1, false, false},
    {"192-384 point 120x208", 1, 2, 120, 208, 192, 384, 1, 1, 1, 0, 0, false, false},
    {"384-384 120x208", 5, 2, 120, 208, 384, 384, 3, 3, 3, 1, 1, true, false},
    {"384-768 time 120x208", 1, 2, 120, 208, 384, 768, 3, 1, 1, 0, 0, false, false},
    {"384-768 corners 120x208", 1, 4, 120, 208, 384, 768, 1, 2, 2, 1, 1, false, false},
    {"192-192 240x416", 3, 4, 240, 416, 192, 192, 3, 3, 3, 1, 1, true, false},
    {"192-384 corners 240x416", 1, 4, 240, 416, 192, 384, 1, 2, 2, 1, 1, false, false},
    {"96-96 480x832", 3, 4, 480, 832, 96, 96, 3, 3, 3, 1, 1, true, false},
    {"192-192 norm 240x416", 3, 4, 240, 416, 192, 192, 3, 3, 3, 1, 1, false, true},
    {"96-96 norm 480x832", 3, 4, 480, 832, 96, 96, 3, 3, 3, 1, 1, false, true},
    /* slices of half as many frames: slower by more than half? */
    {"192-192 240x416 2", 0, 2, 240, 416, 192, 192, 3, 3, 3, 1, 1, true, false},
    {"96-96 480x832 2", 0, 2, 480, 832, 96, 96, 3, 3, 3, 1, 1, true, false},
    {"96-3 480x832", 1, 4, 480, 832, 96, 3, 3, 3, 3, 1, 1, false, false},
};

#define OK(call)                                                                                   \
    do {                                                                                           \
        if (!(call)) {                                                                             \
            printf("FAILED %s: %s\n", #call, err.message);                                         \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

__global__ void fill_kernel(uint16_t *x, int64_t count, uint32_t seed, float range)
{
    for (int64_t i = cuda_index(); i < count; i += (int64_t)gridDim.x * blockDim.x) {
        uint32_t h = (uint32_t)i * 2654435761u ^ seed;
        h = (h ^ h >> 15) * 2246822519u;
        h = (h ^ h >> 13) * 3266489917u;
        h ^= h >> 16;
        cuda_store(cuda_array{x, 1}, i, ((float)(h >> 8) / 8388608.0f - 1.0f) * range);
    }
}

struct sample {
    layer l;
    int64_t y_h, y_w, samples, stride;
    const uint16_t *x, *w, *residual, *y;
    const float *bias;
};

__device__ double value(const uint16_t *a, int64_t i)
{
    return (double)__uint_as_float((uint32_t)a[i] << 16);
}

/* out[0] += squared error, out[1] += square, out[2] = largest error, out[3] += NaNs */
__global__ void sample_kernel(sample s, double *out)
{
    int64_t n = cuda_index();
    if (n >= s.samples)
        return;
    const layer &l = s.l;
    int64_t count = l.t * s.y_h * s.y_w * l.out, at = n * s.stride % count;
    int64_t o = at % l.out, j = at / l.out % s.y_w, i = at / l.out / s.y_w % s.y_h;
    int64_t t = at / l.out / s.y_w / s.y_h;
    double sum = s.bias[o] + (l.residual ? value(s.residual, at) : 0.0);
    for (int64_t kt = 0; kt < l.kt; kt++)
        for (int64_t kh = 0; kh < l.kh; kh++)
            for (int64_t kw = 0; kw < l.kw; kw++) {
                int64_t row = i + kh - l.pad_low, col = j + kw - l.pad_low;
                if (row < 0 || row >= l.h || col < 0 || col >= l.w)
                    continue;
                for (int64_t c = 0; c < l.in; c++)
                    sum += value(s.x, (((t + kt) * l.h + row) * l.w + col) * l.in + c) *
                           value(s.w, (((o * l.kt + kt) * l.kh + kh) * l.kw + kw) * l.in + c);
            }
    double d = value(s.y, at) - sum;
    if (d != d) {
        atomicAdd(&out[3], 1.0);
        return;
    }
    atomicAdd(&out[0], d * d);
    atomicAdd(&out[1], sum * sum);
    atomicMax((unsigned long long *)&out[2], (unsigned long long)__double_as_longlong(fabs(d)));
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

enum { PLACES = 2 };

enum { CHOSEN = -1, ANY_GPU = -2 }; /* in place of a tile: the program's choice; mma.sync */

static bool run_tile(struct exec *ex, const struct tensor *y, const struct tensor *x,
                     const struct conv *c, const struct conv_extra *extra, int tile,
                     struct dn_error *err)
{
    return tile == CHOSEN    ? conv_sm90(ex, y, x, c, extra, err)
           : tile == ANY_GPU ? conv_mma(ex, y, x, c, extra, err)
                             : conv_sm90_tile(ex, y, x, c, extra, tile, err);
}

/* Runs one layer with one tile; error in nmse, time in ms. */
static int run_layer(struct exec *ex, const layer &l, int tile, int repeats, double *nmse,
                     double *worst, double *nans, float *ms, bool *repeatable)
{
    struct dn_error err = {};
    int64_t y_h = l.h + l.pad_low + l.pad_high - l.kh + 1;
    int64_t y_w = l.w + l.pad_low + l.pad_high - l.kw + 1;
    const int64_t xs[] = {PLACES * (l.t + l.kt - 1), l.h, l.w, l.in}, ys[] = {l.t, y_h, y_w, l.out};
    struct tensor x, y, y2, residual;
    struct conv c = {};
    c.out = l.out, c.in = l.in, c.kt = l.kt, c.kh = l.kh, c.kw = l.kw;
    c.args = conv_args{1, 1, 1, l.pad_low, l.pad_high, l.pad_low, l.pad_high, false};
    const int64_t ws[] = {l.out, l.kt, l.kh, l.kw, l.in};
    OK(cuda_tensor_alloc(ex, &x, DTYPE_BF16, 4, xs, &err));
    OK(cuda_tensor_alloc(ex, &y, DTYPE_BF16, 4, ys, &err));
    OK(cuda_tensor_alloc(ex, &y2, DTYPE_BF16, 4, ys, &err));
    OK(cuda_tensor_alloc(ex, &residual, DTYPE_BF16, 4, ys, &err));
    OK(cuda_tensor_alloc(ex, &c.weights, DTYPE_BF16, 5, ws, &err));
    OK(cuda_tensor_alloc(ex, &c.bias, DTYPE_F32, 1, &l.out, &err));
    fill_kernel<<<1024, 256, 0, ex->stream>>>((uint16_t *)x.data, tensor_count(&x), 1, 1.7f);
    fill_kernel<<<1024, 256, 0, ex->stream>>>((uint16_t *)residual.data, tensor_count(&y), 2, 1.7f);
    fill_kernel<<<1024, 256, 0, ex->stream>>>((uint16_t *)c.weights.data, tensor_count(&c.weights),
                                              3, 1.7f / sqrtf((float)(l.in * l.kt * l.kh * l.kw)));
    float bias[1024];
    for (int i = 0; i < 1024; i++)
        bias[i] = (float)(i * 37 % 101) / 50.0f - 1.0f;
    struct tensor host_bias = tensor_over(bias, DTYPE_F32, 1, &l.out);
    OK(cuda_upload(ex, &c.bias, &host_bias, &err));
    cudaMemsetAsync(y.data, 0xFF, (size_t)tensor_count(&y) * 2, ex->stream);
    struct tensor here[PLACES];
    for (int i = 0; i < PLACES; i++)
        here[i] = tensor_slice(&x, i * (l.t + l.kt - 1), l.t + l.kt - 1);
    struct conv_extra with = {}, *add = &with;
    with.residual = l.residual ? &residual : NULL;
    with.gamma = l.norm ? &c.bias : NULL;
    with.silu = true;
    OK(run_tile(ex, &y, &here[0], &c, add, tile, &err));
    OK(cuda_sync(ex, &err));
    double *sums, got[4];
    cudaMalloc(&sums, sizeof got);
    cudaMemsetAsync(sums, 0, sizeof got, ex->stream);
    sample s = {l,
                y_h,
                y_w,
                0,
                0,
                (uint16_t *)here[0].data,
                (uint16_t *)c.weights.data,
                (uint16_t *)residual.data,
                (uint16_t *)y.data,
                (float *)c.bias.data};
    int64_t count = tensor_count(&y);
    s.samples = count < 200000 ? count : 20000;
    s.stride = count < 200000 ? 1 : 7919 * (count / 200000) + 1;
    sample_kernel<<<(unsigned)((s.samples + 255) / 256), 256, 0, ex->stream>>>(s, sums);
    cudaMemcpyAsync(got, sums, sizeof got, cudaMemcpyDeviceToHost, ex->stream);
    OK(cuda_sync(ex, &err));
    cudaFree(sums);
    *nmse = l.norm ? 0 : got[0] / got[1];
    memcpy(worst, &got[2], 8);
    *nans = got[3];
    cudaEvent_t from, to;
    cudaEventCreate(&from);
    cudaEventCreate(&to);
    float times[64];
    for (int r = 0; r < repeats; r++) {
        cudaEventRecord(from, ex->stream);
        OK(run_tile(ex, &y2, &here[r % PLACES], &c, add, tile, &err));
        cudaEventRecord(to, ex->stream);
        cudaEventSynchronize(to);
        cudaEventElapsedTime(&times[r], from, to);
    }
    if (repeats)
        qsort(times, (size_t)repeats, sizeof times[0], by_size);
    *ms = repeats ? times[repeats / 2] : 0;
    /* once more from the first place: the same bytes */
    *repeatable = true;
    if (count < 2000000) {
        uint16_t *a = (uint16_t *)malloc((size_t)count * 2),
                 *b = (uint16_t *)malloc((size_t)count * 2);
        OK(run_tile(ex, &y2, &here[0], &c, add, tile, &err));
        OK(cuda_sync(ex, &err));
        cudaMemcpy(a, y.data, (size_t)count * 2, cudaMemcpyDeviceToHost);
        cudaMemcpy(b, y2.data, (size_t)count * 2, cudaMemcpyDeviceToHost);
        *repeatable = memcmp(a, b, (size_t)count * 2) == 0;
        free(a);
        free(b);
    }
    cudaEventDestroy(from);
    cudaEventDestroy(to);
    struct tensor *all[] = {&x, &y, &y2, &residual, &c.weights, &c.bias};
    for (int i = 0; i < 6; i++)
        cuda_tensor_free(ex, all[i]);
    return 0;
}

static double flops(const layer &l)
{
    double y_h = (double)(l.h + l.pad_low + l.pad_high - l.kh + 1);
    double y_w = (double)(l.w + l.pad_low + l.pad_high - l.kw + 1);
    return 2.0 * (double)(l.t * l.in * l.out * l.kt * l.kh * l.kw) * y_h * y_w;
}

/* LAB_ALL=1: also depths that the program would not take. */
static bool suits(const layer &l, int tile)
{
    const char *name = conv_sm90_tile_name(tile);
    return (l.out < 8) == (strstr(name, ", 8 channels") != NULL) &&
           (l.out < 8 || getenv("LAB_ALL") ||
            (l.in % 64 == 0) == (strstr(name, "64 deep") != NULL));
}

int main(int argc, char **argv)
{
    struct dn_error err = {};
    struct exec *ex;
    struct exec_options options = {1, DTYPE_BF16, 0, false, false};
    int repeats = argc > 1 ? atoi(argv[1]) : 11;
    OK(cuda_open(&options, &ex, &err));
    double nmse, worst, nans;
    float ms;
    bool same;
    for (const layer &l : small) {
        if (argc > 2)
            break;
        printf("%-16s nmse:", l.name);
        for (int tile = ANY_GPU; tile < 0 || conv_sm90_tile_name(tile); tile++) {
            if (tile >= 0 && !suits(l, tile))
                continue;
            if (run_layer(ex, l, tile, 0, &nmse, &worst, &nans, &ms, &same))
                return 1;
            printf(" %d: %.1e%s%s%s", tile, nmse, nmse < 2e-5 ? "" : " WRONG", nans ? " NaN" : "",
                   same ? "" : " moves");
        }
        printf("\n");
        fflush(stdout);
    }
    double sum = 0, sum_best = 0, work = 0;
    for (const layer &l : latent) {
        if (argc > 2 && !strstr(l.name, argv[2]))
            continue;
        double best = 1e9, chosen = 0;
        printf("%-24s x%-2d %6.1f GF:", l.name, l.count, flops(l) * 1e-9);
        for (int tile = ANY_GPU; tile < 0 || conv_sm90_tile_name(tile); tile++) {
            if (tile >= 0 && !suits(l, tile))
                continue;
            if (run_layer(ex, l, tile, repeats, &nmse, &worst, &nans, &ms, &same))
                return 1;
            printf(" %d: %.0f us %.0f%s", tile, ms * 1000, flops(l) / ms * 1e-9,
                   nmse < 2e-5 && !nans && same ? "" : " WRONG");
            chosen = tile == CHOSEN ? ms : chosen;
            best = ms < best ? ms : best;
        }
        printf(" TFLOP/s\n");
        fflush(stdout);
        sum += chosen * l.count;
        sum_best += best * l.count;
        work += flops(l) * l.count;
    }
    printf("one latent %.2f ms (best tiles %.2f), %.0f GFLOP, %.0f TFLOP/s\n", sum, sum_best,
           work * 1e-9, work / sum * 1e-9);
    cuda_close(ex);
    return 0;
}
