/* pipeline_plan: a request against a model, before anything is computed. */
#include <inttypes.h>
#include <stdlib.h>

#include "pipeline/pipeline_internal.h"

/* Pixels must be whole patches of whole latent pixels. */
static bool check_size(const struct run *run, struct dn_error *err)
{
    const struct request *r = run->request;
    int64_t unit = vae_get_info(run->p->vae)->spatial_factor * TRANSFORMER_PATCH;
    if (r->width > 0 && r->height > 0 && r->width % unit == 0 && r->height % unit == 0)
        return true;
    int64_t w = r->width / unit * unit, h = r->height / unit * unit;
    int64_t more_w = r->width % unit ? w + unit : w, more_h = r->height % unit ? h + unit : h;
    dn_fail(err, DN_E_ARG,
            "size %" PRId64 "x%" PRId64 ": width and height must be multiples of %" PRId64
            " for this model",
            r->width, r->height, unit);
    if (w > 0 && h > 0)
        return dn_error_hint(err, "use %" PRId64 "x%" PRId64 " or %" PRId64 "x%" PRId64, w, h,
                             more_w, more_h);
    return dn_error_hint(err, "use %" PRId64 "x%" PRId64, w > 0 ? w : unit, h > 0 ? h : unit);
}

int64_t pipeline_latents_wanted(const struct run *run)
{
    const struct vae_info *vae = vae_get_info(run->p->vae);
    int64_t latents = vae_latents_of_frames(vae, run->request->frames);
    return latents + (vae_frames_of_latents(vae, latents) < run->request->frames);
}

/* Latent frames that the clip begins with. */
static int64_t count_given(const struct run *run)
{
    const struct pipeline_inputs *in = run->in;
    if (in->latents.data)
        return in->latents.shape[0];
    if (in->frames.data)
        return vae_latents_of_frames(vae_get_info(run->p->vae), in->frames.shape[0]);
    return 0;
}

/* [..., channels, h, w] of a given tensor against the clip's. */
static bool check_tensor(const struct run *run, const char *name, const struct tensor *t,
                         struct dn_error *err)
{
    if (!t->data)
        return true;
    int64_t channels = transformer_get_config(run->p->transformer)->channels;
    const int64_t *s = t->shape + t->ndim - 3;
    if (s[0] == channels && s[1] == run->job.height && s[2] == run->job.width)
        return true;
    return dn_fail(err, DN_E_ARG,
                   "the given %s is [..., %" PRId64 ", %" PRId64 ", %" PRId64
                   "], a clip of %" PRId64 "x%" PRId64 " needs [..., %" PRId64 ", %" PRId64
                   ", %" PRId64 "]",
                   name, s[0], s[1], s[2], run->request->width, run->request->height, channels,
                   run->job.height, run->job.width);
}

static bool check_given(const struct run *run, struct dn_error *err)
{
    const struct pipeline_inputs *in = run->in;
    const struct request *r = run->request;
    if (in->latents.data && in->frames.data)
        return dn_fail(err, DN_E_ARG, "an image and latents to go on from are both given");
    if (in->frames.data && (in->frames.shape[1] != r->height || in->frames.shape[2] != r->width))
        return dn_fail(err, DN_E_ARG,
                       "the given frames are %" PRId64 "x%" PRId64 ", the clip %" PRId64
                       "x%" PRId64,
                       in->frames.shape[2], in->frames.shape[1], r->width, r->height);
    if (in->frames.data && !vae_get_info(run->p->vae)->has_encoder)
        return dn_fail(err, DN_E_MODEL, "the model's VAE has no encoder: no image can be given");
    return check_tensor(run, "latents", &in->latents, err) &&
           check_tensor(run, "latents of an earlier run", &in->made, err) &&
           check_tensor(run, "noise", &in->noise, err) &&
           check_tensor(run, "renoise", &in->renoise, err);
}

/* Given noise, or the seed. */
static bool plan_noise(struct run *run, struct dn_error *err)
{
    const struct pipeline_inputs *in = run->in;
    const struct chunk_plan *plan = &run->job.plan;
    int64_t made = plan->total - plan->given;
    run->noise =
        (struct noise_source){.seed = run->request->seed,
                              .frame_size = transformer_get_config(run->p->transformer)->channels *
                                            run->job.height * run->job.width};
    if (in->noise.data) {
        run->noise.noise = in->noise.data;
        run->noise.noise_frames = in->noise.shape[0];
        run->noise.first_frame = plan->given;
        if (in->noise.shape[0] < made)
            return dn_fail(err, DN_E_ARG,
                           "the given noise has %" PRId64 " latent frames, %" PRId64
                           " are to be made",
                           in->noise.shape[0], made);
    }
    if (!in->renoise.data || !run->job.sampler->few_step)
        return true;
    int skip = in->renoise.ndim == 6;
    struct noise_source *n = &run->noise;
    n->renoise = in->renoise.data;
    n->renoise_chunks = skip ? in->renoise.shape[0] : 1;
    n->renoise_steps = in->renoise.shape[skip];
    n->renoise_frames = in->renoise.shape[skip + 1];
    int64_t chunks = chunk_plan_count(plan) - chunk_plan_given_count(plan);
    int64_t steps = run->request->denoising_step_count - 1;
    if (n->renoise_chunks < chunks || n->renoise_steps < steps || n->renoise_frames < plan->block)
        return dn_fail(err, DN_E_ARG,
                       "the given renoise is [%" PRId64 ", %" PRId64 ", %" PRId64
                       ", ...], needed is [%" PRId64 ", %" PRId64 ", %" PRId64 ", ...]",
                       n->renoise_chunks, n->renoise_steps, n->renoise_frames, chunks, steps,
                       plan->block);
    return true;
}

bool pipeline_plan(struct run *run, struct dn_error *err)
{
    const struct request *r = run->request;
    const struct vae_info *vae = vae_get_info(run->p->vae);
    struct sampler_job *job = &run->job;

    job->sampler = sampler_find(r->sampler, err);
    if (!job->sampler || !check_size(run, err))
        return false;
    job->request = r;
    job->transformer = run->p->transformer;
    job->height = r->height / vae->spatial_factor;
    job->width = r->width / vae->spatial_factor;
    job->noise = &run->noise;
    if (r->frames < 1)
        return dn_fail(err, DN_E_ARG, "%" PRId64 " frames: at least 1 is needed", r->frames);
    if (!check_given(run, err) ||
        !chunk_plan_make(&job->plan, job->sampler->is_causal(r), pipeline_latents_wanted(run),
                         count_given(run), r->frames_per_block, r->independent_first_frame, err))
        return false;
    if (run->in->made.data)
        chunk_plan_resume(&job->plan, run->in->made.shape[0]);
    return plan_noise(run, err) && sampler_check(job, err) && pipeline_check_changes(run, err);
}
