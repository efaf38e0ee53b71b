/* cuda_memory: device memory from the driver's stream-ordered pool.
 *
 * Taking and giving back are queued on the exec's stream like any other work, so neither waits for
 * it, and what was given back stays in the pool for the next taker. All execs of a device share its
 * pool; memory that crosses from one exec's stream to another's is ordered by whoever shares it. */
#include "kernels/cuda/cuda_exec.h"

bool cuda_pool_open(int device, struct dn_error *err)
{
    cudaMemPool_t pool;
    uint64_t keep = UINT64_MAX; /* give nothing back to the driver at a synchronisation */
    CUDA_TRY("backend cuda: memory pool", cudaDeviceGetDefaultMemPool(&pool, device), err);
    CUDA_TRY("backend cuda: memory pool",
             cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep), err);
    return true;
}

void cuda_pool_close(int device)
{
    cudaMemPool_t pool;
    if (cudaDeviceGetDefaultMemPool(&pool, device) == cudaSuccess)
        cudaMemPoolTrimTo(pool, 0);
}

/* NaN in both dtypes, so that what nobody has written shows. */
static bool poison(struct exec *ex, const char *op, void *memory, size_t size, struct dn_error *err)
{
    return !ex->poison || cuda_fill_bytes(ex, op, memory, 0xFF, size, err);
}

/* What tensors hold has changed by so many bytes. */
static void note(struct exec *ex, int64_t bytes)
{
    ex->books.held += bytes;
    if (ex->books.held > ex->books.most)
        ex->books.most = ex->books.held;
}

/* An address that no view of another taking overlaps; nobody looks there. */
static void *take_in_books(struct exec *ex, size_t size)
{
    struct cuda_books *b = &ex->books;
    if (!b->next)
        b->next = (uintptr_t)1 << 40;
    void *out = (void *)b->next;
    b->next += cuda_align(size ? size : 1);
    return out;
}

static bool take(struct exec *ex, const char *op, size_t size, void **out, struct dn_error *err)
{
    *out = NULL;
    if (ex->books.open) {
        *out = take_in_books(ex, size);
        return true;
    }
    if (!cuda_enter(ex, op, err))
        return false;
    cudaError_t code = cudaMallocAsync(out, size ? size : 1, ex->stream);
    if (cuda_ok(code, op, err))
        return poison(ex, op, *out, size, err);
    *out = NULL;
    if (code == cudaErrorMemoryAllocation)
        dn_fail(err, DN_E_MEMORY, "%s: the GPU has no %.2f GiB free", op,
                (double)size / 1073741824.0);
    return false;
}

static void give_back(struct exec *ex, void *memory)
{
    if (memory && !ex->books.open && cuda_enter(ex, "giving back memory", NULL))
        cudaFreeAsync(memory, ex->stream);
}

/* A buffer that the scratch outgrows is given back behind the work that is queued on it. */
bool cuda_scratch(struct exec *ex, const char *op, size_t size, void **out, struct dn_error *err)
{
    if (size > ex->scratch_size) {
        size_t more = size > ex->scratch_wish ? size : ex->scratch_wish;
        cuda_scratch_close(ex);
        if (!take(ex, op, more, &ex->scratch, err))
            return false;
        ex->scratch_size = more;
    }
    *out = ex->scratch;
    return size == 0 || poison(ex, op, *out, size, err);
}

void cuda_scratch_close(struct exec *ex)
{
    give_back(ex, ex->scratch);
    ex->scratch = NULL;
    ex->scratch_size = 0;
}

bool cuda_copy_bytes(struct exec *ex, const char *op, void *to, const void *from, size_t size,
                     enum cudaMemcpyKind kind, struct dn_error *err)
{
    return ex->books.open || cuda_ok(cudaMemcpyAsync(to, from, size, kind, ex->stream), op, err);
}

bool cuda_fill_bytes(struct exec *ex, const char *op, void *to, int value, size_t size,
                     struct dn_error *err)
{
    return ex->books.open || cuda_ok(cudaMemsetAsync(to, value, size, ex->stream), op, err);
}

extern "C" bool cuda_plan_begin(struct exec *ex)
{
    struct cuda_books *b = &ex->books;
    assert(ex->plan_only || !b->open);
    b->open = true;
    b->begun = b->most = b->held;
    b->scratch = ex->scratch;
    b->scratch_size = ex->scratch_size;
    ex->scratch_wish = 0;
    return true;
}

extern "C" void cuda_plan_end(struct exec *ex, struct exec_plan *plan)
{
    struct cuda_books *b = &ex->books;
    assert(b->open);
    plan->scratch = (int64_t)(ex->scratch_size - b->scratch_size);
    plan->held = b->begun + (int64_t)b->scratch_size;
    plan->more = b->most - b->begun + plan->scratch;
    ex->scratch_wish = ex->scratch_size;
    if (ex->plan_only)
        return;
    b->open = false;
    b->held = b->begun;
    ex->scratch = b->scratch;
    ex->scratch_size = b->scratch_size;
}

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
    if (!take(ex, "tensor_alloc", bytes, &made.data, err))
        return false;
    note(ex, (int64_t)bytes);
    *t = made;
    return true;
}

extern "C" void cuda_tensor_free(struct exec *ex, struct tensor *t)
{
    if (t->data)
        note(ex, -tensor_count(t) * dtype_size(t->dtype));
    give_back(ex, t->data);
    memset(t, 0, sizeof *t);
}

extern "C" bool cuda_memory_free(struct exec *ex, int64_t *bytes, struct dn_error *err)
{
    cudaMemPool_t pool;
    size_t available = 0, all = 0;
    uint64_t reserved = 0, used = 0;
    *bytes = INT64_MAX;
    if (ex->plan_only)
        return true;
    if (!cuda_enter(ex, "memory_free", err))
        return false;
    CUDA_TRY("memory_free", cudaMemGetInfo(&available, &all), err);
    CUDA_TRY("memory_free", cudaDeviceGetDefaultMemPool(&pool, ex->device), err);
    CUDA_TRY("memory_free",
             cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved), err);
    CUDA_TRY("memory_free", cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used),
             err);
    *bytes = (int64_t)(available + (size_t)(reserved - used));
    return true;
}
