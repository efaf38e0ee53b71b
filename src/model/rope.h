/* rope: the rotary tables of a grid of video tokens. */
#ifndef DANAUS_MODEL_ROPE_H
#define DANAUS_MODEL_ROPE_H

#include <stdint.h>

/* How many of head_dim / 2 pairs turn with the frame, the row and the column. */
struct rope_pairs {
    int64_t frame, row, col;
};
struct rope_pairs rope_split(int64_t head_dim);

/* Fills cos and sin [frames * rows * cols, head_dim / 2], tokens in (frame, row, column) order,
 * frames counted from start_frame. Pair i of a group of n pairs turns by position * 10000^(-i/n):
 * angles in double (positions may be large), tables in float32. */
void rope_table(float *cos_out, float *sin_out, int64_t head_dim, int64_t start_frame,
                int64_t frames, int64_t rows, int64_t cols);

#endif
