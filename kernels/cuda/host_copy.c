/* host_copy: see host_copy.h */
#include "kernels/cuda/host_copy.h"

#include <assert.h>
#include <omp.h>
#include <string.h>

/* count elements of the innermost axis */
static void copy_run(char *to, enum dtype to_dtype, int64_t to_stride, const char *from,
                     enum dtype from_dtype, int64_t from_stride, int64_t count)
{
    int64_t to_size = dtype_size(to_dtype), from_size = dtype_size(from_dtype);
    bool dense = to_stride == 1 && from_stride == 1;
    if (dense && to_dtype == from_dtype) {
        memcpy(to, from, (size_t)(count * to_size));
        return;
    }
    enum { PIECE = 512 };
    float values[PIECE];
    int64_t step = dense ? PIECE : 1;
    for (int64_t i = 0; i < count; i += step) {
        int64_t n = count - i < step ? count - i : step;
        char *target = to + i * to_stride * to_size;
        const char *source = from + i * from_stride * from_size;
        if (to_dtype == from_dtype) {
            memcpy(target, source, (size_t)to_size);
            continue;
        }
        dtype_to_f32(values, source, from_dtype, n);
        dtype_from_f32(target, to_dtype, values, n);
    }
}

void host_copy(const struct tensor *dst, const struct tensor *src)
{
    assert(dst->ndim == src->ndim);
    for (int i = 0; i < dst->ndim; i++)
        assert(dst->shape[i] == src->shape[i]);
    int64_t count = tensor_count(dst);
    if (count == 0)
        return;
    if (tensor_is_contiguous(dst) && tensor_is_contiguous(src)) {
        copy_run(dst->data, dst->dtype, 1, src->data, src->dtype, 1, count);
        return;
    }
    int last = dst->ndim - 1;
    int64_t run = dst->shape[last];
    for (int64_t r = 0; r < count / run; r++) {
        int64_t rest = r, to = 0, from = 0;
        for (int axis = last - 1; axis >= 0; axis--) {
            int64_t at = rest % dst->shape[axis];
            rest /= dst->shape[axis];
            to += at * dst->stride[axis];
            from += at * src->stride[axis];
        }
        copy_run((char *)dst->data + to * dtype_size(dst->dtype), dst->dtype, dst->stride[last],
                 (const char *)src->data + from * dtype_size(src->dtype), src->dtype,
                 src->stride[last], run);
    }
}

void host_copy_bytes(void *to, const void *from, size_t size)
{
    const size_t run = 256 << 10; /* pages are faulted in while copying: more than a few threads help */
    int threads = omp_get_max_threads(), most = (int)(size / (2 * run));
    threads = threads < 16 ? threads : 16;
    threads = threads < most ? threads : most;
    if (threads < 2) {
        memcpy(to, from, size);
        return;
    }
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t at = 0; at < size; at += run)
        memcpy((char *)to + at, (const char *)from + at, size - at < run ? size - at : run);
}
