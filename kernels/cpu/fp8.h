/* fp8: rows rounded to e4m3 with a factor a row. */
#ifndef DANAUS_KERNELS_CPU_FP8_H
#define DANAUS_KERNELS_CPU_FP8_H

#include "kernels/cpu/cpu_exec.h"

/* to [rows, cols], contiguous, F32 or BF16 = the e4m3 numbers of x, which both hold exactly;
 * factors [rows]. x likewise, row stride free. */
void cpu_fp8_rows(const struct tensor *to, float *factors, const struct tensor *x);

#endif
