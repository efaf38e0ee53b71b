/* cuda_transfer: host to device and back, through locked memory.
 *
 * A ring of locked pieces stands between the host's memory and the copy engine. What is sent is
 * copied into the ring (large things by several threads), so the caller may reuse its memory at
 * once, and only a sender who has filled the whole ring waits. F32 and BF16 travel as they are and
 * are converted on the device; other dtypes and strides are put in order on the host first. */
#include <stdlib.h>

#include "kernels/cuda/cuda_exec.h"
#include "kernels/cuda/host_copy.h"

/* Small pieces stay in the processor's cache until the copy engine reads them. */
enum { PIECES = 8 };
#define PIECE ((size_t)4 << 20)

struct cuda_ring {
    char *memory; /* [PIECES][PIECE], locked */
    cudaEvent_t sent[PIECES];
    bool pending[PIECES]; /* sent has been recorded behind copies out of this piece */
    int piece;            /* that is being filled, */
    size_t used;          /* up to here */
};

static bool ring_open(struct exec *ex, const char *op, struct dn_error *err)
{
    if (ex->ring)
        return true;
    ex->ring = (struct cuda_ring *)dn_calloc(1, sizeof *ex->ring);
    for (int i = 0; i < PIECES; i++)
        CUDA_TRY(op, cudaEventCreateWithFlags(&ex->ring->sent[i], cudaEventDisableTiming), err);
    CUDA_TRY(op, cudaMallocHost((void **)&ex->ring->memory, PIECES * PIECE), err);
    return true;
}

void cuda_ring_close(struct exec *ex)
{
    if (!ex->ring)
        return;
    for (int i = 0; i < PIECES; i++)
        if (ex->ring->sent[i])
            cudaEventDestroy(ex->ring->sent[i]);
    cudaFreeHost(ex->ring->memory);
    free(ex->ring);
    ex->ring = NULL;
}

/* Room for up to size bytes; *got of them, at *at. Waits when the ring is full. */
static bool ring_take(struct exec *ex, const char *op, size_t size, char **at, size_t *got,
                      struct dn_error *err)
{
    if (!ring_open(ex, op, err))
        return false;
    struct cuda_ring *r = ex->ring;
    /* what fits into a piece is not cut in two */
    if (r->used == PIECE || (size <= PIECE && size > PIECE - r->used)) {
        CUDA_TRY(op, cudaEventRecord(r->sent[r->piece], ex->stream), err);
        r->pending[r->piece] = true;
        r->piece = (r->piece + 1) % PIECES;
        r->used = 0;
        if (r->pending[r->piece])
            CUDA_TRY(op, cudaEventSynchronize(r->sent[r->piece]), err);
        r->pending[r->piece] = false;
    }
    *got = size < PIECE - r->used ? size : PIECE - r->used;
    *at = r->memory + (size_t)r->piece * PIECE + r->used;
    r->used += (*got + 63) & ~(size_t)63;
    return true;
}

bool cuda_send(struct exec *ex, const char *op, void *to, const void *from, size_t size,
               struct dn_error *err)
{
    if (ex->books.open)
        return true;
    if (!cuda_enter(ex, op, err))
        return false;
    for (size_t done = 0; done < size;) {
        char *at;
        size_t n;
        if (!ring_take(ex, op, size - done, &at, &n, err))
            return false;
        host_copy_bytes(at, (const char *)from + done, n);
        CUDA_TRY(op, cudaMemcpyAsync((char *)to + done, at, n, cudaMemcpyHostToDevice, ex->stream),
                 err);
        done += n;
    }
    return true;
}

/* The most rows of a tensor whose bytes on the host go through scratch memory at a time. */
static int64_t rows_at_a_time(const struct tensor *host)
{
    const int64_t most = (int64_t)64 << 20;
    int64_t row = tensor_count(host) / host->shape[0] * dtype_size(host->dtype);
    return row > most ? 1 : most / row;
}

/* host is dense; dst may have strides, or the other dtype. */
static bool send_and_copy(struct exec *ex, const struct tensor *dst, const struct tensor *host,
                          struct dn_error *err)
{
    int64_t step = rows_at_a_time(host);
    for (int64_t row = 0; row < host->shape[0]; row += step) {
        int64_t rows = host->shape[0] - row < step ? host->shape[0] - row : step;
        struct tensor from = tensor_slice(host, row, rows), to = tensor_slice(dst, row, rows);
        size_t bytes = (size_t)(tensor_count(&from) * dtype_size(from.dtype));
        struct tensor raw = tensor_over(NULL, from.dtype, from.ndim, from.shape);
        if (!cuda_scratch(ex, "upload", bytes, &raw.data, err) ||
            !cuda_send(ex, "upload", raw.data, from.data, bytes, err) ||
            !cuda_copy(ex, &to, &raw, err))
            return false;
    }
    return true;
}

static bool send_dense(struct exec *ex, const struct tensor *dst, const struct tensor *host,
                       struct dn_error *err)
{
    size_t bytes = (size_t)(tensor_count(host) * dtype_size(host->dtype));
    if (host->dtype == dst->dtype && tensor_is_contiguous(dst))
        return cuda_send(ex, "upload", dst->data, host->data, bytes, err);
    return send_and_copy(ex, dst, host, err);
}

extern "C" bool cuda_upload(struct exec *ex, const struct tensor *dst, const struct tensor *host,
                            struct dn_error *err)
{
    int64_t count = tensor_count(dst);
    if (count == 0)
        return true;
    bool converts = cuda_is_activation(host) && cuda_is_activation(dst) && host->ndim > 0;
    if (tensor_is_contiguous(host) && (host->dtype == dst->dtype || converts))
        return send_dense(ex, dst, host, err);
    size_t bytes = dn_mul_or_abort((size_t)count, (size_t)dtype_size(dst->dtype));
    void *memory = ex->books.open ? NULL : dn_malloc(bytes);
    struct tensor plain = tensor_over(memory, dst->dtype, dst->ndim, dst->shape);
    if (memory)
        host_copy(&plain, host);
    bool ok = send_dense(ex, dst, &plain, err);
    free(memory);
    return ok;
}

bool cuda_receive(struct exec *ex, const char *op, void *to, const void *from, size_t size,
                  struct dn_error *err)
{
    if (ex->books.open) {
        memset(to, 0, size); /* numbers, for whoever looks */
        return true;
    }
    if (!cuda_enter(ex, op, err))
        return false;
    for (size_t done = 0; done < size;) {
        char *at;
        size_t n;
        if (!ring_take(ex, op, size - done, &at, &n, err))
            return false;
        CUDA_TRY(
            op,
            cudaMemcpyAsync(at, (const char *)from + done, n, cudaMemcpyDeviceToHost, ex->stream),
            err);
        CUDA_TRY(op, cudaStreamSynchronize(ex->stream), err);
        host_copy_bytes((char *)to + done, at, n);
        done += n;
    }
    return true;
}

/* Host memory receives the bytes of src, without gaps. */
static bool receive_dense(struct exec *ex, void *to, const struct tensor *src, struct dn_error *err)
{
    size_t bytes = (size_t)(tensor_count(src) * dtype_size(src->dtype));
    struct tensor plain = tensor_over(src->data, src->dtype, src->ndim, src->shape);
    if (!tensor_is_contiguous(src) &&
        !(cuda_scratch(ex, "download", bytes, &plain.data, err) && cuda_copy(ex, &plain, src, err)))
        return false;
    return cuda_receive(ex, "download", to, plain.data, bytes, err);
}

extern "C" bool cuda_download(struct exec *ex, const struct tensor *host, const struct tensor *src,
                              struct dn_error *err)
{
    int64_t count = tensor_count(src);
    if (count == 0)
        return true;
    if (host->dtype == src->dtype && tensor_is_contiguous(host))
        return receive_dense(ex, host->data, src, err);
    void *memory = dn_malloc(dn_mul_or_abort((size_t)count, (size_t)dtype_size(src->dtype)));
    struct tensor plain = tensor_over(memory, src->dtype, src->ndim, src->shape);
    bool ok = receive_dense(ex, memory, src, err);
    if (ok)
        host_copy(host, &plain);
    free(memory);
    return ok;
}
