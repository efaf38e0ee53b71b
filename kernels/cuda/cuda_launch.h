/* cuda_launch: the one way in which kernels are started, on a device and in the host emulation of
 * the tests (DANAUS_EMULATE), where a block's threads are fibers. */
#ifndef DANAUS_KERNELS_CUDA_LAUNCH_H
#define DANAUS_KERNELS_CUDA_LAUNCH_H

#include "kernels/cuda/cuda_exec.h"

/* Dynamic shared memory of the running block. */
__device__ inline float *cuda_shared()
{
#ifdef DANAUS_EMULATE
    return (float *)emulate_shared;
#else
    extern __shared__ float cuda_shared_floats[];
    return cuda_shared_floats;
#endif
}

/* First line of a kernel that cuda_launch_early starts: waits until what is queued before it has
 * ended and its writes are seen. */
__device__ inline void cuda_await_queue()
{
#ifdef DANAUS_EMULATE
    emulate_awaits++;
#elif __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/* Queues kernel(args...) on the exec's stream; op names it in errors. An empty grid: none. */
template <typename... P, typename... A>
bool cuda_launch(const struct exec *ex, const char *op, struct dn_error *err, void (*kernel)(P...),
                 dim3 grid, unsigned block, size_t shared_bytes, A... args)
{
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || ex->books.open)
        return true;
    if (!cuda_enter(ex, op, err))
        return false;
#ifdef DANAUS_EMULATE
    auto call = [=] { kernel(args...); };
    emulate_launch(op, grid, block, shared_bytes, [](void *c) { (*(decltype(call) *)c)(); }, &call);
#else
    if (shared_bytes > 48 * 1024)
        CUDA_TRY(op,
                 cudaFuncSetAttribute((const void *)kernel,
                                      cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      (int)shared_bytes),
                 err);
    kernel<<<grid, block, shared_bytes, ex->stream>>>(args...);
#endif
    return cuda_launched(ex, op, err);
}

/* The same for a kernel whose threads all begin with cuda_await_queue(): its blocks may be placed
 * while the last ones of the kernel before it run (programmatic dependent launch), which saves about
 * 1 us. A kernel that waits so has seen all that was queued before it, so any may come in front of
 * it, and any behind it. */
template <typename... P, typename... A>
bool cuda_launch_early(const struct exec *ex, const char *op, struct dn_error *err,
                       void (*kernel)(P...), dim3 grid, unsigned block, size_t shared_bytes,
                       A... args)
{
#ifdef DANAUS_EMULATE
    emulate_awaits = 0;
    bool ok = cuda_launch(ex, op, err, kernel, grid, block, shared_bytes, args...);
    assert(!ok || ex->books.open || emulate_awaits == (size_t)grid.x * grid.y * grid.z * block);
    return ok;
#else
    if (ex->major < 9 || grid.x == 0 || grid.y == 0 || grid.z == 0 || ex->books.open)
        return cuda_launch(ex, op, err, kernel, grid, block, shared_bytes, args...);
    assert(shared_bytes <= 48 * 1024);
    cudaLaunchAttribute early = {};
    early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    early.val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = dim3(block);
    config.dynamicSmemBytes = shared_bytes;
    config.stream = ex->stream;
    config.attrs = &early;
    config.numAttrs = 1;
    if (!cuda_enter(ex, op, err))
        return false;
    CUDA_TRY(op, cudaLaunchKernelEx(&config, kernel, P(args)...), err);
    return cuda_launched(ex, op, err);
#endif
}

/* Threads of a block, and blocks that give each of count elements its thread. */
#define CUDA_BLOCK 256
static inline dim3 cuda_grid(int64_t count, int64_t per_block = CUDA_BLOCK)
{
    int64_t blocks = (count + per_block - 1) / per_block;
    assert(blocks <= 0x7FFFFFFF);
    return dim3((unsigned)blocks);
}

/* The element of a thread of a grid made by cuda_grid(count). */
__device__ inline int64_t cuda_index()
{
    return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

#endif
