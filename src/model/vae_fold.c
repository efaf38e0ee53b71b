/* vae_fold: see vae_fold.h
 *
 * Corner (i, j) lies between the small pixels i-1 and i, j-1 and j; its outputs are rows 2i-1+dy and
 * columns 2j-1+dx. Along one axis output 2i-1+d sees the big pixels 2i-2+d+t, t = 0..2, which are
 * the small pixel i-1 while d+t < 2 and i from then on. Square (i, j) has the outputs 2i+dy, 2j+dx,
 * which see rows 2i-1+dy+t: 2i-1 .. 2i+2 in all. */
#include "model/vae_fold.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

/* out [4 out, in, kt, size, size] = weights of the four outputs (dy, dx), where tap t of output d
 * along an axis falls on place(d, t). */
static float *fold_weights(const struct weight_view *weight, int64_t kt, int64_t size,
                           int64_t (*place)(int64_t d, int64_t t))
{
    const int64_t out = weight->shape[0], in = weight->shape[1], taps = size * size;
    float *from = dn_malloc(dn_mul_or_abort((size_t)weight->count, sizeof *from));
    float *to = dn_calloc((size_t)(4 * out * in * kt * taps), sizeof *to);
    weights_copy_f32(weight, from);
    for (int64_t phase = 0; phase < 4; phase++)
        for (int64_t plane = 0; plane < out * in * kt; plane++)
            for (int64_t t = 0; t < 9; t++) {
                int64_t y = place(phase / 2, t / 3), x = place(phase % 2, t % 3);
                to[(phase * out * in * kt + plane) * taps + y * size + x] += from[plane * 9 + t];
            }
    free(from);
    return to;
}

static int64_t corner_place(int64_t d, int64_t t)
{
    return d + t < 2 ? 0 : 1;
}

static int64_t square_place(int64_t d, int64_t t)
{
    return d + t;
}

static bool pack(struct vae_conv *conv, const struct tensor *weight, const struct weight_view *bias,
                 const struct conv_args *args, const struct vae_backend *backend,
                 struct dn_error *err)
{
    const int64_t out = bias->count;
    float *values = dn_malloc((size_t)(4 * out) * sizeof *values);
    for (int phase = 0; phase < 4; phase++)
        weights_copy_f32(bias, values + phase * out);
    struct tensor biases = tensor_over(values, DTYPE_F32, DIMS(4 * out));
    bool ok = backend->ops->conv_pack(backend->ex, weight, &biases, args, &conv->packed, err);
    free(values);
    return ok || dn_error_while(err, "packing %s", bias->name);
}

bool vae_fold_upsample(struct vae_conv *conv, const struct weight_view *weight,
                       const struct weight_view *bias, const struct vae_backend *backend,
                       struct dn_error *err)
{
    const struct conv_args args = {1, 1, 1, 1, 1, 1, 1, backend->ops->video_habits()->corners};
    float *values = fold_weights(weight, 1, 2, corner_place);
    struct tensor folded =
        tensor_over(values, DTYPE_F32, DIMS(4 * weight->shape[0], weight->shape[1], 2, 2));
    bool ok = pack(conv, &folded, bias, &args, backend, err);
    free(values);
    return ok;
}

bool vae_fold_narrow(struct vae_conv *conv, const struct weight_view *weight,
                     const struct weight_view *bias, const struct vae_backend *backend,
                     struct dn_error *err)
{
    static const struct conv_args args = {1, 2, 2, 1, 1, 1, 1, false};
    float *values = fold_weights(weight, 3, 4, square_place);
    struct tensor folded =
        tensor_over(values, DTYPE_F32, DIMS(4 * weight->shape[0], weight->shape[1], 3, 4, 4));
    bool ok = pack(conv, &folded, bias, &args, backend, err);
    free(values);
    return ok;
}

/* Which elements of y and of the folded result belong together: rows x cols runs of `run`
 * elements in every frame. */
struct part {
    int64_t y_first, y_row, y_col;    /* element offset, strides of a row and a column */
    int64_t from, from_row, from_col;
    int64_t rows, cols, run;
};

static bool copy_part(const struct tensor *y, const struct tensor *folded, const struct part *p,
                      const struct vae_backend *backend, struct dn_error *err)
{
    if (p->rows == 0 || p->cols == 0)
        return true;
    struct tensor to = *y, from = *folded;
    const int64_t shape[3] = {p->rows, p->cols, p->run};
    for (int i = 0; i < 3; i++)
        to.shape[1 + i] = from.shape[1 + i] = shape[i];
    to.data = (char *)y->data + p->y_first * dtype_size(y->dtype);
    to.stride[1] = p->y_row;
    to.stride[2] = p->y_col;
    from.data = (char *)folded->data + p->from * dtype_size(folded->dtype);
    from.stride[1] = p->from_row;
    from.stride[2] = p->from_col;
    return backend->ops->copy(backend->ex, &to, &from, err);
}

bool vae_unfold_upsample(const struct tensor *y, const struct tensor *corners,
                         const struct vae_backend *backend, struct dn_error *err)
{
    const int64_t h = corners->shape[1] - 1, w = corners->shape[2] - 1, c = y->shape[3];
    const int64_t line = (w + 1) * 4 * c;
    assert(y->shape[1] == 2 * h && y->shape[2] == 2 * w && corners->shape[3] == 4 * c);
    for (int64_t dy = 0; dy < 2; dy++) {
        /* output rows 1, 3, ... come from corners 1 .. h, rows 0, 2, ... from corners 0 .. h-1 */
        const int64_t to = (1 - dy) * 2 * w * c, from = (1 - dy) * line + dy * 2 * c;
        const struct part parts[] = {
            /* both columns of the inner corners, then the outer ones' single columns */
            {to + c, 4 * w * c, 2 * c, from + 4 * c, line, 4 * c, h, w - 1, 2 * c},
            {to, 4 * w * c, 2 * c, from + c, line, 4 * c, h, 1, c},
            {to + (2 * w - 1) * c, 4 * w * c, 2 * c, from + w * 4 * c, line, 4 * c, h, 1, c},
        };
        for (int i = 0; i < 3; i++)
            if (!copy_part(y, corners, &parts[i], backend, err))
                return false;
    }
    return true;
}

bool vae_unfold_narrow(const struct tensor *y, const struct tensor *squares,
                       const struct vae_backend *backend, struct dn_error *err)
{
    const int64_t h = squares->shape[1], w = squares->shape[2], c = y->shape[3];
    assert(y->shape[1] == 2 * h && y->shape[2] == 2 * w && squares->shape[3] == 4 * c);
    for (int64_t dy = 0; dy < 2; dy++) {
        const struct part part = {dy * 2 * w * c, 4 * w * c, 2 * c, dy * 2 * c,
                                  w * 4 * c,      4 * c,     h,     w, 2 * c};
        if (!copy_part(y, squares, &part, backend, err))
            return false;
    }
    return true;
}
