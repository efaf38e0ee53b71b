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

/* y [rows, out] = x [rows, in] w [out, in]^T (+ bias [out], in y's dtype, or NULL). x and w have
 * one dtype; y has that dtype or is F32. Products of F32 are exact float32, never TF32. */
bool cuda_gemm_run(struct cuda_gemm *gemm, cudaStream_t stream, int64_t rows, int64_t in,
                   int64_t out, const struct cuda_matrix *y, const struct cuda_matrix *x,
                   const struct cuda_matrix *w, const void *bias, struct dn_error *err);

#endif
