/* sampler: how latents come out of noise; one file and one const entry a sampler.
 *
 * A sampler walks over the chunks of a plan, hands each chunk's clean latents on as soon as they
 * exist, and only then does what later chunks need of it. */
#ifndef DANAUS_PIPELINE_SAMPLER_H
#define DANAUS_PIPELINE_SAMPLER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/request.h"
#include "model/transformer.h"
#include "pipeline/chunk_plan.h"
#include "pipeline/noise.h"
#include "pipeline/solver.h"

struct sampler;

/* One clip to sample. All pointers are borrowed for the run. */
struct sampler_job {
    const struct sampler *sampler;
    const struct request *request;
    struct transformer *transformer;
    const struct text_context *positive;
    const struct text_context *negative; /* NULL: no guidance */
    int64_t height, width;               /* of a latent frame */
    struct chunk_plan plan;
    const float *done; /* host [plan.done, channels, height, width] */
    const struct noise_source *noise;
    bool skip_last_step; /* few_step: what the public bidirectional inference does (a slip of it:
                          * the prediction of the last step but one is returned) */
    const volatile sig_atomic_t *stop; /* polled after every step; NULL: never stops */

    void *user;
    /* The prompt's context for a chunk; begins: it is made next, else only run through the cache.
     * Borrowed until the next call. NULL: positive, for all. False ends the run with err. */
    bool (*context)(void *user, int64_t chunk, bool begins, const struct text_context **out,
                    struct dn_error *err);
    /* After each step, also of passes that fill the cache (then step = steps). NULL allowed. */
    void (*on_step)(void *user, int64_t chunk, int64_t step, int64_t steps);
    /* latents F32 [n, channels, height, width] in exec memory, frames [start, start + n) of the
     * clip. False ends the run with err. */
    bool (*on_latents)(void *user, int64_t chunk, int64_t start, const struct tensor *latents,
                       struct dn_error *err);
};

struct sampler {
    const char *name;
    const char *summary; /* one line for --help and the settings screen */
    bool few_step;       /* walks request.denoising_steps; else request.sampling_steps */
    bool uses_guidance;  /* reads request.guidance and the negative prompt */
    const struct solver_kind *solver; /* not few_step: how it goes from step to step */
    /* Does it make the clip chunk by chunk for this request? */
    bool (*is_causal)(const struct request *request);
    /* False: err; DN_E_CANCELLED when stopped (what was handed on is complete and valid). */
    bool (*run)(const struct sampler_job *job, struct dn_error *err);
};

extern const struct sampler sampler_self_forcing_entry;
extern const struct sampler sampler_few_step_entry;
extern const struct sampler sampler_unipc_entry;
extern const struct sampler sampler_euler_entry;
extern const struct sampler *const sampler_table[]; /* NULL-terminated */
/* NULL with err naming those that exist. */
const struct sampler *sampler_find(const char *name, struct dn_error *err);

/* Everything about sizes that would otherwise fail in the middle of a clip: room for a chunk beside
 * the sink, Monarch tiles that divide every chunk and every state of the cache. */
bool sampler_check(const struct sampler_job *job, struct dn_error *err);
/* Takes and gives back what a run of the job would: every buffer, every kind of pass at every state
 * of the cache. For plans (ops plan_begin); on a device that computes it would cost much of a run. */
bool sampler_plan(const struct sampler_job *job, struct dn_error *err);
/* Bytes of the job's keys and values. */
int64_t sampler_cache_bytes(const struct sampler_job *job);
/* How often a run calls on_step. */
int64_t sampler_step_events(const struct sampler_job *job);

/* --- for the samplers themselves --- */

/* Buffers of a run: latents of one chunk and what is predicted for them. */
struct sampler_run {
    const struct sampler_job *job;
    const struct ops *ops;
    struct exec *ex;
    struct attention_choice *attention; /* [layers], of the running step */
    float *timesteps;                   /* [longest chunk] */
    float *host;                        /* [longest chunk, channels, height, width] */
    struct tensor x, flow, other;       /* F32 [longest chunk, channels, height, width] */
};

bool sampler_begin(struct sampler_run *run, const struct sampler_job *job, struct dn_error *err);
void sampler_end(struct sampler_run *run);
/* The first `frames` frames of a buffer. */
struct tensor sampler_frames(const struct tensor *buffer, int64_t frames);
/* One pass at timestep t; step chooses the attention. flow NULL: only fills the cache. */
bool sampler_pass(struct sampler_run *run, const struct tensor *x, float t, int64_t step,
                  const struct chunk *chunk, struct kv_cache *cache,
                  const struct text_context *context, const struct tensor *flow,
                  struct dn_error *err);
/* The context of the prompt for a chunk, see sampler_job.context. */
bool sampler_context(const struct sampler_run *run, int64_t chunk, bool begins,
                     const struct text_context **out, struct dn_error *err);
/* A cache that the plan and the request's window ask for. */
bool sampler_cache_new(struct sampler_run *run, struct kv_cache **out, struct dn_error *err);
/* Runs the frames that are done through the caches, as step `steps`: given ones at timestep 0, made
 * ones at context_noise as when they were made. negative may be NULL. */
bool sampler_prefill(struct sampler_run *run, int64_t steps, struct kv_cache *positive,
                     struct kv_cache *negative, struct dn_error *err);
/* x = starting noise of a chunk; x = (1 - sigma) * x0 + sigma * fresh noise. */
bool sampler_start(struct sampler_run *run, const struct chunk *chunk, const struct tensor *x,
                   struct dn_error *err);
bool sampler_renoise(struct sampler_run *run, int64_t made, int64_t step, const struct chunk *chunk,
                     const struct tensor *x, float sigma, struct dn_error *err);
/* Reports a step; false (DN_E_CANCELLED) when asked to stop. */
bool sampler_step_done(const struct sampler_run *run, int64_t chunk, int64_t step, int64_t steps,
                       struct dn_error *err);
/* The request's few-step list as timesteps; a final 0 is left out. Returns how many. */
int64_t sampler_few_steps(const struct request *request, float *timesteps, float *sigmas);

#endif
