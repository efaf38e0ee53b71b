/* vae_load: layers of the autoencoder out of a weights file. Kinds are told by tensor names, widths
 * by shapes; every shape is checked before anything is packed. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model_weights.h"
#include "model/vae_blocks.h"
#include "model/vae_fold.h"

#define NAME_SIZE 160

static const struct conv_args same_3x3 = {1, 1, 1, 1, 1, 1, 1, false};
static const struct conv_args pointwise = {.stride_t = 1, .stride_h = 1, .stride_w = 1};
static const struct conv_args halve_space = {1, 2, 2, 0, 1, 0, 1, false};
static const struct conv_args halve_time = {.stride_t = 2, .stride_h = 1, .stride_w = 1};

/* What a layer is loaded from. */
struct source {
    const struct weights *w;
    const char *name; /* with the net's prefix, without a trailing dot */
    int64_t in;       /* channels that arrive, or MODEL_ANY_SIZE */
    bool up;
    const struct vae_backend *backend; /* NULL: check only */
};

static const char *join(char out[NAME_SIZE], const struct source *s, const char *part)
{
    snprintf(out, NAME_SIZE, "%s%s", s->name, part);
    return out;
}

static bool pack_conv(struct vae_conv *conv, const struct weight_view *weight,
                      const struct weight_view *bias, const struct conv_args *args,
                      const struct vae_backend *backend, struct dn_error *err)
{
    void *copies[2];
    struct tensor host_weight = model_weight_tensor(weight, &copies[0]);
    struct tensor host_bias = model_weight_tensor(bias, &copies[1]);
    bool ok = backend->ops->conv_pack(backend->ex, &host_weight, &host_bias, args, &conv->packed,
                                      err);
    free(copies[0]);
    free(copies[1]);
    return ok || dn_error_while(err, "packing %s", weight->name);
}

bool vae_conv_load(struct vae_conv *conv, const struct weights *w, const char *name,
                   const struct vae_conv_shape *shape, const struct conv_args *args,
                   const struct vae_backend *backend, struct dn_error *err)
{
    char full[NAME_SIZE];
    int64_t dims[5] = {shape->out, shape->in, shape->kernel[0], shape->kernel[1],
                       shape->kernel[2]};
    snprintf(full, sizeof full, "%s.weight", name);
    const struct weight_view *weight = model_weight_need(w, full, shape->ndim, dims, err);
    if (!weight)
        return false;
    snprintf(full, sizeof full, "%s.bias", name);
    const struct weight_view *bias = model_weight_need(w, full, 1, &weight->shape[0], err);
    if (!bias)
        return false;
    conv->out = weight->shape[0];
    conv->in = weight->shape[1];
    conv->kernel_t = shape->ndim == 5 ? weight->shape[2] : 1;
    return !backend || pack_conv(conv, weight, bias, args, backend, err);
}

/* A 3x3x3 convolution named s->name + part. */
static bool load_conv3(struct vae_conv *conv, const struct source *s, const char *part,
                       int64_t out, int64_t in, struct dn_error *err)
{
    char name[NAME_SIZE];
    const struct vae_conv_shape shape = {out, in, 5, {3, 3, 3}};
    return vae_conv_load(conv, s->w, join(name, s, part), &shape, &same_3x3, s->backend, err);
}

/* The norm vector s->name + part of count channels (ANY: its length is taken). */
static bool load_gamma(struct tensor *gamma, int64_t *count, const struct source *s,
                       const char *part, struct dn_error *err)
{
    char name[NAME_SIZE];
    const struct weight_view *view = weights_find(s->w, join(name, s, part));
    const int64_t shape[WEIGHTS_MAX_DIMS] = {*count, 1, 1, 1, 1, 1, 1, 1};
    view = model_weight_need(s->w, name, view && view->ndim == 3 ? 3 : 4, shape, err);
    if (!view)
        return false;
    *count = view->shape[0];
    return !s->backend || model_weight_vector(s->w, name, *count, s->backend->ops,
                                              s->backend->ex, gamma, err);
}

static bool load_conv(struct vae_layer *layer, const struct source *s, struct dn_error *err)
{
    char name[NAME_SIZE];
    const struct weight_view *view = weights_find(s->w, join(name, s, ".weight"));
    bool wide = !view || view->ndim != 5 || view->shape[2] != 1;
    const struct vae_conv_shape shape = {MODEL_ANY_SIZE, s->in, 5,
                                         {wide ? 3 : 1, wide ? 3 : 1, wide ? 3 : 1}};
    if (!vae_conv_load(&layer->conv[0], s->w, s->name, &shape, wide ? &same_3x3 : &pointwise,
                       s->backend, err))
        return false;
    layer->in = layer->conv[0].in;
    layer->out = layer->conv[0].out;
    return true;
}

static bool load_residual(struct vae_layer *layer, const struct source *s, struct dn_error *err)
{
    char name[NAME_SIZE];
    layer->in = s->in;
    if (!load_gamma(&layer->gamma[0], &layer->in, s, ".residual.0.gamma", err) ||
        !load_conv3(&layer->conv[0], s, ".residual.2", MODEL_ANY_SIZE, layer->in, err))
        return false;
    layer->out = layer->conv[0].out;
    if (!load_gamma(&layer->gamma[1], &layer->out, s, ".residual.3.gamma", err) ||
        !load_conv3(&layer->conv[1], s, ".residual.6", layer->out, layer->out, err))
        return false;
    if (layer->in == layer->out && !weights_find(s->w, join(name, s, ".shortcut.weight")))
        return true;
    const struct vae_conv_shape shape = {layer->out, layer->in, 5, {1, 1, 1}};
    return vae_conv_load(&layer->shortcut, s->w, join(name, s, ".shortcut"), &shape, &pointwise,
                         s->backend, err);
}

/* A 1x1 convolution [out, in, 1, 1] with bias, packed as a linear layer. */
static bool load_linear(struct linear **out, const struct source *s, const char *part,
                        int64_t rows, int64_t cols, struct dn_error *err)
{
    char name[NAME_SIZE];
    const int64_t shape[4] = {rows, cols, 1, 1};
    char full[NAME_SIZE + 8];
    snprintf(full, sizeof full, "%s.weight", join(name, s, part));
    const struct weight_view *weight = model_weight_need(s->w, full, 4, shape, err);
    snprintf(full, sizeof full, "%s.bias", name);
    const struct weight_view *bias = weight ? model_weight_need(s->w, full, 1, shape, err) : NULL;
    if (!bias)
        return false;
    if (!s->backend)
        return true;
    void *copies[2];
    struct tensor host_weight = model_weight_tensor(weight, &copies[0]);
    struct tensor host_bias = model_weight_tensor(bias, &copies[1]);
    host_weight.ndim = 2;
    bool ok = s->backend->ops->linear_pack(s->backend->ex, &host_weight, &host_bias, 1, out, err);
    free(copies[0]);
    free(copies[1]);
    return ok || dn_error_while(err, "packing %s", name);
}

static bool load_attention(struct vae_layer *layer, const struct source *s, struct dn_error *err)
{
    layer->in = s->in;
    if (!load_gamma(&layer->gamma[0], &layer->in, s, ".norm.gamma", err))
        return false;
    layer->out = layer->in;
    return load_linear(&layer->qkv, s, ".to_qkv", 3 * layer->in, layer->in, err) &&
           load_linear(&layer->proj, s, ".proj", layer->in, layer->in, err);
}

/* The checked convolution conv[0], named s->name + part, in its folded form. */
static bool load_folded(struct vae_layer *layer, const struct source *s, const char *part,
                        bool (*fold)(struct vae_conv *conv, const struct weight_view *weight,
                                     const struct weight_view *bias,
                                     const struct vae_backend *backend, struct dn_error *err),
                        struct dn_error *err)
{
    char name[NAME_SIZE], full[NAME_SIZE + 8];
    if (!s->backend)
        return true;
    snprintf(full, sizeof full, "%s.weight", join(name, s, part));
    const struct weight_view *weight = weights_find(s->w, full);
    snprintf(full, sizeof full, "%s.bias", name);
    return fold(&layer->conv[0], weight, weights_find(s->w, full), s->backend, err);
}

static bool load_resample(struct vae_layer *layer, const struct source *s, struct dn_error *err)
{
    char name[NAME_SIZE];
    const struct vae_conv_shape spatial = {MODEL_ANY_SIZE, s->in, 4, {3, 3}};
    layer->kind = s->up ? VAE_LAYER_UPSAMPLE : VAE_LAYER_DOWNSAMPLE;
    if (!vae_conv_load(&layer->conv[0], s->w, join(name, s, ".resample.1"), &spatial,
                       &halve_space, s->up ? NULL : s->backend, err))
        return false;
    layer->in = layer->conv[0].in;
    layer->out = layer->conv[0].out;
    if (s->up && !load_folded(layer, s, ".resample.1", vae_fold_upsample, err))
        return false;
    if (!weights_find(s->w, join(name, s, ".time_conv.weight")))
        return true;
    const struct vae_conv_shape up = {2 * layer->in, layer->in, 5, {3, 1, 1}};
    const struct vae_conv_shape down = {layer->out, layer->out, 5, {3, 1, 1}};
    return vae_conv_load(&layer->time, s->w, join(name, s, ".time_conv"), s->up ? &up : &down,
                         s->up ? &pointwise : &halve_time, s->backend, err);
}

static bool load_head(struct vae_layer *layer, const struct source *s, struct dn_error *err)
{
    struct source unpacked = *s;
    unpacked.backend = NULL;
    layer->in = s->in;
    if (!load_gamma(&layer->gamma[0], &layer->in, s, ".0.gamma", err) ||
        !load_conv3(&layer->conv[0], &unpacked, ".2", MODEL_ANY_SIZE, layer->in, err))
        return false;
    layer->out = layer->conv[0].out;
    /* behind an upsampler sizes are even, which squares need */
    layer->folded = s->up && layer->out <= VAE_FOLD_MAX_OUT && s->backend &&
                    s->backend->ops->video_habits()->fold_narrow;
    if (layer->folded)
        return load_folded(layer, s, ".2", vae_fold_narrow, err);
    return load_conv3(&layer->conv[0], s, ".2", layer->out, layer->in, err);
}

/* Tried in order; the last is taken when none fits, so that its complaint names a tensor. */
static const struct {
    const char *probe;
    enum vae_layer_kind kind;
    bool (*load)(struct vae_layer *layer, const struct source *s, struct dn_error *err);
} loaders[] = {
    {".residual.0.gamma", VAE_LAYER_RESIDUAL, load_residual},
    {".to_qkv.weight", VAE_LAYER_ATTENTION, load_attention},
    {".resample.1.weight", VAE_LAYER_UPSAMPLE, load_resample},
    {".0.gamma", VAE_LAYER_HEAD, load_head},
    {".weight", VAE_LAYER_CONV, load_conv},
};
enum { LOADER_COUNT = sizeof loaders / sizeof loaders[0] };

bool vae_chain_add(struct vae_chain *chain, const struct weights *w, const char *prefix,
                   const char *name, int64_t in, bool up, const struct vae_backend *backend,
                   struct dn_error *err)
{
    char full[NAME_SIZE / 2], probe[NAME_SIZE];
    if (chain->count == VAE_MAX_LAYERS)
        return dn_fail(err, DN_E_MODEL, "%s: more than %d layers under %s", weights_path(w),
                       VAE_MAX_LAYERS, prefix);
    snprintf(full, sizeof full, "%s%s", prefix, name);
    struct source s = {.w = w, .name = full, .in = in, .up = up, .backend = backend};
    struct vae_layer *layer = &chain->layers[chain->count];
    *layer = (struct vae_layer){0};
    snprintf(layer->name, sizeof layer->name, "%s", name);
    int i = 0;
    while (i + 1 < LOADER_COUNT && !weights_find(w, join(probe, &s, loaders[i].probe)))
        i++;
    layer->kind = loaders[i].kind;
    chain->count++; /* also a half-loaded layer is freed by vae_chain_done */
    return loaders[i].load(layer, &s, err);
}

static bool any_tensor_under(const struct weights *w, const char *prefix)
{
    size_t length = strlen(prefix);
    for (int64_t i = 0; i < weights_count(w); i++)
        if (strncmp(weights_at(w, i)->name, prefix, length) == 0)
            return true;
    return false;
}

bool vae_chain_add_list(struct vae_chain *chain, const struct weights *w, const char *prefix,
                        const char *name, int64_t *channels, bool up,
                        const struct vae_backend *backend, struct dn_error *err)
{
    for (int i = 0;; i++) {
        char item[32], probe[NAME_SIZE];
        snprintf(item, sizeof item, "%s.%d", name, i);
        snprintf(probe, sizeof probe, "%s%s.", prefix, item);
        if (!any_tensor_under(w, probe)) {
            if (i > 0)
                return true;
            return dn_fail(err, DN_E_MODEL, "%s: no tensor %s*: this VAE has no such part",
                           weights_path(w), probe);
        }
        if (!vae_chain_add(chain, w, prefix, item, *channels, up, backend, err))
            return false;
        *channels = chain->layers[chain->count - 1].out;
    }
}

void vae_chain_done(struct vae_chain *chain, const struct vae_backend *backend)
{
    for (int64_t i = 0; backend && i < chain->count; i++) {
        struct vae_layer *layer = &chain->layers[i];
        for (int j = 0; j < 2; j++) {
            backend->ops->tensor_free(backend->ex, &layer->gamma[j]);
            backend->ops->conv_free(backend->ex, layer->conv[j].packed);
        }
        backend->ops->conv_free(backend->ex, layer->shortcut.packed);
        backend->ops->conv_free(backend->ex, layer->time.packed);
        backend->ops->linear_free(backend->ex, layer->qkv);
        backend->ops->linear_free(backend->ex, layer->proj);
    }
    chain->count = 0;
}
