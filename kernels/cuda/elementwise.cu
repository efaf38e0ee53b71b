/* elementwise: silu, row addition, linear combination, embedding lookup.
 *
 *   silu       y = x / (1 + e^-x)          add_row   y[r] = a[r] + b
 *   axpby      y = a x + b z               gather    y[i] = table[ids[i]]
 *
 * A thread an element. Bytes: each operand once. Share of the memory limit: not measured yet. */
#include "kernels/cuda/cuda_util.cuh"

__global__ void silu_kernel(cuda_array y, cuda_array x, int64_t count)
{
    int64_t i = cuda_index();
    if (i < count)
        cuda_store(y, i, cuda_silu_of(cuda_load(x, i)));
}

extern "C" bool cuda_silu(struct exec *ex, const struct tensor *y, const struct tensor *x,
                          struct dn_error *err)
{
    int64_t count = tensor_count(x);
    assert(tensor_is_contiguous(x) && tensor_is_contiguous(y) && tensor_count(y) == count);
    return cuda_launch(ex, "silu", err, silu_kernel, cuda_grid(count), CUDA_BLOCK, 0,
                       cuda_array_of(y), cuda_array_of(x), count);
}

__global__ void add_row_kernel(cuda_array y, cuda_array a, cuda_array b, int64_t y_stride,
                               int64_t a_stride, int64_t dim, int64_t count)
{
    int64_t i = cuda_index();
    if (i >= count)
        return;
    int64_t row = i / dim, col = i % dim;
    cuda_store(y, row * y_stride + col, cuda_load(a, row * a_stride + col) + cuda_load(b, col));
}

extern "C" bool cuda_add_row(struct exec *ex, const struct tensor *y, const struct tensor *a,
                             const struct tensor *b, struct dn_error *err)
{
    assert(a->ndim == 2 && y->ndim == 2 && y->shape[0] == a->shape[0]);
    int64_t dim = a->shape[1], count = a->shape[0] * dim;
    assert(y->shape[1] == dim && tensor_count(b) == dim && a->stride[1] == 1 && y->stride[1] == 1);
    return cuda_launch(ex, "add_row", err, add_row_kernel, cuda_grid(count), CUDA_BLOCK, 0,
                       cuda_array_of(y), cuda_array_of(a), cuda_array_of(b), y->stride[0],
                       a->stride[0], dim, count);
}

__global__ void axpby_kernel(cuda_array y, float a, cuda_array x, float b, cuda_array z,
                             int64_t count)
{
    int64_t i = cuda_index();
    if (i < count)
        cuda_store(y, i, a * cuda_load(x, i) + (z.data ? b * cuda_load(z, i) : 0.0f));
}

extern "C" bool cuda_axpby(struct exec *ex, const struct tensor *y, float a, const struct tensor *x,
                           float b, const struct tensor *z, struct dn_error *err)
{
    int64_t count = tensor_count(x);
    assert(tensor_is_contiguous(x) && tensor_is_contiguous(y) && tensor_count(y) == count);
    assert(!z || (tensor_is_contiguous(z) && tensor_count(z) == count));
    cuda_array none = {NULL, 0};
    return cuda_launch(ex, "axpby", err, axpby_kernel, cuda_grid(count), CUDA_BLOCK, 0,
                       cuda_array_of(y), a, cuda_array_of(x), b, z ? cuda_array_of(z) : none,
                       count);
}

__global__ void gather_kernel(cuda_array y, cuda_array table, const int32_t *ids, int64_t y_stride,
                              int64_t table_stride, int64_t dim, int64_t count)
{
    int64_t i = cuda_index();
    if (i >= count)
        return;
    int64_t row = i / dim, col = i % dim;
    cuda_store(y, row * y_stride + col, cuda_load(table, ids[row] * table_stride + col));
}

extern "C" bool cuda_gather_rows(struct exec *ex, const struct tensor *y,
                                 const struct tensor *table, const int32_t *host_ids,
                                 struct dn_error *err)
{
    assert(y->ndim == 2 && table->ndim == 2 && y->shape[1] == table->shape[1]);
    assert(y->stride[1] == 1 && table->stride[1] == 1);
    int64_t rows = y->shape[0], dim = y->shape[1];
    for (int64_t r = 0; r < rows; r++)
        assert(host_ids[r] >= 0 && host_ids[r] < table->shape[0]);
    if (rows == 0)
        return true;
    void *ids;
    if (!cuda_scratch(ex, "gather_rows", (size_t)rows * 4, &ids, err) ||
        !cuda_send(ex, "gather_rows", ids, host_ids, (size_t)rows * 4, err))
        return false;
    return cuda_launch(ex, "gather_rows", err, gather_kernel, cuda_grid(rows * dim), CUDA_BLOCK, 0,
                       cuda_array_of(y), cuda_array_of(table), (const int32_t *)ids, y->stride[0],
                       table->stride[0], dim, rows * dim);
}
