/* emulate_mma: the functions of kernels/cuda/mma.cuh on the host. An asynchronous copy happens as
 * late as a device may do it, in the wait for its group, so that a missing wait shows. */
#ifndef DANAUS_TESTS_EMULATE_MMA_H
#define DANAUS_TESTS_EMULATE_MMA_H

#include "cuda_runtime.h"

static inline float emulate_bf16(uint32_t pair, unsigned half)
{
    uint32_t bits = half ? pair & 0xFFFF0000u : pair << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* `count` 8x8 matrices, see mma_load_4; read by every lane before any lane goes on. */
static inline void emulate_load(uint32_t *r, unsigned count, bool trans, const void *row, int line,
                                const char *file)
{
    unsigned lane = threadIdx.x & 31u, g = lane / 4, t = lane % 4;
    const unsigned char *all = emulate_exchange(0xFFFFFFFFu, &row, sizeof row, line, file);
    for (unsigned m = 0; m < count; m++) {
        uint16_t pair[2];
        for (unsigned e = 0; e < 2; e++) {
            unsigned i = trans ? 2 * t + e : g, c = trans ? g : 2 * t + e;
            const uint16_t *from = emulate_lane<const uint16_t *>(all, 8 * m + i);
            if ((uintptr_t)from % 16 != 0)
                emulate_stop("a row of a matrix is not aligned", file, line);
            pair[e] = from[c];
        }
        r[m] = pair[0] | (uint32_t)pair[1] << 16;
    }
    emulate_exchange(0xFFFFFFFFu, "", 1, line, file);
}

static inline void mma_load_4(uint32_t (&r)[4], const void *row, EMULATE_SITE)
{
    emulate_load(r, 4, false, row, line, file);
}

static inline void mma_load_4_trans(uint32_t (&r)[4], const void *row, EMULATE_SITE)
{
    emulate_load(r, 4, true, row, line, file);
}

static inline void mma_load_2(uint32_t (&r)[2], const void *row, EMULATE_SITE)
{
    emulate_load(r, 2, false, row, line, file);
}

static inline void mma_load_2_trans(uint32_t (&r)[2], const void *row, EMULATE_SITE)
{
    emulate_load(r, 2, true, row, line, file);
}

struct emulate_operands {
    uint32_t a[4], b[2];
};

/* c += a b with an inner dimension of 8 or 16. */
static inline void emulate_mma(float (&c)[4], const emulate_operands &mine, unsigned inner,
                               int line, const char *file)
{
    unsigned lane = threadIdx.x & 31u, g = lane / 4, t = lane % 4;
    const unsigned char *all = emulate_exchange(0xFFFFFFFFu, &mine, sizeof mine, line, file);
    for (unsigned k = 0; k < inner; k++) {
        unsigned from = k % 8 / 2, upper = k / 8;
        emulate_operands row = emulate_lane<emulate_operands>(all, 4 * g + from);
        for (unsigned e = 0; e < 2; e++) {
            emulate_operands col = emulate_lane<emulate_operands>(all, 4 * (2 * t + e) + from);
            float b = emulate_bf16(col.b[upper], k % 2);
            c[e] += emulate_bf16(row.a[2 * upper], k % 2) * b;
            c[2 + e] += emulate_bf16(row.a[2 * upper + 1], k % 2) * b;
        }
    }
}

static inline void mma_16x8x16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                               EMULATE_SITE)
{
    emulate_mma(c, emulate_operands{{a[0], a[1], a[2], a[3]}, {b0, b1}}, 16, line, file);
}

static inline void mma_16x8x8(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t b, EMULATE_SITE)
{
    emulate_mma(c, emulate_operands{{a0, a1, 0, 0}, {b, 0}}, 8, line, file);
}

static inline uint32_t mma_pack(float low, float high)
{
    uint16_t pair[2];
    cuda_store(cuda_array{pair, 1}, 0, low);
    cuda_store(cuda_array{pair, 1}, 1, high);
    return pair[0] | (uint32_t)pair[1] << 16;
}

static inline float mma_exp2(float x)
{
    return exp2f(x);
}

static inline void copy_async_16(void *shared, const void *from, bool there)
{
    emulate_copy(shared, there ? from : NULL);
}

static inline void copy_async_commit()
{
    emulate_copy_commit();
}

template <int PENDING> inline void copy_async_wait()
{
    emulate_copy_wait(PENDING);
}

#endif
