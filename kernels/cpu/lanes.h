/* lanes: the small matrix products of attention, 16 or 32 queries side by side. Private to
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
#define LANES_PAIR_ROWS 6
#define LANES_PAIR_COLS 4
#elif defined(__AVX__)
#define LANES_ROWS 4
#define LANES_PAIR_ROWS 2
#define LANES_PAIR_COLS 2
#else
#define LANES_ROWS 2
#define LANES_PAIR_ROWS 1
#define LANES_PAIR_COLS 2
#endif

LANES_INLINE void lanes_block(lanes *out, int rows, int wide, const float *a, int64_t am,
                              int64_t ak, const lanes *b, int64_t depth, bool add)
{
    lanes sum[LANES_ROWS][2];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int w = 0; w < wide; w++)
            sum[r][w] = add ? out[r * wide + w] : (lanes){0};
    for (int64_t k = 0; k < depth; k++) {
        lanes right[2];
#pragma GCC unroll 2
        for (int w = 0; w < wide; w++)
            right[w] = b[k * wide + w];
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            float left = a[r * am + k * ak];
#pragma GCC unroll 2
            for (int w = 0; w < wide; w++)
                sum[r][w] += left * right[w];
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int w = 0; w < wide; w++)
            out[r * wide + w] = sum[r][w];
}

/* out [m][wide], b [depth][wide] vectors; wide is the constant 1 or 2; a's strides in elements. */
LANES_INLINE void lanes_product(lanes *out, int64_t m, int wide, const float *a, int64_t am,
                                int64_t ak, const lanes *b, int64_t depth, bool add)
{
    int64_t r = 0;
    for (; r + LANES_ROWS <= m; r += LANES_ROWS)
        lanes_block(out + r * wide, LANES_ROWS, wide, a + r * am, am, ak, b, depth, add);
    if (LANES_ROWS > 8 && r + 10 <= m) {
        lanes_block(out + r * wide, 10, wide, a + r * am, am, ak, b, depth, add);
        r += 10;
    }
    if (LANES_ROWS > 8 && r + 8 <= m) {
        lanes_block(out + r * wide, 8, wide, a + r * am, am, ak, b, depth, add);
        r += 8;
    }
    if (LANES_ROWS > 4 && r + 4 <= m) {
        lanes_block(out + r * wide, 4, wide, a + r * am, am, ak, b, depth, add);
        r += 4;
    }
    if (LANES_ROWS > 2 && r + 2 <= m) {
        lanes_block(out + r * wide, 2, wide, a + r * am, am, ak, b, depth, add);
        r += 2;
    }
    for (; r < m; r++)
        lanes_block(out + r * wide, 1, wide, a + r * am, am, ak, b, depth, add);
}

LANES_INLINE void lanes_pair_block(lanes *out, int64_t out_m, int rows, int cols, const lanes *a,
                                   int64_t am, int64_t ak, const lanes *b, int64_t bn, int64_t bk,
                                   int64_t depth, bool add)
{
    lanes sum[LANES_PAIR_ROWS][LANES_PAIR_COLS];
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int c = 0; c < cols; c++)
            sum[r][c] = add ? out[r * out_m + c] : (lanes){0};
    for (int64_t k = 0; k < depth; k++) {
        lanes right[LANES_PAIR_COLS];
#pragma GCC unroll 4
        for (int c = 0; c < cols; c++)
            right[c] = b[c * bn + k * bk];
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            lanes left = a[r * am + k * ak];
#pragma GCC unroll 4
            for (int c = 0; c < cols; c++)
                sum[r][c] += left * right[c];
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int c = 0; c < cols; c++)
            out[r * out_m + c] = sum[r][c];
}

/* rows (constant) rows of lanes_pair_product. */
LANES_INLINE void lanes_pair_rows(lanes *out, int64_t out_m, int rows, int64_t n, const lanes *a,
                                  int64_t am, int64_t ak, const lanes *b, int64_t bn, int64_t bk,
                                  int64_t depth, bool add)
{
    int64_t j = 0;
    for (; j + LANES_PAIR_COLS <= n; j += LANES_PAIR_COLS)
        lanes_pair_block(out + j, out_m, rows, LANES_PAIR_COLS, a, am, ak, b + j * bn, bn, bk,
                         depth, add);
    if (LANES_PAIR_COLS > 2 && j + 2 <= n) {
        lanes_pair_block(out + j, out_m, rows, 2, a, am, ak, b + j * bn, bn, bk, depth, add);
        j += 2;
    }
    for (; j < n; j++)
        lanes_pair_block(out + j, out_m, rows, 1, a, am, ak, b + j * bn, bn, bk, depth, add);
}

/* One small product a lane, all lanes apart: out[i][n] (+)= sum_k a[i][k] b[k][n], strides in
 * vectors: a[i*am + k*ak], b[n*bn + k*bk], out[i*out_m + n]. */
LANES_INLINE void lanes_pair_product(lanes *out, int64_t out_m, int64_t m, int64_t n,
                                     const lanes *a, int64_t am, int64_t ak, const lanes *b,
                                     int64_t bn, int64_t bk, int64_t depth, bool add)
{
    int64_t i = 0;
    for (; i + LANES_PAIR_ROWS <= m; i += LANES_PAIR_ROWS)
        lanes_pair_rows(out + i * out_m, out_m, LANES_PAIR_ROWS, n, a + i * am, am, ak, b, bn, bk,
                        depth, add);
    if (LANES_PAIR_ROWS > 3 && i + 3 <= m) {
        lanes_pair_rows(out + i * out_m, out_m, 3, n, a + i * am, am, ak, b, bn, bk, depth, add);
        i += 3;
    }
    for (; i < m; i++)
        lanes_pair_rows(out + i * out_m, out_m, 1, n, a + i * am, am, ak, b, bn, bk, depth, add);
}

#endif
