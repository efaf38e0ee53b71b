/* vae_layers: what each kind of layer computes. Semantics as in the public Wan2.1 VAE (wan/modules/vae.py, classes CausalConv3d,
 * Resample, ResidualBlock, AttentionBlock). */
#include <assert.h>
#include <math.h>

#include "model/vae_blocks.h"
#include "model/vae_fold.h"

/* [n, h, w, c] over the beginning of a flat buffer. */
static struct tensor video_over(const struct tensor *buffer, int64_t n, int64_t h, int64_t w,
                                int64_t c)
{
    assert(n * h * w * c <= tensor_count(buffer));
    return tensor_over(buffer->data, buffer->dtype, DIMS(n, h, w, c));
}

/* The layer's own output buffer holds room frames; the first n of them. */
static struct tensor output_frames(const struct vae_layer_state *own, int64_t n)
{
    return tensor_slice(&own->output, 0, n);
}

/* y = conv(window), then the window moves on. y must not lie in the window. */
static bool conv_window(const struct vae_state *state, const struct tensor *y,
                        struct vae_window *window, int64_t n, const struct vae_conv *conv,
                        struct conv_extra extra, struct dn_error *err)
{
    const struct vae_backend *b = &state->backend;
    struct tensor all = vae_window_all(window, n, &extra);
    if (!b->ops->conv(b->ex, y, &all, conv->packed, &extra, err))
        return false;
    vae_window_advance(window, n);
    return true;
}

static const struct conv_extra nothing;

/* What a layer's functions get. */
struct call {
    struct vae_state *state;
    const struct vae_layer *layer;
    struct vae_layer_state *own;
    int64_t n, h, w; /* of x */
};

static bool run_conv(const struct call *c, const struct tensor *x, struct tensor *y,
                     struct dn_error *err)
{
    const struct vae_backend *b = &c->state->backend;
    const struct vae_conv *conv = &c->layer->conv[0];
    *y = output_frames(c->own, c->n);
    if (conv->kernel_t == 1)
        return b->ops->conv(b->ex, y, x, conv->packed, NULL, err);
    struct tensor input;
    return vae_window_input(&c->own->window[0], c->n, b, &input, err) &&
           b->ops->copy(b->ex, &input, x, err) &&
           conv_window(c->state, y, &c->own->window[0], c->n, conv, nothing, err);
}

static bool run_residual(const struct call *c, const struct tensor *x, struct tensor *y,
                         struct dn_error *err)
{
    const struct vae_backend *b = &c->state->backend;
    const struct vae_layer *layer = c->layer;
    struct vae_window *window = c->own->window;
    const struct conv_extra norm = {.gamma = &layer->gamma[1], .silu = true};
    struct tensor input, hidden;
    if (!vae_window_input(&window[0], c->n, b, &input, err) ||
        !vae_window_input(&window[1], c->n, b, &hidden, err) ||
        !b->ops->channel_norm(b->ex, &input, x, &layer->gamma[0], true, err) ||
        !conv_window(c->state, &hidden, &window[0], c->n, &layer->conv[0], norm, err))
        return false;
    *y = *x;
    if (layer->shortcut.packed) {
        *y = output_frames(c->own, c->n);
        if (!b->ops->conv(b->ex, y, x, layer->shortcut.packed, NULL, err))
            return false;
    }
    const struct conv_extra add = {.residual = y};
    return conv_window(c->state, y, &window[1], c->n, &layer->conv[1], add, err);
}

static bool run_attention(const struct call *c, const struct tensor *x, struct tensor *y,
                          struct dn_error *err)
{
    const struct vae_backend *b = &c->state->backend;
    const int64_t dim = c->layer->in, pixels = c->h * c->w, rows = c->n * pixels;
    struct tensor normed = video_over(&c->state->scratch[0], c->n, c->h, c->w, dim);
    if (!b->ops->channel_norm(b->ex, &normed, x, &c->layer->gamma[0], false, err))
        return false;
    normed = tensor_reshape(&normed, DIMS(rows, dim));
    struct tensor qkv = tensor_over(c->state->scratch[1].data, normed.dtype, DIMS(rows, 3 * dim));
    if (!b->ops->linear(b->ex, &qkv, &normed, c->layer->qkv, NULL, err))
        return false;
    const struct attention_args args = {.scale = (float)(1.0 / sqrt((double)dim))};
    struct tensor heads = qkv; /* [rows, 3, dim] */
    heads.ndim = 3;
    heads.shape[1] = 3;
    heads.shape[2] = dim;
    heads.stride[1] = dim;
    heads.stride[2] = 1;
    for (int64_t f = 0; f < c->n; f++) {
        struct tensor part[3];
        for (int i = 0; i < 3; i++) {
            part[i] = tensor_slice(&heads, f * pixels, pixels);
            part[i].data = (char *)part[i].data + i * dim * dtype_size(heads.dtype);
            part[i].shape[1] = 1;
        }
        /* the normed rows are used up: their buffer takes the result */
        struct tensor rows_out = tensor_slice(&normed, f * pixels, pixels);
        struct tensor out = tensor_reshape(&rows_out, DIMS(pixels, 1, dim));
        if (!b->ops->attention(b->ex, &out, &part[0], &part[1], &part[2], &args, err))
            return false;
    }
    const struct linear_args add = {.epilogue = LINEAR_RESIDUAL};
    struct tensor x_rows = tensor_reshape(x, DIMS(rows, dim));
    *y = *x;
    return b->ops->linear(b->ex, &x_rows, &normed, c->layer->proj, &add, err);
}

/* Doubles the frames of x: scratch[1] holds the result. The first latent is only remembered as
 * "there was one": the second runs with zeros before it. */
static bool double_time(const struct call *c, const struct tensor *x, struct tensor *out,
                        struct dn_error *err)
{
    const struct vae_backend *b = &c->state->backend;
    struct vae_window *window = &c->own->window[0];
    if (c->state->first) {
        vae_window_skip(window, c->n);
        *out = *x;
        return true;
    }
    struct tensor halves =
        video_over(&c->state->scratch[0], c->n, c->h, c->w, c->layer->time.out);
    struct tensor input;
    *out = video_over(&c->state->scratch[1], 2 * c->n, c->h, c->w, c->layer->in);
    return vae_window_input(window, c->n, b, &input, err) &&
           b->ops->copy(b->ex, &input, x, err) &&
           conv_window(c->state, &halves, window, c->n, &c->layer->time, nothing, err) &&
           b->ops->interleave_time(b->ex, out, &halves, err);
}

static bool run_upsample(const struct call *c, const struct tensor *x, struct tensor *y,
                         struct dn_error *err)
{
    const struct vae_backend *b = &c->state->backend;
    struct tensor small = *x;
    if (c->layer->time.packed && !double_time(c, x, &small, err))
        return false;
    const int64_t frames = small.shape[0];
    *y = output_frames(c->own, frames);
    if (b->ops->video_habits()->corners)
        return b->ops->conv(b->ex, y, &small, c->layer->conv[0].packed, NULL, err);
    const int64_t step = vae_slice_frames(b, vae_corner_elements(c->layer, c->h, c->w), frames);
    for (int64_t f = 0; f < frames; f += step) {
        int64_t n = frames - f < step ? frames - f : step;
        struct tensor from = tensor_slice(&small, f, n), to = tensor_slice(y, f, n);
        struct tensor corners =
            video_over(&c->state->scratch[0], n, c->h + 1, c->w + 1, 4 * c->layer->out);
        if (!b->ops->conv(b->ex, &corners, &from, c->layer->conv[0].packed, NULL, err) ||
            !vae_unfold_upsample(&to, &corners, b, err))
            return false;
    }
    return true;
}

static bool run_downsample(const struct call *c, const struct tensor *x, struct tensor *y,
                           struct dn_error *err)
{
    const struct vae_backend *b = &c->state->backend;
    struct vae_window *window = &c->own->window[0];
    if (!c->layer->time.packed) {
        *y = output_frames(c->own, c->n);
        return b->ops->conv(b->ex, y, x, c->layer->conv[0].packed, NULL, err);
    }
    struct tensor input;
    if (!vae_window_input(window, c->n, b, &input, err) ||
        !b->ops->conv(b->ex, &input, x, c->layer->conv[0].packed, NULL, err))
        return false;
    if (c->state->first) { /* the first frame is not thinned out, only remembered */
        *y = output_frames(c->own, c->n);
        vae_window_advance(window, c->n);
        return b->ops->copy(b->ex, y, &input, err);
    }
    assert(c->n % 2 == 0);
    *y = output_frames(c->own, c->n / 2);
    return conv_window(c->state, y, window, c->n, &c->layer->time, nothing, err);
}

/* The two stages of a head that the fused norm hides, for the trace. */
static bool trace_head(const struct call *c, const struct tensor *x, const struct tensor *silu,
                       struct dn_error *err)
{
    const struct vae_backend *b = &c->state->backend;
    struct tensor norm = video_over(&c->state->scratch[0], c->n, c->h, c->w, c->layer->in);
    return b->ops->channel_norm(b->ex, &norm, x, &c->layer->gamma[0], false, err) &&
           c->state->trace(c->state->trace_context, "head.0", &norm, err) &&
           c->state->trace(c->state->trace_context, "head.1", silu, err);
}

static bool run_head(const struct call *c, const struct tensor *x, struct tensor *y,
                     struct dn_error *err)
{
    const struct vae_backend *b = &c->state->backend;
    struct tensor input;
    *y = output_frames(c->own, c->n);
    struct tensor target = *y;
    if (c->layer->folded)
        target = video_over(&c->state->scratch[0], c->n, c->h / 2, c->w / 2, 4 * c->layer->out);
    return vae_window_input(&c->own->window[0], c->n, b, &input, err) &&
           b->ops->channel_norm(b->ex, &input, x, &c->layer->gamma[0], true, err) &&
           (!c->state->trace || trace_head(c, x, &input, err)) &&
           conv_window(c->state, &target, &c->own->window[0], c->n, &c->layer->conv[0], nothing,
                       err) &&
           (!c->layer->folded || vae_unfold_narrow(y, &target, b, err));
}

static bool (*const layer_runs[VAE_LAYER_KIND_COUNT])(const struct call *c, const struct tensor *x,
                                                      struct tensor *y, struct dn_error *err) = {
    [VAE_LAYER_CONV] = run_conv,           [VAE_LAYER_RESIDUAL] = run_residual,
    [VAE_LAYER_ATTENTION] = run_attention, [VAE_LAYER_UPSAMPLE] = run_upsample,
    [VAE_LAYER_DOWNSAMPLE] = run_downsample, [VAE_LAYER_HEAD] = run_head,
};

bool vae_layer_run(struct vae_state *state, int64_t index, const struct tensor *x,
                   struct tensor *y, struct dn_error *err)
{
    struct vae_layer_state *own = &state->layers[index];
    const struct call c = {state, &state->chain->layers[index], own, x->shape[0], own->h, own->w};
    assert(c.n <= own->room && x->shape[1] == own->h && x->shape[2] == own->w &&
           x->shape[3] == c.layer->in);
    return layer_runs[c.layer->kind](&c, x, y, err);
}
