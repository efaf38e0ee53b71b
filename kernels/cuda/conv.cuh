/* conv: what the three ways of computing a convolution share. Private to kernels/cuda. */
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

/* A call as the kernels see it that look every pixel up. */
struct conv_problem {
    cuda_array y, x, weights, residual;
    const float *bias;
    int64_t h, w;                /* of x */
    int64_t first, split, later; /* of x: see conv_frame */
    int64_t y_h, y_w;            /* of y */
    int64_t pixels;              /* of y, all frames */
    int in, out, kh, kw, depth;  /* depth = kt kh kw in */
    int stride_t, stride_h, stride_w, top, left;
    int corners;
};

/* The frame of x that is seen as frame number f. */
__device__ inline int64_t conv_frame(const conv_problem &p, int64_t f)
{
    return f + (f < p.split ? p.first : p.later);
}

/* Where the window of a pixel of y begins in x; frame -1 for a pixel that is not there. */
struct conv_window {
    int64_t frame, row, col;
};

__device__ inline conv_window conv_window_of(const conv_problem &p, int64_t pixel)
{
    if (pixel >= p.pixels)
        return conv_window{-1, 0, 0};
    return conv_window{pixel / p.y_w / p.y_h * p.stride_t,
                       pixel / p.y_w % p.y_h * p.stride_h - p.top,
                       pixel % p.y_w * p.stride_w - p.left};
}

__device__ inline void conv_finish(const conv_problem &p, int64_t pixel, int o, float sum)
{
    if (pixel >= p.pixels || o >= p.out)
        return;
    int64_t at = p.corners ? conv_corner(p.y_h, p.y_w, p.out / 4, pixel, o) : pixel * p.out + o;
    if (at < 0)
        return;
    sum += p.bias ? p.bias[o] : 0.0f;
    sum += p.residual.data ? cuda_load(p.residual, at) : 0.0f;
    cuda_store(p.y, at, sum);
}

/* The problem of a call; x may have more channels than the convolution (see struct conv, wide). */
conv_problem conv_problem_of(const struct tensor *y, const struct tensor *x, const struct conv *c,
                             const struct conv_extra *extra);

/* conv_mma.cu: bf16 on the tensor units of any GPU, without the norm. */
bool conv_mma_suits(const struct exec *ex, const struct tensor *x, const struct conv *c);
bool conv_mma(struct exec *ex, const struct tensor *y, const struct tensor *x, const struct conv *c,
              const struct conv_extra *extra, struct dn_error *err);

#ifndef DANAUS_EMULATE
/* conv_sm90.cu: does the device have Hopper's units, and does the convolution suit them (bf16,
 * strides of 1, channels in 16-byte pieces)? */
bool conv_sm90_suits(const struct exec *ex, const struct tensor *y, const struct tensor *x,
                     const struct conv *c, const struct conv_extra *extra);
bool conv_sm90(struct exec *ex, const struct tensor *y, const struct tensor *x,
               const struct conv *c, const struct conv_extra *extra, struct dn_error *err);

/* For the lab: the same with one of the tile shapes; its description, NULL behind the last. */
bool conv_sm90_tile(struct exec *ex, const struct tensor *y, const struct tensor *x,
                    const struct conv *c, const struct conv_extra *extra, int tile,
                    struct dn_error *err);
const char *conv_sm90_tile_name(int tile);
#endif

#endif
