/* kv_cache: see kv_cache.h */
#include "model/kv_cache.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"

bool kv_cache_new(const struct ops *ops, struct exec *ex, const struct kv_cache_sizes *sizes,
                  struct kv_cache **out, struct dn_error *err)
{
    struct kv_cache *cache = dn_calloc(1, sizeof *cache);
    *out = NULL;
    cache->sizes = *sizes;
    cache->ops = ops;
    cache->ex = ex;
    int64_t shape[] = {sizes->layers, sizes->frames * sizes->frame_tokens, sizes->heads,
                       sizes->head_dim};
    if (!ops->tensor_alloc(ex, &cache->keys, exec_dtype(ex), 4, shape, err) ||
        !ops->tensor_alloc(ex, &cache->values, exec_dtype(ex), 4, shape, err)) {
        kv_cache_free(cache);
        return dn_error_while(err, "making a key and value cache of %" PRId64 " latent frames",
                              sizes->frames);
    }
    *out = cache;
    return true;
}

void kv_cache_free(struct kv_cache *cache)
{
    if (!cache)
        return;
    cache->ops->tensor_free(cache->ex, &cache->keys);
    cache->ops->tensor_free(cache->ex, &cache->values);
    free(cache);
}

void kv_cache_clear(struct kv_cache *cache)
{
    cache->end_frame = 0;
    cache->filled = 0;
}

bool kv_cache_place(struct kv_cache *cache, int64_t start, int64_t frames, struct kv_place *place,
                    struct dn_error *err)
{
    const struct kv_cache_sizes *s = &cache->sizes;
    int64_t added = start + frames - cache->end_frame;
    *place = (struct kv_place){0};

    if ((added != 0 && added != frames) || frames > s->frames || frames < 1)
        return dn_fail(err, DN_E_ARG,
                       "latent frames %" PRId64 "..%" PRId64 " do not go on from the %" PRId64
                       " in a cache of %" PRId64,
                       start, start + frames - 1, cache->end_frame, s->frames);
    int64_t overflow = cache->filled + added - s->frames;
    if (overflow > 0) {
        int64_t moving = cache->filled - overflow - s->sink_frames;
        if (moving < 0)
            return dn_fail(err, DN_E_ARG,
                           "a cache of %" PRId64 " latent frames with %" PRId64
                           " sink frames has no room for a chunk of %" PRId64,
                           s->frames, s->sink_frames, frames);
        place->move_to = s->sink_frames;
        place->move_from = s->sink_frames + overflow;
        place->moving = moving;
        cache->filled -= overflow;
    }
    cache->filled += added;
    cache->end_frame += added;
    place->end = cache->filled;
    place->first = cache->filled - frames;
    return true;
}

/* Frames [first, end) of one layer of keys or values. */
static struct tensor layer_frames(const struct kv_cache *cache, const struct tensor *all,
                                  int64_t layer, int64_t first, int64_t end)
{
    struct tensor one = tensor_slice(all, layer, 1);
    int64_t tokens = cache->sizes.frame_tokens;
    one = tensor_reshape(&one, DIMS(all->shape[1], all->shape[2], all->shape[3]));
    return tensor_slice(&one, first * tokens, (end - first) * tokens);
}

struct tensor kv_cache_keys(const struct kv_cache *cache, int64_t layer, int64_t first, int64_t end)
{
    return layer_frames(cache, &cache->keys, layer, first, end);
}

struct tensor kv_cache_values(const struct kv_cache *cache, int64_t layer, int64_t first,
                              int64_t end)
{
    return layer_frames(cache, &cache->values, layer, first, end);
}

static bool move(struct kv_cache *cache, const struct tensor *all, const struct kv_place *place,
                 int64_t layer, struct dn_error *err)
{
    struct tensor to =
        layer_frames(cache, all, layer, place->move_to, place->move_to + place->moving);
    struct tensor from =
        layer_frames(cache, all, layer, place->move_from, place->move_from + place->moving);
    return cache->ops->copy(cache->ex, &to, &from, err);
}

bool kv_cache_move(struct kv_cache *cache, const struct kv_place *place, int64_t layer,
                   struct dn_error *err)
{
    return place->moving == 0 || (move(cache, &cache->keys, place, layer, err) &&
                                  move(cache, &cache->values, place, layer, err));
}
