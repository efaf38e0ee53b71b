/* cuda_copy: strided copies with dtype conversion, and zeros.
 *
 *   copy   dst[index] = src[index], axes that are dense in both merged first
 *
 * Rows that are aligned go 16 bytes a thread (8 of BF16 where the other side is F32), whatever lies
 * between them; everything else an element a thread. A contiguous copy of one dtype is the
 * runtime's own. Bytes: one read and one write of the tensor. */
#include "kernels/cuda/cuda_rows.cuh"

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
        if (!cuda_copy_bytes(ex, "copy", between, from + at, n, cudaMemcpyDeviceToDevice, err) ||
            !cuda_copy_bytes(ex, "copy", to + at, between, n, cudaMemcpyDeviceToDevice, err))
            return false;
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
    return cuda_copy_bytes(ex, "copy", to, from, bytes, cudaMemcpyDeviceToDevice, err) &&
           cuda_launched(ex, "copy", err);
}

/* Pieces of a copy that are moved whole: axis 0 of the walk counts them. */
struct pieces {
    struct walk w;       /* axis 0: pieces of a row; strides of the other axes in elements */
    int64_t step, count; /* elements of a piece; pieces */
};

/* The other axes of piece number `at`, in elements. */
__device__ inline void piece_at(const struct pieces &p, uint32_t at, int64_t *to, int64_t *from)
{
    uint32_t rest = at / (uint32_t)p.w.shape[0], in_row = at - rest * (uint32_t)p.w.shape[0];
    *to = in_row * p.step;
    *from = in_row * p.step;
    for (int axis = 1; axis < p.w.ndim; axis++) {
        uint32_t above = rest / (uint32_t)p.w.shape[axis];
        uint32_t here = rest - above * (uint32_t)p.w.shape[axis];
        *to += here * p.w.dst[axis];
        *from += here * p.w.src[axis];
        rest = above;
    }
}

__global__ void move_kernel(char *dst, const char *src, int size, struct pieces p)
{
    int64_t to, from, at = cuda_index();
    if (at >= p.count)
        return;
    piece_at(p, (uint32_t)at, &to, &from);
    *(cuda_words<16> *)(dst + to * size) = *(const cuda_words<16> *)(src + from * size);
}

template <bool FROM16, bool TO16>
__global__ void convert_kernel(void *dst, const void *src, struct pieces p)
{
    int64_t to, from, at = cuda_index();
    float v[4];
    if (at >= p.count)
        return;
    piece_at(p, (uint32_t)at, &to, &from);
    cuda_load_n<FROM16, 4>(v, src, from);
    cuda_store_n<TO16, 4>(dst, to, v);
}

/* Cuts the walk into pieces of `step` elements; false: they would not be aligned, or are too many.
 */
static bool cut(struct pieces *p, const struct walk *w, const struct tensor *dst,
                const struct tensor *src, int64_t step, int64_t count)
{
    int64_t to = step * dtype_size(dst->dtype), from = step * dtype_size(src->dtype);
    if (w->ndim == 0 || w->dst[0] != 1 || w->src[0] != 1 || w->shape[0] % step ||
        (uintptr_t)dst->data % (uintptr_t)to || (uintptr_t)src->data % (uintptr_t)from ||
        count / step > 0x7FFFFFFF)
        return false;
    for (int axis = 1; axis < w->ndim; axis++)
        if (w->dst[axis] % step || w->src[axis] % step)
            return false;
    p->w = *w;
    p->w.shape[0] /= step;
    p->step = step;
    p->count = count / step;
    return true;
}

/* *taken: aligned, and queued when true comes back. */
static bool copy_pieces(struct exec *ex, const struct tensor *dst, const struct tensor *src,
                        const struct walk *w, int64_t count, bool *taken, struct dn_error *err)
{
    bool same = dst->dtype == src->dtype;
    int64_t step = same ? 16 / dtype_size(dst->dtype) : 4;
    struct pieces p;
    *taken = cut(&p, w, dst, src, step, count);
    if (!*taken)
        return true;
    dim3 grid = cuda_grid(p.count);
    if (same)
        return cuda_launch(ex, "copy", err, move_kernel, grid, CUDA_BLOCK, 0, (char *)dst->data,
                           (const char *)src->data, (int)dtype_size(dst->dtype), p);
    if (src->dtype == DTYPE_BF16)
        return cuda_launch(ex, "copy", err, convert_kernel<true, false>, grid, CUDA_BLOCK, 0,
                           dst->data, (const void *)src->data, p);
    return cuda_launch(ex, "copy", err, convert_kernel<false, true>, grid, CUDA_BLOCK, 0, dst->data,
                       (const void *)src->data, p);
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
    struct walk w = walk_over(dst, src);
    bool taken;
    if (!copy_pieces(ex, dst, src, &w, count, &taken, err) || taken)
        return taken;
    cuda_array to = {dst->data, dst->dtype == DTYPE_BF16};
    cuda_array from = {src->data, src->dtype == DTYPE_BF16};
    return cuda_launch(ex, "copy", err, copy_kernel, cuda_grid(count), CUDA_BLOCK, 0, to, from,
                       same ? (int)dtype_size(dst->dtype) : 0, w, count);
}

extern "C" bool cuda_fill_zero(struct exec *ex, const struct tensor *dst, struct dn_error *err)
{
    int64_t count = tensor_count(dst), size = dtype_size(dst->dtype);
    if (count == 0)
        return true;
    if (tensor_is_contiguous(dst))
        return cuda_enter(ex, "fill_zero", err) &&
               cuda_fill_bytes(ex, "fill_zero", dst->data, 0, (size_t)(count * size), err) &&
               cuda_launched(ex, "fill_zero", err);
    cuda_array to = {dst->data, 0}, none = {NULL, 0};
    return cuda_launch(ex, "fill_zero", err, copy_kernel, cuda_grid(count), CUDA_BLOCK, 0, to, none,
                       (int)size, walk_over(dst, dst), count);
}
