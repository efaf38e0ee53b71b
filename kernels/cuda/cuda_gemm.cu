/* cuda_gemm: see cuda_gemm.h. Row-major y = x w^T is column-major y^T = w x^T: cuBLASLt's A is w
 * (transposed), its B is x, its D is y. Plans (layouts and the heuristic's first algorithm) are
 * kept for the shapes seen.
 *
 * E4M3 with a factor a row of either operand (outer vector scaling) is there from cuBLASLt 12.9 on,
 * and on Hopper only (NVIDIA's documentation of cuBLAS, "outer vector scaling"). Its sums are fast
 * ones: off by 5e-7 to 4e-6 of the power, where rounding the operands to e4m3 costs 1.4e-3. */
#include "kernels/cuda/cuda_gemm.h"

#include <cublasLt.h>

#include <stdlib.h>

#include "kernels/cuda/cuda_exec.h"

#define PLANS 128
#define WORKSPACE ((size_t)32 << 20)

/* What decides an algorithm. Alignments in bytes, as far as 16: that of views is often less than
 * what cuBLASLt takes for granted. */
struct shape {
    int64_t rows, in, out, x_stride, w_stride, y_stride;
    int64_t x_dtype, y_dtype, has_bias, gelu, x_align, w_align, y_align;
};

struct plan {
    struct shape shape;
    uint64_t used;
    bool refused; /* there is no way: asked once */
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t w, x, y;
    cublasLtMatmulAlgo_t algorithm;
};

struct cuda_gemm {
    cublasLtHandle_t handle;
    void *workspace;
    uint64_t clock;
    struct plan plans[PLANS];
};

static bool ok(cublasStatus_t status, struct dn_error *err)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return true;
    return dn_fail(err, DN_E_BACKEND, "linear: cuBLASLt: %s", cublasLtGetStatusString(status));
}

bool cuda_gemm_open(struct cuda_gemm **out, struct dn_error *err)
{
    struct cuda_gemm *g = (struct cuda_gemm *)dn_calloc(1, sizeof *g);
    if (!ok(cublasLtCreate(&g->handle), err) ||
        !cuda_ok(cudaMalloc(&g->workspace, WORKSPACE), "linear: workspace", err)) {
        cuda_gemm_close(g);
        return false;
    }
    *out = g;
    return true;
}

static void plan_done(struct plan *p)
{
    if (p->w)
        cublasLtMatrixLayoutDestroy(p->w);
    if (p->x)
        cublasLtMatrixLayoutDestroy(p->x);
    if (p->y)
        cublasLtMatrixLayoutDestroy(p->y);
    if (p->desc)
        cublasLtMatmulDescDestroy(p->desc);
    memset(p, 0, sizeof *p);
}

void cuda_gemm_close(struct cuda_gemm *g)
{
    if (!g)
        return;
    for (int i = 0; i < PLANS; i++)
        plan_done(&g->plans[i]);
    if (g->handle)
        cublasLtDestroy(g->handle);
    cudaFree(g->workspace);
    free(g);
}

bool cuda_gemm_has_fp8(int major, int minor)
{
    return CUBLAS_VERSION >= 120900 && major == 9 && minor == 0;
}

static cudaDataType_t type_of(int64_t dtype)
{
    return dtype == DTYPE_F32 ? CUDA_R_32F : dtype == DTYPE_BF16 ? CUDA_R_16BF : CUDA_R_8F_E4M3;
}

static uint32_t alignment(const void *p)
{
    uintptr_t at = (uintptr_t)p & 15;
    return at == 0 ? 16 : (uint32_t)(at & -at);
}

/* The factors of rows in both operands, where there are any. */
static bool describe_factors(struct plan *p, struct dn_error *err)
{
#if CUBLAS_VERSION >= 120900
    cublasLtMatmulMatrixScale_t mode = CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F;
    int8_t fast = 1;
    return p->shape.x_dtype != DTYPE_F8_E4M3 ||
           (ok(cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_FAST_ACCUM, &fast,
                                              sizeof fast),
               err) &&
            ok(cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_A_SCALE_MODE, &mode,
                                              sizeof mode),
               err) &&
            ok(cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_B_SCALE_MODE, &mode,
                                              sizeof mode),
               err));
#else
    (void)p;
    (void)err;
    return true; /* cuda_gemm_has_fp8 says no */
#endif
}

/* Where bias and factors lie. */
static bool point(struct plan *p, const struct cuda_gemm_problem *problem, struct dn_error *err)
{
    const void *w = problem->w_factors, *x = problem->x_factors, *bias = problem->bias;
    bool factors = p->shape.x_dtype == DTYPE_F8_E4M3;
    return (!factors || (ok(cublasLtMatmulDescSetAttribute(
                                p->desc, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &w, sizeof w),
                            err) &&
                         ok(cublasLtMatmulDescSetAttribute(
                                p->desc, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &x, sizeof x),
                            err))) &&
           (!bias || ok(cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                                                       &bias, sizeof bias),
                        err));
}

static bool describe(struct plan *p, struct dn_error *err)
{
    const struct shape *s = &p->shape;
    cublasOperation_t transposed = CUBLAS_OP_T;
    cublasLtEpilogue_t epilogue =
        s->gelu ? s->has_bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU
                : CUBLASLT_EPILOGUE_BIAS;
    cudaDataType_t x = type_of(s->x_dtype), y = type_of(s->y_dtype);
    return ok(cublasLtMatmulDescCreate(&p->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), err) &&
           ok(cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                             sizeof transposed),
              err) &&
           (!(s->has_bias || s->gelu) ||
            ok(cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue,
                                              sizeof epilogue),
               err)) &&
           (!s->has_bias || ok(cublasLtMatmulDescSetAttribute(
                                   p->desc, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &y, sizeof y),
                               err)) &&
           ok(cublasLtMatrixLayoutCreate(&p->w, x, (uint64_t)s->in, (uint64_t)s->out, s->w_stride),
              err) &&
           ok(cublasLtMatrixLayoutCreate(&p->x, x, (uint64_t)s->in, (uint64_t)s->rows, s->x_stride),
              err) &&
           ok(cublasLtMatrixLayoutCreate(&p->y, y, (uint64_t)s->out, (uint64_t)s->rows,
                                         s->y_stride),
              err) &&
           describe_factors(p, err);
}

static bool no_way(const struct plan *p, struct dn_error *err)
{
    return dn_fail(err, DN_E_BACKEND, "linear: cuBLASLt has no way for %lld x %lld x %lld",
                   (long long)p->shape.rows, (long long)p->shape.in, (long long)p->shape.out);
}

static bool choose(struct cuda_gemm *g, struct plan *p, struct dn_error *err)
{
    cublasLtMatmulPreference_t wish = NULL;
    size_t workspace = WORKSPACE;
    uint32_t w = (uint32_t)p->shape.w_align, x = (uint32_t)p->shape.x_align;
    uint32_t y = (uint32_t)p->shape.y_align;
    cublasLtMatmulHeuristicResult_t result;
    int count = 0;
    bool done =
        ok(cublasLtMatmulPreferenceCreate(&wish), err) &&
        ok(cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                &workspace, sizeof workspace),
           err) &&
        ok(cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                                                &w, sizeof w),
           err) &&
        ok(cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                                                &x, sizeof x),
           err) &&
        ok(cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
                                                &y, sizeof y),
           err) &&
        ok(cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
                                                &y, sizeof y),
           err) &&
        ok(cublasLtMatmulAlgoGetHeuristic(g->handle, p->desc, p->w, p->x, p->y, p->y, wish, 1,
                                          &result, &count),
           err);
    if (wish)
        cublasLtMatmulPreferenceDestroy(wish);
    if (done && count == 0)
        return no_way(p, err);
    if (done)
        p->algorithm = result.algo;
    return done;
}

/* Fills a plan whose shape is set. A way for factors is chosen when it is known where they lie:
 * cuBLASLt 13.1 refuses them otherwise. */
static bool make(struct cuda_gemm *g, struct plan *p, const struct cuda_gemm_problem *problem,
                 struct dn_error *err)
{
    bool factors = p->shape.x_dtype == DTYPE_F8_E4M3;
    return describe(p, err) && (!factors || point(p, problem, err)) && choose(g, p, err);
}

/* The plan of a shape, or an empty one with that shape in the place of the longest unused. */
static struct plan *place_of(struct cuda_gemm *g, const struct shape *wanted)
{
    struct plan *oldest = &g->plans[0];
    g->clock++;
    for (int i = 0; i < PLANS; i++) {
        struct plan *p = &g->plans[i];
        if ((p->desc || p->refused) && memcmp(&p->shape, wanted, sizeof *wanted) == 0) {
            p->used = g->clock;
            return p;
        }
        if (p->used < oldest->used)
            oldest = p;
    }
    plan_done(oldest);
    oldest->shape = *wanted;
    oldest->used = g->clock;
    return oldest;
}

static struct shape shape_of(const struct cuda_gemm_problem *problem, const struct cuda_matrix *y,
                             const struct cuda_matrix *x, const struct cuda_matrix *w)
{
    return (struct shape){problem->rows,     problem->in,        problem->out,
                          x->stride,         w->stride,          y->stride,
                          x->dtype,          y->dtype,           problem->bias != NULL,
                          problem->gelu,     alignment(x->data), alignment(w->data),
                          alignment(y->data)};
}

bool cuda_gemm_takes(struct cuda_gemm *g, const struct cuda_gemm_problem *problem,
                     const struct cuda_matrix *y, const struct cuda_matrix *x,
                     const struct cuda_matrix *w)
{
    struct shape wanted = shape_of(problem, y, x, w);
    struct plan *p = place_of(g, &wanted);
    if (!p->desc && !p->refused && !make(g, p, problem, NULL)) {
        uint64_t used = p->used;
        plan_done(p);
        p->shape = wanted;
        p->used = used;
        p->refused = true;
    }
    return !p->refused;
}

bool cuda_gemm_run(struct cuda_gemm *g, cudaStream_t stream,
                   const struct cuda_gemm_problem *problem, const struct cuda_matrix *y,
                   const struct cuda_matrix *x, const struct cuda_matrix *w, struct dn_error *err)
{
    struct shape wanted = shape_of(problem, y, x, w);
    struct plan *p = place_of(g, &wanted);
    if (p->refused)
        return no_way(p, err);
    if (!p->desc && !make(g, p, problem, err)) {
        plan_done(p);
        return false;
    }
    if (!point(p, problem, err))
        return false;
    const float one = 1, zero = 0;
    return ok(cublasLtMatmul(g->handle, p->desc, &one, w->data, p->w, x->data, p->x, &zero, y->data,
                             p->y, y->data, p->y, &p->algorithm, g->workspace, WORKSPACE, stream),
              err);
}
