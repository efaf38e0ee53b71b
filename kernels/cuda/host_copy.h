/* host_copy: strided copy between host tensors with conversion of dtypes, for what goes to a device
 * and comes back. */
#ifndef DANAUS_KERNELS_CUDA_HOST_COPY_H
#define DANAUS_KERNELS_CUDA_HOST_COPY_H

#include "kernels/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* dst = src, same shape, any strides, any float dtypes (or one and the same dtype of any kind). */
void host_copy(const struct tensor *dst, const struct tensor *src);

#ifdef __cplusplus
}
#endif

#endif
