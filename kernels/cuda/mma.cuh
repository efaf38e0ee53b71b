/* mma: thin names for the instructions that kernels on tensor cores are made of (sm_80 and newer):
 * ldmatrix, mma.sync on bf16 with float32 sums, cp.async. All but the copies are collective: every
 * lane of the warp calls them at the same place. tests/emulate has the same functions on the host.
 *
 * With lane = 4 g + t (g 0..7, t 0..3), a register holding two bf16, the lower column (or row of b)
 * in its lower half:
 *
 *   a [16 x 16]   a[0] (g, 2t)  a[1] (g + 8, 2t)  a[2] (g, 2t + 8)  a[3] (g + 8, 2t + 8)
 *   b [16 x 8]    b0 (2t, g)    b1 (2t + 8, g)        pairs lie along the inner dimension
 *   c [16 x 8]    c[0], c[1] (g, 2t), (g, 2t + 1)     c[2], c[3] (g + 8, 2t), (g + 8, 2t + 1)
 *
 * PTX ISA 8.0, sections "Matrix fragments for mma.m16n8k16" and "ldmatrix". */
#ifndef DANAUS_KERNELS_MMA_CUH
#define DANAUS_KERNELS_MMA_CUH

#include "kernels/cuda/cuda_util.cuh"

#ifdef DANAUS_EMULATE
#include "emulate_mma.h"
#else

__device__ inline uint32_t mma_address(const void *shared)
{
    return (uint32_t)__cvta_generic_to_shared(shared);
}

/* r[m] = 8x8 matrix m, whose row i (16 bytes, aligned) is where lane 8 m + i points: columns
 * (2t, 2t + 1) of row g. */
__device__ inline void mma_load_4(uint32_t (&r)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(mma_address(row))
                 : "memory");
}

/* The same, transposed: rows (2t, 2t + 1) of column g. */
__device__ inline void mma_load_4_trans(uint32_t (&r)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(mma_address(row))
                 : "memory");
}

/* Two matrices: lanes 0..15 point. */
__device__ inline void mma_load_2(uint32_t (&r)[2], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(mma_address(row))
                 : "memory");
}

__device__ inline void mma_load_2_trans(uint32_t (&r)[2], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(mma_address(row))
                 : "memory");
}

/* c += a b, [16 x 16] times [16 x 8] */
__device__ inline void mma_16x8x16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* c += a b, [16 x 8] times [8 x 8]: a0, a1 and b as a[0], a[1] and b0 above */
__device__ inline void mma_16x8x8(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t b)
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
                 "{%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a0), "r"(a1), "r"(b));
}

/* Two numbers rounded to nearest even; low in the lower half. */
__device__ inline uint32_t mma_pack(float low, float high)
{
    uint32_t out;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
    return out;
}

/* 2^x to about 2 units in the last place; subnormal results are 0 */
__device__ inline float mma_exp2(float x)
{
    float out;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(x));
    return out;
}

/* Queues a copy of 16 bytes into shared memory, both aligned; zeros when not there (from must still
 * be an address of global memory, which is not read). What was queued before copy_async_commit() is
 * a group. */
__device__ inline void copy_async_16(void *shared, const void *from, bool there)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(mma_address(shared)), "l"(from), "r"(there ? 16 : 0)
                 : "memory");
}

__device__ inline void copy_async_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Waits until at most PENDING of this thread's groups are under way; others see what arrived only
 * after a barrier. */
template <int PENDING> __device__ inline void copy_async_wait()
{
    asm volatile("cp.async.wait_group %0;" : : "n"(PENDING) : "memory");
}

#endif
#endif
