/* bench_monarch: the tensor core forms of Monarch attention on a GPU: against the general form in
 * float32, and timed in the shapes of 480x832 and 720x1280 (3 query frames, 12 or 40 heads of 128):
 * the operation as it chooses, then on Hopper in one launch and in two, then the portable form.
 * Built by kernels/lab/monarch/build.sh.
 *
 * Between two calls 256 MB are overwritten, so that nothing waits in the second-level cache. */
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/monarch.cuh"

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(cudaGetLastError()));
    exit(1);
}

__global__ void fill_kernel(uint16_t *to, int64_t count, unsigned seed, float range)
{
    for (int64_t i = cuda_index(); i < count; i += (int64_t)gridDim.x * blockDim.x) {
        unsigned x = (unsigned)i * 2654435761u ^ seed;
        x ^= x >> 16;
        x *= 0x7feb352du;
        x ^= x >> 15;
        x *= 0x846ca68bu;
        x ^= x >> 16;
        cuda_store(cuda_array{to, 1}, i, ((float)(x >> 8) / 8388608.0f - 1.0f) * range);
    }
}

__global__ void compare_kernel(const uint16_t *a, const float *b, int64_t count, double *sums)
{
    double noise = 0, signal = 0;
    for (int64_t i = cuda_index(); i < count; i += (int64_t)gridDim.x * blockDim.x) {
        double x = cuda_load(cuda_array{(void *)a, 1}, i), y = b[i];
        noise += (x - y) * (x - y);
        signal += y * y;
    }
    atomicAdd(sums, noise);
    atomicAdd(sums + 1, signal);
}

struct bench {
    struct exec *ex, *exact;
    struct tensor q, k, v, out, want;
    void *flush;
    struct monarch_args args;
};

/* Of the largest shape. */
static struct tensor bf16_tensor(int64_t frames, unsigned seed, float range)
{
    int64_t shape[] = {frames * 45 * 80, 40, 128}, count = frames * 45 * 80 * 40 * 128;
    void *data;
    if (cudaMalloc(&data, (size_t)count * 2) != cudaSuccess)
        die("malloc");
    fill_kernel<<<1024, 256>>>((uint16_t *)data, count, seed, range);
    return tensor_over(data, DTYPE_BF16, 3, shape);
}

/* Milliseconds: median and least of `runs` calls. */
template <typename F> static void timed(bench *b, F call, int runs, float *median, float *least)
{
    std::vector<float> ms;
    cudaEvent_t from, to;
    cudaEventCreate(&from);
    cudaEventCreate(&to);
    for (int i = 0; i < runs + 2; i++) {
        cudaMemsetAsync(b->flush, i, (size_t)256 << 20, b->ex->stream);
        cudaEventRecord(from, b->ex->stream);
        call();
        cudaEventRecord(to, b->ex->stream);
        if (cudaStreamSynchronize(b->ex->stream) != cudaSuccess)
            die("run");
        float x;
        cudaEventElapsedTime(&x, from, to);
        if (i >= 2)
            ms.push_back(x);
    }
    std::sort(ms.begin(), ms.end());
    *median = ms[ms.size() / 2];
    *least = ms[0];
}

static void call_once(bench *b)
{
    struct dn_error err = {};
    if (!cuda_monarch_attention(b->ex, &b->out, &b->q, &b->k, &b->v, &b->args, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
}

/* Noise over signal against the general form in float32, out and scratch full of NaNs before. */
static double check(bench *b)
{
    struct dn_error err = {};
    int64_t count = tensor_count(&b->out);
    double *sums, host[2];
    if (!cuda_monarch_attention(b->exact, &b->want, &b->q, &b->k, &b->v, &b->args, &err))
        die(err.message);
    cudaMemset(b->out.data, 0xFF, (size_t)count * 2);
    if (b->ex->scratch)
        cudaMemset(b->ex->scratch, 0xFF, b->ex->scratch_size);
    cudaDeviceSynchronize();
    call_once(b);
    cudaMalloc(&sums, 16);
    cudaMemset(sums, 0, 16);
    cudaDeviceSynchronize();
    compare_kernel<<<256, 256>>>((uint16_t *)b->out.data, (float *)b->want.data, count, sums);
    cudaMemcpy(host, sums, 16, cudaMemcpyDeviceToHost);
    cudaFree(sums);
    return host[0] / host[1];
}

/* The call as monarch_problem, for one form of it. */
static monarch_problem problem(const bench *b)
{
    monarch_problem p = {};
    p.q = cuda_array_of(&b->q);
    p.k = cuda_array_of(&b->k);
    p.v = cuda_array_of(&b->v);
    p.out = cuda_array_of(&b->out);
    p.heads = b->q.shape[1];
    p.d = 128;
    p.q_stride = p.k_stride = p.v_stride = p.out_stride = p.heads * p.d;
    p.q_head_stride = p.k_head_stride = p.v_head_stride = p.out_head_stride = p.d;
    p.rows = b->args.rows;
    p.cols = b->args.cols;
    p.f_tied = p.num_iters = 1;
    p.h_reduce = b->args.h_reduce;
    p.w_reduce = b->args.w_reduce;
    p.query_tiles = 3 * p.h_reduce * p.w_reduce;
    p.b1 = (int)(p.rows / p.h_reduce);
    p.b2 = (int)(p.cols / p.w_reduce);
    p.n = b->k.shape[0] / p.b2;
    p.scale = b->args.scale;
    return p;
}

/* Milliseconds of one form, whatever the operation would choose. */
static float form_ms(bench *b, bool (*form)(struct exec *, const monarch_problem &, dn_error *),
                     int runs)
{
    struct dn_error err = {};
    monarch_problem p = problem(b);
    float median, least;
    timed(
        b,
        [&] {
            if (!form(b->ex, p, &err))
                die(err.message);
        },
        runs, &median, &least);
    return median;
}

struct shape {
    int64_t rows, cols, heads, frames, row_bands, column_bands;
};

static void measure(bench *b, const shape &s, int runs)
{
    b->args = monarch_args{0.08838834764f, s.rows, s.cols, 1, s.row_bands, s.column_bands, 1, 0};
    struct tensor *all[] = {&b->q, &b->out, &b->want, &b->k, &b->v};
    for (int i = 0; i < 5; i++) {
        int64_t shape[] = {(i < 3 ? 3 : s.frames) * s.rows * s.cols, s.heads, 128};
        *all[i] = tensor_over(all[i]->data, all[i]->dtype, 3, shape);
    }
    double tiles = s.row_bands * s.column_bands, b1 = s.rows / s.row_bands;
    double b2 = s.cols / s.column_bands, pairs = 3 * tiles * s.heads * s.frames * tiles;
    double flops = pairs * (6 * b1 * b2 * b2 * 128 + 4 * b1 * b1 * b2 * 128);
    double nmse = check(b);
    float median, least;
    timed(
        b, [&] { call_once(b); }, runs, &median, &least);
    printf("%2.0fx%-2.0f %2d heads %2d frames %6.1f GFLOP  nmse %.3g  %.4f ms (least %.4f) "
           "%3.0f TFLOP/s",
           b1, b2, (int)s.heads, (int)s.frames, flops / 1e9, nmse, median, least,
           flops / median / 1e9);
    if (b->ex->major == 9 && b1 <= 32 && b2 <= MONARCH_NARROW)
        printf("  one launch %.4f", form_ms(b, monarch_ring_sm90, runs));
    if (b->ex->major == 9)
        printf("  two %.4f", form_ms(b, monarch_sm90, runs));
    printf("  portable %.4f ms\n", form_ms(b, monarch_tensor, runs));
    fflush(stdout);
}

static const shape shapes[] = {
    {30, 52, 12, 3, 1, 1},  {30, 52, 12, 12, 1, 1}, {30, 52, 12, 21, 1, 1}, {30, 52, 12, 3, 2, 1},
    {30, 52, 12, 12, 2, 1}, {30, 52, 12, 21, 2, 1}, {45, 80, 12, 3, 1, 1},  {45, 80, 12, 21, 1, 1},
    {45, 80, 12, 21, 3, 1}, {45, 80, 12, 21, 1, 2}, {45, 80, 40, 21, 1, 1},
};

/* [frames [runs]] */
int main(int argc, char **argv)
{
    struct dn_error err = {};
    struct exec_options options = {};
    bench b = {};
    options.dtype = DTYPE_BF16;
    if (!cuda_open(&options, &b.ex, &err))
        die(err.message);
    options.dtype = DTYPE_F32;
    if (!cuda_open(&options, &b.exact, &err))
        die(err.message);
    b.q = bf16_tensor(3, 1, 2);
    b.k = bf16_tensor(21, 2, 2);
    b.v = bf16_tensor(21, 3, 1);
    b.out = bf16_tensor(3, 4, 1);
    b.want = b.out;
    b.want.dtype = DTYPE_F32;
    cudaMalloc(&b.want.data, (size_t)tensor_count(&b.want) * 4);
    cudaMalloc(&b.flush, (size_t)256 << 20);
    cudaDeviceSynchronize();
    int runs = argc > 2 ? atoi(argv[2]) : 21;
    for (const shape &s : shapes)
        if (argc < 2 || s.frames == atoi(argv[1]))
            measure(&b, s, runs);
    return 0;
}
