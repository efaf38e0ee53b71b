/* cuda_memory: tensors of device memory, strided copies with dtype conversion, transfers.
 *
 *   copy   dst[index] = src[index], a thread an element, axes that are dense in both merged first
 *
 * Bytes: one read and one write of the tensor. A contiguous copy of one dtype is the runtime's own.
 * Share of the memory limit: not measured yet. */
#include <stdlib.h>

#include "kernels/cuda/cuda_util.cuh"
#include "kernels/cuda/host_copy.h"

extern "C" bool cuda_tensor_alloc(struct exec *ex, struct tensor *t, enum dtype dtype, int ndim,
                                  const int64_t *shape, struct dn_error *err)
{
    struct tensor made = tensor_over(NULL, dtype, ndim, shape);
    size_t bytes = (size_t)dtype_size(dtype);
    memset(t, 0, sizeof *t);
    for (int i = 0; i < ndim; i++) {
        assert(shape[i] >= 0);
        bytes = dn_mul_or_abort(bytes, (size_t)shape[i]);
    }
    if (!cuda_enter(ex, "tensor_alloc", err))
        return false;
    cudaError_t code = cudaMalloc(&made.data, bytes ? bytes : 1);
    if (!cuda_ok(code, "tensor_alloc", err)) {
        if (code == cudaErrorMemoryAllocation)
            dn_fail(err, DN_E_MEMORY, "the GPU has no %.2f GiB free for a tensor",
                    (double)bytes / 1073741824.0);
        return false;
    }
    *t = made;
    return true;
}

extern "C" void cuda_tensor_free(struct exec *ex, struct tensor *t)
{
    cuda_enter(ex, "tensor_free", NULL);
    cudaFree(t->data); /* waits for work that still uses it */
    memset(t, 0, sizeof *t);
}

/* A pair of tensors of one shape with as few axes as their strides allow, innermost first. */
struct walk {
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    int64_t dst[TENSOR_MAX_DIMS], src[TENSOR_MAX_DIMS]; /* strides */
};

static struct walk walk_over(const struct tensor *dst, const struct tensor *src)
{
    struct walk w = {};
    for (int i = dst->ndim - 1; i >= 0; i--) {
        int64_t n = dst->shape[i];
        int last = w.ndim - 1;
        if (n == 1)
            continue;
        if (w.ndim && dst->stride[i] == w.dst[last] * w.shape[last] &&
            src->stride[i] == w.src[last] * w.shape[last]) {
            w.shape[last] *= n;
            continue;
        }
        w.shape[w.ndim] = n;
        w.dst[w.ndim] = dst->stride[i];
        w.src[w.ndim] = src->stride[i];
        w.ndim++;
    }
    return w;
}

/* Elements of one dtype are moved as they are, by their size; others are F32 or BF16. No source:
 * zeros. */
__global__ void copy_kernel(cuda_array dst, cuda_array src, int raw_size, struct walk w,
                            int64_t count)
{
    int64_t rest = cuda_index(), to = 0, from = 0;
    if (rest >= count)
        return;
    for (int axis = 0; axis < w.ndim; axis++) {
        int64_t at = rest % w.shape[axis];
        rest /= w.shape[axis];
        to += at * w.dst[axis];
        from += at * w.src[axis];
    }
    if (raw_size == 0)
        cuda_store(dst, to, cuda_load(src, from));
    else if (raw_size == 1)
        ((uint8_t *)dst.data)[to] = src.data ? ((const uint8_t *)src.data)[from] : (uint8_t)0;
    else if (raw_size == 2)
        ((uint16_t *)dst.data)[to] = src.data ? ((const uint16_t *)src.data)[from] : (uint16_t)0;
    else if (raw_size == 4)
        ((uint32_t *)dst.data)[to] = src.data ? ((const uint32_t *)src.data)[from] : 0u;
    else
        ((uint64_t *)dst.data)[to] = src.data ? ((const uint64_t *)src.data)[from] : (uint64_t)0;
}

/* Bytes that may overlap, dst before src: by pieces through scratch memory, in order. */
static bool move_left(struct exec *ex, char *to, const char *from, size_t bytes,
                      struct dn_error *err)
{
    const size_t most = (size_t)64 << 20;
    void *between;
    if (!cuda_scratch(ex, "copy", bytes < most ? bytes : most, &between, err))
        return false;
    for (size_t at = 0; at < bytes; at += most) {
        size_t n = bytes - at < most ? bytes - at : most;
        CUDA_TRY("copy",
                 cudaMemcpyAsync(between, from + at, n, cudaMemcpyDeviceToDevice, ex->stream), err);
        CUDA_TRY("copy",
                 cudaMemcpyAsync(to + at, between, n, cudaMemcpyDeviceToDevice, ex->stream), err);
    }
    return cuda_launched(ex, "copy", err);
}

static bool copy_contiguous(struct exec *ex, const struct tensor *dst, const struct tensor *src,
                            struct dn_error *err)
{
    size_t bytes = (size_t)(tensor_count(dst) * dtype_size(dst->dtype));
    char *to = (char *)dst->data;
    const char *from = (const char *)src->data;
    if (!cuda_enter(ex, "copy", err))
        return false;
    if (to < from + bytes && from < to + bytes) {
        assert(to <= from);
        return move_left(ex, to, from, bytes, err);
    }
    CUDA_TRY("copy", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, ex->stream), err);
    return cuda_launched(ex, "copy", err);
}

extern "C" bool cuda_copy(struct exec *ex, const struct tensor *dst, const struct tensor *src,
                          struct dn_error *err)
{
    assert(dst->ndim == src->ndim);
    for (int i = 0; i < dst->ndim; i++)
        assert(dst->shape[i] == src->shape[i]);
    int64_t count = tensor_count(dst);
    if (count == 0)
        return true;
    bool same = dst->dtype == src->dtype;
    if (same && tensor_is_contiguous(dst) && tensor_is_contiguous(src))
        return copy_contiguous(ex, dst, src, err);
    assert(same || (cuda_is_activation(dst) && cuda_is_activation(src)));
    cuda_array to = {dst->data, dst->dtype == DTYPE_BF16};
    cuda_array from = {src->data, src->dtype == DTYPE_BF16};
    return cuda_launch(ex, "copy", err, copy_kernel, cuda_grid(count), CUDA_BLOCK, 0, to, from,
                       same ? (int)dtype_size(dst->dtype) : 0, walk_over(dst, src), count);
}

extern "C" bool cuda_fill_zero(struct exec *ex, const struct tensor *dst, struct dn_error *err)
{
    int64_t count = tensor_count(dst), size = dtype_size(dst->dtype);
    if (count == 0)
        return true;
    if (tensor_is_contiguous(dst)) {
        if (!cuda_enter(ex, "fill_zero", err))
            return false;
        CUDA_TRY("fill_zero", cudaMemsetAsync(dst->data, 0, (size_t)(count * size), ex->stream),
                 err);
        return cuda_launched(ex, "fill_zero", err);
    }
    cuda_array to = {dst->data, 0}, none = {NULL, 0};
    return cuda_launch(ex, "fill_zero", err, copy_kernel, cuda_grid(count), CUDA_BLOCK, 0, to, none,
                       (int)size, walk_over(dst, dst), count);
}

/* The host may reuse its memory after the return: a copy from pageable memory has been staged, but
 * from locked memory it has not, so this waits. */
static bool send(struct exec *ex, const struct tensor *dst, const void *from, struct dn_error *err)
{
    size_t bytes = (size_t)(tensor_count(dst) * dtype_size(dst->dtype));
    struct tensor plain = tensor_over(dst->data, dst->dtype, dst->ndim, dst->shape);
    bool direct = tensor_is_contiguous(dst);
    if (!direct && !cuda_scratch(ex, "upload", bytes, &plain.data, err))
        return false;
    CUDA_TRY("upload",
             cudaMemcpyAsync(plain.data, from, bytes, cudaMemcpyHostToDevice, ex->stream), err);
    if (!direct && !cuda_copy(ex, dst, &plain, err))
        return false;
    CUDA_TRY("upload", cudaStreamSynchronize(ex->stream), err);
    return true;
}

extern "C" bool cuda_upload(struct exec *ex, const struct tensor *dst, const struct tensor *host,
                            struct dn_error *err)
{
    int64_t count = tensor_count(dst);
    if (count == 0)
        return true;
    if (!cuda_enter(ex, "upload", err))
        return false;
    if (host->dtype == dst->dtype && tensor_is_contiguous(host))
        return send(ex, dst, host->data, err);
    void *memory = dn_malloc((size_t)(count * dtype_size(dst->dtype)));
    struct tensor plain = tensor_over(memory, dst->dtype, dst->ndim, dst->shape);
    host_copy(&plain, host);
    bool ok = send(ex, dst, memory, err);
    free(memory);
    return ok;
}

/* Host memory receives the bytes of src, without gaps. */
static bool receive(struct exec *ex, void *to, const struct tensor *src, struct dn_error *err)
{
    size_t bytes = (size_t)(tensor_count(src) * dtype_size(src->dtype));
    struct tensor plain = tensor_over(src->data, src->dtype, src->ndim, src->shape);
    if (!tensor_is_contiguous(src) &&
        !(cuda_scratch(ex, "download", bytes, &plain.data, err) && cuda_copy(ex, &plain, src, err)))
        return false;
    CUDA_TRY("download",
             cudaMemcpyAsync(to, plain.data, bytes, cudaMemcpyDeviceToHost, ex->stream), err);
    CUDA_TRY("download", cudaStreamSynchronize(ex->stream), err);
    return true;
}

extern "C" bool cuda_download(struct exec *ex, const struct tensor *host, const struct tensor *src,
                              struct dn_error *err)
{
    int64_t count = tensor_count(src);
    if (count == 0)
        return true;
    if (!cuda_enter(ex, "download", err))
        return false;
    if (host->dtype == src->dtype && tensor_is_contiguous(host))
        return receive(ex, host->data, src, err);
    void *memory = dn_malloc((size_t)(count * dtype_size(src->dtype)));
    struct tensor plain = tensor_over(memory, src->dtype, src->ndim, src->shape);
    bool ok = receive(ex, memory, src, err);
    if (ok)
        host_copy(host, &plain);
    free(memory);
    return ok;
}
