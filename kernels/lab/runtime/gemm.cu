/* gemm: what cuBLASLt makes of the transformer's linears, by way of storing the result.
 *
 *   bias bf16    y bf16 = x w^T + b                     gelu bf16   gelu(x w^T + b)
 *   bias f32     y f32  = x w^T + b                     add f32     y f32 += x w^T + b (C = D, beta
 * 1) scaled f32   y f32 += a (x w^T) + b, a a vector of device memory
 *
 * Prints the first candidate of the heuristics and the fastest, TFLOP/s, and the form of its GELU.
 * nvcc -std=c++17 -O3 -gencode arch=compute_90a,code=sm_90a gemm.cu -lcublasLt */
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "kernels/lab/must.h"

enum kind { BIAS_BF16, GELU_BF16, BIAS_F32, ADD_F32, SCALED_F32, KINDS };
static const char *const names[] = {"bias bf16", "gelu bf16", "bias f32", "add f32", "scaled f32"};

__global__ void fill(__nv_bfloat16 *to, size_t count, unsigned seed, float range)
{
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count;
         i += (size_t)gridDim.x * blockDim.x) {
        unsigned x = (unsigned)i * 2654435761u + seed;
        x ^= x >> 15, x *= 0x85ebca6bu, x ^= x >> 13, x *= 0xc2b2ae35u, x ^= x >> 16;
        to[i] = __float2bfloat16(((float)(x >> 8) / 8388608.0f - 1.0f) * range);
    }
}

__global__ void fill_f32(float *to, size_t count, float range)
{
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count;
         i += (size_t)gridDim.x * blockDim.x)
        to[i] = range * (float)((int)(i * 37 % 101) - 50) / 50.0f;
}

struct buffers {
    __nv_bfloat16 *x[3], *w[3];
    void *y[3];
    float *bias, *scale;
    void *workspace;
    size_t workspace_size;
};

static cublasLtHandle_t handle;
static cudaStream_t stream;

static void run(const char *what, buffers &b, int64_t rows, int64_t in, int64_t out, kind k,
                int wanted)
{
    bool f32 = k == BIAS_F32 || k == ADD_F32 || k == SCALED_F32;
    cudaDataType_t yt = f32 ? CUDA_R_32F : CUDA_R_16BF;
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t lw, lx, ly;
    cublasOperation_t t = CUBLAS_OP_T;
    cublasLtEpilogue_t ep = k == GELU_BF16 ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
    MUST(cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSA, &t, sizeof t);
    if (k != SCALED_F32) {
        cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &ep, sizeof ep);
        cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &yt, sizeof yt);
        cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &b.bias,
                                       sizeof b.bias);
    } else {
        cublasLtPointerMode_t mode = CUBLASLT_POINTER_MODE_ALPHA_DEVICE_VECTOR_BETA_HOST;
        cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_POINTER_MODE, &mode, sizeof mode);
    }
    MUST(cublasLtMatrixLayoutCreate(&lw, CUDA_R_16BF, in, out, in));
    MUST(cublasLtMatrixLayoutCreate(&lx, CUDA_R_16BF, in, rows, in));
    MUST(cublasLtMatrixLayoutCreate(&ly, yt, out, rows, out));
    cublasLtMatmulPreference_t wish;
    MUST(cublasLtMatmulPreferenceCreate(&wish));
    cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                         &b.workspace_size, sizeof b.workspace_size);
    std::vector<cublasLtMatmulHeuristicResult_t> found(wanted);
    int count = 0;
    cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(handle, desc, lw, lx, ly, ly, wish,
                                                           wanted, found.data(), &count);
    if (status || count == 0) {
        printf("%-10s %5ld x %5ld -> %5ld %-10s none (status %d)\n", what, (long)rows, (long)in,
               (long)out, names[k], status);
        return;
    }
    float one = 1, beta = k == ADD_F32 || k == SCALED_F32;
    const void *alpha = k == SCALED_F32 ? (const void *)b.scale : &one;
    cudaEvent_t from, to;
    cudaEventCreate(&from);
    cudaEventCreate(&to);
    std::vector<float> times;
    for (int a = 0; a < count; a++) {
        float best = 1e9f;
        for (int repeat = 0; repeat < 3; repeat++) {
            const int N = 9;
            cudaEventRecord(from, stream);
            for (int i = 0; i < N; i++) {
                int set = i % 3;
                cublasStatus_t s = cublasLtMatmul(handle, desc, alpha, b.w[set], lw, b.x[set], lx,
                                                  &beta, b.y[set], ly, b.y[set], ly, &found[a].algo,
                                                  b.workspace, b.workspace_size, stream);
                if (s) {
                    printf("  candidate %d: status %d\n", a, s);
                    break;
                }
            }
            cudaEventRecord(to, stream);
            MUST(cudaEventSynchronize(to));
            float ms;
            cudaEventElapsedTime(&ms, from, to);
            if (repeat)
                best = std::min(best, ms / N);
        }
        times.push_back(best);
    }
    int fastest = (int)(std::min_element(times.begin(), times.end()) - times.begin());
    double flops = 2.0 * rows * in * out;
    int id = 0, tile = 0, stages = 0, split = 0;
    size_t got;
    cublasLtMatmulAlgoConfigGetAttribute(&found[fastest].algo, CUBLASLT_ALGO_CONFIG_ID, &id, 4,
                                         &got);
    cublasLtMatmulAlgoConfigGetAttribute(&found[fastest].algo, CUBLASLT_ALGO_CONFIG_TILE_ID, &tile,
                                         4, &got);
    cublasLtMatmulAlgoConfigGetAttribute(&found[fastest].algo, CUBLASLT_ALGO_CONFIG_STAGES_ID,
                                         &stages, 4, &got);
    cublasLtMatmulAlgoConfigGetAttribute(&found[fastest].algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM,
                                         &split, 4, &got);
    printf("%-10s %5ld x %5ld -> %5ld %-10s first %7.1f us %4.0f TF | best #%d %7.1f us %4.0f TF "
           "(of %d; id %d tile %d stages %d split %d, workspace %zu)\n",
           what, (long)rows, (long)in, (long)out, names[k], times[0] * 1e3, flops / times[0] / 1e9,
           fastest, times[fastest] * 1e3, flops / times[fastest] / 1e9, count, id, tile, stages,
           split, found[fastest].workspaceSize);
    if (k == GELU_BF16 && rows > 4000) { /* which GELU? x w^T = 0, so it is of the bias alone */
        MUST(cudaMemset(b.x[0], 0, (size_t)rows * in * 2));
        std::vector<__nv_bfloat16> hb(out), hy(out);
        for (int64_t i = 0; i < out; i++)
            hb[i] = __float2bfloat16(-4.0f + 8.0f * (float)i / (float)out);
        MUST(cudaMemcpy(b.bias, hb.data(), out * 2, cudaMemcpyHostToDevice));
        MUST(cublasLtMatmul(handle, desc, alpha, b.w[0], lw, b.x[0], lx, &beta, b.y[0], ly, b.y[0],
                            ly, &found[fastest].algo, b.workspace, b.workspace_size, stream));
        MUST(cudaStreamSynchronize(stream));
        MUST(cudaMemcpy(hy.data(), b.y[0], out * 2, cudaMemcpyDeviceToHost));
        double to_tanh = 0, to_erf = 0, all = 0;
        for (int64_t i = 0; i < out; i++) {
            double v = __bfloat162float(hb[i]), g = __bfloat162float(hy[i]);
            double a = 0.5 * v * (1 + tanh(sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
            double e = 0.5 * v * (1 + erf(v / sqrt(2.0)));
            to_tanh += (g - a) * (g - a);
            to_erf += (g - e) * (g - e);
            all += a * a;
        }
        printf("   its GELU: nmse to the tanh form %.2e, to the erf form %.2e\n", to_tanh / all,
               to_erf / all);
        fill<<<512, 256, 0, stream>>>(b.x[0], (size_t)rows * in, 1, 1.0f);
        fill<<<512, 256, 0, stream>>>((__nv_bfloat16 *)b.bias, out, 1, 1.0f);
    }
    cublasLtMatmulPreferenceDestroy(wish);
    cublasLtMatrixLayoutDestroy(lw);
    cublasLtMatrixLayoutDestroy(lx);
    cublasLtMatrixLayoutDestroy(ly);
    cublasLtMatmulDescDestroy(desc);
}

int main(int argc, char **argv)
{
    int wanted = argc > 1 ? atoi(argv[1]) : 16;
    buffers b;
    const size_t most = (size_t)4680 * 8960;
    cudaDeviceProp prop;
    MUST(cudaGetDeviceProperties(&prop, 0));
    printf("%s, %d multiprocessors, cuBLASLt %zu\n", prop.name, prop.multiProcessorCount,
           cublasLtGetVersion());
    MUST(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    MUST(cublasLtCreate(&handle));
    for (int i = 0; i < 3; i++) {
        MUST(cudaMalloc((void **)&b.x[i], most * 2));
        MUST(cudaMalloc((void **)&b.w[i], (size_t)1536 * 8960 * 2));
        MUST(cudaMalloc(&b.y[i], most * 4));
        fill<<<512, 256, 0, stream>>>(b.x[i], most, i + 1, 1.0f);
        fill<<<512, 256, 0, stream>>>(b.w[i], (size_t)1536 * 8960, i + 11, 0.03f);
        MUST(cudaMemset(b.y[i], 0, most * 4));
    }
    MUST(cudaMalloc((void **)&b.bias, 8960 * 4));
    MUST(cudaMalloc((void **)&b.scale, 8960 * 4));
    fill_f32<<<8, 256, 0, stream>>>(b.bias, 8960, 0.01f);
    fill_f32<<<8, 256, 0, stream>>>(b.scale, 8960, 0.01f);
    b.workspace_size = (size_t)64 << 20;
    MUST(cudaMalloc(&b.workspace, b.workspace_size));
    const struct {
        const char *what;
        int64_t rows, in, out;
        kind kinds[4];
        int count;
    } rows[] = {
        {"qkv", 4680, 1536, 4608, {BIAS_BF16}, 1},
        {"o", 4680, 1536, 1536, {BIAS_BF16, BIAS_F32, ADD_F32, SCALED_F32}, 4},
        {"ffn in", 4680, 1536, 8960, {BIAS_BF16, GELU_BF16}, 2},
        {"ffn out", 4680, 8960, 1536, {BIAS_BF16, BIAS_F32, ADD_F32, SCALED_F32}, 4},
        {"patch", 4680, 64, 1536, {BIAS_F32}, 1},
        {"head", 4680, 1536, 64, {BIAS_F32}, 1},
    };
    for (auto &r : rows)
        for (int i = 0; i < r.count; i++)
            if (r.rows * std::max(r.in, r.out) <= (int64_t)most)
                run(r.what, b, r.rows, r.in, r.out, r.kinds[i], wanted);
    return 0;
}
