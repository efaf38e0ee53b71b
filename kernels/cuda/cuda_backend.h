/* cuda_backend: what ops_select needs of the CUDA backend. */
#ifndef DANAUS_KERNELS_CUDA_BACKEND_H
#define DANAUS_KERNELS_CUDA_BACKEND_H

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/ops.h"

/* Is there a GPU that this build has code for (compute capability 8.0 or newer)? False says in one
 * line why not. */
bool cuda_probe(struct dn_error *err);

extern const struct ops ops_cuda;

#ifdef __cplusplus
}
#endif

#endif
