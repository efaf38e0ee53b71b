/* conv: 3-D convolution of channels-last frames as an implicit matrix product: packing, the choice
 * among three ways, and the one for float32.
 *
 *   y[t,i,j,o] = b[o] + sum_(kt,kh,kw,c) W[o,kt,kh,kw,c] x[t*st+kt, i*sh+kh-top, j*sw+kw-left, c]
 *                (+ residual[t,i,j,o])
 *
 * x [T, h, w, in], y [T', h', w', out]; zeros around the picture, none in time. A block makes 64
 * pixels by 64 channels, a thread 4 by 4, from tiles of 16 steps along (kt,kh,kw,c) in float32
 * shared memory. Nothing is unfolded: a thread keeps where its four pixels lie and looks a tap up
 * when it needs one. FLOPs: 2 kt kh kw in out a pixel, on the float32 units, not the tensor cores.
 * Bytes: x once for each 64 channels of out, W once for each 64 pixels, y once. Share of the limit:
 * not measured yet. */
#include <stdlib.h>

#include "kernels/cuda/conv.cuh"
#include "kernels/cuda/cuda_rows.cuh"

enum { TILE = 64, STEP = 16, PITCH = TILE + 4 };

extern "C" const struct video_habits *cuda_video_habits(void)
{
    /* Two frames of 480x832 fill an H200 for half a millisecond a convolution, as well as four do,
     * and what windows need for new frames is half as much. */
    static const struct video_habits habits = {40000000, 2, true, true, false};
    return &habits;
}

extern "C" bool cuda_conv_pack(struct exec *ex, const struct tensor *weight,
                               const struct tensor *bias, const struct conv_args *args,
                               struct conv **out, struct dn_error *err)
{
    assert(weight->ndim == 5 || weight->ndim == 4);
    struct conv *c = (struct conv *)dn_calloc(1, sizeof *c);
    int first = weight->ndim - 3; /* the axis of kt, or the one before kh */
    c->out = weight->shape[0];
    c->in = weight->shape[1];
    c->kt = weight->ndim == 5 ? weight->shape[2] : 1;
    c->kh = weight->shape[first + 1];
    c->kw = weight->shape[first + 2];
    c->args = *args;
    /* the host's weights with the axes in our order */
    const int64_t shape[] = {c->out, c->kt, c->kh, c->kw, c->in};
    struct tensor turned = tensor_over(weight->data, weight->dtype, 5, shape);
    turned.stride[0] = weight->stride[0];
    turned.stride[1] = weight->ndim == 5 ? weight->stride[2] : 0;
    turned.stride[2] = weight->stride[first + 1];
    turned.stride[3] = weight->stride[first + 2];
    turned.stride[4] = weight->stride[1];
    bool ok = cuda_tensor_alloc(ex, &c->weights, ex->dtype, 5, shape, err) &&
              cuda_upload(ex, &c->weights, &turned, err);
    if (ok && c->in < 8 && ex->dtype == DTYPE_BF16) {
        const int64_t wide[] = {c->out, c->kt, c->kh, c->kw, 8};
        ok = cuda_tensor_alloc(ex, &c->wide, DTYPE_BF16, 5, wide, err) &&
             cuda_fill_zero(ex, &c->wide, err);
        struct tensor part = c->wide;
        part.shape[4] = c->in;
        ok = ok && cuda_copy(ex, &part, &c->weights, err);
    }
    if (ok && bias) {
        assert(tensor_count(bias) == c->out);
        ok = cuda_tensor_alloc(ex, &c->bias, DTYPE_F32, bias->ndim, bias->shape, err) &&
             cuda_upload(ex, &c->bias, bias, err);
    }
    if (!ok) {
        cuda_conv_free(ex, c);
        c = NULL;
    }
    *out = c;
    return ok;
}

extern "C" void cuda_conv_free(struct exec *ex, struct conv *conv)
{
    if (!conv)
        return;
    cuda_tensor_free(ex, &conv->weights);
    cuda_tensor_free(ex, &conv->wide);
    cuda_tensor_free(ex, &conv->bias);
    free(conv);
}

/* Element k = (kt, kh, kw, c) of a window. */
__device__ inline float window_load(const conv_problem &p, const conv_window &at, int k)
{
    int c = k % p.in, tap = k / p.in;
    int64_t row = at.row + tap / p.kw % p.kh, col = at.col + tap % p.kw;
    if (at.frame < 0 || k >= p.depth || row < 0 || row >= p.h || col < 0 || col >= p.w)
        return 0;
    int64_t frame = conv_frame(p, at.frame + tap / p.kw / p.kh);
    return cuda_load(p.x, ((frame * p.h + row) * p.w + col) * p.in + c);
}

__global__ void __launch_bounds__(CUDA_BLOCK) conv_kernel(conv_problem p)
{
    float *left = cuda_shared(), *right = left + STEP * PITCH;              /* [STEP][PITCH] each */
    int thread = (int)threadIdx.x, k = thread % STEP, line = thread / STEP; /* what it loads */
    int64_t first = (int64_t)blockIdx.x * TILE;
    int first_out = (int)blockIdx.y * TILE, m = thread / 16 * 4, n = thread % 16 * 4;
    conv_window windows[4];
    float sum[4][4] = {};
    for (int i = 0; i < 4; i++)
        windows[i] = conv_window_of(p, first + line + 16 * i);
    for (int depth = 0; depth < p.depth; depth += STEP) {
        for (int i = 0; i < 4; i++) {
            int o = first_out + line + 16 * i;
            left[k * PITCH + line + 16 * i] = window_load(p, windows[i], depth + k);
            right[k * PITCH + line + 16 * i] =
                o < p.out && depth + k < p.depth
                    ? cuda_load(p.weights, (int64_t)o * p.depth + depth + k)
                    : 0.0f;
        }
        __syncthreads();
        for (int s = 0; s < STEP; s++)
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 4; j++)
                    sum[i][j] += left[s * PITCH + m + i] * right[s * PITCH + n + j];
        __syncthreads();
    }
#pragma unroll /* so that sum stays in registers */
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++)
            conv_finish(p, first + m + i, first_out + n + j, sum[i][j]);
}

/* y's pixels before corners are put in place. */
static void sizes_of(const struct tensor *y, const struct conv *c, int64_t *h, int64_t *w)
{
    *h = c->args.corners ? y->shape[1] / 2 + 1 : y->shape[1];
    *w = c->args.corners ? y->shape[2] / 2 + 1 : y->shape[2];
}

static void check(const struct tensor *y, const struct tensor *x, const struct conv *c,
                  const struct conv_extra *extra)
{
    const struct conv_args *a = &c->args;
    const struct tensor *residual = extra->residual;
    int64_t h, w, seen = (y->shape[0] - 1) * a->stride_t + c->kt;
    assert(x->ndim == 4 && y->ndim == 4 && x->shape[3] == c->in);
    assert(y->shape[3] == (a->corners ? c->out / 4 : c->out) && !(a->corners && residual));
    assert(tensor_is_contiguous(x) && tensor_is_contiguous(y));
    if (extra->runs)
        assert(extra->first >= 0 && extra->split >= 0 && extra->then >= 0 &&
               extra->first + (seen < extra->split ? seen : extra->split) <= x->shape[0] &&
               (seen <= extra->split || extra->then + seen - extra->split <= x->shape[0]));
    else
        assert(y->shape[0] == (x->shape[0] - c->kt) / a->stride_t + 1);
    sizes_of(y, c, &h, &w);
    assert(h == (x->shape[1] + a->pad_top + a->pad_bottom - c->kh) / a->stride_h + 1);
    assert(w == (x->shape[2] + a->pad_left + a->pad_right - c->kw) / a->stride_w + 1);
    assert(!residual ||
           (tensor_is_contiguous(residual) && tensor_count(residual) == tensor_count(y)));
}

conv_problem conv_problem_of(const struct tensor *y, const struct tensor *x, const struct conv *c,
                             const struct conv_extra *extra)
{
    conv_problem p = {};
    p.y = cuda_array_of(y);
    p.x = cuda_array_of(x);
    p.weights = cuda_array_of(x->shape[3] == c->in ? &c->weights : &c->wide);
    if (extra->residual)
        p.residual = cuda_array_of(extra->residual);
    p.bias = (const float *)c->bias.data;
    p.first = extra->runs ? extra->first : 0;
    p.split = extra->runs ? extra->split : x->shape[0];
    p.later = extra->runs ? extra->then - extra->split : 0;
    p.h = x->shape[1];
    p.w = x->shape[2];
    sizes_of(y, c, &p.y_h, &p.y_w);
    p.corners = c->args.corners;
    p.pixels = y->shape[0] * p.y_h * p.y_w;
    p.in = (int)x->shape[3];
    p.out = (int)c->out;
    p.kh = (int)c->kh;
    p.kw = (int)c->kw;
    p.depth = (int)(c->kt * c->kh * c->kw) * p.in;
    p.stride_t = (int)c->args.stride_t;
    p.stride_h = (int)c->args.stride_h;
    p.stride_w = (int)c->args.stride_w;
    p.top = (int)c->args.pad_top;
    p.left = (int)c->args.pad_left;
    return p;
}

/* The sums alone, on the float32 units. */
static bool conv_f32(struct exec *ex, const struct tensor *y, const struct tensor *x,
                     const struct conv *c, const struct conv_extra *extra, struct dn_error *err)
{
    const conv_problem p = conv_problem_of(y, x, c, extra);
    dim3 grid = cuda_grid(p.pixels, TILE);
    grid.y = (unsigned)((c->out + TILE - 1) / TILE);
    return cuda_launch(ex, "conv", err, conv_kernel, grid, CUDA_BLOCK,
                       (size_t)(2 * STEP * PITCH) * sizeof(float), p);
}

/* Pixels of few channels with zeros behind them: to 8, which 16-byte copies can address. */
__global__ void widen_kernel(cuda_words<16> *y, const uint16_t *x, int channels, int64_t pixels)
{
    int64_t pixel = cuda_index();
    if (pixel >= pixels)
        return;
    cuda_words<16> out = {};
    for (int c = 0; c < channels; c++)
        out.word[c / 2] |= (uint32_t)x[pixel * channels + c] << 16 * (c % 2);
    y[pixel] = out;
}

/* x with 8 channels in scratch memory. */
static bool widen(struct exec *ex, struct tensor *x, struct dn_error *err)
{
    const int64_t shape[] = {x->shape[0], x->shape[1], x->shape[2], 8};
    const int64_t pixels = shape[0] * shape[1] * shape[2];
    struct tensor wide = tensor_over(NULL, DTYPE_BF16, 4, shape);
    if (!cuda_scratch(ex, "conv", (size_t)pixels * 16, &wide.data, err) ||
        !cuda_launch(ex, "conv", err, widen_kernel, cuda_grid(pixels), CUDA_BLOCK, 0,
                     (cuda_words<16> *)wide.data, (const uint16_t *)x->data, (int)x->shape[3],
                     pixels))
        return false;
    *x = wide;
    return true;
}

extern "C" bool cuda_conv(struct exec *ex, const struct tensor *y, const struct tensor *x,
                          const struct conv *c, const struct conv_extra *extra,
                          struct dn_error *err)
{
    static const struct conv_extra nothing = {};
    struct tensor from = *x;
    extra = extra ? extra : &nothing;
    check(y, x, c, extra);
    if (c->wide.data && x->dtype == DTYPE_BF16 && !widen(ex, &from, err))
        return false;
#ifndef DANAUS_EMULATE
    if (conv_sm90_suits(ex, y, &from, c, extra))
        return conv_sm90(ex, y, &from, c, extra, err);
#endif
    bool ok = conv_mma_suits(ex, &from, c) ? conv_mma(ex, y, &from, c, extra, err)
                                           : conv_f32(ex, y, &from, c, extra, err);
    return ok && (!extra->gamma || cuda_channel_norm(ex, y, y, extra->gamma, extra->silu, err));
}
