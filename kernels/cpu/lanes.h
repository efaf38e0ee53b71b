/* lanes: the small matrix products of attention, sixteen queries side by side. Private to
 * kernels/cpu.
 *
 * Attention is written with a query in every lane of a vector: logits are [key][lane], sums
 * [channel][lane], and softmax needs no step across lanes. Keys and values are then read as they
 * lie, one number at a time broadcast to all lanes, and are never transposed.
 *
 *   lanes_product        out[m][lane] (+)= sum_k a[m*am + k*ak] * b[k][lane]
 *   lanes_pair_product   out[i][n][lane] (+)= sum_k a[i][k][lane] * b[k][n][lane]
 *
 * A block of rows stays in registers while k runs: as many as the machine has to spare. */
#ifndef DANAUS_KERNELS_CPU_LANES_H
#define DANAUS_KERNELS_CPU_LANES_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/cpu/vector.h"

#if defined(__AVX512F__)
#define LANES_ROWS 12
#elif defined(__AVX__)
#define LANES_ROWS 4
#else
#define LANES_ROWS 2
#endif

LANES_INLINE void lanes_block(lanes *out, int rows, const float *a, int64_t am, int64_t ak,
                              const lanes *b, int64_t depth, bool add)
{
    lanes sum[LANES_ROWS];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
        sum[r] = add ? out[r] : (lanes){0};
    for (int64_t k = 0; k < depth; k++) {
        lanes right = b[k];
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++)
            sum[r] += a[r * am + k * ak] * right;
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
        out[r] = sum[r];
}

/* out [m][lane], b [depth][lane]; a's strides are in elements. */
LANES_INLINE void lanes_product(lanes *out, int64_t m, const float *a, int64_t am, int64_t ak,
                                const lanes *b, int64_t depth, bool add)
{
    int64_t r = 0;
    for (; r + LANES_ROWS <= m; r += LANES_ROWS)
        lanes_block(out + r, LANES_ROWS, a + r * am, am, ak, b, depth, add);
    if (LANES_ROWS > 4)
        for (; r + 4 <= m; r += 4)
            lanes_block(out + r, 4, a + r * am, am, ak, b, depth, add);
    for (; r < m; r++)
        lanes_block(out + r, 1, a + r * am, am, ak, b, depth, add);
}

LANES_INLINE void lanes_pair_block(lanes *out, int64_t out_m, int rows, int cols, const lanes *a,
                                   int64_t am, int64_t ak, const lanes *b, int64_t bn, int64_t bk,
                                   int64_t depth, bool add)
{
    lanes sum[4][3];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (int c = 0; c < cols; c++)
            sum[r][c] = add ? out[r * out_m + c] : (lanes){0};
    for (int64_t k = 0; k < depth; k++) {
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
            for (int c = 0; c < cols; c++)
                sum[r][c] += a[r * am + k * ak] * b[c * bn + k * bk];
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (int c = 0; c < cols; c++)
            out[r * out_m + c] = sum[r][c];
}

/* One small product a lane, all lanes apart: out[i][n] (+)= sum_k a[i][k] b[k][n], strides in
 * vectors: a[i*am + k*ak], b[n*bn + k*bk], out[i*out_m + n]. */
LANES_INLINE void lanes_pair_product(lanes *out, int64_t out_m, int64_t m, int64_t n,
                                     const lanes *a, int64_t am, int64_t ak, const lanes *b,
                                     int64_t bn, int64_t bk, int64_t depth, bool add)
{
    for (int64_t i = 0; i < m;) {
        int64_t high = m - i >= 4 ? 4 : 1;
        for (int64_t j = 0; j < n;) {
            int64_t wide = n - j >= 3 ? 3 : 1;
            lanes *to = out + i * out_m + j;
            const lanes *left = a + i * am, *right = b + j * bn;
            if (high == 4 && wide == 3)
                lanes_pair_block(to, out_m, 4, 3, left, am, ak, right, bn, bk, depth, add);
            else if (high == 4)
                lanes_pair_block(to, out_m, 4, 1, left, am, ak, right, bn, bk, depth, add);
            else if (wide == 3)
                lanes_pair_block(to, out_m, 1, 3, left, am, ak, right, bn, bk, depth, add);
            else
                lanes_pair_block(to, out_m, 1, 1, left, am, ak, right, bn, bk, depth, add);
            j += wide;
        }
        i += high;
    }
}

#endif
