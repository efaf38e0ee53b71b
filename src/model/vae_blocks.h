/* vae_blocks: the building blocks of the autoencoder, a chain of layers run over a stream of
 * frames.
 *
 * Encoder and decoder are both chains: a first convolution, residual blocks, attention and
 * resamplers in the order of the file, a head. Weights (struct vae_layer) are shared; what a clip
 * remembers (struct vae_state) is one window a causal convolution, history and new frames. The
 * producing operation writes behind the history, the convolution reads the whole window; nothing is
 * concatenated or cloned.
 *
 * A layer never takes more frames at once than its window has room for: a longer input runs
 * through the rest of the chain slice by slice, which keeps windows small and in cache where the
 * backend has one that matters (video_habits). Which slices depends on sizes and the backend alone,
 * so it never changes a result between two ways of pushing. */
#ifndef DANAUS_MODEL_VAE_BLOCKS_H
#define DANAUS_MODEL_VAE_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "format/weights.h"
#include "kernels/ops.h"

#define VAE_MAX_LAYERS 128
#define VAE_HISTORY 2 /* frames of the past that a kernel of 3 in time sees */

struct vae_backend {
    const struct ops *ops;
    struct exec *ex;
};

enum vae_layer_kind {
    VAE_LAYER_CONV,       /* one causal convolution */
    VAE_LAYER_RESIDUAL,   /* norm, SiLU, conv, norm, SiLU, conv, + (projected) input */
    VAE_LAYER_ATTENTION,  /* per frame, one head of all channels */
    VAE_LAYER_UPSAMPLE,   /* (time conv), nearest x2, conv: the last two folded, see vae_fold.h */
    VAE_LAYER_DOWNSAMPLE, /* conv of stride 2, (time conv of stride 2) */
    VAE_LAYER_HEAD,       /* norm, SiLU, conv */
    VAE_LAYER_KIND_COUNT
};

/* A convolution's packed weights; packed NULL: absent. */
struct vae_conv {
    struct conv *packed;
    int64_t in, out, kernel_t;
};

struct vae_layer {
    enum vae_layer_kind kind;
    char name[32];             /* as in the file without the net's prefix: "upsamples.3" */
    int64_t in, out;           /* channels */
    struct tensor gamma[2];    /* F32 [channels]; norms in order */
    struct vae_conv conv[2];   /* CONV, HEAD: [0]; RESIDUAL: both; resamplers: [0] is the spatial */
    struct vae_conv shortcut;  /* RESIDUAL whose channels change */
    struct vae_conv time;      /* resamplers that change the number of frames */
    bool folded;               /* HEAD: conv[0] computes squares, see vae_fold.h */
    struct linear *qkv, *proj; /* ATTENTION */
};

struct vae_chain {
    struct vae_layer layers[VAE_MAX_LAYERS];
    int64_t count;
};

/* --- loading (vae_load.c) --- */

/* Appends the layer whose tensors begin with prefix + name + "."; which kind is seen from the
 * names (a plain .weight is a CONV). in: channels that arrive, or MODEL_ANY_SIZE. A resampler
 * takes up as its direction. With backend NULL only names and shapes are checked. */
bool vae_chain_add(struct vae_chain *chain, const struct weights *w, const char *prefix,
                   const char *name, int64_t in, bool up, const struct vae_backend *backend,
                   struct dn_error *err);
/* Appends layers name.0, name.1, ... while there are any; *channels goes in and comes out. */
bool vae_chain_add_list(struct vae_chain *chain, const struct weights *w, const char *prefix,
                        const char *name, int64_t *channels, bool up,
                        const struct vae_backend *backend, struct dn_error *err);
void vae_chain_done(struct vae_chain *chain, const struct vae_backend *backend);
/* weight and bias called name.weight, name.bias: [out, in, kernel...]; sizes may be
 * MODEL_ANY_SIZE. kernel has 2 or 3 entries. */
struct vae_conv_shape {
    int64_t out, in;
    int ndim; /* 4 or 5 */
    int64_t kernel[3];
};
bool vae_conv_load(struct vae_conv *conv, const struct weights *w, const char *name,
                   const struct vae_conv_shape *shape, const struct conv_args *args,
                   const struct vae_backend *backend, struct dn_error *err);

/* --- running (vae_chain.c, vae_layers.c, vae_window.c) --- */

/* Windows (vae_window.c). */
#define VAE_PAIR 2
#define VAE_MAX_POOLS 16

struct vae_window_size {
    int64_t history, room; /* frames of the past, and new ones at a time */
    int64_t h, w, c;
};

/* Pairs of frames that the windows of one size share. */
struct vae_pool {
    struct vae_window_size size;
    struct tensor frames;    /* [2 * pairs, h, w, c] */
    int64_t windows, given;  /* windows in all; that have their first pair */
    int spares, spare_count; /* pairs beside one a window; of them free now, */
    int64_t spare[2];        /* and their first frames */
};
struct vae_pools {
    struct vae_pool pools[VAE_MAX_POOLS];
    int count;
};
/* First the windows of all layers are told, layer by layer; then pools are made, then windows. */
void vae_pools_expect(struct vae_pools *pools, const struct vae_window_size *sizes, int count,
                      const struct vae_backend *backend);
bool vae_pools_new(struct vae_pools *pools, const struct vae_backend *backend, int64_t *bytes,
                   struct dn_error *err);
/* All pairs are free again: before all windows are reset. */
void vae_pools_reset(struct vae_pools *pools);
void vae_pools_done(struct vae_pools *pools, const struct vae_backend *backend);

/* The last frames that a causal convolution has seen and room for new ones: pairs in a pool, or one
 * buffer. Where the backend sees two runs of frames (video_habits) they go round in it and nothing
 * is moved: `room` divides its length, and a clip begins with one frame in the last place.
 * Elsewhere the history moves to the front when the end is reached. */
struct vae_window {
    struct vae_pool *pool; /* NULL: its own buffer */
    int64_t past, fresh;   /* first frames of its pairs there */
    struct tensor frames;  /* [length, h, w, c]; data NULL: the layer needs none */
    int64_t history, length;
    int64_t at; /* the frame where new ones go; the history lies before it */
    bool ring;
    int64_t filled; /* frames of history that hold something else than the zeros of a start */
};

bool vae_window_init(struct vae_window *window, const struct vae_window_size *size,
                     struct vae_pools *pools, const struct vae_backend *backend, int64_t *bytes,
                     struct dn_error *err);
void vae_window_done(struct vae_window *window, const struct vae_backend *backend);
/* All history zero again; with its pools, if it has one (vae_state_reset). */
bool vae_window_reset(struct vae_window *window, const struct vae_backend *backend,
                      struct dn_error *err);
/* Where n <= room new frames go. */
bool vae_window_input(struct vae_window *window, int64_t n, const struct vae_backend *backend,
                      struct tensor *input, struct dn_error *err);
/* What the convolution then reads; fills in extra's runs. */
struct tensor vae_window_all(const struct vae_window *window, int64_t n, struct conv_extra *extra);
/* After n new frames were used: they are the past. */
void vae_window_advance(struct vae_window *window, int64_t n);
/* A clip's first n frames are not remembered: the past stays zero, but counts as frames. */
void vae_window_skip(struct vae_window *window, int64_t n);
/* The buffer that it lies in, [frames, h, w, c]; NULL: the layer needs none. */
const struct tensor *vae_window_buffer(const struct vae_window *window);
/* Frame i of the history, 0 the oldest: [1, h, w, c]. */
struct tensor vae_window_past(const struct vae_window *window, int64_t i);

/* What one layer owns while a clip runs. */
struct vae_layer_state {
    int64_t room;                /* frames it takes at once */
    int64_t h, w;                /* of its input */
    struct vae_window window[2]; /* RESIDUAL both, others [0] */
    struct tensor output;        /* where the result goes; data NULL: in place */
};

/* Sees the output of each layer: y [frames, h, w, c] in exec memory, valid during the call. */
typedef bool vae_trace_fn(void *context, const char *layer, const struct tensor *y,
                          struct dn_error *err);
/* Receives the chain's output; slices in order. */
typedef bool vae_sink_fn(void *context, const struct tensor *y, struct dn_error *err);

struct vae_state {
    struct vae_backend backend;
    const struct vae_chain *chain;
    struct vae_layer_state layers[VAE_MAX_LAYERS];
    struct vae_pools pools;
    struct tensor scratch[2]; /* [elements], the exec's dtype */
    bool first;               /* the frames that run now begin a clip */
    int64_t bytes;            /* of exec memory held */
    vae_trace_fn *trace;
    void *trace_context;
};

/* Buffers for inputs of at most frames x h x w; err on device memory. vae_state_free allows NULL.
 */
bool vae_state_new(const struct vae_chain *chain, const struct vae_backend *backend, int64_t frames,
                   int64_t h, int64_t w, struct vae_state **out, struct dn_error *err);
void vae_state_free(struct vae_state *state);
bool vae_state_reset(struct vae_state *state, struct dn_error *err);
/* Runs x [n, h, w, c] (exec's dtype; may be overwritten), n <= frames, through all layers. The
 * caller sets state->first before. */
bool vae_state_run(struct vae_state *state, const struct tensor *x, vae_sink_fn *sink,
                   void *context, struct dn_error *err);

/* One layer on n <= room frames; *y is a view of its output (or of x, written in place). */
bool vae_layer_run(struct vae_state *state, int64_t index, const struct tensor *x, struct tensor *y,
                   struct dn_error *err);
/* Frames to take at once when one has so many elements: the largest power of two, at least 1 and at
 * most frames, that keeps a slice within the backend's video_habits or at their least. */
int64_t vae_slice_frames(const struct vae_backend *backend, int64_t elements, int64_t frames);
/* Elements of an UPSAMPLE layer's folded result for one frame of h x w. */
int64_t vae_corner_elements(const struct vae_layer *layer, int64_t h, int64_t w);

#endif
