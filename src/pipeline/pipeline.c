/* pipeline: one clip, see pipeline.h */
#include "pipeline/pipeline.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pipeline/pipeline_internal.h"

double pipeline_seconds(const struct run *run)
{
    return (double)(dn_now_ns() - run->started_ns) / 1e9;
}

/* --- given material --- */

static bool encode_frames(struct run *run, struct dn_error *err)
{
    struct pipeline *p = run->p;
    const struct tensor *frames = &run->in->frames;
    int64_t shape[] = {run->job.plan.given, transformer_get_config(p->transformer)->channels,
                       run->job.height, run->job.width};
    struct tensor latents = {0};
    struct tensor host = tensor_over(run->given, DTYPE_F32, 4, shape);
    struct vae_encoder *encoder = NULL;
    bool ok = vae_encoder_new(p->vae, run->request->height, run->request->width, &encoder, err) &&
              p->ops->tensor_alloc(p->decoder_ex, &latents, DTYPE_F32, 4, shape, err) &&
              vae_encoder_push(encoder, frames, &latents, err) &&
              p->ops->download(p->decoder_ex, &host, &latents, err);
    p->ops->tensor_free(p->decoder_ex, &latents);
    vae_encoder_free(encoder);
    return ok;
}

bool pipeline_given(struct run *run, struct dn_error *err)
{
    const struct chunk_plan *plan = &run->job.plan;
    int64_t count = plan->done * run->noise.frame_size;
    if (count == 0)
        return true;
    run->given = dn_malloc(dn_mul_or_abort((size_t)count, sizeof *run->given));
    run->job.done = run->given;
    bool made = plan->done > plan->given; /* its latents hold the given ones too */
    if (!made && run->in->frames.data)
        return encode_frames(run, err);
    const float *values = made ? run->in->made.data : run->in->latents.data;
    for (int64_t i = 0; i < count; i++)
        run->given[i] = values[i];
    return true;
}

/* What is done is part of the clip: decoded first, chunk by chunk. */
static bool hand_on_done(struct run *run, struct dn_error *err)
{
    const struct chunk_plan *plan = &run->job.plan;
    for (int64_t i = 0; i < chunk_plan_done_count(plan); i++) {
        struct chunk c = chunk_plan_at(plan, i);
        if (!pipeline_hand_on(run, c.start, c.frames, run->given + c.start * run->noise.frame_size,
                              err))
            return false;
        if (run->job.stop && *run->job.stop)
            return dn_fail(err, DN_E_CANCELLED, "stopped");
    }
    return true;
}

/* --- the run --- */

static void on_step(void *user, int64_t chunk, int64_t step, int64_t steps)
{
    struct run *run = user;
    struct event_step e = {.chunk = chunk,
                           .chunks = chunk_plan_count(&run->job.plan),
                           .step = step,
                           .steps = steps,
                           .done = ++run->steps_done,
                           .total = run->steps_total,
                           .seconds = pipeline_seconds(run)};
    pipeline_lock(run);
    if (run->events->step)
        run->events->step(run->events->user, &e);
    pipeline_unlock(run);
}

static bool on_latents(void *user, int64_t chunk, int64_t start, const struct tensor *latents,
                       struct dn_error *err)
{
    struct run *run = user;
    struct tensor host = tensor_over(run->latents, DTYPE_F32, latents->ndim, latents->shape);
    (void)chunk;
    return run->p->ops->download(run->p->ex, &host, latents, err) &&
           pipeline_hand_on(run, start, latents->shape[0], run->latents, err);
}

static bool fit_decoder(struct run *run, struct dn_error *err)
{
    struct pipeline *p = run->p;
    if (p->decoder && p->decoder_height == run->job.height && p->decoder_width == run->job.width)
        return vae_decoder_reset(p->decoder, err);
    vae_decoder_free(p->decoder);
    p->decoder = NULL;
    p->decoder_height = run->job.height;
    p->decoder_width = run->job.width;
    return vae_decoder_new(p->vae, run->job.height, run->job.width, &p->decoder, err);
}

static void tell_started(struct run *run)
{
    const struct sampler_job *job = &run->job;
    int64_t chunks = chunk_plan_count(&job->plan);
    int64_t given = chunk_plan_given_count(&job->plan);
    run->steps_total = sampler_step_events(job);
    run->started = true;
    struct event_started e = {.sampler = job->sampler->name,
                              .width = run->request->width,
                              .height = run->request->height,
                              .frames = run->request->frames,
                              .frames_whole =
                                  vae_frames_of_latents(vae_get_info(run->p->vae), job->plan.total),
                              .latents = job->plan.total,
                              .given_latents = job->plan.given,
                              .chunks = chunks,
                              .given_chunks = given,
                              .done_latents = job->plan.done,
                              .done_chunks = chunk_plan_done_count(&job->plan),
                              .steps_total = run->steps_total};
    if (run->events->started)
        run->events->started(run->events->user, &e);
}

static bool make_latents(struct run *run, struct dn_error *err)
{
    return hand_on_done(run, err) &&
           (run->job.plan.done == run->job.plan.total || run->job.sampler->run(&run->job, err));
}

static bool make_clip(struct run *run, struct dn_error *err)
{
    const struct chunk_plan *plan = &run->job.plan;
    int64_t longest = plan->block > 1 ? plan->block : 1;
    if (!pipeline_contexts(run, err) || !pipeline_given(run, err) || !fit_decoder(run, err))
        return false;
    run->latents =
        dn_malloc(dn_mul_or_abort((size_t)(longest * run->noise.frame_size), sizeof *run->latents));
    tell_started(run);
    if (!pipeline_decoding_start(run, err))
        return false;
    bool made = make_latents(run, err);
    /* also a clip that was stopped keeps what was finished until then */
    bool drop = !made && err->code != DN_E_CANCELLED;
    struct dn_error decoding;
    bool decoded = pipeline_decoding_finish(run, drop, &decoding);
    if (!decoded && !drop)
        *err = decoding;
    return made && decoded;
}

static void run_done(struct run *run)
{
    text_context_free(run->own_positive);
    text_context_free(run->own_negative);
    pipeline_prompts_done(run);
    free(run->given);
    free(run->latents);
    free(run->rgb);
    free(run->values);
}

bool pipeline_check(struct pipeline *p, const struct request *r, const struct pipeline_inputs *in,
                    struct dn_error *err)
{
    struct run run = {.p = p, .request = r, .in = in};
    return pipeline_plan(&run, err) && pipeline_fits(&run, err);
}

bool pipeline_chunk_start(struct pipeline *p, const struct request *r,
                          const struct pipeline_inputs *in, int64_t chunk, int64_t *latents,
                          struct dn_error *err)
{
    struct run run = {.p = p, .request = r, .in = in};
    if (!pipeline_plan(&run, err))
        return false;
    int64_t chunks = chunk_plan_count(&run.job.plan);
    if (chunk < 0 || chunk > chunks)
        return dn_fail(err, DN_E_ARG, "chunk %" PRId64 " of a clip of %" PRId64, chunk, chunks);
    *latents = chunk == chunks ? run.job.plan.total : chunk_plan_at(&run.job.plan, chunk).start;
    return true;
}

bool pipeline_run(struct pipeline *p, const struct request *r, const struct pipeline_inputs *in,
                  const struct pipeline_events *events, const volatile sig_atomic_t *stop,
                  struct dn_error *err)
{
    struct run run = {.p = p,
                      .request = r,
                      .in = in,
                      .events = events,
                      .started_ns = dn_now_ns(),
                      .job = {.stop = stop,
                              .context = pipeline_context_at,
                              .on_step = on_step,
                              .on_latents = on_latents}};
    run.job.user = &run;
    bool ok = pipeline_plan(&run, err) && pipeline_fits(&run, err) && make_clip(&run, err);
    if (run.started && events->finished) {
        struct event_finished e = {.frames = run.frames_out,
                                   .latents = run.latents_out,
                                   .seconds = pipeline_seconds(&run),
                                   .complete = ok};
        events->finished(events->user, &e);
    }
    run_done(&run);
    return ok;
}
