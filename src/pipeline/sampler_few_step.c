/* sampler_few_step: a few large steps over the whole clip at once: predict the clean latents, mix
 * them with fresh noise at the next, lower level. MonarchRT, pipeline/bidirectional_inference.py,
 * which never evaluates the last listed step; here it is evaluated. */
#include "pipeline/sampler.h"

static bool is_causal(const struct request *request)
{
    (void)request;
    return false;
}

static bool steps_over_clip(struct sampler_run *run, struct dn_error *err)
{
    const struct sampler_job *job = run->job;
    float timesteps[REQUEST_MAX_LIST], sigmas[REQUEST_MAX_LIST];
    int64_t steps = sampler_few_steps(job->request, timesteps, sigmas);
    int64_t last = job->skip_last_step && steps > 1 ? steps - 2 : steps - 1;
    struct chunk whole = chunk_plan_at(&job->plan, 0);

    if (!sampler_start(run, &whole, &run->x, err))
        return false;
    for (int64_t i = 0; i <= last; i++) {
        if (!sampler_pass(run, &run->x, timesteps[i], i, &whole, NULL, job->positive, &run->flow,
                          err) ||
            !run->ops->axpby(run->ex, &run->x, 1, &run->x, -sigmas[i], &run->flow, err) ||
            (i < last && !sampler_renoise(run, 0, i, &whole, &run->x, sigmas[i + 1], err)) ||
            !sampler_step_done(run, 0, i, steps, err))
            return false;
    }
    return job->on_latents(job->user, 0, 0, &run->x, err);
}

static bool run_few_step(const struct sampler_job *job, struct dn_error *err)
{
    struct sampler_run run;
    if (!sampler_begin(&run, job, err))
        return false;
    bool ok = steps_over_clip(&run, err);
    sampler_end(&run);
    return ok;
}

const struct sampler sampler_few_step_entry = {
    .name = "few_step",
    .summary = "few large steps over the whole clip at once",
    .few_step = true,
    .is_causal = is_causal,
    .run = run_few_step,
};
