/* bench_monarch: the tensor core form of Monarch attention on a GPU: against the general form in
 * float32, and timed in the shapes of 480x832 (3 query frames, 12 heads of 128). Built by
 * kernels/lab/monarch/build.sh.
 *
 * Between two calls 256 MB are overwritten, so that nothing waits in the second-level cache. */
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define MONARCH_LAB
#include <stdint.h>
static int64_t lab_round_bytes = (int64_t)16 << 20;
static int lab_held = 3, lab_tiles = 7;
#define ROUND_BYTES lab_round_bytes
#define ROUNDS_HELD lab_held
#define TILES_PER_ITEM lab_tiles
#include "kernels/cuda/monarch_tensor.cu"

#include "kernels/cuda/cuda_backend.h"

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

/* One stage alone, all units at once. */
template <int STAGE, int D, int COLUMNS, int SPLITS>
__global__ void __launch_bounds__(BLOCK, 3) stage_kernel(const tensor_plan plan)
{
    unsigned char *shared = (unsigned char *)cuda_shared();
    int64_t items = STAGE == 1 ? plan.stage_1_items : plan.stage_2_items;
    for (int64_t item = blockIdx.x; item < items; item += gridDim.x) {
        if (STAGE == 1)
            item_1<D, COLUMNS>(plan, 0, item, shared + 128);
        else
            item_2<D, SPLITS>(plan, 0, item, shared + 128);
        __syncthreads();
    }
}

struct bench {
    struct exec *ex, *exact;
    struct tensor q, k, v, out, want;
    void *flush;
    struct monarch_args args;
};

static struct tensor bf16_tensor(int64_t tokens, unsigned seed, float range)
{
    int64_t shape[] = {tokens, 12, 128};
    void *data;
    if (cudaMalloc(&data, (size_t)tokens * 12 * 128 * 2) != cudaSuccess)
        die("malloc");
    fill_kernel<<<1024, 256>>>((uint16_t *)data, tokens * 12 * 128, seed, range);
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
static double check(bench *b, bool again)
{
    struct dn_error err = {};
    int64_t count = tensor_count(&b->out);
    double *sums, host[2];
    if (again && !cuda_monarch_attention(b->exact, &b->want, &b->q, &b->k, &b->v, &b->args, &err))
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

static tensor_plan whole_plan(bench *b, int splits)
{
    monarch_problem p = {};
    int64_t bands = b->args.h_reduce;
    p.q = cuda_array_of(&b->q);
    p.k = cuda_array_of(&b->k);
    p.v = cuda_array_of(&b->v);
    p.out = cuda_array_of(&b->out);
    p.q_stride = p.k_stride = p.v_stride = p.out_stride = 12 * 128;
    p.q_head_stride = p.k_head_stride = p.v_head_stride = p.out_head_stride = 128;
    p.rows = 30;
    p.cols = p.b2 = 52;
    p.f_tied = p.w_reduce = p.num_iters = 1;
    p.h_reduce = bands;
    p.heads = 12;
    p.query_tiles = 3 * bands;
    p.d = 128;
    p.b1 = (int)(30 / bands);
    p.n = b->k.shape[0] / 1560 * 30;
    p.scale = b->args.scale;
    int64_t bytes = lab_round_bytes;
    lab_round_bytes = (int64_t)1 << 40;
    tensor_plan plan = plan_of(p, splits);
    lab_round_bytes = bytes;
    return plan;
}

template <int STAGE, int SPLITS> static void stage_alone(bench *b)
{
    tensor_plan plan = whole_plan(b, SPLITS);
    struct dn_error err = {};
    void *memory;
    if (!cuda_scratch(b->ex, "lab", (size_t)(plan.slots * plan.slot_bytes), &memory, &err))
        die("scratch");
    plan.scratch = (unsigned char *)memory;
    float median, least;
    auto call = [&] {
        if (!cuda_launch(b->ex, "lab", &err, stage_kernel<STAGE, 128, 56, SPLITS>, dim3(132 * 3),
                         BLOCK, 128 + 2 * step_bytes<128>(), plan))
            die(err.message);
    };
    timed(b, call, 15, &median, &least);
    printf("   stage %d alone %.4f ms (least %.4f)\n", STAGE, median, least);
}

static void shape(bench *b, int64_t frames, int64_t bands)
{
    b->args = monarch_args{0.08838834764f, 30, 52, 1, bands, 1, 1, 0};
    b->k.shape[0] = b->v.shape[0] = frames * 1560;
    double pairs = 3.0 * bands * 12, b1 = 30.0 / bands;
    double flops = pairs * frames * bands * (6 * b1 * 52 * 52 * 128 + 4 * b1 * b1 * 52 * 128);
    printf("h%d, %d frames of keys, %.1f GFLOP: nmse %.3g\n", (int)bands, (int)frames, flops / 1e9,
           check(b, true));
    if (bands == 1) {
        stage_alone<1, 2>(b);
        stage_alone<2, 2>(b);
    } else {
        stage_alone<1, 4>(b);
        stage_alone<2, 4>(b);
    }
    static const int sizes[] = {8, 16, 32, 64, 1 << 20}, held[] = {2, 3, 4}, tiles[] = {3, 7, 21};
    for (int size : sizes)
        for (int h : held)
            for (int t : tiles) {
                if ((h != 3 && (t != 7 || size > 64)) || (frames <= 7 && t == 21))
                    continue;
                lab_round_bytes = (int64_t)size << 20;
                lab_held = h;
                lab_tiles = t;
                float median, least;
                timed(
                    b, [&] { call_once(b); }, 9, &median, &least);
                printf("   round %7d MB, %d held, %2d tiles: %.4f ms (least %.4f), %3.0f TFLOP/s\n",
                       size, h, t, median, least, flops / median / 1e9);
                fflush(stdout);
            }
    lab_round_bytes = (int64_t)16 << 20;
    lab_held = 3;
    lab_tiles = 7;
    printf("   nmse again %.3g\n", check(b, false));
}

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
    b.q = bf16_tensor(3 * 1560, 1, 2);
    b.k = bf16_tensor(21 * 1560, 2, 2);
    b.v = bf16_tensor(21 * 1560, 3, 1);
    b.out = bf16_tensor(3 * 1560, 4, 1);
    b.want = b.out;
    b.want.dtype = DTYPE_F32;
    cudaMalloc(&b.want.data, (size_t)tensor_count(&b.want) * 4);
    cudaMalloc(&b.flush, (size_t)256 << 20);
    cudaDeviceSynchronize();
    for (int bands = 1; bands <= 2; bands++)
        for (int frames : {3, 12, 21})
            if (argc < 2 || frames == atoi(argv[1]))
                shape(&b, frames, bands);
    return 0;
}
