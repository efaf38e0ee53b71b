/* tensor: a dtype, a shape, strides and a pointer. Owns nothing by itself.
 *
 * Shapes are written outermost first, [frames, tokens, dim]; strides count elements. The innermost
 * stride is 1 except where an operation says that it takes any stride. Compiles as C17 and C++17. */
#ifndef DANAUS_KERNELS_TENSOR_H
#define DANAUS_KERNELS_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TENSOR_MAX_DIMS 6

struct tensor {
    void *data; /* host or device memory, as its origin says */
    enum dtype dtype;
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    int64_t stride[TENSOR_MAX_DIMS];
};

/* A contiguous tensor over data; shape[0..ndim). */
struct tensor tensor_over(void *data, enum dtype dtype, int ndim, const int64_t *shape);
/* Product of the shape; 1 for a scalar. */
int64_t tensor_count(const struct tensor *t);
/* Elements t[first .. first+count) of the outermost axis, a view. */
struct tensor tensor_slice(const struct tensor *t, int64_t first, int64_t count);
/* The same memory with another shape of the same count; t must be contiguous. */
struct tensor tensor_reshape(const struct tensor *t, int ndim, const int64_t *shape);
/* Columns [first, first+count) of the innermost axis, a view that keeps the strides. */
struct tensor tensor_columns(const struct tensor *t, int64_t first, int64_t count);
bool tensor_is_contiguous(const struct tensor *t);

/* Shape literals: tensor_over(p, DTYPE_F32, DIMS(frames, tokens, dim)) */
#ifdef __cplusplus
}
#else
#define DIMS(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__}
#endif

#endif
