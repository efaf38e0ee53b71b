/* cpu_memory: tensors of host memory, strided copies with dtype conversion.
 *
 * copy moves runs of the innermost axis; axes that are dense in both tensors are merged first, so
 * that a contiguous copy is one run. Bytes: one read and one write of the tensor. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/cpu/cpu_exec.h"

bool cpu_tensor_alloc(struct exec *ex, struct tensor *t, enum dtype dtype, int ndim,
                      const int64_t *shape, struct dn_error *err)
{
    (void)ex;
    (void)err; /* running out of memory aborts */
    *t = tensor_over(NULL, dtype, ndim, shape);
    size_t bytes = (size_t)dtype_size(dtype);
    for (int i = 0; i < ndim; i++) {
        assert(shape[i] >= 0);
        bytes = dn_mul_or_abort(bytes, (size_t)shape[i]);
    }
    t->data = dn_malloc_aligned(bytes);
    return true;
}

void cpu_tensor_free(struct exec *ex, struct tensor *t)
{
    (void)ex;
    free(t->data);
    *t = (struct tensor){0};
}

/* A pair of tensors of one shape with as few axes as their strides allow. */
struct walk {
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    int64_t dst[TENSOR_MAX_DIMS], src[TENSOR_MAX_DIMS]; /* strides */
};

static struct walk walk_over(const struct tensor *dst, const struct tensor *src)
{
    struct walk w = {0};
    for (int i = dst->ndim - 1; i >= 0; i--) {
        int64_t n = dst->shape[i];
        if (n == 1)
            continue;
        int last = w.ndim - 1;
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
    if (w.ndim == 0) {
        w.ndim = 1;
        w.shape[0] = 1;
        w.dst[0] = w.src[0] = 1;
    }
    return w;
}

static float load_any(const char *p, enum dtype dtype)
{
    float x;
    dtype_to_f32(&x, p, dtype, 1);
    return x;
}

/* One run of the innermost axis. */
static void copy_run(char *d, enum dtype dd, int64_t dstride, const char *s, enum dtype sd,
                     int64_t sstride, int64_t n)
{
    int64_t dsize = dtype_size(dd), ssize = dtype_size(sd);
    if (dstride == 1 && sstride == 1) {
        if (dd == sd)
            memmove(d, s, (size_t)(n * dsize));
        else if (dd == DTYPE_BF16 && sd == DTYPE_F32)
            cpu_f32_to_bf16((uint16_t *)d, (const float *)s, n);
        else if (dd == DTYPE_F32 && sd == DTYPE_BF16)
            cpu_bf16_to_f32((float *)d, (const uint16_t *)s, n);
        else if (dd == DTYPE_F32)
            dtype_to_f32((float *)d, s, sd, n);
        else if (sd == DTYPE_F32)
            dtype_from_f32(d, dd, (const float *)s, n);
        else
            dstride = -1; /* neither side is float32: by element, below */
        if (dstride == 1)
            return;
        dstride = 1;
    }
    for (int64_t i = 0; i < n; i++) {
        char *to = d + i * dstride * dsize;
        const char *from = s + i * sstride * ssize;
        if (dd == sd) {
            memmove(to, from, (size_t)dsize);
        } else {
            float x = load_any(from, sd);
            dtype_from_f32(to, dd, &x, 1);
        }
    }
}

/* Do the bytes of two contiguous runs meet? */
static bool overlap(const struct tensor *dst, const struct tensor *src, int64_t dst_bytes,
                    int64_t src_bytes)
{
    uintptr_t d = (uintptr_t)dst->data, s = (uintptr_t)src->data;
    return d < s + (uintptr_t)src_bytes && s < d + (uintptr_t)dst_bytes;
}

static void copy_strided(const struct tensor *dst, const struct tensor *src)
{
    assert(dst->ndim == src->ndim);
    for (int i = 0; i < dst->ndim; i++)
        assert(dst->shape[i] == src->shape[i]);
    if (tensor_count(dst) == 0)
        return;
    struct walk w = walk_over(dst, src);
    int64_t runs = 1;
    for (int i = 1; i < w.ndim; i++)
        runs *= w.shape[i];
    int64_t dsize = dtype_size(dst->dtype), ssize = dtype_size(src->dtype);
    /* one long run is cut into pieces for the threads, unless the order of bytes matters */
    int64_t length = w.shape[0], piece = length;
    if (runs == 1 && length > 4 * CPU_GRAIN && !overlap(dst, src, length * dsize, length * ssize))
        piece = 65536;
    int64_t pieces = (length + piece - 1) / piece;
#pragma omp parallel for schedule(static) if (runs * length > CPU_GRAIN)
    for (int64_t i = 0; i < runs * pieces; i++) {
        int64_t rest = i / pieces, first = i % pieces * piece;
        int64_t d = first * w.dst[0], s = first * w.src[0];
        for (int axis = 1; axis < w.ndim; axis++) {
            int64_t at = rest % w.shape[axis];
            rest /= w.shape[axis];
            d += at * w.dst[axis];
            s += at * w.src[axis];
        }
        copy_run((char *)dst->data + d * dsize, dst->dtype, w.dst[0],
                 (const char *)src->data + s * ssize, src->dtype, w.src[0],
                 length - first < piece ? length - first : piece);
    }
}

bool cpu_copy(struct exec *ex, const struct tensor *dst, const struct tensor *src,
              struct dn_error *err)
{
    (void)err;
    cpu_enter(ex);
    copy_strided(dst, src);
    return true;
}

bool cpu_upload(struct exec *ex, const struct tensor *dst, const struct tensor *host,
                struct dn_error *err)
{
    return cpu_copy(ex, dst, host, err);
}

bool cpu_download(struct exec *ex, const struct tensor *host, const struct tensor *src,
                  struct dn_error *err)
{
    return cpu_copy(ex, host, src, err);
}

bool cpu_fill_zero(struct exec *ex, const struct tensor *dst, struct dn_error *err)
{
    (void)err;
    cpu_enter(ex);
    int64_t size = dtype_size(dst->dtype);
    if (tensor_is_contiguous(dst)) {
        memset(dst->data, 0, (size_t)(tensor_count(dst) * size));
        return true;
    }
    static const double zero; /* all bits zero in every dtype */
    struct tensor one = *dst;
    one.data = (void *)&zero;
    for (int i = 0; i < one.ndim; i++)
        one.stride[i] = 0;
    copy_strided(dst, &one);
    return true;
}
