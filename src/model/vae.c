/* vae: loading the two nets and what their shapes say. Source: the public Wan2.1 VAE
 * (wan/modules/vae.py); the per-channel constants are those of its WanVAE wrapper. */
#include "model/vae.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/model_weights.h"
#include "model/vae_internal.h"

#define KNOWN_Z 16

static const float latent_mean[KNOWN_Z] = {
    -0.7571f, -0.7089f, -0.9113f, 0.1075f,  -0.1745f, 0.9653f,  -0.1517f, 1.5508f,
    0.4134f,  -0.0715f, 0.5517f,  -0.3632f, -0.1922f, -0.9497f, 0.2503f,  -0.2921f};
static const float latent_deviation[KNOWN_Z] = {
    2.8184f, 1.4541f, 2.3275f, 2.6558f, 1.2196f, 1.7708f, 2.6052f, 2.0743f,
    3.2687f, 2.1526f, 2.8652f, 1.5579f, 1.6382f, 1.1253f, 2.8251f, 1.9160f};

static bool load_decoder(struct vae *vae, const struct weights *w,
                         const struct vae_backend *backend, struct dn_error *err)
{
    static const char *const prefix = "decoder.";
    const struct conv_args pointwise = {.stride_t = 1, .stride_h = 1, .stride_w = 1};
    struct vae_chain *chain = &vae->decoder;
    const struct vae_conv_shape square = {vae->info.z, vae->info.z, 5, {1, 1, 1}};
    int64_t channels;
    if (!vae_conv_load(&vae->pre_decoder, w, "conv2", &square, &pointwise, backend, err) ||
        !vae_chain_add(chain, w, prefix, "conv1", vae->info.z, true, backend, err))
        return false;
    channels = chain->layers[0].out;
    if (!vae_chain_add_list(chain, w, prefix, "middle", &channels, true, backend, err) ||
        !vae_chain_add_list(chain, w, prefix, "upsamples", &channels, true, backend, err) ||
        !vae_chain_add(chain, w, prefix, "head", channels, true, backend, err))
        return false;
    if (chain->layers[chain->count - 1].out != 3)
        return dn_fail(err, DN_E_MODEL,
                       "%s: tensor decoder.head.2.weight gives %" PRId64 " channels, needs 3",
                       weights_path(w), chain->layers[chain->count - 1].out);
    vae->info.base_width = channels;
    vae->info.has_decoder = true;
    return true;
}

static bool load_encoder(struct vae *vae, const struct weights *w,
                         const struct vae_backend *backend, struct dn_error *err)
{
    static const char *const prefix = "encoder.";
    const struct conv_args pointwise = {.stride_t = 1, .stride_h = 1, .stride_w = 1};
    const int64_t moments = 2 * vae->info.z;
    struct vae_chain *chain = &vae->encoder;
    const struct vae_conv_shape square = {moments, moments, 5, {1, 1, 1}};
    int64_t channels;
    if (!vae_chain_add(chain, w, prefix, "conv1", 3, false, backend, err))
        return false;
    channels = chain->layers[0].out;
    if (!vae->info.has_decoder)
        vae->info.base_width = channels;
    if (!vae_chain_add_list(chain, w, prefix, "downsamples", &channels, false, backend, err) ||
        !vae_chain_add_list(chain, w, prefix, "middle", &channels, false, backend, err) ||
        !vae_chain_add(chain, w, prefix, "head", channels, false, backend, err))
        return false;
    if (chain->layers[chain->count - 1].out != moments)
        return dn_fail(err, DN_E_MODEL,
                       "%s: tensor encoder.head.2.weight gives %" PRId64 " channels, needs %" PRId64
                       " (mean and variance of %" PRId64 ")",
                       weights_path(w), chain->layers[chain->count - 1].out, moments, vae->info.z);
    if (!vae_conv_load(&vae->post_encoder, w, "conv1", &square, &pointwise, backend, err))
        return false;
    vae->info.has_encoder = true;
    return true;
}

/* Pixels a latent pixel and frames a latent. */
static void measure_factors(const struct vae_chain *chain, int64_t *space, int64_t *time)
{
    *space = *time = 1;
    for (int64_t i = 0; i < chain->count; i++) {
        const struct vae_layer *layer = &chain->layers[i];
        if (layer->kind != VAE_LAYER_UPSAMPLE && layer->kind != VAE_LAYER_DOWNSAMPLE)
            continue;
        *space *= 2;
        *time *= layer->time.in ? 2 : 1;
    }
}

static bool read_z(const struct weights *w, enum vae_parts parts, int64_t *z, struct dn_error *err)
{
    const char *name = parts & VAE_DECODER ? "conv2.weight" : "conv1.weight";
    const struct weight_view *view = model_weight_need(
        w, name, 5, (int64_t[]){MODEL_ANY_SIZE, MODEL_ANY_SIZE, 1, 1, 1}, err);
    if (!view)
        return false;
    *z = parts & VAE_DECODER ? view->shape[0] : view->shape[0] / 2;
    if (*z != KNOWN_Z)
        return dn_fail(err, DN_E_UNSUPPORTED,
                       "%s: this VAE has %" PRId64 " latent channels; the scaling of latents is "
                       "known for %d only",
                       weights_path(w), *z, KNOWN_Z);
    return true;
}

static bool check_factors(const struct vae *vae, const struct weights *w, struct dn_error *err)
{
    int64_t space, time;
    if (!vae->info.has_decoder || !vae->info.has_encoder)
        return true;
    measure_factors(&vae->encoder, &space, &time);
    if (space != vae->info.spatial_factor || time != vae->info.temporal_factor)
        return dn_fail(err, DN_E_MODEL,
                       "%s: the encoder shrinks by %" PRId64 " (time %" PRId64
                       "), the decoder grows by %" PRId64 " (time %" PRId64 ")",
                       weights_path(w), space, time, vae->info.spatial_factor,
                       vae->info.temporal_factor);
    return true;
}

/* Both nets with backend, or their shapes alone when it is NULL. */
static bool load_parts(struct vae *vae, const struct weights *w, enum vae_parts parts,
                       const struct vae_backend *backend, struct dn_error *err)
{
    if (!read_z(w, parts, &vae->info.z, err))
        return false;
    if ((parts & VAE_DECODER) && !load_decoder(vae, w, backend, err))
        return false;
    if ((parts & VAE_ENCODER) && !load_encoder(vae, w, backend, err))
        return false;
    measure_factors(parts & VAE_DECODER ? &vae->decoder : &vae->encoder,
                    &vae->info.spatial_factor, &vae->info.temporal_factor);
    if (parts & VAE_DECODER)
        vae->info.parameters += model_weight_parameters(w, "decoder.") +
                                model_weight_parameters(w, "conv2.");
    if (parts & VAE_ENCODER)
        vae->info.parameters += model_weight_parameters(w, "encoder.") +
                                model_weight_parameters(w, "conv1.");
    return check_factors(vae, w, err);
}

static bool upload_constants(struct vae *vae, struct dn_error *err)
{
    const struct vae_backend *b = &vae->backend;
    struct tensor host_mean = tensor_over((void *)latent_mean, DTYPE_F32, DIMS(KNOWN_Z));
    struct tensor host_deviation = tensor_over((void *)latent_deviation, DTYPE_F32, DIMS(KNOWN_Z));
    return b->ops->tensor_alloc(b->ex, &vae->mean, DTYPE_F32, DIMS(KNOWN_Z), err) &&
           b->ops->tensor_alloc(b->ex, &vae->deviation, DTYPE_F32, DIMS(KNOWN_Z), err) &&
           b->ops->upload(b->ex, &vae->mean, &host_mean, err) &&
           b->ops->upload(b->ex, &vae->deviation, &host_deviation, err);
}

bool vae_load(const struct weights *w, enum vae_parts parts, const struct ops *ops,
              struct exec *ex, struct vae **out, struct dn_error *err)
{
    struct vae *vae = dn_calloc(1, sizeof *vae);
    vae->backend = (struct vae_backend){ops, ex};
    if (!load_parts(vae, w, parts, &vae->backend, err) || !upload_constants(vae, err)) {
        vae_free(vae);
        *out = NULL;
        return dn_error_while(err, "loading the VAE");
    }
    *out = vae;
    return true;
}

bool vae_inspect(const struct weights *w, struct vae_info *info, struct dn_error *err)
{
    struct vae *vae = dn_calloc(1, sizeof *vae);
    unsigned parts = 0;
    if (weights_find(w, "decoder.conv1.weight"))
        parts |= VAE_DECODER;
    if (weights_find(w, "encoder.conv1.weight"))
        parts |= VAE_ENCODER;
    bool ok = load_parts(vae, w, parts ? (enum vae_parts)parts : VAE_BOTH, NULL, err);
    *info = vae->info;
    free(vae);
    return ok;
}

void vae_free(struct vae *vae)
{
    if (!vae)
        return;
    const struct vae_backend *b = &vae->backend;
    vae_chain_done(&vae->decoder, b);
    vae_chain_done(&vae->encoder, b);
    if (vae->pre_decoder.packed)
        b->ops->conv_free(b->ex, vae->pre_decoder.packed);
    if (vae->post_encoder.packed)
        b->ops->conv_free(b->ex, vae->post_encoder.packed);
    if (vae->mean.data)
        b->ops->tensor_free(b->ex, &vae->mean);
    if (vae->deviation.data)
        b->ops->tensor_free(b->ex, &vae->deviation);
    free(vae);
}

const struct vae_info *vae_get_info(const struct vae *vae)
{
    return &vae->info;
}

int64_t vae_frames_of_latents(const struct vae_info *info, int64_t latents)
{
    return latents <= 0 ? 0 : 1 + (latents - 1) * info->temporal_factor;
}

int64_t vae_latents_of_frames(const struct vae_info *info, int64_t frames)
{
    return frames <= 0 ? 0 : 1 + (frames - 1) / info->temporal_factor;
}

struct tensor vae_view_of_tchw(float *array, int64_t first, int64_t n, int64_t height,
                               int64_t width)
{
    const int64_t plane = height * width;
    struct tensor t = tensor_over(array + 3 * plane * first, DTYPE_F32, DIMS(n, height, width, 3));
    t.stride[0] = 3 * plane;
    t.stride[1] = width;
    t.stride[2] = 1;
    t.stride[3] = plane;
    return t;
}

struct tensor vae_view_of_cthw(float *array, int64_t frames, int64_t first, int64_t n,
                               int64_t height, int64_t width)
{
    const int64_t plane = height * width;
    struct tensor t = tensor_over(array + plane * first, DTYPE_F32, DIMS(n, height, width, 3));
    t.stride[0] = plane;
    t.stride[1] = width;
    t.stride[2] = 1;
    t.stride[3] = plane * frames;
    return t;
}
