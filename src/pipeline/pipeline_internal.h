/* pipeline_internal: what the pipeline's files share. Private to src/pipeline/pipeline*.c. */
#ifndef DANAUS_PIPELINE_PIPELINE_INTERNAL_H
#define DANAUS_PIPELINE_PIPELINE_INTERNAL_H

#include <pthread.h>

#include "model/transformer.h"
#include "pipeline/pipeline.h"
#include "pipeline/prompt_encoder.h"
#include "pipeline/sampler.h"

/* The context of the last prompt, kept for further seeds. */
struct known_prompt {
    char *prompt;
    struct text_context *context;
};

struct pipeline {
    const struct ops *ops;
    struct exec *ex;
    struct transformer *transformer;
    struct exec *decoder_ex; /* of vae and decoder: beside ex, or ex itself */
    bool owns_decoder_ex;
    struct vae *vae;
    struct prompt_encoder *text; /* NULL when not needed */
    struct known_prompt positive, negative;
    struct vae_decoder *decoder; /* of the last size */
    int64_t decoder_height, decoder_width;
};

/* A prompt's rows, of which the contexts of a clip with several prompts are made. */
struct prompt_rows {
    char *prompt;
    float *rows; /* [valid, text_dim] */
    int64_t valid;
};

/* One run, from the plan on. */
struct run {
    struct pipeline *p;
    const struct request *request;
    const struct pipeline_inputs *in;
    const struct pipeline_events *events;
    struct sampler_job job;
    struct noise_source noise;
    struct text_context *own_positive, *own_negative; /* of given contexts */
    struct prompt_rows *prompts;                      /* [prompt_count] that were encoded */
    int64_t prompt_count;
    struct text_context *changed; /* of a changed prompt, or of a transition */
    float *changed_rows;          /* [text_len, text_dim] that it was made of */
    float *given;                                     /* [plan.done, channels, h, w] */
    float *latents;                                   /* host copy of a chunk */
    uint8_t *rgb;                                     /* host copy of decoded frames, */
    float *values;                                    /* and as float where asked for */
    int64_t buffer_frames;                            /* that rgb or values have room for */
    int64_t started_ns, steps_done, steps_total;
    int64_t frames_out, latents_out;
    bool started;
    struct decoding *decoding;  /* the thread that decodes; NULL: in turn */
    pthread_mutex_t event_lock; /* held while an event is told, when there is that thread */
};

/* Sampler, sizes, plan and noise; no computing. */
bool pipeline_plan(struct run *run, struct dn_error *err);
/* Has the device room for the clip? */
bool pipeline_fits(const struct run *run, struct dn_error *err);
/* Latents that the clip begins with: made before, given, or of given frames. */
bool pipeline_given(struct run *run, struct dn_error *err);
/* Contexts of prompt and negative prompt. */
bool pipeline_contexts(struct run *run, struct dn_error *err);
/* Is the request of prompts that change one that this plan can follow? */
bool pipeline_check_changes(const struct run *run, struct dn_error *err);
/* sampler_job.context for a request whose prompt changes on the way. */
bool pipeline_context_at(void *user, int64_t chunk, bool begins, const struct text_context **out,
                         struct dn_error *err);
void pipeline_prompts_done(struct run *run);
/* Starts decoding beside the passes, where the backend can and events do not ask for turns. */
bool pipeline_decoding_start(struct run *run, struct dn_error *err);
/* Hands latents [count, channels, h, w] on, decodes them and hands the frames on: here, or on the
 * thread, which copies values. False: it or a chunk before it failed. */
bool pipeline_hand_on(struct run *run, int64_t start, int64_t count, const float *values,
                      struct dn_error *err);
/* Ends the thread, if there is one, when all is decoded (drop: when the running chunk is). False:
 * decoding had failed. */
bool pipeline_decoding_finish(struct run *run, bool drop, struct dn_error *err);
/* Around every event between start and finish. */
void pipeline_lock(struct run *run);
void pipeline_unlock(struct run *run);
/* Latents that are needed for the frames asked for. */
int64_t pipeline_latents_wanted(const struct run *run);
double pipeline_seconds(const struct run *run);

#endif
