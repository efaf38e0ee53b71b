/* sampler: what all samplers need, see sampler.h */
#include "pipeline/sampler.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/schedule.h"

/* Latent frames that a cache holds at most for this plan. */
static int64_t cache_frames(const struct sampler_job *job)
{
    bool causal = job->sampler->is_causal(job->request);
    int64_t window = causal ? job->request->local_attn_size : -1;
    return window > 0 && window < job->plan.total ? window : job->plan.total;
}

static int64_t count_steps(const struct sampler_job *job)
{
    float timesteps[REQUEST_MAX_LIST], sigmas[REQUEST_MAX_LIST];
    return job->sampler->few_step ? sampler_few_steps(job->request, timesteps, sigmas)
                                  : job->request->sampling_steps;
}

int64_t sampler_step_events(const struct sampler_job *job)
{
    int64_t steps = count_steps(job), done = chunk_plan_done_count(&job->plan);
    int64_t left = chunk_plan_count(&job->plan) - done;
    bool causal = job->sampler->is_causal(job->request);
    if (left == 0)
        return 0;
    return done + left * steps + (causal ? left - 1 : 0);
}

int64_t sampler_cache_bytes(const struct sampler_job *job)
{
    const struct transformer_config *c = transformer_get_config(job->transformer);
    int64_t tokens = job->height / TRANSFORMER_PATCH * (job->width / TRANSFORMER_PATCH);
    bool two = job->sampler->uses_guidance && job->request->guidance != 1;
    int64_t caches = !job->sampler->is_causal(job->request) ? 0 : two ? 2 : 1;
    return 2 * caches * c->layers * cache_frames(job) * tokens * c->dim *
           dtype_size(exec_dtype(transformer_exec(job->transformer)));
}

bool sampler_check(const struct sampler_job *job, struct dn_error *err)
{
    const struct request *r = job->request;
    int64_t layers = transformer_get_config(job->transformer)->layers;
    int64_t rows = job->height / TRANSFORMER_PATCH, cols = job->width / TRANSFORMER_PATCH;
    int64_t steps = count_steps(job);
    int64_t capacity = cache_frames(job), filled = 0;

    if (capacity < job->plan.total && r->sink_size + job->plan.block > capacity) {
        dn_fail(err, DN_E_ARG,
                "local_attn_size %" PRId64 " has no room for sink_size %" PRId64
                " and a chunk of %" PRId64 " latent frames",
                capacity, r->sink_size, job->plan.block);
        return dn_error_hint(err, "use local_attn_size %" PRId64 " or more, or -1",
                             r->sink_size + job->plan.block);
    }
    for (int64_t i = 0; i < chunk_plan_count(&job->plan); i++) {
        struct chunk c = chunk_plan_at(&job->plan, i);
        filled = filled + c.frames < capacity ? filled + c.frames : capacity;
        for (int64_t n = 0; n < layers * (steps + 1); n++) {
            struct attention_choice choice = request_attention(r, n / layers, n % layers);
            if (!transformer_check_attention(&choice, c.frames, filled, rows, cols, err))
                return false;
        }
    }
    return true;
}

bool sampler_begin(struct sampler_run *run, const struct sampler_job *job, struct dn_error *err)
{
    const struct transformer_config *c = transformer_get_config(job->transformer);
    int64_t shape[] = {job->plan.block, c->channels, job->height, job->width};
    *run = (struct sampler_run){.job = job};
    run->ops = transformer_ops(job->transformer);
    run->ex = transformer_exec(job->transformer);
    run->attention = dn_calloc((size_t)c->layers, sizeof *run->attention);
    run->timesteps = dn_calloc((size_t)job->plan.block, sizeof *run->timesteps);
    run->host =
        dn_calloc(dn_mul_or_abort((size_t)(shape[0] * shape[1]), (size_t)(shape[2] * shape[3])),
                  sizeof *run->host);
    if (!run->ops->tensor_alloc(run->ex, &run->x, DTYPE_F32, 4, shape, err) ||
        !run->ops->tensor_alloc(run->ex, &run->flow, DTYPE_F32, 4, shape, err) ||
        !run->ops->tensor_alloc(run->ex, &run->other, DTYPE_F32, 4, shape, err)) {
        sampler_end(run);
        return false;
    }
    return true;
}

void sampler_end(struct sampler_run *run)
{
    if (!run->ops)
        return;
    run->ops->tensor_free(run->ex, &run->x);
    run->ops->tensor_free(run->ex, &run->flow);
    run->ops->tensor_free(run->ex, &run->other);
    free(run->attention);
    free(run->timesteps);
    free(run->host);
    *run = (struct sampler_run){0};
}

struct tensor sampler_frames(const struct tensor *buffer, int64_t frames)
{
    return tensor_slice(buffer, 0, frames);
}

bool sampler_pass(struct sampler_run *run, const struct tensor *x, float t, int64_t step,
                  const struct chunk *chunk, struct kv_cache *cache,
                  const struct text_context *context, const struct tensor *flow,
                  struct dn_error *err)
{
    const struct sampler_job *job = run->job;
    int64_t layers = transformer_get_config(job->transformer)->layers;
    for (int64_t i = 0; i < layers; i++)
        run->attention[i] = request_attention(job->request, step, i);
    for (int64_t i = 0; i < chunk->frames; i++)
        run->timesteps[i] = t;
    struct transformer_pass pass = {.latents = x,
                                    .timesteps = run->timesteps,
                                    .context = context,
                                    .attention = run->attention,
                                    .start_frame = chunk->start,
                                    .cache = cache};
    return transformer_forward(job->transformer, &pass, flow, err);
}

bool sampler_cache_new(struct sampler_run *run, struct kv_cache **out, struct dn_error *err)
{
    const struct sampler_job *job = run->job;
    return transformer_cache_new(job->transformer, job->height / TRANSFORMER_PATCH,
                                 job->width / TRANSFORMER_PATCH, cache_frames(job),
                                 job->request->sink_size, out, err);
}

static bool upload(struct sampler_run *run, const struct tensor *to, const float *values,
                   struct dn_error *err)
{
    struct tensor host = tensor_over((void *)values, DTYPE_F32, to->ndim, to->shape);
    return run->ops->upload(run->ex, to, &host, err);
}

bool sampler_context(const struct sampler_run *run, int64_t chunk, bool begins,
                     const struct text_context **out, struct dn_error *err)
{
    const struct sampler_job *job = run->job;
    *out = job->positive;
    return !job->context || job->context(job->user, chunk, begins, out, err);
}

bool sampler_prefill(struct sampler_run *run, int64_t steps, struct kv_cache *positive,
                     struct kv_cache *negative, struct dn_error *err)
{
    const struct sampler_job *job = run->job;
    for (int64_t i = 0; i < chunk_plan_done_count(&job->plan); i++) {
        struct chunk c = chunk_plan_at(&job->plan, i);
        float t = c.given ? 0 : (float)job->request->context_noise;
        struct tensor x = sampler_frames(&run->x, c.frames);
        const struct text_context *context;
        if (!upload(run, &x, job->done + c.start * job->noise->frame_size, err) ||
            !sampler_context(run, i, false, &context, err) ||
            !sampler_pass(run, &x, t, steps, &c, positive, context, NULL, err) ||
            (negative &&
             !sampler_pass(run, &x, t, steps, &c, negative, job->negative, NULL, err)) ||
            !sampler_step_done(run, i, steps, steps, err))
            return false;
    }
    return true;
}

bool sampler_start(struct sampler_run *run, const struct chunk *chunk, const struct tensor *x,
                   struct dn_error *err)
{
    return noise_initial(run->job->noise, chunk->start, chunk->frames, run->host, err) &&
           upload(run, x, run->host, err);
}

bool sampler_renoise(struct sampler_run *run, int64_t made, int64_t step, const struct chunk *chunk,
                     const struct tensor *x, float sigma, struct dn_error *err)
{
    struct tensor fresh = sampler_frames(&run->other, chunk->frames);
    return noise_renew(run->job->noise, made, step, chunk->start, chunk->frames, run->host, err) &&
           upload(run, &fresh, run->host, err) &&
           run->ops->axpby(run->ex, x, 1 - sigma, x, sigma, &fresh, err);
}

bool sampler_step_done(const struct sampler_run *run, int64_t chunk, int64_t step, int64_t steps,
                       struct dn_error *err)
{
    const struct sampler_job *job = run->job;
    if (job->on_step)
        job->on_step(job->user, chunk, step, steps);
    if (job->stop && *job->stop)
        return dn_fail(err, DN_E_CANCELLED, "stopped");
    return true;
}

int64_t sampler_few_steps(const struct request *request, float *timesteps, float *sigmas)
{
    struct schedule *s = dn_malloc(sizeof *s);
    int64_t count = 0;
    schedule_init(s, request->timestep_shift);
    for (int64_t i = 0; i < request->denoising_step_count; i++) {
        int64_t step = request->denoising_steps[i];
        if (step == 0 && i > 0 && i == request->denoising_step_count - 1)
            break;
        timesteps[count] = request->warp_denoising_step ? schedule_warp(s, step) : (float)step;
        sigmas[count] = schedule_sigma(s, timesteps[count]);
        count++;
    }
    free(s);
    return count;
}
