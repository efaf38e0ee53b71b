/* pipeline: one clip, see pipeline.h */
#include "pipeline/pipeline.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pipeline/pipeline_internal.h"

double pipeline_seconds(const struct run *run)
{
    return (double)(dn_now_ns() - run->started_ns) / 1e9;
}

/* --- frames --- */

/* vae_frames_fn: hands decoded frames on, cut at the length that was asked for. */
static bool take_frames(void *context, const struct tensor *video, int64_t first,
                        struct dn_error *err)
{
    struct run *run = context;
    const struct pipeline_events *events = run->events;
    int64_t height = run->request->height, width = run->request->width;
    int64_t count = run->request->frames - first;
    if (count > video->shape[0])
        count = video->shape[0];
    if (count <= 0)
        return true;
    struct tensor part = tensor_slice(video, 0, count);
    struct event_frames e = {.start = first, .count = count, .width = width, .height = height};
    size_t pixels = dn_mul_or_abort((size_t)(count * height), (size_t)width * 3);
    if (count > run->buffer_frames) {
        run->buffer_frames = count;
        run->rgb = dn_realloc(run->rgb, pixels, 1);
        if (events->float_frames)
            run->values = dn_realloc(run->values, pixels, sizeof *run->values);
    }
    struct tensor bytes = tensor_over(run->rgb, DTYPE_U8, DIMS(count, height, width, 3));
    struct tensor floats = tensor_over(run->values, DTYPE_F32, DIMS(count, height, width, 3));
    e.rgb = run->rgb;
    e.values = run->values;
    if (!run->p->ops->video_to_rgb8(run->p->ex, &bytes, &part, err) ||
        (events->float_frames && !vae_frames_download(run->p->decoder, &floats, &part, err)))
        return false;
    e.seconds = pipeline_seconds(run);
    if (events->frames && !events->frames(events->user, &e, err))
        return false;
    run->frames_out = first + count;
    return true;
}

static bool check_finite(const float *values, int64_t count, struct dn_error *err)
{
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            dn_fail(err, DN_E_MODEL, "the transformer made values that are not numbers");
            return dn_error_hint(err, "danaus model check looks for broken weights");
        }
    }
    return true;
}

bool pipeline_hand_on(struct run *run, int64_t start, const struct tensor *latents,
                      struct dn_error *err)
{
    const struct pipeline_events *events = run->events;
    struct tensor host = tensor_over(run->latents, DTYPE_F32, latents->ndim, latents->shape);
    struct event_latents e = {.start = start,
                              .count = latents->shape[0],
                              .channels = latents->shape[1],
                              .height = latents->shape[2],
                              .width = latents->shape[3],
                              .values = run->latents};
    if (!run->p->ops->download(run->p->ex, &host, latents, err) ||
        !check_finite(run->latents, tensor_count(latents), err) ||
        (events->latents && !events->latents(events->user, &e, err)))
        return false;
    run->latents_out = start + e.count;
    /* latents behind the last wanted frame are made with their chunk, but need no decoding */
    int64_t wanted = pipeline_latents_wanted(run) - start;
    if (wanted <= 0)
        return true;
    struct tensor part = tensor_slice(latents, 0, wanted < e.count ? wanted : e.count);
    return vae_decoder_push(run->p->decoder, &part, take_frames, run, err);
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
              p->ops->tensor_alloc(p->ex, &latents, DTYPE_F32, 4, shape, err) &&
              vae_encoder_push(encoder, frames, &latents, err) &&
              p->ops->download(p->ex, &host, &latents, err);
    p->ops->tensor_free(p->ex, &latents);
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
    struct pipeline *p = run->p;
    const struct chunk_plan *plan = &run->job.plan;
    int64_t channels = transformer_get_config(p->transformer)->channels;
    for (int64_t i = 0; i < chunk_plan_done_count(plan); i++) {
        struct chunk c = chunk_plan_at(plan, i);
        int64_t shape[] = {c.frames, channels, run->job.height, run->job.width};
        struct tensor host =
            tensor_over(run->given + c.start * run->noise.frame_size, DTYPE_F32, 4, shape);
        struct tensor latents = {0};
        bool ok = p->ops->tensor_alloc(p->ex, &latents, DTYPE_F32, 4, shape, err) &&
                  p->ops->upload(p->ex, &latents, &host, err) &&
                  pipeline_hand_on(run, c.start, &latents, err);
        p->ops->tensor_free(p->ex, &latents);
        if (!ok)
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
    if (run->events->step)
        run->events->step(run->events->user, &e);
}

static bool on_latents(void *user, int64_t chunk, int64_t start, const struct tensor *latents,
                       struct dn_error *err)
{
    (void)chunk;
    return pipeline_hand_on(user, start, latents, err);
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

static bool make_clip(struct run *run, struct dn_error *err)
{
    const struct chunk_plan *plan = &run->job.plan;
    int64_t longest = plan->block > 1 ? plan->block : 1;
    if (!pipeline_contexts(run, err) || !pipeline_given(run, err) || !fit_decoder(run, err))
        return false;
    run->latents =
        dn_malloc(dn_mul_or_abort((size_t)(longest * run->noise.frame_size), sizeof *run->latents));
    tell_started(run);
    return hand_on_done(run, err) &&
           (plan->done == plan->total || run->job.sampler->run(&run->job, err));
}

static void run_done(struct run *run)
{
    text_context_free(run->own_positive);
    text_context_free(run->own_negative);
    free(run->given);
    free(run->latents);
    free(run->rgb);
    free(run->values);
}

bool pipeline_check(struct pipeline *p, const struct request *r, const struct pipeline_inputs *in,
                    struct dn_error *err)
{
    struct run run = {.p = p, .request = r, .in = in};
    return pipeline_plan(&run, err);
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
                      .job = {.stop = stop, .on_step = on_step, .on_latents = on_latents}};
    run.job.user = &run;
    bool ok = pipeline_plan(&run, err) && make_clip(&run, err);
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
