/* tensor: see tensor.h */
#include "kernels/tensor.h"

#include <assert.h>

struct tensor tensor_over(void *data, enum dtype dtype, int ndim, const int64_t *shape)
{
    assert(ndim >= 0 && ndim <= TENSOR_MAX_DIMS);
    struct tensor t = {.data = data, .dtype = dtype, .ndim = ndim};
    int64_t stride = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        t.shape[i] = shape[i];
        t.stride[i] = stride;
        stride *= shape[i];
    }
    return t;
}

int64_t tensor_count(const struct tensor *t)
{
    int64_t count = 1;
    for (int i = 0; i < t->ndim; i++)
        count *= t->shape[i];
    return count;
}

static void *offset(const struct tensor *t, int64_t elements)
{
    return (char *)t->data + elements * dtype_size(t->dtype);
}

struct tensor tensor_slice(const struct tensor *t, int64_t first, int64_t count)
{
    assert(t->ndim >= 1 && first >= 0 && count >= 0 && first + count <= t->shape[0]);
    struct tensor view = *t;
    view.data = offset(t, first * t->stride[0]);
    view.shape[0] = count;
    return view;
}

struct tensor tensor_columns(const struct tensor *t, int64_t first, int64_t count)
{
    int last = t->ndim - 1;
    assert(last >= 0 && first >= 0 && count >= 0 && first + count <= t->shape[last]);
    struct tensor view = *t;
    view.data = offset(t, first * t->stride[last]);
    view.shape[last] = count;
    return view;
}

struct tensor tensor_reshape(const struct tensor *t, int ndim, const int64_t *shape)
{
    assert(tensor_is_contiguous(t));
    struct tensor view = tensor_over(t->data, t->dtype, ndim, shape);
    assert(tensor_count(&view) == tensor_count(t));
    return view;
}

bool tensor_is_contiguous(const struct tensor *t)
{
    int64_t stride = 1;
    for (int i = t->ndim - 1; i >= 0; i--) {
        if (t->shape[i] != 1 && t->stride[i] != stride)
            return false;
        stride *= t->shape[i];
    }
    return true;
}
