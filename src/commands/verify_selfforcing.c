/* verify_selfforcing: whole samplers, with given noise instead of random numbers.
 *   noise, renoise [chunks, steps-1, n, ...]  chunk after chunk in a few steps
 *   noise, renoise [steps-1, T, ...]          a few steps over the whole clip, latents_all_steps
 *   noise, negative_embeds                    guided, many steps, chunk after chunk */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "commands/verify_model.h"
#include "commands/verify_tensors.h"
#include "pipeline/sampler.h"

#define LATENTS_REL 1e-5
#define GUIDED_REL 2e-5

struct sf {
    struct verify_run *run;
    const struct weights *fixture;
    struct verify_model model;
    struct request request;
    struct text_context *positive, *negative;
    struct verify_tensor noise, renoise, timesteps, latents, initial;
    struct noise_source source;
    float *made; /* like latents */
};

static bool is_causal(const struct sf *s)
{
    return s->renoise.ndim != 5;
}

/* What the fixture's metadata asks for, as a user would. */
static void read_request(struct sf *s)
{
    struct request *r = &s->request;
    const struct weights *w = s->fixture;
    request_init(r);
    free(r->sampler);
    r->sampler = dn_strdup(!is_causal(s) ? "few_step" : s->negative ? "unipc" : "self_forcing");
    r->attention = s->model.attention[0];
    r->causal = is_causal(s);
    r->timestep_shift = verify_number(w, s->negative ? "shift" : "timestep_shift", 5);
    r->frames_per_block = (int64_t)verify_number(w, "num_frame_per_block", 3);
    r->independent_first_frame = verify_truth(w, "independent_first_frame");
    r->context_noise = verify_number(w, "context_noise", 0);
    r->local_attn_size = (int64_t)verify_number(w, "local_attn_size", -1);
    r->sink_size = (int64_t)verify_number(w, "sink_size", 0);
    r->guidance = verify_number(w, "guide_scale", 1);
    r->warp_denoising_step = verify_truth(w, "warp_denoising_step");
    if (s->negative)
        r->sampling_steps = s->timesteps.count;
    else
        r->denoising_step_count = verify_numbers(w, "steps", r->denoising_steps, REQUEST_MAX_LIST);
}

/* Noise and fresh noise as the sampler takes them. */
static bool read_noise(struct sf *s, struct dn_error *err)
{
    const struct verify_tensor *renoise = &s->renoise;
    int64_t frame = s->latents.count / (s->latents.shape[0] ? s->latents.shape[0] : 1);
    s->source = (struct noise_source){.noise = s->noise.data,
                                      .noise_frames = s->noise.shape[0],
                                      .first_frame = s->initial.shape[0],
                                      .frame_size = frame};
    if (renoise->data) {
        int skip = renoise->ndim == 6;
        s->source.renoise = renoise->data;
        s->source.renoise_chunks = skip ? renoise->shape[0] : 1;
        s->source.renoise_steps = renoise->shape[skip];
        s->source.renoise_frames = renoise->shape[skip + 1];
    }
    bool fits =
        frame > 0 &&
        s->latents.shape[1] == transformer_get_config(s->model.transformer)->channels &&
        s->noise.count == s->noise.shape[0] * frame &&
        s->initial.count == s->initial.shape[0] * frame &&
        (!renoise->data || renoise->count == s->source.renoise_chunks * s->source.renoise_steps *
                                                 s->source.renoise_frames * frame);
    return fits || dn_fail(err, DN_E_FORMAT, "the tensors do not belong together");
}

static bool take_latents(void *user, int64_t chunk, int64_t start, const struct tensor *latents,
                         struct dn_error *err)
{
    struct sf *s = user;
    (void)chunk;
    struct tensor host = tensor_over(s->made + start * s->source.frame_size, DTYPE_F32,
                                     latents->ndim, latents->shape);
    return s->run->ops->download(s->run->ex, &host, latents, err);
}

static bool sample(struct sf *s, bool skip_last_step, struct dn_error *err)
{
    const struct request *r = &s->request;
    struct sampler_job job = {.sampler = sampler_find(r->sampler, err),
                              .request = r,
                              .transformer = s->model.transformer,
                              .positive = s->positive,
                              .negative = s->negative,
                              .height = s->latents.shape[2],
                              .width = s->latents.shape[3],
                              .done = s->initial.data,
                              .noise = &s->source,
                              .skip_last_step = skip_last_step,
                              .user = s,
                              .on_latents = take_latents};
    int64_t given = s->initial.shape[0];
    free(s->made);
    s->made = dn_calloc((size_t)s->latents.count, sizeof *s->made);
    if (given)
        memcpy(s->made, s->initial.data, (size_t)s->initial.count * sizeof *s->made);
    if (!chunk_plan_make(&job.plan, is_causal(s), s->latents.shape[0], given, r->frames_per_block,
                         r->independent_first_frame, err))
        return false;
    if (job.plan.total != s->latents.shape[0])
        return dn_fail(err, DN_E_FORMAT, "the latents are no whole number of chunks");
    return job.sampler->run(&job, err);
}

static bool compare(struct sf *s, struct dn_error *err)
{
    struct verify_tensor all;
    bool has_all = verify_tensor_read(&all, s->fixture, 4, "latents_all_steps") &&
                   all.count == s->latents.count;
    bool ok = sample(s, has_all, err);
    if (ok)
        verify_rel(s->run, "latents", s->made, s->latents.data, s->latents.count,
                   s->negative ? GUIDED_REL : LATENTS_REL);
    if (ok && has_all) {
        ok = sample(s, false, err);
        if (ok)
            verify_rel(s->run, "latents_all_steps", s->made, all.data, all.count, LATENTS_REL);
    }
    verify_tensor_done(&all);
    return ok;
}

static void compare_timesteps(struct sf *s)
{
    float timesteps[REQUEST_MAX_LIST], sigmas[REQUEST_MAX_LIST];
    if (s->negative || s->timesteps.count > REQUEST_MAX_LIST)
        return;
    int64_t count = sampler_few_steps(&s->request, timesteps, sigmas);
    if (count == s->timesteps.count)
        verify_max(s->run, "timesteps", timesteps, s->timesteps.data, count, 0);
    else
        verify_exact(s->run, "number of timesteps", false);
}

static bool compute(struct sf *s, const struct verify_file *file, struct dn_error *err)
{
    const struct weights *w = s->fixture;
    bool guided = weights_find(w, "negative_embeds") != NULL;
    if (!verify_model_open(&s->model, s->run, file, w, err) ||
        !verify_model_context(&s->model, w, "prompt_embeds", &s->positive, err) ||
        (guided && !verify_model_context(&s->model, w, "negative_embeds", &s->negative, err)))
        return false;
    verify_tensor_read(&s->renoise, w, 0, "renoise");
    verify_tensor_read(&s->initial, w, 4, "initial_latent");
    if (!verify_tensor_read(&s->noise, w, 4, "noise") ||
        !verify_tensor_read(&s->timesteps, w, 1, "timesteps") ||
        !verify_tensor_read(&s->latents, w, 4, "latents"))
        return dn_fail(err, DN_E_FORMAT, "noise, timesteps or latents are missing");
    read_request(s);
    if (!read_noise(s, err))
        return false;
    compare_timesteps(s);
    return compare(s, err);
}

static void run_selfforcing(struct verify_run *run, const struct verify_file *file)
{
    struct sf s = {.run = run};
    struct weights *w = NULL;
    struct dn_error err;
    bool ok = weights_open(file->path, &w, &err);
    s.fixture = w;
    if (!ok || !compute(&s, file, &err))
        verify_error(run, "sampler", &err);
    text_context_free(s.positive);
    text_context_free(s.negative);
    verify_model_done(&s.model);
    verify_tensor_done(&s.noise);
    verify_tensor_done(&s.renoise);
    verify_tensor_done(&s.timesteps);
    verify_tensor_done(&s.latents);
    verify_tensor_done(&s.initial);
    request_done(&s.request);
    free(s.made);
    weights_close(w);
}

static enum verify_claim claim(const struct verify_file *file)
{
    char folder[32];
    struct weights *w;
    if (strcmp(verify_folder_name(file->path, 0, folder, sizeof folder), "selfforcing") != 0 ||
        !dn_ends_with(file->name, ".safetensors") || !weights_open(file->path, &w, NULL))
        return VERIFY_NOT_MINE;
    bool mine = weights_find(w, "prompt_embeds") && weights_find(w, "noise") &&
                weights_find(w, "latents") && weights_metadata(w, "model");
    weights_close(w);
    return mine ? VERIFY_RUN : VERIFY_NOT_MINE;
}

const struct verify_kind verify_selfforcing_entry = {
    .name = "selfforcing", .claim = claim, .run = run_selfforcing};
