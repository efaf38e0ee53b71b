/* vae_chain: what a clip remembers of a chain of layers, sized once, and the walk through it. */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/vae_blocks.h"

int64_t vae_slice_frames(const struct vae_backend *backend, int64_t elements, int64_t frames)
{
    const struct video_habits *habits = backend->ops->video_habits();
    int64_t n = 1;
    while (2 * n <= frames &&
           (2 * n <= habits->slice_least || 2 * n * elements <= habits->slice_elements))
        n *= 2;
    return n;
}

int64_t vae_corner_elements(const struct vae_layer *layer, int64_t h, int64_t w)
{
    return 4 * layer->out * (h + 1) * (w + 1);
}

/* The shape behind a layer, of frames x h x w in front of it (not the first of a clip). */
static void shape_behind(const struct vae_layer *layer, int64_t *frames, int64_t *h, int64_t *w)
{
    bool time = layer->time.in != 0;
    if (layer->kind == VAE_LAYER_UPSAMPLE) {
        *frames *= time ? 2 : 1;
        *h *= 2;
        *w *= 2;
    } else if (layer->kind == VAE_LAYER_DOWNSAMPLE) {
        *frames = time ? (*frames + 1) / 2 : *frames;
        *h /= 2;
        *w /= 2;
    }
}

/* Frames from here on are taken in multiples of this, so that every later halving comes out. */
static int64_t time_grain(const struct vae_chain *chain, int64_t index)
{
    int64_t grain = 1;
    for (int64_t i = index; i < chain->count; i++)
        if (chain->layers[i].kind == VAE_LAYER_DOWNSAMPLE && chain->layers[i].time.in)
            grain *= 2;
    return grain;
}

/* Elements that a layer needs in the two scratch buffers for room frames of h x w. */
static void scratch_needs(const struct vae_layer *layer, const struct vae_backend *backend,
                          int64_t room, int64_t h, int64_t w, int64_t needs[2])
{
    const int64_t pixels = h * w, video = room * pixels;
    needs[0] = needs[1] = 0;
    if (layer->kind == VAE_LAYER_ATTENTION) {
        needs[0] = video * layer->in;
        needs[1] = video * 3 * layer->in;
    } else if (layer->kind == VAE_LAYER_HEAD) {
        int64_t widest = layer->in > layer->out ? layer->in : layer->out;
        needs[0] = video * widest; /* the trace's norm, or the squares of a folded head */
    } else if (layer->kind == VAE_LAYER_UPSAMPLE) {
        int64_t frames = layer->time.in ? 2 * room : room;
        int64_t corners = vae_corner_elements(layer, h, w);
        if (!backend->ops->video_habits()->corners)
            needs[0] = vae_slice_frames(backend, corners, frames) * corners;
        if (layer->time.in) {
            int64_t halves = video * layer->time.out;
            needs[0] = halves > needs[0] ? halves : needs[0];
            needs[1] = halves;
        }
    }
}

static bool output_new(struct vae_state *state, const struct vae_layer *layer,
                       struct vae_layer_state *own, struct dn_error *err)
{
    bool in_place = layer->kind == VAE_LAYER_ATTENTION ||
                    (layer->kind == VAE_LAYER_RESIDUAL && !layer->shortcut.in);
    if (in_place)
        return true;
    int64_t frames = own->room, h = own->h, w = own->w;
    shape_behind(layer, &frames, &h, &w);
    const struct vae_backend *b = &state->backend;
    if (!b->ops->tensor_alloc(b->ex, &own->output, exec_dtype(b->ex),
                              DIMS(frames, h, w, layer->out), err))
        return false;
    state->bytes += tensor_count(&own->output) * dtype_size(own->output.dtype);
    return true;
}

/* The windows of a layer; returns how many. */
static int window_sizes(const struct vae_layer *layer, const struct vae_layer_state *own,
                        struct vae_window_size sizes[2])
{
    const struct vae_window_size plain = {VAE_HISTORY, own->room, own->h, own->w, layer->in};
    sizes[0] = sizes[1] = plain;
    switch (layer->kind) {
    case VAE_LAYER_RESIDUAL:
        sizes[1].c = layer->out;
        return 2;
    case VAE_LAYER_UPSAMPLE:
        return layer->time.in ? 1 : 0;
    case VAE_LAYER_DOWNSAMPLE: /* a stride of 2 over [last frame, x] needs one frame only */
        sizes[0] = (struct vae_window_size){1, own->room, own->h / 2, own->w / 2, layer->out};
        return layer->time.in ? 1 : 0;
    case VAE_LAYER_CONV:
    case VAE_LAYER_HEAD:
        return layer->conv[0].kernel_t == 1 ? 0 : 1;
    default:
        return 0;
    }
}

static bool windows_new(struct vae_state *state, const struct vae_layer *layer,
                        struct vae_layer_state *own, struct dn_error *err)
{
    struct vae_window_size sizes[2];
    const int count = window_sizes(layer, own, sizes);
    for (int i = 0; i < count; i++)
        if (!vae_window_init(&own->window[i], &sizes[i], &state->pools, &state->backend,
                             &state->bytes, err))
            return false;
    return true;
}

static bool scratch_new(struct vae_state *state, const int64_t elements[2], struct dn_error *err)
{
    const struct vae_backend *b = &state->backend;
    for (int i = 0; i < 2; i++) {
        if (elements[i] == 0)
            continue;
        if (!b->ops->tensor_alloc(b->ex, &state->scratch[i], exec_dtype(b->ex), 1, &elements[i],
                                  err))
            return false;
        state->bytes += elements[i] * dtype_size(state->scratch[i].dtype);
    }
    return true;
}

/* How many frames each layer takes at once, what it needs of the scratch and of the pools. */
static void measure_layers(struct vae_state *state, int64_t frames, int64_t h, int64_t w,
                           int64_t scratch[2])
{
    const struct vae_backend *backend = &state->backend;
    for (int64_t i = 0; i < state->chain->count; i++) {
        const struct vae_layer *layer = &state->chain->layers[i];
        struct vae_layer_state *own = &state->layers[i];
        struct vae_window_size sizes[2];
        int64_t widest = layer->in > layer->out ? layer->in : layer->out;
        int64_t grain = time_grain(state->chain, i), needs[2];
        own->h = h;
        own->w = w;
        own->room = vae_slice_frames(backend, h * w * widest, frames);
        own->room = own->room < grain && grain <= frames ? grain : own->room;
        scratch_needs(layer, backend, own->room, h, w, needs);
        for (int j = 0; j < 2; j++)
            scratch[j] = needs[j] > scratch[j] ? needs[j] : scratch[j];
        vae_pools_expect(&state->pools, sizes, window_sizes(layer, own, sizes), backend);
        frames = own->room;
        shape_behind(layer, &frames, &h, &w);
    }
}

bool vae_state_new(const struct vae_chain *chain, const struct vae_backend *backend, int64_t frames,
                   int64_t h, int64_t w, struct vae_state **out, struct dn_error *err)
{
    struct vae_state *state = dn_calloc(1, sizeof *state);
    int64_t scratch[2] = {0, 0};
    state->backend = *backend;
    state->chain = chain;
    state->first = true;
    measure_layers(state, frames, h, w, scratch);
    bool ok = vae_pools_new(&state->pools, backend, &state->bytes, err);
    for (int64_t i = 0; ok && i < chain->count; i++)
        ok = output_new(state, &chain->layers[i], &state->layers[i], err) &&
             windows_new(state, &chain->layers[i], &state->layers[i], err);
    if (!ok || !scratch_new(state, scratch, err)) {
        vae_state_free(state);
        *out = NULL;
        return false;
    }
    *out = state;
    return true;
}

void vae_state_free(struct vae_state *state)
{
    if (!state)
        return;
    const struct vae_backend *b = &state->backend;
    for (int64_t i = 0; i < state->chain->count; i++) {
        struct vae_layer_state *own = &state->layers[i];
        for (int j = 0; j < 2; j++)
            vae_window_done(&own->window[j], b);
        if (own->output.data)
            b->ops->tensor_free(b->ex, &own->output);
    }
    vae_pools_done(&state->pools, b);
    for (int i = 0; i < 2; i++)
        if (state->scratch[i].data)
            b->ops->tensor_free(b->ex, &state->scratch[i]);
    free(state);
}

bool vae_state_reset(struct vae_state *state, struct dn_error *err)
{
    state->first = true;
    vae_pools_reset(&state->pools);
    for (int64_t i = 0; i < state->chain->count; i++)
        for (int j = 0; j < 2; j++)
            if (!vae_window_reset(&state->layers[i].window[j], &state->backend, err))
                return false;
    return true;
}

static bool run_from(struct vae_state *state, int64_t index, const struct tensor *x,
                     vae_sink_fn *sink, void *context, struct dn_error *err)
{
    if (index == state->chain->count)
        return sink(context, x, err);
    const int64_t frames = x->shape[0], room = state->layers[index].room;
    const struct vae_layer *layer = &state->chain->layers[index];
    for (int64_t f = 0; f < frames; f += room) {
        int64_t n = frames - f < room ? frames - f : room;
        struct tensor part = tensor_slice(x, f, n), y;
        if (!vae_layer_run(state, index, &part, &y, err))
            return dn_error_while(err, "running VAE layer %s", layer->name);
        const char *name = layer->kind == VAE_LAYER_HEAD ? "head.2" : layer->name;
        if (state->trace && !state->trace(state->trace_context, name, &y, err))
            return false;
        if (!run_from(state, index + 1, &y, sink, context, err))
            return false;
    }
    return true;
}

bool vae_state_run(struct vae_state *state, const struct tensor *x, vae_sink_fn *sink,
                   void *context, struct dn_error *err)
{
    assert(x->ndim == 4 && x->dtype == exec_dtype(state->backend.ex));
    return run_from(state, 0, x, sink, context, err);
}
