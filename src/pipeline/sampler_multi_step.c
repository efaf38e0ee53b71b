/* sampler_multi_step: many small steps with classifier-free guidance, over the whole clip at once
 * or chunk by chunk with one cache for the prompt and one for the negative prompt. Wan2.1,
 * wan/text2video.py; Self-Forcing, pipeline/causal_diffusion_inference.py. */
#include "pipeline/sampler.h"
#include "pipeline/solver.h"

static bool is_causal(const struct request *request)
{
    return request->causal;
}

struct walk {
    struct sampler_run run;
    struct solver *solver;
    struct kv_cache *positive, *negative; /* NULL when not causal */
    const struct text_context *context;   /* of the running chunk's prompt */
    bool guided;
};

/* flow = negative + guidance * (positive - negative) */
static bool guided_flow(struct walk *w, const struct chunk *c, const struct tensor *x, float t,
                        int64_t step, const struct tensor *flow, struct dn_error *err)
{
    struct sampler_run *run = &w->run;
    const struct sampler_job *job = run->job;
    if (!sampler_pass(run, x, t, step, c, w->positive, w->context, flow, err))
        return false;
    if (!w->guided)
        return true;
    struct tensor other = sampler_frames(&run->other, c->frames);
    float g = (float)job->request->guidance;
    return sampler_pass(run, x, t, step, c, w->negative, job->negative, &other, err) &&
           run->ops->axpby(run->ex, flow, g, flow, 1 - g, &other, err);
}

static bool make_chunk(struct walk *w, int64_t i, struct dn_error *err)
{
    struct sampler_run *run = &w->run;
    const struct sampler_job *job = run->job;
    struct chunk c = chunk_plan_at(&job->plan, i);
    struct tensor x = sampler_frames(&run->x, c.frames);
    struct tensor flow = sampler_frames(&run->flow, c.frames);
    int64_t steps = job->request->sampling_steps;

    if (!sampler_context(run, i, true, &w->context, err) || !sampler_start(run, &c, &x, err))
        return false;
    for (int64_t s = 0; s < steps; s++) {
        if (!guided_flow(w, &c, &x, solver_timestep(w->solver), s, &flow, err) ||
            !solver_step(w->solver, &x, &flow, err) ||
            (s + 1 < steps && !sampler_step_done(run, i, s, steps, err)))
            return false;
    }
    if (!job->on_latents(job->user, i, c.start, &x, err) ||
        !sampler_step_done(run, i, steps - 1, steps, err))
        return false;
    if (!w->positive || i + 1 == chunk_plan_count(&job->plan))
        return true;
    float t = (float)job->request->context_noise;
    return sampler_pass(run, &x, t, steps, &c, w->positive, w->context, NULL, err) &&
           (!w->guided ||
            sampler_pass(run, &x, t, steps, &c, w->negative, job->negative, NULL, err)) &&
           sampler_step_done(run, i, steps, steps, err);
}

static bool make_caches(struct walk *w, struct dn_error *err)
{
    if (!is_causal(w->run.job->request))
        return true;
    return sampler_cache_new(&w->run, &w->positive, err) &&
           (!w->guided || sampler_cache_new(&w->run, &w->negative, err)) &&
           sampler_prefill(&w->run, w->run.job->request->sampling_steps, w->positive, w->negative,
                           err);
}

/* A chunk of its own length needs a solver of its own: the first one may be a single frame. */
static bool fit_solver(struct walk *w, const struct solver_kind *kind, int64_t frames,
                       struct dn_error *err)
{
    const struct request *r = w->run.job->request;
    struct tensor like = sampler_frames(&w->run.x, frames);
    solver_free(w->solver);
    return solver_new(kind, w->run.ops, w->run.ex, &like, r->timestep_shift, r->sampling_steps,
                      &w->solver, err);
}

static bool run_multi_step(const struct sampler_job *job, struct dn_error *err)
{
    struct walk w = {.guided = job->request->guidance != 1};
    if (w.guided && !job->negative)
        return dn_fail(err, DN_E_ARG, "guidance %g needs a context of the negative prompt",
                       job->request->guidance);
    if (!sampler_begin(&w.run, job, err))
        return false;
    bool ok = make_caches(&w, err);
    for (int64_t i = chunk_plan_done_count(&job->plan); ok && i < chunk_plan_count(&job->plan);
         i++)
        ok = fit_solver(&w, job->sampler->solver, chunk_plan_at(&job->plan, i).frames, err) &&
             make_chunk(&w, i, err);
    solver_free(w.solver);
    kv_cache_free(w.positive);
    kv_cache_free(w.negative);
    sampler_end(&w.run);
    return ok;
}

const struct sampler sampler_unipc_entry = {
    .name = "unipc",
    .summary = "many steps with guidance, second order",
    .uses_guidance = true,
    .is_causal = is_causal,
    .solver = &solver_unipc_entry,
    .run = run_multi_step,
};

const struct sampler sampler_euler_entry = {
    .name = "euler",
    .summary = "many steps with guidance, first order",
    .uses_guidance = true,
    .is_causal = is_causal,
    .solver = &solver_euler_entry,
    .run = run_multi_step,
};
