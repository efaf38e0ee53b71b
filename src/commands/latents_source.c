/* latents_source: see latents_source.h */
#include "commands/latents_source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "commands/command.h"
#include "commands/tensor_file.h"

struct decode {
    struct vae_decoder *decoder;
    struct media_frames *out;
    int64_t wanted;
};

static void close_model(struct latents_source *s)
{
    vae_free(s->vae);
    s->vae = NULL;
    free(s->loaded);
    s->loaded = NULL;
    if (s->job->ops)
        s->job->ops->close(s->job->ex);
    s->job->ops = NULL;
    s->job->ex = NULL;
    model_dir_done(&s->job->dir);
    s->job->dir = (struct model_dir){0};
}

/* Kept for the next clip of the same model. */
static bool open_model(struct latents_source *s, const char *model, struct dn_error *err)
{
    struct request *r = &s->job->settings.request;
    if (s->loaded && strcmp(s->loaded, model) == 0)
        return true;
    close_model(s);
    free(r->model_dir);
    r->model_dir = dn_strdup(model);
    if (!job_open(s->job, MODEL_NEEDS_VAE, err) || !job_load_vae(s->job, VAE_DECODER, &s->vae, err))
        return false;
    s->loaded = dn_strdup(model);
    return true;
}

/* vae_frames_fn */
static bool take_frames(void *context, const struct tensor *video, int64_t first,
                        struct dn_error *err)
{
    struct decode *d = context;
    struct media_frames *f = d->out;
    int64_t left = d->wanted - first, count = video->shape[0] < left ? video->shape[0] : left;
    if (count <= 0)
        return true;
    const struct tensor part = tensor_slice(video, 0, count);
    float *to = f->values + first * f->width * f->height * 3;
    const struct tensor host = tensor_over(to, DTYPE_F32, DIMS(count, f->height, f->width, 3));
    f->count = first + count;
    return vae_frames_download(d->decoder, &host, &part, err);
}

static bool check_latents(const struct latents_source *s, const struct tensor *latents,
                          struct dn_error *err)
{
    const struct vae_info *info = vae_get_info(s->vae);
    const int64_t *shape = latents->shape, longest = 8192 / info->spatial_factor;
    return (shape[1] == info->z && shape[0] <= 25001 && shape[2] <= longest &&
            shape[3] <= longest) ||
           dn_fail(err, DN_E_MODEL,
                   "latents [%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 "] are none of %s",
                   shape[0], shape[1], shape[2], shape[3], s->job->dir.vae);
}

static bool decode(struct latents_source *s, struct tensor *latents, int64_t frames,
                   struct media_frames **out, struct dn_error *err)
{
    if (!check_latents(s, latents, err))
        return false;
    const struct vae_info *info = vae_get_info(s->vae);
    int64_t all = vae_frames_of_latents(info, latents->shape[0]);
    struct decode d = {.out = dn_calloc(1, sizeof *d.out), .wanted = frames < all ? frames : all};
    d.out->width = (int)(latents->shape[3] * info->spatial_factor);
    d.out->height = (int)(latents->shape[2] * info->spatial_factor);
    d.out->values = dn_malloc(dn_mul_or_abort((size_t)(d.wanted * d.out->height),
                                              (size_t)d.out->width * 3 * sizeof(float)));
    bool ok = vae_decoder_new(s->vae, latents->shape[2], latents->shape[3], &d.decoder, err);
    for (int64_t i = 0; ok && i < latents->shape[0] && d.out->count < d.wanted; i++) {
        struct tensor one = tensor_slice(latents, i, 1);
        ok = *command_stop() ? dn_fail(err, DN_E_CANCELLED, "stopped")
                             : vae_decoder_push_host(d.decoder, &one, take_frames, &d, err);
    }
    vae_decoder_free(d.decoder);
    if (ok)
        *out = d.out;
    else
        media_frames_free(d.out);
    return ok;
}

static bool read_latents(struct latents_source *s, const struct export_clip *clip, int64_t frames,
                         struct media_frames **out, struct dn_error *err)
{
    const char *model = s->models[clip - s->work->clips];
    struct tensor latents = {0};
    char *recipe = NULL;
    if (!clip->latents)
        return dn_fail(err, DN_E_ARG, "clip %" PRId64 " has no latents", clip->id);
    if (!model)
        return dn_fail(err, DN_E_MODEL, "clip %" PRId64 " does not tell its model", clip->id);
    bool ok =
        open_model(s, model, err) &&
        tensor_file_read(clip->latents, "latents", 4, &latents, &recipe, err) &&
        decode(s, &latents, frames > 0 && frames < clip->frames ? frames : clip->frames, out, err);
    free(latents.data);
    free(recipe);
    return ok;
}

bool latents_source_read(void *source, const struct export_clip *clip, int64_t frames,
                         struct media_frames **out, struct dn_error *err)
{
    struct latents_source *s = source;
    if (read_latents(s, clip, frames, out, err))
        return true;
    if (s->must || err->code == DN_E_CANCELLED)
        return dn_error_while(err, "decoding the latents of clip %" PRId64, clip->id);
    dn_warn("clip %" PRId64 " is taken from its video: %s", clip->id, err->message);
    return media_import(clip->video, &(struct media_import_options){.max_frames = frames}, out,
                        err);
}

void latents_source_done(struct latents_source *s)
{
    close_model(s);
    for (int i = 0; i < EXPORT_CLIPS; i++)
        free(s->models[i]);
}
