/* verify_vae: fixtures of the autoencoder. decode: CASE.z -> CASE.pixels_raw; cached decode:
 * PLAN.chunkN.z -> PLAN.chunkN.pixels_raw; encode: CASE.pixels -> CASE.moments_raw, CASE.mu; trace:
 * z -> every layer of the decoder. Videos are [C, T, H, W]. */
#include "commands/verify_vae.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "commands/verify_tensors.h"
#include "model/vae_internal.h"

/* float32 runs of the public code differ from its float64 run by rel 2e-6 (decode), 1.4e-6. */
#define DECODE_REL 1e-5
#define DECODE_MAX 1e-4
#define ENCODE_REL 1e-5
#define ENCODE_MAX 5e-5

/* Decoded frames collected as [3, T, H, W]. */
struct collector {
    const struct vae_decoder *dec;
    float *pixels;
    int64_t frames, height, width;
    int64_t base; /* frames that the decoder gave before this collector began */
};

static bool collect(void *context, const struct tensor *video, int64_t first, struct dn_error *err)
{
    struct collector *c = context;
    struct tensor host = vae_view_of_cthw(c->pixels, c->frames, first - c->base, video->shape[0],
                                          c->height, c->width);
    return vae_frames_download(c->dec, &host, video, err);
}

static struct collector collector_new(struct vae *vae, const struct vae_decoder *dec,
                                      const struct verify_tensor *z, int64_t frames, int64_t base)
{
    const struct vae_info *info = vae_get_info(vae);
    struct collector c = {.dec = dec,
                          .frames = frames,
                          .height = z->shape[2] * info->spatial_factor,
                          .width = z->shape[3] * info->spatial_factor,
                          .base = base};
    c.pixels = dn_calloc((size_t)(3 * frames * c.height * c.width), sizeof *c.pixels);
    return c;
}

/* Decodes z [C, N, h, w], pushing `step` latents at a time; NULL with err filled on failure. The
 * caller frees. */
static float *decode(struct vae *vae, const struct verify_tensor *z, int64_t step,
                     struct dn_error *err)
{
    const int64_t frames = vae_frames_of_latents(vae_get_info(vae), z->shape[1]);
    struct vae_decoder *dec = NULL;
    bool ok = vae_decoder_new(vae, z->shape[2], z->shape[3], &dec, err);
    struct collector c = collector_new(vae, dec, z, frames, 0);
    struct tensor latents = verify_as_tchw(z);
    for (int64_t i = 0; ok && i < z->shape[1]; i += step) {
        int64_t n = z->shape[1] - i < step ? z->shape[1] - i : step;
        struct tensor part = tensor_slice(&latents, i, n);
        ok = vae_decoder_push_host(dec, &part, collect, &c, err);
    }
    vae_decoder_free(dec);
    if (ok)
        return c.pixels;
    free(c.pixels);
    return NULL;
}

/* Do z and the pixels of a fixture have sizes that belong together? */
static bool sizes_fit(const struct vae *vae, const struct verify_tensor *z, int64_t frames,
                      const struct verify_tensor *pixels)
{
    const struct vae_info *info = vae_get_info(vae);
    return z->shape[0] == info->z && pixels->shape[0] == 3 && pixels->shape[1] == frames &&
           pixels->shape[2] == z->shape[2] * info->spatial_factor &&
           pixels->shape[3] == z->shape[3] * info->spatial_factor;
}

static void compare_decoded(struct verify_run *run, struct vae *vae, const char *name,
                            const struct verify_tensor *z, const struct verify_tensor *want)
{
    struct dn_error err;
    char what[160];
    float *got = decode(vae, z, z->shape[1], &err);
    if (!got) {
        verify_error(run, name, &err);
        return;
    }
    snprintf(what, sizeof what, "%s pixels", name);
    verify_rel(run, what, got, want->data, want->count, DECODE_REL);
    verify_max(run, what, got, want->data, want->count, DECODE_MAX);
    float *single = decode(vae, z, 1, &err);
    snprintf(what, sizeof what, "%s latent by latent = whole", name);
    verify_exact(run, what, single && memcmp(single, got, (size_t)want->count * 4) == 0);
    free(single);
    free(got);
}

static void run_decode(struct verify_run *run, struct vae *vae, const struct weights *fixture)
{
    for (int64_t i = 0; i < weights_count(fixture); i++) {
        char name[128];
        const char *tensor = weights_at(fixture, i)->name;
        if (!dn_ends_with(tensor, ".z") || strlen(tensor) >= sizeof name)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)strlen(tensor) - 2, tensor);
        struct verify_tensor z = {0}, want = {0};
        if (verify_tensor_read(&z, fixture, 4, "%s.z", name) &&
            verify_tensor_read(&want, fixture, 4, "%s.pixels_raw", name) &&
            sizes_fit(vae, &z, vae_frames_of_latents(vae_get_info(vae), z.shape[1]), &want))
            compare_decoded(run, vae, name, &z, &want);
        else
            verify_skipped(run, name, "z and pixels_raw do not belong together");
        verify_tensor_done(&z);
        verify_tensor_done(&want);
    }
}

/* Pushes one chunk of a plan as the continuation of those before. */
static bool run_chunk(struct verify_run *run, struct vae *vae, struct vae_decoder *dec,
                      const struct weights *fixture, const char *plan, int chunk, int64_t *latents,
                      struct dn_error *err)
{
    struct verify_tensor z = {0}, want = {0};
    char what[160];
    snprintf(what, sizeof what, "%s chunk %d pixels", plan, chunk);
    bool ok = verify_tensor_read(&z, fixture, 4, "%s.chunk%d.z", plan, chunk);
    const struct vae_info *info = vae_get_info(vae);
    const int64_t before = vae_frames_of_latents(info, *latents);
    const int64_t frames = vae_frames_of_latents(info, *latents + z.shape[1]) - before;
    if (ok && verify_tensor_read(&want, fixture, 4, "%s.chunk%d.pixels_raw", plan, chunk) &&
        sizes_fit(vae, &z, frames, &want)) {
        struct collector c = collector_new(vae, dec, &z, frames, before);
        struct tensor view = verify_as_tchw(&z);
        ok = vae_decoder_push_host(dec, &view, collect, &c, err);
        if (ok) {
            verify_rel(run, what, c.pixels, want.data, want.count, DECODE_REL);
            verify_max(run, what, c.pixels, want.data, want.count, DECODE_MAX);
        }
        free(c.pixels);
        *latents += z.shape[1];
    } else {
        ok = dn_fail(err, DN_E_FORMAT, "z and pixels_raw of %s do not belong together", what);
    }
    verify_tensor_done(&z);
    verify_tensor_done(&want);
    return ok;
}

/* Chunks 0, 1, ... of a plan through one decoder. */
static bool run_plan(struct verify_run *run, struct vae *vae, const struct weights *fixture,
                     const char *plan, struct dn_error *err)
{
    char name[160];
    int64_t latents = 0;
    struct vae_decoder *dec = NULL;
    bool ok = true;
    for (int chunk = 0; ok; chunk++) {
        snprintf(name, sizeof name, "%s.chunk%d.z", plan, chunk);
        const struct weight_view *z = weights_find(fixture, name);
        if (!z || z->ndim != 4)
            break;
        if (!dec)
            ok = vae_decoder_new(vae, z->shape[2], z->shape[3], &dec, err);
        ok = ok && run_chunk(run, vae, dec, fixture, plan, chunk, &latents, err);
    }
    vae_decoder_free(dec);
    return ok;
}

static void run_cached(struct verify_run *run, struct vae *vae, const struct weights *fixture)
{
    for (int64_t i = 0; i < weights_count(fixture); i++) {
        char plan[128];
        struct dn_error err;
        const char *tensor = weights_at(fixture, i)->name;
        if (!dn_ends_with(tensor, ".chunk0.z") || strlen(tensor) >= sizeof plan)
            continue;
        snprintf(plan, sizeof plan, "%.*s", (int)(strlen(tensor) - strlen(".chunk0.z")), tensor);
        if (!run_plan(run, vae, fixture, plan, &err))
            verify_error(run, plan, &err);
    }
}

/* --- encode --- */

/* Moments of the latents in order, [t, h, w, 2z]. */
struct moments {
    const struct vae_backend *backend;
    float *values;
    int64_t used, room;
};

static bool collect_moments(void *context, const char *layer, const struct tensor *y,
                            struct dn_error *err)
{
    struct moments *m = context;
    const int64_t count = tensor_count(y);
    if (strcmp(layer, "moments") != 0 || m->used + count > m->room)
        return true;
    struct tensor host = tensor_over(m->values + m->used, DTYPE_F32, y->ndim, y->shape);
    m->used += count;
    return m->backend->ops->download(m->backend->ex, &host, y, err);
}

/* Compares [t, h, w, c] or [t, c, h, w] (by the strides of got) with a fixture [c, t, h, w]. */
static void compare_video(struct verify_run *run, const char *what, const struct tensor *got,
                          const struct verify_tensor *want, double rel, double max)
{
    float *sorted = dn_malloc((size_t)want->count * sizeof *sorted);
    int64_t i = 0;
    const float *from = got->data;
    for (int64_t c = 0; c < want->shape[0]; c++)
        for (int64_t t = 0; t < want->shape[1]; t++)
            for (int64_t y = 0; y < want->shape[2]; y++)
                for (int64_t x = 0; x < want->shape[3]; x++)
                    sorted[i++] = from[t * got->stride[0] + y * got->stride[1] +
                                       x * got->stride[2] + c * got->stride[3]];
    verify_rel(run, what, sorted, want->data, want->count, rel);
    verify_max(run, what, sorted, want->data, want->count, max);
    free(sorted);
}

/* A contiguous [t, c, h, w] array seen as [t, h, w, c]. */
static struct tensor thwc_of_tchw(float *data, int64_t t, int64_t c, int64_t h, int64_t w)
{
    struct tensor view = tensor_over(data, DTYPE_F32, DIMS(t, h, w, c));
    view.stride[0] = c * h * w;
    view.stride[1] = w;
    view.stride[2] = 1;
    view.stride[3] = h * w;
    return view;
}

static bool encode_case(struct verify_run *run, struct vae *vae, const char *name,
                        const struct verify_tensor *pixels, const struct verify_tensor *mu,
                        const struct verify_tensor *raw, struct dn_error *err)
{
    const struct vae_backend *b = &vae->backend;
    const int64_t z = mu->shape[0], t = mu->shape[1], h = mu->shape[2], w = mu->shape[3];
    struct vae_encoder *enc = NULL;
    struct tensor latents = {0};
    struct moments m = {.backend = b, .room = 2 * mu->count};
    float *host = dn_malloc((size_t)mu->count * sizeof *host);
    m.values = dn_malloc((size_t)m.room * sizeof *m.values);
    char what[160];
    bool ok = vae_encoder_new(vae, pixels->shape[2], pixels->shape[3], &enc, err) &&
              b->ops->tensor_alloc(b->ex, &latents, DTYPE_F32, DIMS(t, z, h, w), err);
    if (ok && vae_encoder_latents(enc, pixels->shape[1]) != t)
        ok = dn_fail(err, DN_E_FORMAT, "%s does not have the number of latents of its frames", name);
    if (ok) {
        struct tensor frames = verify_as_thwc(pixels);
        struct tensor out = tensor_over(host, DTYPE_F32, DIMS(t, z, h, w));
        vae_encoder_trace(enc, collect_moments, &m);
        ok = vae_encoder_push(enc, &frames, &latents, err) &&
             b->ops->download(b->ex, &out, &latents, err);
    }
    if (ok) {
        struct tensor got = thwc_of_tchw(host, t, z, h, w);
        snprintf(what, sizeof what, "%s mu", name);
        compare_video(run, what, &got, mu, ENCODE_REL, ENCODE_MAX);
        if (raw->data && m.used == raw->count) {
            got = tensor_over(m.values, DTYPE_F32, DIMS(t, h, w, 2 * z));
            snprintf(what, sizeof what, "%s moments_raw", name);
            compare_video(run, what, &got, raw, ENCODE_REL, ENCODE_MAX);
        }
    }
    vae_encoder_free(enc);
    if (latents.data)
        b->ops->tensor_free(b->ex, &latents);
    free(m.values);
    free(host);
    return ok;
}

static void run_encode(struct verify_run *run, struct vae *vae, const struct weights *fixture)
{
    const int64_t factor = vae_get_info(vae)->spatial_factor;
    for (int64_t i = 0; i < weights_count(fixture); i++) {
        char name[128];
        struct dn_error err;
        const char *tensor = weights_at(fixture, i)->name;
        if (!dn_ends_with(tensor, ".pixels") || strlen(tensor) >= sizeof name)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(strlen(tensor) - strlen(".pixels")), tensor);
        struct verify_tensor pixels = {0}, mu = {0}, raw = {0};
        verify_tensor_read(&raw, fixture, 4, "%s.moments_raw", name);
        if (!verify_tensor_read(&pixels, fixture, 4, "%s.pixels", name) ||
            !verify_tensor_read(&mu, fixture, 4, "%s.mu", name) || pixels.shape[0] != 3 ||
            mu.shape[0] != vae_get_info(vae)->z || pixels.shape[2] != mu.shape[2] * factor ||
            pixels.shape[3] != mu.shape[3] * factor)
            verify_skipped(run, name, "pixels and mu do not belong together");
        else if (!encode_case(run, vae, name, &pixels, &mu, &raw, &err))
            verify_error(run, name, &err);
        verify_tensor_done(&pixels);
        verify_tensor_done(&mu);
        verify_tensor_done(&raw);
    }
}

/* --- the kind --- */

static bool is_modules(const struct weights *w)
{
    return verify_has_suffix(w, ".call0.x") || verify_has_suffix(w, ".gamma");
}
static bool is_trace(const struct weights *w)
{
    return weights_find(w, "z") && weights_find(w, "f0.conv1");
}
static bool is_cached(const struct weights *w)
{
    return verify_has_suffix(w, ".chunk0.z");
}
static bool is_decode(const struct weights *w)
{
    return verify_has_suffix(w, ".z") && verify_has_suffix(w, ".pixels_raw");
}
static bool is_encode(const struct weights *w)
{
    return verify_has_suffix(w, ".pixels") && verify_has_suffix(w, ".mu");
}

static const struct {
    bool (*is)(const struct weights *fixture);
    void (*run)(struct verify_run *run, struct vae *vae, const struct weights *fixture);
} contents[] = {
    {is_trace, verify_vae_trace},
    {is_cached, run_cached},
    {is_decode, run_decode},
    {is_encode, run_encode},
};

static enum verify_claim claim(const struct verify_file *file)
{
    if (strcmp(file->folder, "vae") != 0)
        return VERIFY_NOT_MINE;
    struct weights *w = NULL;
    if (!weights_open(file->path, &w, NULL))
        return VERIFY_NOT_MINE;
    enum verify_claim result = VERIFY_NOT_MINE;
    if (weights_find(w, "decoder.conv1.weight") || weights_find(w, "encoder.conv1.weight"))
        result = VERIFY_SUPPORT;
    else if (is_modules(w))
        result = VERIFY_RUN;
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++)
        if (contents[i].is(w))
            result = VERIFY_RUN;
    weights_close(w);
    return result;
}

/* The VAE that a fixture names, beside it. */
static struct vae *load_vae(struct verify_run *run, const struct verify_file *file,
                            const struct weights *fixture, struct dn_error *err)
{
    const char *name = weights_metadata(fixture, "weights");
    char *path = verify_sibling(file->path, name && !strchr(name, '/') ? name : "Wan2.1_VAE.pth");
    struct weights *w = NULL;
    struct vae *vae = NULL;
    if (weights_open(path, &w, err))
        vae_load(w, VAE_BOTH, run->ops, run->ex, &vae, err);
    weights_close(w);
    free(path);
    return vae;
}

static void run_file(struct verify_run *run, const struct verify_file *file)
{
    struct dn_error err;
    struct weights *fixture = NULL;
    if (!weights_open(file->path, &fixture, &err)) {
        verify_error(run, "", &err);
        return;
    }
    if (is_modules(fixture)) {
        verify_vae_modules(run, fixture);
        weights_close(fixture);
        return;
    }
    struct vae *vae = load_vae(run, file, fixture, &err);
    if (!vae)
        verify_error(run, "", &err);
    for (size_t i = 0; vae && i < sizeof contents / sizeof contents[0]; i++)
        if (contents[i].is(fixture)) {
            contents[i].run(run, vae, fixture);
            break;
        }
    vae_free(vae);
    weights_close(fixture);
}

const struct verify_kind verify_vae_entry = {.name = "vae", .claim = claim, .run = run_file};
