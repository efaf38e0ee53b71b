/* sampler_self_forcing: chunk after chunk, each in a few steps against a cache of keys and values
 * of everything before it. Self-Forcing, pipeline/causal_inference.py.
 *
 * A finished chunk is handed on first and written into the cache afterwards, by one more pass on
 * the clean latents at timestep context_noise; after the last chunk nobody needs that pass. */
#include "pipeline/sampler.h"

static bool is_causal(const struct request *request)
{
    (void)request;
    return true;
}

/* What stays the same from chunk to chunk. */
struct walk {
    struct sampler_run run;
    struct kv_cache *cache;
    const struct text_context *context; /* of the running chunk */
    float timesteps[REQUEST_MAX_LIST], sigmas[REQUEST_MAX_LIST];
    int64_t steps, chunks, given;
};

/* x = clean latents of chunk i. */
static bool denoise(struct walk *w, int64_t i, const struct chunk *c, const struct tensor *x,
                    struct dn_error *err)
{
    struct sampler_run *run = &w->run;
    struct tensor flow = sampler_frames(&run->flow, c->frames);
    if (!sampler_start(run, c, x, err))
        return false;
    for (int64_t s = 0; s < w->steps; s++) {
        if (!sampler_pass(run, x, w->timesteps[s], s, c, w->cache, w->context, &flow, err) ||
            !run->ops->axpby(run->ex, x, 1, x, -w->sigmas[s], &flow, err) ||
            (s + 1 < w->steps &&
             !sampler_renoise(run, i - w->given, s, c, x, w->sigmas[s + 1], err)))
            return false;
        /* the chunk that the last step finished is handed on even when stopping */
        if (s + 1 < w->steps && !sampler_step_done(run, i, s, w->steps, err))
            return false;
    }
    return true;
}

static bool make_chunk(struct walk *w, int64_t i, struct dn_error *err)
{
    struct sampler_run *run = &w->run;
    const struct sampler_job *job = run->job;
    struct chunk c = chunk_plan_at(&job->plan, i);
    struct tensor x = sampler_frames(&run->x, c.frames);
    if (!sampler_context(run, i, true, &w->context, err) || !denoise(w, i, &c, &x, err) || !job->on_latents(job->user, i, c.start, &x, err) ||
        !sampler_step_done(run, i, w->steps - 1, w->steps, err))
        return false;
    if (i + 1 == w->chunks)
        return true;
    return sampler_pass(run, &x, (float)job->request->context_noise, w->steps, &c, w->cache,
                        w->context, NULL, err) &&
           sampler_step_done(run, i, w->steps, w->steps, err);
}

static bool run_self_forcing(const struct sampler_job *job, struct dn_error *err)
{
    struct walk w = {.chunks = chunk_plan_count(&job->plan),
                     .given = chunk_plan_given_count(&job->plan)};
    w.steps = sampler_few_steps(job->request, w.timesteps, w.sigmas);
    if (!sampler_begin(&w.run, job, err))
        return false;
    bool ok = sampler_cache_new(&w.run, &w.cache, err) &&
              sampler_prefill(&w.run, w.steps, w.cache, NULL, err);
    for (int64_t i = chunk_plan_done_count(&job->plan); ok && i < w.chunks; i++)
        ok = make_chunk(&w, i, err);
    kv_cache_free(w.cache);
    sampler_end(&w.run);
    return ok;
}

const struct sampler sampler_self_forcing_entry = {
    .name = "self_forcing",
    .summary = "chunk by chunk in a few steps, frames appear while it runs",
    .few_step = true,
    .is_causal = is_causal,
    .run = run_self_forcing,
};
