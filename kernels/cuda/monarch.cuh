/* monarch: what the general form (monarch.cu) and the one on tensor cores (monarch_tensor.cu)
 * share: a call's shapes and where its tokens lie. The formulas stand in monarch.cu. */
#ifndef DANAUS_KERNELS_CUDA_MONARCH_CUH
#define DANAUS_KERNELS_CUDA_MONARCH_CUH

#include "kernels/cuda/cuda_util.cuh"

struct monarch_problem {
    cuda_array q, k, v, out;
    int64_t q_stride, k_stride, v_stride, out_stride;
    int64_t q_head_stride, k_head_stride, v_head_stride, out_head_stride;
    int64_t rows, cols, f_tied, h_reduce, w_reduce;
    int64_t heads, query_tiles, n, causal_tiles; /* causal: tiles of a block, 0 = all are seen */
    int d, b1, b2, num_iters;
    float scale;
    float *alpha, *y, *entropy, *weights; /* scratch of the general form */
};

/* How many key rows (tile, row) a query tile sees: the first ones. */
__device__ inline int64_t monarch_seen(const monarch_problem &p, int64_t tile)
{
    if (!p.causal_tiles)
        return p.n;
    int64_t seen = (tile / p.causal_tiles + 1) * p.causal_tiles * p.b1;
    return seen < p.n ? seen : p.n;
}

/* Token index of row `row`, column `col` of a tile; tile = (frame group, row band, column band). */
__device__ inline int64_t monarch_token(const monarch_problem &p, int64_t tile, int64_t row,
                                        int64_t col)
{
    int64_t band_rows = p.rows / p.h_reduce, column_band = tile % p.w_reduce;
    int64_t row_band = tile / p.w_reduce % p.h_reduce;
    int64_t frame = tile / (p.w_reduce * p.h_reduce) * p.f_tied + row / band_rows;
    int64_t r = row_band * band_rows + row % band_rows;
    return (frame * p.rows + r) * p.cols + column_band * p.b2 + col;
}

/* Columns of a tile, at most, for which the forms below are made: a frame of 832x480 has 52, one of
 * 1280x720 80. */
enum { MONARCH_NARROW = 56, MONARCH_WIDE = 80 };

/* Can monarch_tensor do it: bf16 everywhere, one iteration, rows that 16-byte copies reach, tiles
 * of at most MONARCH_WIDE columns? */
bool monarch_tensor_can(const struct exec *ex, const monarch_problem &p);
bool monarch_tensor(struct exec *ex, const monarch_problem &p, struct dn_error *err);

/* The same with Hopper's instructions, for what it takes of that. */
bool monarch_sm90_can(const struct exec *ex, const monarch_problem &p);
bool monarch_sm90(struct exec *ex, const monarch_problem &p, struct dn_error *err);

/* Both stages in one launch, for narrow tiles; true where that is faster, too. */
bool monarch_ring_sm90_can(const struct exec *ex, const monarch_problem &p);
bool monarch_ring_sm90(struct exec *ex, const monarch_problem &p, struct dn_error *err);

#endif
