/* cuda_gemm: the one matrix product that is not our own: cuBLASLt behind a thin wrapper. */
#ifndef DANAUS_KERNELS_CUDA_GEMM_H
#define DANAUS_KERNELS_CUDA_GEMM_H

#include <stdint.h>
#include <string.h>

#include <cuda_runtime.h>

#include "kernels/cuda/cuda_ops.h"

struct cuda_gemm; /* cuBLASLt's handle, its workspace, the plans of shapes seen */

struct cuda_matrix {
    void *data;
    enum dtype dtype;
    int64_t stride; /* elements from row to row */
};

bool cuda_gemm_open(struct cuda_gemm **out, struct dn_error *err);
void cuda_gemm_close(struct cuda_gemm *gemm); /* NULL allowed */

struct cuda_gemm_problem {
    int64_t rows, in, out;
    bool gelu;        /* the tanh form, of the sum; then all are BF16 */
    const void *bias; /* [out], in y's dtype, or NULL */
    const float *x_factors, *w_factors; /* of E4M3: [rows] and [out]; else NULL */
};

/* Can a GPU of this compute capability multiply E4M3 with factors of rows and channels? */
bool cuda_gemm_has_fp8(int major, int minor);

/* y [rows, out] = x [rows, in] w [out, in]^T + bias. x and w have one dtype; y has that dtype or is
 * F32. Products of F32 are exact float32, never TF32. Of E4M3, y is BF16 or F32, the sum is times
 * both factors before the bias comes, `in` and `out` are multiples of 16, `rows` of 8, and memory and rows
 * are aligned to 16 bytes. */
bool cuda_gemm_run(struct cuda_gemm *gemm, cudaStream_t stream, const struct cuda_gemm_problem *p,
                   const struct cuda_matrix *y, const struct cuda_matrix *x,
                   const struct cuda_matrix *w, struct dn_error *err);
/* Is there a way to do that? Pointers count by their alignment only, but factors must be some. */
bool cuda_gemm_takes(struct cuda_gemm *gemm, const struct cuda_gemm_problem *p,
                     const struct cuda_matrix *y, const struct cuda_matrix *x,
                     const struct cuda_matrix *w);
/* cuda_gemm_run on ex's stream (linear.cu); while ex plans, nothing. */
bool cuda_multiply(struct exec *ex, const struct cuda_gemm_problem *p, const struct cuda_matrix *y,
                   const struct cuda_matrix *x, const struct cuda_matrix *w, struct dn_error *err);

#endif
