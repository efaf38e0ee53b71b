/* fp8: rows as e4m3 with a factor a row, for products. */
#ifndef DANAUS_KERNELS_CUDA_FP8_H
#define DANAUS_KERNELS_CUDA_FP8_H

#include "kernels/cuda/cuda_ops.h"

/* q [rows, dim], contiguous, 16-byte aligned, and factors [rows] of x [rows, dim], F32 or BF16, row
 * stride free. */
bool cuda_fp8_rows(struct exec *ex, void *q, float *factors, const struct tensor *x,
                   struct dn_error *err);

#endif
