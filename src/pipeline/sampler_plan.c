/* sampler_plan: a run of a sampler as far as memory goes: its buffers and caches, and of its passes
 * each kind once at every state of the cache. */
#include <stdlib.h>

#include "base/mem.h"
#include "pipeline/sampler.h"

struct planned {
    struct sampler_run run;
    struct kv_cache *caches[2]; /* of the prompt and the negative one; NULL: none */
    struct tensor history[SOLVER_MAX_HISTORY];
    float *sigmas, *timesteps;
    int64_t steps;
    bool causal, guided;
};

static void make_timesteps(struct planned *p, const struct sampler_job *job)
{
    const struct request *r = job->request;
    size_t room =
        (size_t)(r->sampling_steps > REQUEST_MAX_LIST ? r->sampling_steps : REQUEST_MAX_LIST);
    p->sigmas = dn_calloc(room + 1, sizeof *p->sigmas);
    p->timesteps = dn_calloc(room, sizeof *p->timesteps);
    p->steps = r->sampling_steps;
    if (job->sampler->few_step)
        p->steps = sampler_few_steps(r, p->timesteps, p->sigmas);
    else
        job->sampler->solver->tables(r->timestep_shift, p->steps, p->sigmas, p->timesteps);
}

static bool begin(struct planned *p, const struct sampler_job *job, struct dn_error *err)
{
    p->causal = job->sampler->is_causal(job->request);
    p->guided = job->sampler->uses_guidance && job->request->guidance != 1;
    make_timesteps(p, job);
    if (!sampler_begin(&p->run, job, err) ||
        (p->causal && !sampler_cache_new(&p->run, &p->caches[0], err)) ||
        (p->causal && p->guided && !sampler_cache_new(&p->run, &p->caches[1], err)))
        return false;
    const struct tensor *x = &p->run.x;
    for (int i = 0; job->sampler->solver && i < job->sampler->solver->history; i++)
        if (!p->run.ops->tensor_alloc(p->run.ex, &p->history[i], DTYPE_F32, x->ndim, x->shape, err))
            return false;
    return true;
}

static void end(struct planned *p)
{
    for (int i = 0; p->run.ops && i < SOLVER_MAX_HISTORY; i++)
        p->run.ops->tensor_free(p->run.ex, &p->history[i]);
    kv_cache_free(p->caches[0]);
    kv_cache_free(p->caches[1]);
    sampler_end(&p->run);
    free(p->sigmas);
    free(p->timesteps);
}

/* Do all layers attend alike in steps a and b? */
static bool same_attention(const struct sampler_job *job, int64_t a, int64_t b)
{
    int64_t layers = transformer_get_config(job->transformer)->layers;
    for (int64_t i = 0; i < layers; i++) {
        struct attention_choice x = request_attention(job->request, a, i);
        struct attention_choice y = request_attention(job->request, b, i);
        if (x.kind != y.kind || x.f_tied != y.f_tied || x.h_reduce != y.h_reduce ||
            x.w_reduce != y.w_reduce || x.num_iters != y.num_iters)
            return false;
    }
    return true;
}

/* Step `steps` only fills the cache. */
static bool pass(struct planned *p, int64_t step, const struct chunk *c, struct dn_error *err)
{
    const struct sampler_job *job = p->run.job;
    struct tensor x = sampler_frames(&p->run.x, c->frames);
    struct tensor flow = sampler_frames(&p->run.flow, c->frames);
    bool fills = step == p->steps;
    float t = !fills ? p->timesteps[step] : c->given ? 0 : (float)job->request->context_noise;
    return sampler_pass(&p->run, &x, t, step, c, p->caches[0], job->positive, fills ? NULL : &flow,
                        err) &&
           (!p->guided || sampler_pass(&p->run, &x, t, step, c, p->caches[1], job->negative,
                                       fills ? NULL : &flow, err));
}

static bool chunk(struct planned *p, int64_t i, struct dn_error *err)
{
    const struct sampler_job *job = p->run.job;
    const int64_t done = chunk_plan_done_count(&job->plan), count = chunk_plan_count(&job->plan);
    struct chunk c = chunk_plan_at(&job->plan, i);
    if (i < done)
        return pass(p, p->steps, &c, err);
    for (int64_t s = 0; s < p->steps; s++)
        if ((i == done || s == 0 || !same_attention(job, s - 1, s)) && !pass(p, s, &c, err))
            return false;
    return !p->causal || i + 1 == count || pass(p, p->steps, &c, err);
}

bool sampler_plan(const struct sampler_job *job, struct dn_error *err)
{
    struct planned p = {0};
    bool ok = begin(&p, job, err);
    for (int64_t i = 0; ok && i < chunk_plan_count(&job->plan); i++)
        ok = (!p.causal && i < chunk_plan_done_count(&job->plan)) || chunk(&p, i, err);
    end(&p);
    return ok;
}
