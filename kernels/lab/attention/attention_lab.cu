/* attention_lab: variants of the Hopper attention, correctness and speed, without danaus around it.
 *
 *   nvcc -std=c++17 -O3 -gencode arch=compute_90a,code=sm_90a -I. -Isrc \
 *        kernels/lab/attention/attention_lab.cu -o attention_lab
 *   attention_lab [check|time]
 *
 * Correctness: random inputs against float32 sums on the GPU, some rows of every head, outputs
 * poisoned with NaN. Time: median of CUDA events; inputs rotate through more memory than L2 has.
 * attention_torch.py times PyTorch's fused kernels on the same shapes. */
#include <algorithm>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vector>

#include "kernels/cuda/attention_sm90.cuh"

#define TRY(call)                                                                                  \
    do {                                                                                           \
        cudaError_t code_ = (call);                                                                \
        if (code_ != cudaSuccess) {                                                                \
            printf("%s: %s\n", #call, cudaGetErrorString(code_));                                  \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct shape {
    int queries, keys, heads, d;
    int biased; /* 1: key_bias, 2: bias */
    int pad;    /* elements between rows */
    float size; /* of logits */
};

static decltype(&cuTensorMapEncodeTiled) encode;

static CUtensorMap map_of(void *data, int d, int heads, int rows, int64_t head_stride,
                          int64_t row_stride, int box_rows)
{
    CUtensorMap map;
    cuuint64_t size[3] = {(cuuint64_t)d, (cuuint64_t)heads, (cuuint64_t)rows};
    cuuint64_t stride[2] = {(cuuint64_t)head_stride * 2, (cuuint64_t)row_stride * 2};
    cuuint32_t box[3] = {64, 1, (cuuint32_t)box_rows}, step[3] = {1, 1, 1};
    CUresult r = encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, data, size, stride, box, step,
                        CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (r != CUDA_SUCCESS) {
        printf("encode %d\n", (int)r);
        exit(1);
    }
    return map;
}

__global__ void fill(uint16_t *x, int64_t n, uint64_t seed, float size)
{
    int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    uint64_t h = (i + seed * 0x9E3779B97F4A7C15ull) * 0xBF58476D1CE4E5B9ull;
    h = (h ^ h >> 31) * 0x94D049BB133111EBull;
    h ^= h >> 29;
    float a = 0;
    for (int k = 0; k < 4; k++)
        a += (float)(h >> (16 * k) & 0xFFFF) / 65536.0f - 0.5f;
    x[i] = (uint16_t)(mma_pack(a * 1.7320508f * size, 0) & 0xFFFF); /* about normal */
}

__global__ void fill_float(float *x, int64_t n, float size)
{
    int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        x[i] = i % 13 == 5 ? -INFINITY : size * (float)((i * 7919) % 101 - 50) / 50.0f;
}

static __device__ float wide(uint16_t x)
{
    return __uint_as_float((uint32_t)x << 16);
}

/* a block a (row, head); noise and signal summed */
__global__ void compare(const uint16_t *q, const uint16_t *k, const uint16_t *v,
                        const uint16_t *out, struct shape s, int step, float scale,
                        const float *bias, const float *key_bias, double *sums, float *z_all)
{
    int i = (int)(((int64_t)blockIdx.x * step) % s.queries), h = blockIdx.y;
    int64_t stride = (int64_t)s.heads * s.d + s.pad;
    float *z = z_all + ((int64_t)blockIdx.x * gridDim.y + blockIdx.y) * s.keys;
    __shared__ float red[256];
    float high = -INFINITY;
    for (int j = threadIdx.x; j < s.keys; j += 256) {
        float sum = 0;
        for (int c = 0; c < s.d; c++)
            sum += wide(q[i * stride + h * s.d + c]) * wide(k[j * stride + h * s.d + c]);
        sum *= scale;
        if (bias)
            sum += bias[((int64_t)h * s.queries + i) * s.keys + j];
        if (key_bias)
            sum += key_bias[j];
        z[j] = sum;
        high = fmaxf(high, sum);
    }
    red[threadIdx.x] = high;
    __syncthreads();
    for (int k2 = 128; k2; k2 /= 2) {
        if (threadIdx.x < k2)
            red[threadIdx.x] = fmaxf(red[threadIdx.x], red[threadIdx.x + k2]);
        __syncthreads();
    }
    high = red[0];
    int c = threadIdx.x;
    if (c >= s.d)
        return;
    double total = 0, sum = 0;
    for (int j = 0; j < s.keys; j++) {
        float w = z[j] == -INFINITY ? 0 : expf(z[j] - high);
        total += w;
        sum += (double)w * wide(v[j * stride + h * s.d + c]);
    }
    double want = sum / total, got = wide(out[i * stride + h * s.d + c]);
    double diff = got - want;
    atomicAdd(&sums[0], diff * diff);
    atomicAdd(&sums[1], want * want);
    if (!(fabs(diff) < 1e30))
        atomicAdd(&sums[2], 1.0);
}

struct data {
    std::vector<uint16_t *> q, k, v, out;
    float *bias, *key_bias, *parts;
    int sets;
};

template <int D, int KEYS, int SLOTS, int QUERIES, attention_bias BIAS>
static void run(const struct shape &s, const struct data &d, int set, bool cut)
{
    attention_job job = {};
    int64_t stride = (int64_t)s.heads * s.d + s.pad;
    job.q = map_of(d.q[set], s.d, s.heads, s.queries, s.d, stride, 64);
    job.k = map_of(d.k[set], s.d, s.heads, s.keys, s.d, stride, KEYS);
    job.v = map_of(d.v[set], s.d, s.heads, s.keys, s.d, stride, KEYS);
    job.out = map_of(d.out[set], s.d, s.heads, s.queries, s.d, stride, 64);
    job.z.queries = s.queries;
    job.z.keys = s.keys;
    job.z.query_block = INT32_MAX;
    job.z.mask_end[0] = s.keys;
    job.query_tiles = (s.queries + 127) / 128;
    job.key_blocks = (s.keys + KEYS - 1) / KEYS;
    job.tiles = job.query_tiles * s.heads;
    int blocks = std::min(132, std::max(job.tiles, cut ? 132 : 1));
    job.whole = cut ? attention_whole(&job, blocks) : job.tiles;
    if (job.whole == job.tiles)
        blocks = std::min(blocks, job.tiles);
    job.z.scale = s.size / sqrtf((float)s.d) * ATTENTION_LOG2_E;
    job.z.bias = s.biased == 2 ? d.bias : NULL;
    job.z.bias_stride = s.keys;
    job.z.bias_head_stride = (int64_t)s.queries * s.keys;
    job.z.key_bias = s.biased == 1 ? d.key_bias : NULL;
    job.parts = d.parts;
    auto kernel = attention_sm90_kernel<D, KEYS, SLOTS, QUERIES, BIAS>;
    constexpr int bytes = attention_layout<D, KEYS, SLOTS, QUERIES, BIAS>::bytes;
    TRY(cudaFuncSetAttribute((const void *)kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             bytes));
    kernel<<<blocks, ATTENTION_THREADS, bytes>>>(job);
    TRY(cudaGetLastError());
    if (job.whole < job.tiles) {
        attention_join_kernel<D><<<dim3(16, job.tiles - job.whole), 8 * D / 4>>>(
            d.parts, blocks, job.whole, job.tiles, job.key_blocks, job.query_tiles, s.queries, s.d,
            d.out[set], stride, s.d);
        TRY(cudaGetLastError());
    }
}

struct variant {
    const char *name;
    void (*run)(const struct shape &, const struct data &, int, bool);
    int d, bias;
    bool cut;
};

static const struct variant variants[] = {
    {"128 keys, 5 slots, 2 q", run<128, 128, 5, 2, ATTENTION_PLAIN>, 128, 0, false},
    {"128 keys, 5 slots, 2 q, cut", run<128, 128, 5, 2, ATTENTION_PLAIN>, 128, 0, true},
    {"176 keys, 4 slots, 1 q, cut", run<128, 176, 4, 1, ATTENTION_PLAIN>, 128, 0, true},
    {"key bias, 64 keys, 2 q", run<128, 64, 8, 2, ATTENTION_KEY_BIAS>, 128, 1, false},
    {"key bias, 64 keys, 3 q", run<128, 64, 6, 3, ATTENTION_KEY_BIAS>, 128, 1, false},
    {"key bias, 128 keys, 2 q", run<128, 128, 4, 2, ATTENTION_KEY_BIAS>, 128, 1, false},
    {"key bias, 128 keys, 3 q", run<128, 128, 3, 3, ATTENTION_KEY_BIAS>, 128, 1, false},
    {"bias, 64 keys", run<128, 64, 8, 2, ATTENTION_BOTH_BIASES>, 128, 2, false},
    {"d 64, 128 keys, cut", run<64, 128, 8, 2, ATTENTION_PLAIN>, 64, 0, true},
    {"d 64, 176 keys, cut", run<64, 176, 6, 2, ATTENTION_PLAIN>, 64, 0, true},
    {"d 64, key bias", run<64, 128, 8, 2, ATTENTION_KEY_BIAS>, 64, 1, false},
    {"d 64, bias", run<64, 64, 8, 2, ATTENTION_BOTH_BIASES>, 64, 2, false},
};

static struct data data_new(const struct shape &s)
{
    struct data d = {};
    int64_t stride = (int64_t)s.heads * s.d + s.pad;
    int64_t nq = s.queries * stride, nk = s.keys * stride;
    d.sets = (int)std::max<int64_t>(1, 200000000 / ((nq * 2 + nk * 2) * 2));
    d.sets = std::min(d.sets, 8);
    for (int i = 0; i < d.sets; i++) {
        uint16_t *p[4];
        for (int j = 0; j < 4; j++) {
            int64_t n = j == 1 || j == 2 ? nk : nq;
            TRY(cudaMalloc(&p[j], n * 2));
            if (j < 3)
                fill<<<(unsigned)((n + 255) / 256), 256>>>(p[j], n, 17 * i + j + 1, 1.0f);
            else
                TRY(cudaMemset(p[j], 0xFF, n * 2));
        }
        d.q.push_back(p[0]);
        d.k.push_back(p[1]);
        d.v.push_back(p[2]);
        d.out.push_back(p[3]);
    }
    TRY(cudaMalloc(&d.parts, 264 * sizeof(float) * attention_part_floats<128>()));
    TRY(cudaMemset(d.parts, 0xFF, 264 * sizeof(float) * attention_part_floats<128>()));
    TRY(cudaMalloc(&d.key_bias, s.keys * 4));
    fill_float<<<(s.keys + 255) / 256, 256>>>(d.key_bias, s.keys, 3);
    if (s.biased == 2) {
        int64_t n = (int64_t)s.heads * s.queries * s.keys;
        TRY(cudaMalloc(&d.bias, n * 4));
        fill_float<<<(unsigned)((n + 255) / 256), 256>>>(d.bias, n, 3);
    }
    return d;
}

static void data_free(struct data &d)
{
    for (int i = 0; i < d.sets; i++) {
        cudaFree(d.q[i]);
        cudaFree(d.k[i]);
        cudaFree(d.v[i]);
        cudaFree(d.out[i]);
    }
    cudaFree(d.bias);
    cudaFree(d.key_bias);
    cudaFree(d.parts);
}

static bool fits(const struct variant &v, const struct shape &s)
{
    bool bias = s.biased == v.bias || (s.biased == 1 && v.bias == 2 && s.keys > 8192);
    if (s.biased == 1 && v.bias == 1 && s.keys > 8192)
        bias = false;
    return (s.d <= 64 ? v.d == 64 : v.d == 128) && bias;
}

static int check(const struct shape &s)
{
    struct data d = data_new(s);
    int bad = 0, rows = std::min(s.queries, 48), step = std::max(1, s.queries / rows);
    step += step > 1 && step % 2 == 0;
    int64_t n = s.queries * ((int64_t)s.heads * s.d + s.pad);
    double *sums, host[3];
    float *z;
    TRY(cudaMalloc(&sums, 24));
    TRY(cudaMalloc(&z, (size_t)rows * s.heads * s.keys * 4));
    std::vector<uint16_t> once(n), twice(n);
    for (auto &v : variants) {
        if (!fits(v, s))
            continue;
        TRY(cudaMemset(d.out[0], 0xFF, n * 2));
        TRY(cudaMemset(sums, 0, 24));
        v.run(s, d, 0, v.cut);
        compare<<<dim3(rows, s.heads), 256>>>(
            d.q[0], d.k[0], d.v[0], d.out[0], s, step, s.size / sqrtf((float)s.d),
            s.biased == 2 ? d.bias : NULL, s.biased == 1 ? d.key_bias : NULL, sums, z);
        TRY(cudaGetLastError());
        TRY(cudaDeviceSynchronize());
        TRY(cudaMemcpy(host, sums, 24, cudaMemcpyDeviceToHost));
        TRY(cudaMemcpy(once.data(), d.out[0], n * 2, cudaMemcpyDeviceToHost));
        TRY(cudaMemset(d.out[0], 0xFF, n * 2));
        v.run(s, d, 0, v.cut);
        TRY(cudaMemcpy(twice.data(), d.out[0], n * 2, cudaMemcpyDeviceToHost));
        bool same = memcmp(once.data(), twice.data(), n * 2) == 0, pads = true, all = true;
        int64_t width = (int64_t)s.heads * s.d;
        for (int64_t i = 0; i < n; i++)
            if (i % (width + s.pad) >= width)
                pads &= once[i] == 0xFFFF;
            else
                all &= once[i] != 0xFFFF;
        double nmse = host[0] / host[1];
        bool ok = nmse < 2e-5 && host[2] == 0 && same && pads && all;
        bad += !ok;
        printf("%-4s %5d x %5d, %2d heads of %3d, bias %d, size %3g  %-28s nmse %.2e%s%s%s\n",
               ok ? "ok" : "BAD", s.queries, s.keys, s.heads, s.d, s.biased, s.size, v.name, nmse,
               same ? "" : " NOT REPEATABLE", pads ? "" : " WROTE BETWEEN ROWS",
               all ? "" : " NOT ALL WRITTEN");
    }
    cudaFree(sums);
    cudaFree(z);
    data_free(d);
    fflush(stdout);
    return bad;
}

/* Variants take turns, so that a clock that falls with the temperature falls for all. */
static void time_shape(const struct shape &s)
{
    struct data d = data_new(s);
    double flops = 4.0 * s.queries * s.keys * s.heads * s.d;
    int runs = (int)std::min(40.0, std::max(10.0, 1e13 / flops));
    cudaEvent_t from, to;
    cudaEventCreate(&from);
    cudaEventCreate(&to);
    constexpr int count = sizeof variants / sizeof variants[0];
    std::vector<float> ms[count];
    for (int i = -2; i < runs; i++)
        for (int v = 0; v < count; v++) {
            if (!fits(variants[v], s))
                continue;
            float took;
            variants[v].run(s, d, (i + v + 2) % d.sets, variants[v].cut); /* clocks rise */
            cudaEventRecord(from);
            variants[v].run(s, d, (i + v + 3) % d.sets, variants[v].cut);
            cudaEventRecord(to);
            TRY(cudaDeviceSynchronize());
            cudaEventElapsedTime(&took, from, to);
            if (i >= 0)
                ms[v].push_back(took);
        }
    for (int v = 0; v < count; v++) {
        if (ms[v].empty())
            continue;
        std::sort(ms[v].begin(), ms[v].end());
        float median = ms[v][runs / 2];
        printf("time %5d x %5d, %2d heads of %3d  %-28s %8.1f us (best %8.1f) %6.1f TFLOP/s\n",
               s.queries, s.keys, s.heads, s.d, variants[v].name, median * 1e3, ms[v][0] * 1e3,
               flops / median * 1e-9);
    }
    data_free(d);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    void *entry = NULL;
    cudaDriverEntryPointQueryResult found;
    TRY(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault,
                                         &found));
    encode = (decltype(encode))entry;
    static const struct shape checks[] = {
        {128, 128, 1, 128, 0, 0, 1},    {1, 1, 1, 128, 0, 0, 1},
        {100, 77, 2, 128, 0, 8, 1},     {300, 1000, 3, 128, 0, 8, 1},
        {257, 2600, 12, 128, 0, 0, 10}, {4680, 4680, 12, 128, 0, 0, 1},
        {4680, 9360, 12, 128, 0, 0, 4}, {200, 301, 5, 96, 0, 0, 1},
        {130, 513, 12, 128, 1, 0, 1},   {4680, 50, 12, 128, 1, 0, 1},
        {260, 300, 2, 128, 2, 0, 1},    {100, 8300, 2, 128, 1, 0, 1},
        {100, 8192, 2, 128, 1, 0, 1},   {333, 400, 6, 32, 0, 0, 1},
        {4680, 4680, 12, 64, 0, 0, 1},  {90, 77, 7, 64, 1, 8, 1},
        {511, 511, 4, 64, 2, 0, 1},     {70, 2100, 1, 24, 0, 0, 20},
    };
    int bad = 0;
    if (argc < 2 || !strcmp(argv[1], "check"))
        for (auto &s : checks)
            bad += check(s);
    static const struct shape times[] = {
        {4680, 4680, 12, 128, 0, 0, 1},  {4680, 18720, 12, 128, 0, 0, 1},
        {4680, 32760, 12, 128, 0, 0, 1}, {4680, 32760, 40, 128, 0, 0, 1},
        {4680, 512, 12, 128, 1, 0, 1},   {4680, 128, 12, 128, 1, 0, 1},
        {4680, 64, 12, 128, 1, 0, 1},    {4680, 4680, 12, 64, 0, 0, 1},
        {512, 512, 64, 64, 2, 0, 1},     {180, 1260, 6, 32, 0, 0, 1},
    };
    if (!bad && (argc < 2 || !strcmp(argv[1], "time")))
        for (auto &s : times)
            time_shape(s);
    printf("%s\n", bad ? "SOME ARE WRONG" : "all right");
    return bad != 0;
}
