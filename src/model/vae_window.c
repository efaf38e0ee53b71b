/* vae_window: what causal convolutions look through: the last frames that they have seen and the
 * new ones. Where the backend sees two runs of frames (video_habits) windows of one size share a
 * pool of pairs of frames, if two come at a time: a window keeps the pair of its past, new frames
 * go to a spare pair, and when they have become the past the old pair is spare. */
#include <assert.h>

#include "model/vae_blocks.h"

/* --- pools --- */

static struct vae_pool *pool_of(struct vae_pools *pools, const struct vae_window_size *size)
{
    for (int i = 0; i < pools->count; i++) {
        struct vae_pool *p = &pools->pools[i];
        if (p->size.h == size->h && p->size.w == size->w && p->size.c == size->c)
            return p;
    }
    return NULL;
}

static bool pools_suit(const struct vae_window_size *size, const struct vae_backend *backend)
{
    return backend->ops->video_habits()->runs && size->history == VAE_PAIR &&
           size->room == VAE_PAIR;
}

void vae_pools_expect(struct vae_pools *pools, const struct vae_window_size *sizes, int count,
                      const struct vae_backend *backend)
{
    for (int i = 0; i < count; i++) {
        if (!pools_suit(&sizes[i], backend))
            continue;
        struct vae_pool *p = pool_of(pools, &sizes[i]);
        if (!p) {
            assert(pools->count < VAE_MAX_POOLS);
            p = &pools->pools[pools->count++];
            p->size = sizes[i];
        }
        bool again = i > 0 && pools_suit(&sizes[0], backend) && pool_of(pools, &sizes[0]) == p;
        int spare = again ? 2 : 1;
        p->spares = spare > p->spares ? spare : p->spares;
        p->windows++;
    }
}

bool vae_pools_new(struct vae_pools *pools, const struct vae_backend *backend, int64_t *bytes,
                   struct dn_error *err)
{
    for (int i = 0; i < pools->count; i++) {
        struct vae_pool *p = &pools->pools[i];
        const int64_t frames = VAE_PAIR * (p->windows + p->spares);
        if (!backend->ops->tensor_alloc(backend->ex, &p->frames, exec_dtype(backend->ex),
                                        DIMS(frames, p->size.h, p->size.w, p->size.c), err))
            return false;
        *bytes += tensor_count(&p->frames) * dtype_size(p->frames.dtype);
    }
    vae_pools_reset(pools);
    return true;
}

void vae_pools_reset(struct vae_pools *pools)
{
    for (int i = 0; i < pools->count; i++) {
        struct vae_pool *p = &pools->pools[i];
        p->given = 0;
        p->spare_count = p->spares;
        for (int spare = 0; spare < p->spares; spare++)
            p->spare[spare] = VAE_PAIR * (p->windows + spare);
    }
}

void vae_pools_done(struct vae_pools *pools, const struct vae_backend *backend)
{
    for (int i = 0; i < pools->count; i++)
        if (pools->pools[i].frames.data)
            backend->ops->tensor_free(backend->ex, &pools->pools[i].frames);
}

/* --- windows --- */

bool vae_window_init(struct vae_window *window, const struct vae_window_size *size,
                     struct vae_pools *pools, const struct vae_backend *backend, int64_t *bytes,
                     struct dn_error *err)
{
    window->history = size->history;
    window->pool = pools_suit(size, backend) ? pool_of(pools, size) : NULL;
    if (window->pool)
        return vae_window_reset(window, backend, err);
    window->ring = backend->ops->video_habits()->runs;
    window->length = size->history + size->room;
    if (window->ring)
        window->length = (window->length + size->room - 1) / size->room * size->room;
    if (!backend->ops->tensor_alloc(backend->ex, &window->frames, exec_dtype(backend->ex),
                                    DIMS(window->length, size->h, size->w, size->c), err))
        return false;
    *bytes += tensor_count(&window->frames) * dtype_size(window->frames.dtype);
    return vae_window_reset(window, backend, err);
}

void vae_window_done(struct vae_window *window, const struct vae_backend *backend)
{
    if (window->frames.data)
        backend->ops->tensor_free(backend->ex, &window->frames);
}

bool vae_window_reset(struct vae_window *window, const struct vae_backend *backend,
                      struct dn_error *err)
{
    struct tensor zeros;
    window->filled = 0;
    if (window->pool) {
        assert(window->pool->given < window->pool->windows);
        window->past = VAE_PAIR * window->pool->given++;
        zeros = tensor_slice(&window->pool->frames, window->past, VAE_PAIR);
        return backend->ops->fill_zero(backend->ex, &zeros, err);
    }
    if (!window->frames.data)
        return true;
    window->at = window->ring ? window->length - 1 : window->history;
    /* the last place too: a first frame may be left out (see vae_window_skip) */
    zeros = tensor_slice(&window->frames, window->at - window->history,
                         window->history + (window->ring ? 1 : 0));
    return backend->ops->fill_zero(backend->ex, &zeros, err);
}

const struct tensor *vae_window_buffer(const struct vae_window *window)
{
    if (window->pool)
        return &window->pool->frames;
    return window->frames.data ? &window->frames : NULL;
}

struct tensor vae_window_past(const struct vae_window *window, int64_t i)
{
    if (window->pool)
        return tensor_slice(&window->pool->frames, window->past + i, 1);
    return tensor_slice(&window->frames,
                        (window->at - window->history + i + window->length) % window->length, 1);
}

/* The history goes to the front of the buffer. */
static bool rewind_window(struct vae_window *window, const struct vae_backend *backend,
                          struct dn_error *err)
{
    const bool split = window->at < window->history; /* over the end: the later part lies first */
    for (int64_t i = 0; i < window->history; i++) {
        int64_t frame = split ? window->history - 1 - i : i;
        struct tensor from = vae_window_past(window, frame);
        struct tensor to = tensor_slice(&window->frames, frame, 1);
        if (!backend->ops->copy(backend->ex, &to, &from, err))
            return false;
    }
    window->at = window->history;
    return true;
}

/* A spare pair for n new frames; in front of a single one comes what will be seen of the past. */
static bool take_pair(struct vae_window *window, int64_t n, const struct vae_backend *backend,
                      struct tensor *input, struct dn_error *err)
{
    struct vae_pool *pool = window->pool;
    assert(pool->spare_count > 0 && n >= 1 && n <= VAE_PAIR);
    window->fresh = pool->spare[--pool->spare_count];
    *input = tensor_slice(&pool->frames, window->fresh + VAE_PAIR - n, n);
    if (n == VAE_PAIR)
        return true;
    struct tensor front = tensor_slice(&pool->frames, window->fresh, 1);
    struct tensor last = vae_window_past(window, 1);
    return backend->ops->copy(backend->ex, &front, &last, err);
}

bool vae_window_input(struct vae_window *window, int64_t n, const struct vae_backend *backend,
                      struct tensor *input, struct dn_error *err)
{
    if (window->pool)
        return take_pair(window, n, backend, input, err);
    if (window->ring && window->at == window->length)
        window->at = 0;
    if (window->at + n > window->length && !rewind_window(window, backend, err))
        return false;
    *input = tensor_slice(&window->frames, window->at, n);
    return true;
}

struct tensor vae_window_all(const struct vae_window *window, int64_t n, struct conv_extra *extra)
{
    extra->runs = window->pool || window->ring;
    if (window->pool) {
        extra->first = window->past;
        extra->split = VAE_PAIR;
        extra->then = window->fresh + VAE_PAIR - n;
        return window->pool->frames;
    }
    if (!window->ring)
        return tensor_slice(&window->frames, window->at - window->history, window->history + n);
    extra->first = (window->at - window->history + window->length) % window->length;
    extra->split = window->length - extra->first;
    extra->then = 0;
    return window->frames;
}

static void count_frames(struct vae_window *window, int64_t n)
{
    window->filled += n;
    if (window->filled > window->history)
        window->filled = window->history;
}

void vae_window_advance(struct vae_window *window, int64_t n)
{
    if (window->pool) {
        window->pool->spare[window->pool->spare_count++] = window->past;
        window->past = window->fresh;
    } else {
        window->at += n;
    }
    count_frames(window, n);
}

void vae_window_skip(struct vae_window *window, int64_t n)
{
    if (window->ring && !window->pool)
        window->at += n;
    count_frames(window, window->history);
}
