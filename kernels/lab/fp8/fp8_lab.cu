/* fp8_lab: does cuBLASLt multiply e4m3 with a factor a row and a channel, how fast, how exactly, and
 * what does it cost to bring rows into that form?
 *
 *   shapes     which small and odd ones are taken, and whether it takes pointers to choose
 *   rows       fp8_rows_kernel by steps a thread, after a check of every code against dtype.h
 *   block      all products of a block with their quantisers, weights of four blocks in turns
 *   products   each shape of a block at 4680 tokens: bf16 beside e4m3 with factors as vectors (outer)
 *              and without (scalar), stored as bf16 with bias or GELU, as bf16, as float32; with and
 *              without fast accumulation: time of the first candidate of the heuristics and of the
 *              fastest, power of the error against float64 sums of the same operands and of the
 *              bf16 ones
 *
 * With the argument "shapes" it ends behind these.
 * nvcc -std=c++17 -O3 -Isrc -I. -gencode arch=compute_90a,code=sm_90a fp8_lab.cu -lcublasLt */
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <cublasLt.h>

#include "kernels/cuda/fp8.cuh"
#include "kernels/lab/must.h"
#include "kernels/lab/timed.h"

enum { TOKENS = 4680, DIM = 1536, FFN = 8960, SETS = 4 };
#define WORKSPACE ((size_t)32 << 20)

static cublasLtHandle_t handle;
static cudaStream_t stream;
static void *workspace;

/* Sums of four uniform numbers, every 64th column four times as large, as activations have them. */
__global__ void fill(uint16_t *to, int64_t rows, int64_t cols, unsigned seed, float range,
                     int spread)
{
    for (int64_t i = cuda_index(); i < rows * cols; i += (int64_t)gridDim.x * blockDim.x) {
        float sum = 0;
        for (int k = 0; k < 4; k++) {
            unsigned x = (unsigned)i * 2654435761u + seed + 0x9E3779B9u * k;
            x ^= x >> 15, x *= 0x85ebca6bu, x ^= x >> 13, x *= 0xc2b2ae35u, x ^= x >> 16;
            sum += (float)(x >> 8) / 8388608.0f - 1.0f;
        }
        cuda_array out = {to, 1};
        cuda_store(out, i, sum * range * (spread && i % cols % 64 == 0 ? 4.0f : 1.0f));
    }
}

template <int STEPS>
static void quantise(const void *x, void *q, void *factors, int64_t rows, int64_t dim)
{
    fp8_rows p = {x, (uint8_t *)q, (float *)factors, dim, (int)dim};
    unsigned threads = (unsigned)((dim / 8 + STEPS - 1) / STEPS + 31) / 32 * 32;
    fp8_rows_kernel<true, STEPS><<<(unsigned)rows, threads, 32 * 4, stream>>>(p);
}

static void quantise_best(const void *x, void *q, void *factors, int64_t rows, int64_t dim)
{
    if (dim <= 2048)
        quantise<1>(x, q, factors, rows, dim);
    else
        quantise<4>(x, q, factors, rows, dim);
}

/* --- products --- */
enum form { BF16, OUTER, SCALAR };
enum store { STORE_BIAS, STORE_GELU, STORE_PLAIN, STORE_F32 };
static const char *const form_names[] = {"bf16", "outer", "scalar"};
static const char *const store_names[] = {"bias", "gelu", "plain", "f32"};

struct product {
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t w, x, y;
    cublasLtMatmulHeuristicResult_t found[16];
    int count;
};

static bool quiet, aligned_wish; /* refusals are not printed; the heuristic is told of alignment */

static bool make(product *p, form f, store s, int fast, int64_t rows, int64_t in, int64_t out,
                 const float *wf, const float *xf, const void *bias, int wanted)
{
    cublasOperation_t t = CUBLAS_OP_T;
    cudaDataType_t type = f == BF16 ? CUDA_R_16BF : CUDA_R_8F_E4M3;
    cudaDataType_t y = s == STORE_F32 ? CUDA_R_32F : CUDA_R_16BF;
    cublasLtEpilogue_t e = s == STORE_GELU ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
    int8_t fast_too = (int8_t)fast;
    MUST(cublasLtMatmulDescCreate(&p->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    auto set = [&](cublasLtMatmulDescAttributes_t a, const void *value, size_t size) {
        int code = cublasLtMatmulDescSetAttribute(p->desc, a, value, size);
        if (code)
            printf("attribute %d: %d\n", (int)a, code);
    };
    set(CUBLASLT_MATMUL_DESC_TRANSA, &t, sizeof t);
    if (f != BF16)
        set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, &fast_too, sizeof fast_too);
    if (s < STORE_PLAIN) {
        set(CUBLASLT_MATMUL_DESC_EPILOGUE, &e, sizeof e);
        set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &y, sizeof y);
        set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
    }
    if (f == OUTER) {
        cublasLtMatmulMatrixScale_t mode = CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F;
        set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, &mode, sizeof mode);
        set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, &mode, sizeof mode);
        set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &wf, sizeof wf);
        set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &xf, sizeof xf);
    }
    MUST(cublasLtMatrixLayoutCreate(&p->w, type, in, out, in));
    MUST(cublasLtMatrixLayoutCreate(&p->x, type, in, rows, in));
    MUST(cublasLtMatrixLayoutCreate(&p->y, y, out, rows, out));
    cublasLtMatmulPreference_t wish;
    size_t most = WORKSPACE;
    MUST(cublasLtMatmulPreferenceCreate(&wish));
    MUST(cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most,
                                              sizeof most));
    const uint32_t sixteen = 16;
    for (int i = 0; aligned_wish && i < 4; i++)
        MUST(cublasLtMatmulPreferenceSetAttribute(
            wish,
            (cublasLtMatmulPreferenceAttributes_t)(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES + i),
            &sixteen, sizeof sixteen));
    int code = cublasLtMatmulAlgoGetHeuristic(handle, p->desc, p->w, p->x, p->y, p->y, wish, wanted,
                                              p->found, &p->count);
    cublasLtMatmulPreferenceDestroy(wish);
    if ((code || p->count == 0) && !quiet)
        printf("%5ld x %4ld-%4ld %-6s %-5s fast %d: refused (status %d, %d found)\n", (long)rows,
               (long)in, (long)out, form_names[f], store_names[s], fast, code, p->count);
    return code == 0 && p->count > 0;
}

static int multiply(const product *p, int which, const void *x, const void *w, void *y)
{
    const float one = 1, zero = 0;
    return cublasLtMatmul(handle, p->desc, &one, w, p->w, x, p->x, &zero, y, p->y, y, p->y,
                          &p->found[which].algo, workspace, WORKSPACE, stream);
}

struct operands {
    uint16_t *x[SETS], *w[SETS];
    uint8_t *xq[SETS], *wq[SETS];
    float *xf[SETS], *wf[SETS];
    void *y[SETS];
    uint16_t *bias;
};

template <typename T> static std::vector<T> fetch(const void *from, size_t count)
{
    std::vector<T> out(count);
    MUST(cudaStreamSynchronize(stream));
    MUST(cudaMemcpy(out.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost));
    return out;
}

static double gelu(double v)
{
    return 0.5 * v * (1 + tanh(sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
}

/* Power of the error of some elements of y, against sums of the operands it was given and against
 * those of the bf16 ones. */
static void judge(const operands &o, form f, store s, int64_t rows, int64_t in, int64_t out,
                  double *own, double *plain)
{
    auto xq = fetch<uint8_t>(o.xq[0], (size_t)(rows * in));
    auto wq = fetch<uint8_t>(o.wq[0], (size_t)(out * in));
    auto x = fetch<uint16_t>(o.x[0], (size_t)(rows * in));
    auto w = fetch<uint16_t>(o.w[0], (size_t)(out * in));
    auto xf = fetch<float>(o.xf[0], (size_t)rows);
    auto wf = fetch<float>(o.wf[0], (size_t)out);
    auto bias = fetch<uint16_t>(o.bias, (size_t)out);
    auto y32 = fetch<float>(o.y[0], s == STORE_F32 ? (size_t)(rows * out) : 1);
    auto y16 = fetch<uint16_t>(o.y[0], (size_t)(rows * out));
    double error = 0, power = 0, plain_error = 0, plain_power = 0;
    for (int64_t i = 0; i < 2000; i++) {
        int64_t r = i * 7919 % rows, c = i * 104729 % out;
        double sum = 0, exact = 0;
        for (int64_t k = 0; k < in; k++) {
            sum += (double)f32_from_e4m3(xq[r * in + k]) * f32_from_e4m3(wq[c * in + k]);
            exact += (double)f32_from_bf16(x[r * in + k]) * f32_from_bf16(w[c * in + k]);
        }
        sum = f == BF16 ? exact : f == OUTER ? sum * xf[r] * wf[c] : sum;
        double factor = f == SCALAR ? (double)xf[r] * wf[c] : 1;
        if (s < STORE_PLAIN) {
            sum += f32_from_bf16(bias[c]);
            exact += f32_from_bf16(bias[c]);
        }
        if (s == STORE_GELU) {
            sum = gelu(sum);
            exact = gelu(exact);
        }
        double got = s == STORE_F32 ? y32[r * out + c] : f32_from_bf16(y16[r * out + c]);
        error += (got - sum) * (got - sum);
        power += sum * sum;
        plain_error += (got * factor - exact) * (got * factor - exact);
        plain_power += exact * exact;
    }
    *own = error / power;
    *plain = plain_error / plain_power;
}

static void products_of(operands &o, int64_t in, int64_t out)
{
    const int64_t rows = TOKENS;
    for (int i = 0; i < SETS; i++) {
        fill<<<1024, 256, 0, stream>>>(o.x[i], rows, in, 1 + i, 1.0f, 1);
        fill<<<1024, 256, 0, stream>>>(o.w[i], out, in, 11 + i, 0.02f, 0);
        quantise_best(o.x[i], o.xq[i], o.xf[i], rows, in);
        quantise_best(o.w[i], o.wq[i], o.wf[i], out, in);
    }
    const struct {
        form f;
        store s;
        int fast;
    } list[] = {{BF16, STORE_BIAS, 0},   {BF16, STORE_GELU, 0},    {OUTER, STORE_BIAS, 0},
                {OUTER, STORE_BIAS, 1},  {OUTER, STORE_GELU, 0},   {OUTER, STORE_GELU, 1},
                {OUTER, STORE_PLAIN, 0}, {OUTER, STORE_PLAIN, 1},  {OUTER, STORE_F32, 0},
                {OUTER, STORE_F32, 1},   {SCALAR, STORE_PLAIN, 0}, {SCALAR, STORE_PLAIN, 1},
                {SCALAR, STORE_F32, 1}};
    for (auto &c : list) {
        if (c.s == STORE_GELU && out != FFN)
            continue;
        /* only the first set's factors: they hold for its operands, and times do not mind */
        product p = {};
        if (!make(&p, c.f, c.s, c.fast, rows, in, out, o.wf[0], o.xf[0], o.bias, 8))
            continue;
        double first = 0, best = 1e9;
        int fastest = 0, failed = 0;
        for (int a = 0; a < p.count; a++) {
            auto call = [&](int i) {
                failed = c.f == BF16 ? multiply(&p, a, o.x[i], o.w[i], o.y[i])
                                     : multiply(&p, a, o.xq[i], o.wq[i], o.y[i]);
            };
            call(0);
            if (failed) {
                printf("candidate %d: status %d\n", a, failed);
                continue;
            }
            double us = timed(stream, SETS, 5, 8, call);
            first = a == 0 ? us : first;
            fastest = us < best ? a : fastest;
            best = std::min(best, us);
        }
        double own, plain, flops = 2.0 * rows * in * out;
        MUST(cudaMemsetAsync(o.y[0], 0xFF, (size_t)(rows * out) * (c.s == STORE_F32 ? 4 : 2),
                             stream));
        if (c.f == BF16)
            multiply(&p, 0, o.x[0], o.w[0], o.y[0]);
        else
            multiply(&p, 0, o.xq[0], o.wq[0], o.y[0]);
        judge(o, c.f, c.s, rows, in, out, &own, &plain);
        printf("%ld x %4ld-%4ld %-6s %-5s fast %d: first %6.1f us %5.0f TFLOP/s, best #%d of %d "
               "%6.1f us "
               "%5.0f; error %.2e, against bf16 %.2e; workspace %zu\n",
               (long)rows, (long)in, (long)out, form_names[c.f], store_names[c.s], c.fast, first,
               flops / first / 1e6, fastest, p.count, best, flops / best / 1e6, own, plain,
               p.found[0].workspaceSize);
        fflush(stdout);
    }
}

/* --- rows --- */
__global__ void convert(const float *x, uint32_t *q, int64_t count)
{
    int64_t i = cuda_index();
    if (i < count / 4)
        q[i] = fp8_pack(x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]);
}

/* The device's conversion against dtype.h: every e4m3, every middle between two, their neighbours,
 * and bit patterns from all of float32. */
static void check_codes()
{
    std::vector<float> x;
    for (int sign = 0; sign < 2; sign++)
        for (int code = 0; code < 0x7F; code++) {
            float at = f32_from_e4m3((uint8_t)code);
            float next = code < 0x7E ? f32_from_e4m3((uint8_t)(code + 1)) : 480.0f;
            float middle = (at + next) / 2;
            for (float v : {at, middle, nextafterf(middle, 0), nextafterf(middle, 1e30f)})
                x.push_back(sign ? -v : v);
        }
    for (uint32_t i = 0; i < 1u << 22; i++) {
        uint32_t bits = i * 2654435761u;
        float v;
        memcpy(&v, &bits, 4);
        x.push_back(v);
    }
    x.resize(x.size() / 4 * 4);
    float *dx;
    uint32_t *dq;
    MUST(cudaMalloc((void **)&dx, x.size() * 4));
    MUST(cudaMalloc((void **)&dq, x.size()));
    MUST(cudaMemcpy(dx, x.data(), x.size() * 4, cudaMemcpyHostToDevice));
    convert<<<cuda_grid((int64_t)x.size() / 4), 256, 0, stream>>>(dx, dq, (int64_t)x.size());
    auto q = fetch<uint8_t>(dq, x.size());
    long wrong = 0;
    for (size_t i = 0; i < x.size(); i++)
        if (q[i] != e4m3_from_f32(x[i]) && wrong++ < 5)
            printf("%g becomes %02x, not %02x\n", x[i], q[i], e4m3_from_f32(x[i]));
    printf("conversion: %ld of %zu numbers differ from dtype.h\n", wrong, x.size());
    cudaFree(dx);
    cudaFree(dq);
}

static void check_rows(operands &o, int64_t dim)
{
    auto x = fetch<uint16_t>(o.x[0], (size_t)(TOKENS * dim));
    auto q = fetch<uint8_t>(o.xq[0], (size_t)(TOKENS * dim));
    auto factors = fetch<float>(o.xf[0], TOKENS);
    long wrong = 0;
    for (int64_t r = 0; r < TOKENS; r++) {
        float most = 0;
        for (int64_t c = 0; c < dim; c++)
            most = fmaxf(most, fabsf(f32_from_bf16(x[r * dim + c])));
        wrong += factors[r] != most / E4M3_MAX;
        for (int64_t c = 0; c < dim; c++)
            wrong +=
                q[r * dim + c] != e4m3_from_f32(f32_from_bf16(x[r * dim + c]) * (E4M3_MAX / most));
    }
    printf("rows of %ld: %ld numbers differ from the host's\n", (long)dim, wrong);
}

static void rows_of(operands &o, int64_t dim)
{
    for (int i = 0; i < SETS; i++)
        fill<<<1024, 256, 0, stream>>>(o.x[i], TOKENS, dim, 1 + i, 1.0f, 1);
    const struct {
        int steps;
        void (*run)(const void *, void *, void *, int64_t, int64_t);
    } list[] = {
        {1, quantise<1>}, {2, quantise<2>}, {3, quantise<3>}, {4, quantise<4>}, {6, quantise<6>}};
    for (auto &c : list) {
        if (dim / 8 / c.steps > 1024)
            continue;
        double us = timed(stream, SETS, 15, 16,
                          [&](int i) { c.run(o.x[i], o.xq[i], o.xf[i], TOKENS, dim); });
        printf("rows of %4ld, %d steps a thread: %6.1f us, %5.0f GB/s\n", (long)dim, c.steps, us,
               TOKENS * (double)dim * 3 / us / 1e3);
    }
    check_rows(o, dim);
}

/* --- shapes --- */

/* Is a product chosen (1), refused (0), or refused when it is to run (2)? late: factors are set
 * when it has been chosen. */
static int taken(operands &o, store s, bool late, bool aligned, int64_t rows, int64_t in,
                 int64_t out)
{
    product p = {};
    quiet = true;
    aligned_wish = aligned;
    bool made = make(&p, OUTER, s, 1, rows, in, out, late ? NULL : o.wf[0], late ? NULL : o.xf[0],
                     o.bias, 1);
    quiet = aligned_wish = false;
    if (!made)
        return 0;
    const void *wf = o.wf[0], *xf = o.xf[0];
    cublasLtMatmulDescSetAttribute(p.desc, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &wf, sizeof wf);
    cublasLtMatmulDescSetAttribute(p.desc, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &xf, sizeof xf);
    return multiply(&p, 0, o.xq[0], o.wq[0], o.y[0]) || cudaStreamSynchronize(stream) ? 2 : 1;
}

static void shapes_of(operands &o)
{
    static const int64_t sides[][2] = {{16, 16},   {48, 80},    {192, 576}, {2064, 48},
                                       {64, 32},   {8960, 16},  {192, 192}, {768, 192},
                                       {1536, 64}, {1536, 8960}};
    static const int64_t rows[] = {1, 3, 5, 8, 9, 16, 24, 33, 180, 4680};
    for (int form = 0; form < 4; form++)
        printf("1536-4608 x 4680, factors %s, alignment %s: %d\n",
               form & 1 ? "set late" : "set before", form & 2 ? "told" : "not told",
               taken(o, STORE_BIAS, form & 1, form & 2, TOKENS, DIM, 3 * DIM));
    for (auto &s : sides) {
        printf("%5ld-%-5ld rows:bias,gelu,plain,f32", (long)s[0], (long)s[1]);
        for (int64_t n : rows) {
            printf("  %ld:", (long)n);
            for (int k = 0; k < 4; k++)
                printf("%d", taken(o, (store)k, false, true, n, s[0], s[1]));
        }
        printf("\n");
    }
}

/* --- a block --- */
static void block(operands &o)
{
    const struct {
        const char *name;
        int64_t in, out;
        store s, plain_s;
    } list[] = {{"qkv", DIM, 3 * DIM, STORE_BIAS, STORE_BIAS},
                {"o", DIM, DIM, STORE_PLAIN, STORE_PLAIN},
                {"cross q", DIM, DIM, STORE_BIAS, STORE_BIAS},
                {"cross o", DIM, DIM, STORE_PLAIN, STORE_PLAIN},
                {"ffn in", DIM, FFN, STORE_GELU, STORE_GELU},
                {"ffn out", FFN, DIM, STORE_PLAIN, STORE_PLAIN}};
    for (int i = 0; i < SETS; i++) {
        fill<<<1024, 256, 0, stream>>>(o.x[i], TOKENS, FFN, 1 + i, 1.0f, 1);
        fill<<<1024, 256, 0, stream>>>(o.w[i], FFN, DIM, 11 + i, 0.02f, 0);
        quantise_best(o.x[i], o.xq[i], o.xf[0], TOKENS, FFN);
        quantise_best(o.w[i], o.wq[i], o.wf[0], FFN, DIM);
    }
    for (int fast = 0; fast < 2; fast++) {
        product plain[6] = {}, narrow[6] = {};
        for (int i = 0; i < 6; i++) {
            make(&plain[i], BF16, list[i].plain_s, 0, TOKENS, list[i].in, list[i].out, NULL, NULL,
                 o.bias, 1);
            if (!make(&narrow[i], OUTER, list[i].s, fast, TOKENS, list[i].in, list[i].out, o.wf[0],
                      o.xf[0], o.bias, 1) &&
                !make(&narrow[i], OUTER, STORE_PLAIN, fast, TOKENS, list[i].in, list[i].out,
                      o.wf[0], o.xf[0], o.bias, 1))
                return;
        }
        double before = timed(stream, SETS, 9, 8, [&](int k) {
            for (int i = 0; i < 6; i++)
                multiply(&plain[i], 0, o.x[(k + i) % SETS], o.w[(k + i) % SETS],
                         i == 4 ? (void *)o.x[(k + 5) % SETS] : o.y[(k + i) % SETS]);
        });
        double bare = timed(stream, SETS, 9, 8, [&](int k) {
            for (int i = 0; i < 6; i++)
                multiply(&narrow[i], 0, o.xq[(k + i) % SETS], o.wq[(k + i) % SETS],
                         i == 4 ? (void *)o.x[(k + 5) % SETS] : o.y[(k + i) % SETS]);
        });
        double after = timed(stream, SETS, 9, 8, [&](int k) {
            for (int i = 0; i < 6; i++) {
                int at = (k + i) % SETS;
                quantise_best(o.x[at], o.xq[at], o.xf[0], TOKENS, list[i].in);
                multiply(&narrow[i], 0, o.xq[at], o.wq[at],
                         i == 4 ? (void *)o.x[(k + 5) % SETS] : o.y[at]);
            }
        });
        printf("products of a block, fast %d: bf16 %.1f us, e4m3 %.1f us, with six quantisers %.1f "
               "us; a "
               "clip of 1050 blocks %.0f, %.0f, %.0f ms\n",
               fast, before, bare, after, before * 1.05, bare * 1.05, after * 1.05);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    operands o;
    const size_t most = (size_t)TOKENS * FFN, weights = (size_t)DIM * FFN;
    cudaDeviceProp prop;
    MUST(cudaGetDeviceProperties(&prop, 0));
    printf("%s, %d multiprocessors, cuBLASLt %zu\n", prop.name, prop.multiProcessorCount,
           cublasLtGetVersion());
    MUST(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    MUST(cublasLtCreate(&handle));
    for (int i = 0; i < SETS; i++) {
        MUST(cudaMalloc((void **)&o.x[i], most * 2));
        MUST(cudaMalloc((void **)&o.w[i], weights * 2));
        MUST(cudaMalloc((void **)&o.xq[i], most));
        MUST(cudaMalloc((void **)&o.wq[i], weights));
        MUST(cudaMalloc((void **)&o.xf[i], TOKENS * 4));
        MUST(cudaMalloc((void **)&o.wf[i], FFN * 4));
        MUST(cudaMalloc(&o.y[i], most * 4));
    }
    MUST(cudaMalloc((void **)&o.bias, FFN * 2));
    MUST(cudaMalloc(&workspace, WORKSPACE));
    fill<<<8, 256, 0, stream>>>(o.bias, 1, FFN, 5, 0.1f, 0);
    check_codes();
    shapes_of(o);
    if (argc > 1 && strcmp(argv[1], "shapes") == 0)
        return 0;
    rows_of(o, DIM);
    rows_of(o, FFN);
    block(o);
    products_of(o, DIM, 3 * DIM);
    products_of(o, DIM, DIM);
    products_of(o, DIM, FFN);
    products_of(o, FFN, DIM);
    MUST(cudaDeviceSynchronize());
    return 0;
}
