/* cuda_exec: what every file of the CUDA backend shares: the exec, its stream and scratch memory,
 * errors. Private to kernels/cuda; C++. */
#ifndef DANAUS_KERNELS_CUDA_EXEC_H
#define DANAUS_KERNELS_CUDA_EXEC_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cuda_runtime.h>

#include "kernels/cuda/cuda_ops.h"

extern "C" {
#include "base/mem.h"
}

struct cuda_gemm;
struct cuda_ring;

/* Device memory of an exec in numbers. While it plans they are all that moves. */
struct cuda_books {
    bool open;     /* planning: nothing is computed or taken */
    int64_t held;  /* bytes of tensors */
    int64_t most;  /* since the plan began */
    int64_t begun; /* held when it began */
    void *scratch; /* the real one's */
    size_t scratch_size;
    uintptr_t next; /* addresses of what is taken in the books only */
};

struct exec {
    enum dtype dtype; /* first these two: exec_dtype() and exec_fp8() read them for every backend */
    bool fp8;
    int device;
    int major, minor, processors; /* compute capability, multiprocessors */
    bool plan_only;        /* there is no device; books are open from start to end */
    cudaStream_t stream;
    bool sync_each; /* DANAUS_SYNC=1: wait after each operation, so that a fault names its own */
    bool poison;    /* DANAUS_POISON=1: memory that is taken, and scratch at each use, is NaN */
    void *scratch;
    size_t scratch_size;
    size_t scratch_wish; /* as large as a plan found it; taken at the next growth */
    struct cuda_books books;
    struct cuda_gemm *gemm;
    struct cuda_ring *ring; /* locked host memory, NULL until something is sent */
};

/* True on cudaSuccess; else err says what failed, and "no memory" is told as such. */
bool cuda_ok(cudaError_t code, const char *op, struct dn_error *err);
#define CUDA_TRY(op, call, err)                                                                    \
    do {                                                                                           \
        if (!cuda_ok((call), (op), (err)))                                                         \
            return false;                                                                          \
    } while (0)

/* The exec's device becomes the calling thread's: an exec may move between threads. */
bool cuda_enter(const struct exec *ex, const char *op, struct dn_error *err);
/* After a launch: true when it was taken (and, with sync_each, has run). */
bool cuda_launched(const struct exec *ex, const char *op, struct dn_error *err);

/* --- memory (cuda_memory.cu); nothing here waits for queued work --- */
bool cuda_pool_open(int device, struct dn_error *err);
void cuda_pool_close(int device); /* returns to the driver what nobody holds */
/* The runtime's copies and fills, unless ex plans. */
bool cuda_copy_bytes(struct exec *ex, const char *op, void *to, const void *from, size_t size,
                     enum cudaMemcpyKind kind, struct dn_error *err);
bool cuda_fill_bytes(struct exec *ex, const char *op, void *to, int value, size_t size,
                     struct dn_error *err);
/* At least size bytes of device memory, 256-byte aligned, valid for what is queued before the next
 * call. */
bool cuda_scratch(struct exec *ex, const char *op, size_t size, void **out, struct dn_error *err);
void cuda_scratch_close(struct exec *ex);

/* --- transfers (cuda_transfer.cu) --- */
/* Queues a copy of host memory, which may be reused on return. */
bool cuda_send(struct exec *ex, const char *op, void *to, const void *from, size_t size,
               struct dn_error *err);
/* Copies to host memory and waits for it. */
bool cuda_receive(struct exec *ex, const char *op, void *to, const void *from, size_t size,
                  struct dn_error *err);
void cuda_ring_close(struct exec *ex);

/* Rounds a size up so that what follows it in a buffer is aligned. */
static inline size_t cuda_align(size_t size)
{
    return (size + 255) & ~(size_t)255;
}

static inline bool cuda_is_activation(const struct tensor *t)
{
    return t->dtype == DTYPE_F32 || t->dtype == DTYPE_BF16;
}

/* A device tensor as its kernels see it, C style designated initialisers being C++20. */
static inline struct tensor cuda_tensor(void *data, enum dtype dtype, int64_t rows, int64_t cols)
{
    const int64_t shape[] = {rows, cols};
    return tensor_over(data, dtype, 2, shape);
}

#endif
