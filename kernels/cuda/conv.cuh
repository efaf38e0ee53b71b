/* conv: what the two ways of computing a convolution share. Private to kernels/cuda. */
#ifndef DANAUS_KERNELS_CUDA_CONV_CUH
#define DANAUS_KERNELS_CUDA_CONV_CUH

#include "kernels/cuda/cuda_util.cuh"

struct conv {
    int64_t out, in, kt, kh, kw;
    struct conv_args args;
    struct tensor weights; /* [out, kt, kh, kw, in] in the exec's dtype */
    struct tensor wide;    /* the same with 8 channels for fewer, in BF16; data NULL: not needed */
    struct tensor bias;    /* F32 [out], data NULL: none */
};

/* Where channel o of a pixel (of h x w, all frames counted) goes when corners of c channels are put
 * in place; -1: nowhere. */
__device__ inline int64_t conv_corner(int64_t h, int64_t w, int64_t c, int64_t pixel, int64_t o)
{
    int64_t phase = o / c, frame = pixel / w / h;
    int64_t row = 2 * (pixel / w % h) - 1 + phase / 2, col = 2 * (pixel % w) - 1 + phase % 2;
    int64_t rows = 2 * h - 2, cols = 2 * w - 2;
    if (row < 0 || row >= rows || col < 0 || col >= cols)
        return -1;
    return ((frame * rows + row) * cols + col) * c + o % c;
}

#ifndef DANAUS_EMULATE
/* conv_sm90.cu: does the device have Hopper's units, and does the convolution suit them (bf16,
 * strides of 1, channels in 16-byte pieces)? */
bool conv_sm90_suits(const struct exec *ex, const struct tensor *y, const struct tensor *x,
                     const struct conv *c, const struct tensor *residual);
bool conv_sm90(struct exec *ex, const struct tensor *y, const struct tensor *x,
               const struct conv *c, const struct tensor *residual, struct dn_error *err);

/* For the lab: the same with one of the tile shapes; its description, NULL behind the last. */
bool conv_sm90_tile(struct exec *ex, const struct tensor *y, const struct tensor *x,
                    const struct conv *c, const struct tensor *residual, int tile,
                    struct dn_error *err);
const char *conv_sm90_tile_name(int tile);
#endif

#endif
