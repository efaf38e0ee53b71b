/* host_copy: strided copy between host tensors with conversion of dtypes, for what goes to a device
 * and comes back. */
#ifndef DANAUS_KERNELS_CUDA_HOST_COPY_H
#define DANAUS_KERNELS_CUDA_HOST_COPY_H

#include <stddef.h>

#include "kernels/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* dst = src, same shape, any strides, any float dtypes (or one and the same dtype of any kind). */
void host_copy(const struct tensor *dst, const struct tensor *src);
/* memcpy, by several threads when it is long. */
void host_copy_bytes(void *to, const void *from, size_t size);

#ifdef __cplusplus
}
#endif

#endif
