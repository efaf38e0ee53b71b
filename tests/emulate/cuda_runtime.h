/* cuda_runtime: the part of CUDA that kernels/cuda uses, on the host. The same .cu sources compile
 * as C++17 with this folder in front of the include path.
 *
 * A launch runs its blocks one after the other, every thread of a block as a fiber. Barriers and
 * shuffles are collective calls: a fiber waits until all that must take part have come to the same
 * line, and a kernel in which that cannot happen is stopped with its name. Threads run in rising
 * and falling order in turns, so that a missing barrier shows. Device memory is the host's, filled
 * with NaNs, so that AddressSanitizer sees accesses out of bounds, tests what nobody wrote. */
#ifndef DANAUS_TESTS_EMULATE_CUDA_RUNTIME_H
#define DANAUS_TESTS_EMULATE_CUDA_RUNTIME_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)
#define __grid_constant__
#define __forceinline__ inline
#define __restrict__

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c)
    {
    }
};

extern dim3 threadIdx, blockIdx, blockDim, gridDim;
extern void *emulate_shared; /* dynamic shared memory of the running block */
extern thread_local size_t
    emulate_awaits; /* threads that have waited for the work before their kernel */

/* Runs body(context) as every thread of the grid. */
void emulate_launch(const char *name, dim3 grid, dim3 block, size_t shared_bytes,
                    void (*body)(void *), void *context);

#define EMULATE_SITE int line = __builtin_LINE(), const char *file = __builtin_FILE()
void __syncthreads(EMULATE_SITE);
void __syncwarp(unsigned mask = 0xFFFFFFFFu, EMULATE_SITE);
/* Waits for the lanes of mask and returns their values, EMULATE_VALUE bytes a lane. */
enum { EMULATE_VALUE = 24 };
const unsigned char *emulate_exchange(unsigned mask, const void *value, size_t size, int line,
                                      const char *file);
/* Ends the program with the kernel's name and thread. */
[[noreturn]] void emulate_stop(const char *what, const char *file, int line);
/* cp.async: queues 16 bytes (from NULL: zeros), ends a group, makes all but the last `pending`
 * groups of this thread happen. */
void emulate_copy(void *to, const void *from);
void emulate_copy_commit(void);
void emulate_copy_wait(int pending);

template <typename T> T emulate_lane(const unsigned char *values, unsigned lane)
{
    T out;
    memcpy(&out, values + EMULATE_VALUE * lane, sizeof out);
    return out;
}

template <typename T> T __shfl_sync(unsigned mask, T value, int from, EMULATE_SITE)
{
    const unsigned char *all = emulate_exchange(mask, &value, sizeof value, line, file);
    return emulate_lane<T>(all, (unsigned)from & 31u);
}

template <typename T> T __shfl_xor_sync(unsigned mask, T value, int with, EMULATE_SITE)
{
    const unsigned char *all = emulate_exchange(mask, &value, sizeof value, line, file);
    return emulate_lane<T>(all, (threadIdx.x ^ (unsigned)with) & 31u);
}

template <typename T> T __shfl_down_sync(unsigned mask, T value, unsigned by, EMULATE_SITE)
{
    const unsigned char *all = emulate_exchange(mask, &value, sizeof value, line, file);
    unsigned lane = threadIdx.x & 31u;
    return emulate_lane<T>(all, lane + by < 32 ? lane + by : lane);
}

static inline int __any_sync(unsigned mask, int predicate, EMULATE_SITE)
{
    const unsigned char *all = emulate_exchange(mask, &predicate, sizeof predicate, line, file);
    int any = 0;
    for (unsigned lane = 0; lane < 32; lane++)
        any |= (mask >> lane & 1) && emulate_lane<int>(all, lane);
    return any;
}

static inline void __threadfence()
{
}

struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};

static inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w)
{
    return uint4{x, y, z, w};
}

struct alignas(16) float4 {
    float x, y, z, w;
};

static inline float4 make_float4(float x, float y, float z, float w)
{
    return float4{x, y, z, w};
}

template <typename T> T __ldcg(const T *from)
{
    return *from;
}

template <typename T> T atomicAdd(T *to, T value)
{
    T before = *to;
    *to += value;
    return before;
}

/* --- the runtime: one device, whose memory is the host's and whose streams finish at once --- */
enum cudaError_t { cudaSuccess = 0, cudaErrorMemoryAllocation = 2 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaDeviceAttr {
    cudaDevAttrComputeCapabilityMajor,
    cudaDevAttrComputeCapabilityMinor,
    cudaDevAttrMultiProcessorCount
};
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2 };
enum cudaMemPoolAttr {
    cudaMemPoolAttrReleaseThreshold,
    cudaMemPoolAttrReservedMemCurrent,
    cudaMemPoolAttrUsedMemCurrent
};
typedef struct emulate_stream *cudaStream_t;
typedef struct emulate_event *cudaEvent_t;
typedef struct emulate_pool *cudaMemPool_t;

/* What cudaMallocAsync has given and not got back; the most of it since the last reset; how often
 * it was called. */
struct emulate_memory {
    size_t held, most, calls;
};
extern struct emulate_memory emulate_memory;

cudaError_t cudaMalloc(void **out, size_t size);
cudaError_t cudaFree(void *memory);
cudaError_t cudaMallocAsync(void **out, size_t size, cudaStream_t stream);
cudaError_t cudaFreeAsync(void *memory, cudaStream_t stream);
cudaError_t cudaMallocHost(void **out, size_t size);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t *pool, int device);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void *value);
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void *value);
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t keep);
cudaError_t cudaMemGetInfo(size_t *available, size_t *all);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *to, int value, size_t size, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags);
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *out, unsigned flags, int priority);
cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaGetLastError(void);
const char *cudaGetErrorString(cudaError_t code);
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaSetDevice(int device);
extern bool emulate_lacks_fp8; /* the device multiplies no e4m3 */
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);

#endif
