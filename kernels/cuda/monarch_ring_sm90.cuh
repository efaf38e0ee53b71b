/* monarch_ring_sm90: what writers and readers of the ring share on Hopper: a launch's parameters
 * and waits that end. Who waits for whom stands in monarch_ring.cuh. */
#ifndef DANAUS_KERNELS_CUDA_MONARCH_RING_SM90_CUH
#define DANAUS_KERNELS_CUDA_MONARCH_RING_SM90_CUH

#include "kernels/cuda/monarch_ring.cuh"
#include "kernels/cuda/monarch_sm90.cuh"

namespace
{
enum {
    HELPERS = GROUPS,     /* the warpgroup behind those that compute */
    BUSY_REGISTERS = 160, /* of a thread that computes; of a helper's: what is left */
    HELPER_REGISTERS = 32,
    RING_THREADS = (GROUPS + 1) * BLOCK,
    TRIES = 1 << 23 /* of a wait: seconds */
};

struct ring_params {
    tensor_plan plan;
    ring_plan ring;
    hopper_maps maps;
    CUtensorMap rows_map;      /* [number, pair of alpha or y, slot and row] */
    CUtensorMap entropies_map; /* [entropy and factor of a pair, slot and row] */
    unsigned char *rows;
    float2 *entropies; /* [slot and row][tile][pair, an even number of them] */
    unsigned *counters;
};

#ifdef HOPPER_CODE
/* The same in all threads, as the compiler can see. */
__device__ inline int warpgroup_of_block()
{
    return __shfl_sync(0xFFFFFFFFu, (int)threadIdx.x / BLOCK, 0);
}

/* A wait of seconds is our bug and ends the launch with an error. No trap: beside one, the compiler
 * does not move registers from warpgroup to warpgroup. */
__device__ inline void give_up()
{
    asm volatile("st.global.u32 [%0], %1;" ::"l"(0ull), "r"(0) : "memory");
}

/* Adds 1, whatever else is under way. */
__device__ inline void arrive(unsigned *counter)
{
    asm volatile("red.relaxed.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
}

__device__ inline unsigned peek(const unsigned *counter)
{
    unsigned now;
    asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(counter) : "memory");
    return now;
}

__device__ inline bool reached(const unsigned *counter, unsigned count)
{
    unsigned now;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(counter) : "memory");
    return now >= count;
}

/* What helpers tell one another in shared memory. Atomic, though one alone writes each: that is
 * what compute-sanitizer's racecheck takes for an agreement. */
__device__ inline int told(int *from)
{
    int x;
    asm volatile("atom.acquire.cta.shared::cta.or.b32 %0, [%1], 0;"
                 : "=r"(x)
                 : "r"(hopper_shared(from))
                 : "memory");
    return x;
}

__device__ inline void tell(int *to, int x)
{
    asm volatile(
        "{\n.reg .b32 before;\n"
        "atom.release.cta.shared::cta.exch.b32 before, [%0], %1;\n}" ::"r"(hopper_shared(to)),
        "r"(x)
        : "memory");
}

__device__ inline void await(const unsigned *counter, unsigned count)
{
    for (int tries = 0; !reached(counter, count); tries++) {
        if (tries > TRIES)
            give_up();
        __nanosleep(20);
    }
}

/* Is the phase of this parity over? */
__device__ inline bool barrier_done(uint64_t *barrier, uint32_t parity)
{
    uint32_t done;
    asm volatile("{\n"
                 ".reg .pred done;\n"
                 "mbarrier.test_wait.parity.shared::cta.b64 done, [%1], %2;\n"
                 "selp.u32 %0, 1, 0, done;\n"
                 "}"
                 : "=r"(done)
                 : "r"(hopper_shared(barrier)), "r"(parity)
                 : "memory");
    return done;
}

/* hopper_barrier_wait with an end. */
__device__ inline void await_barrier(uint64_t *barrier, uint32_t parity)
{
    for (int tries = 0;; tries++) {
        uint32_t done;
        asm volatile("{\n"
                     ".reg .pred done;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 done, [%1], %2;\n"
                     "selp.u32 %0, 1, 0, done;\n"
                     "}"
                     : "=r"(done)
                     : "r"(hopper_shared(barrier)), "r"(parity)
                     : "memory");
        if (done)
            return;
        if (tries > TRIES)
            give_up();
    }
}
#endif
} // namespace

#endif
