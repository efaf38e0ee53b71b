/* rope: see rope.h. Wan2.1, wan/modules/model.py: rope_params, rope_apply. */
#include "model/rope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define THETA 10000.0

struct rope_pairs rope_split(int64_t head_dim)
{
    int64_t side = head_dim / 6;
    return (struct rope_pairs){.frame = head_dim / 2 - 2 * side, .row = side, .col = side};
}

/* cos and sin of one axis, [positions, pairs] each, the sines behind the cosines; caller frees. */
static float *axis_table(int64_t start, int64_t positions, int64_t pairs)
{
    int64_t count = positions * pairs;
    float *table = dn_malloc((size_t)count * 2 * sizeof *table);
    for (int64_t p = 0; p < positions; p++) {
        for (int64_t i = 0; i < pairs; i++) {
            double angle = (double)(start + p) * pow(THETA, -(double)i / (double)pairs);
            table[p * pairs + i] = (float)cos(angle);
            table[count + p * pairs + i] = (float)sin(angle);
        }
    }
    return table;
}

/* Writes one half (cosines or sines) of a token's row. */
static void put_row(float *row, const struct rope_pairs *n, const float *f, const float *r,
                    const float *c)
{
    memcpy(row, f, (size_t)n->frame * sizeof *row);
    memcpy(row + n->frame, r, (size_t)n->row * sizeof *row);
    memcpy(row + n->frame + n->row, c, (size_t)n->col * sizeof *row);
}

void rope_table(float *cos_out, float *sin_out, int64_t head_dim, int64_t start_frame,
                int64_t frames, int64_t rows, int64_t cols)
{
    struct rope_pairs n = rope_split(head_dim);
    int64_t width = head_dim / 2;
    float *f_table = axis_table(start_frame, frames, n.frame);
    float *r_table = axis_table(0, rows, n.row);
    float *c_table = axis_table(0, cols, n.col);

    for (int64_t f = 0; f < frames; f++) {
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t c = 0; c < cols; c++) {
                int64_t at = ((f * rows + r) * cols + c) * width;
                const float *fp = f_table + f * n.frame;
                const float *rp = r_table + r * n.row;
                const float *cp = c_table + c * n.col;
                put_row(cos_out + at, &n, fp, rp, cp);
                put_row(sin_out + at, &n, fp + frames * n.frame, rp + rows * n.row,
                        cp + cols * n.col);
            }
        }
    }
    free(f_table);
    free(r_table);
    free(c_table);
}
