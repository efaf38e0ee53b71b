/* request: what to make. Plain data, filled from defaults, the model's config, a YAML file and the
 * command line (in this order, see settings.h), validated once, shared by studio, engine and
 * pipeline. */
#ifndef DANAUS_CONFIG_REQUEST_H
#define DANAUS_CONFIG_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define REQUEST_MAX_STEPS 1000
#define REQUEST_MAX_LIST 64
#define REQUEST_MAX_RULES 32

enum attention_kind { ATTENTION_DENSE, ATTENTION_MONARCH };

/* One way to attend; the last four are Monarch's. */
struct attention_choice {
    enum attention_kind kind;
    int64_t f_tied, h_reduce, w_reduce; /* >= 1 */
    int64_t num_iters;                  /* 1..3 */
};

/* "steps A..B of layers C..D attend like this"; the last matching rule wins over the default. */
struct attention_rule {
    int64_t first_step, last_step;   /* inclusive, 0-based; a cache pass counts as step = steps */
    int64_t first_layer, last_layer; /* inclusive, 0-based */
    struct attention_choice choice;
};

struct request {
    /* what */
    char *prompt;
    char *negative;   /* negative prompt, "" = none */
    char *prompt_changes; /* other prompts from later chunks on, see prompt_changes.h; "" = none */
    int64_t transition;   /* chunks that each of them takes to take over, 0 = at once */
    uint64_t seed;    /* at most 2^63-1 */
    int64_t count;    /* clips per prompt, seeds seed, seed+1, ... */
    int64_t frames;   /* output frames, 4k+1 */
    int64_t width, height; /* pixels */
    double fps;

    /* model files */
    char *model_dir;
    char *checkpoint; /* generator weights that replace the directory's, NULL = none */
    bool use_ema;     /* take generator_ema when the checkpoint has one */

    /* sampler */
    char *sampler;    /* a name in sampler_table: self_forcing, few_step, unipc, euler */
    int64_t denoising_steps[REQUEST_MAX_LIST]; /* few-step list, descending, as configured */
    int64_t denoising_step_count;
    bool warp_denoising_step; /* indices into the shifted table instead of timesteps */
    double timestep_shift;
    int64_t sampling_steps;   /* multi-step samplers */
    double guidance;          /* of multi-step samplers, 1 = off; others ignore it */
    bool causal;
    int64_t frames_per_block; /* latent frames in a chunk */
    bool independent_first_frame;
    double context_noise;     /* timestep of the cache pass */
    int64_t local_attn_size;  /* latent frames in the cache, -1 = all */
    int64_t sink_size;        /* latent frames never evicted */

    /* attention */
    struct attention_choice attention;
    struct attention_rule rules[REQUEST_MAX_RULES];
    int64_t rule_count;

    /* given material, paths or NULL */
    char *image;        /* first frame (image-to-video) */
    char *extend;       /* latents to go on from */
    char *context;      /* tensor context [text_len, D] instead of the text encoder */
    char *noise;        /* tensors noise, renoise instead of random numbers */

    /* output */
    char *output;       /* file or directory, NULL = a name made from seed and prompt */
    char *save_latents;
    bool force;         /* replace what exists */
    bool embed_recipe;  /* write the recipe into the file's metadata */
    int64_t quality;    /* crf-like, 0 = the format's default */

    /* machine */
    char *backend;      /* auto, cpu, cuda */
    char *dtype;        /* auto, f32, bf16 */
    char *linear;       /* plain, fp8 */
    int64_t threads;    /* 0 = all */
};

/* Defaults of the option table. request_done frees the strings. */
void request_init(struct request *r);
void request_done(struct request *r);
/* Deep copy; dst is initialised by it. */
void request_copy(struct request *dst, const struct request *src);

/* Checks what can be said without a model: ranges, 4k+1 frames, steps descending, rules.
 * Sizes against the model's patch and VAE factor are checked by the pipeline. */
bool request_validate(const struct request *r, struct dn_error *err);

/* The request as one JSON object with the option names as keys; the caller frees. */
char *request_to_json(const struct request *r);
/* Reads the same back over r's present values; unknown keys are refused. On false r is as before. */
bool request_from_json(struct request *r, const char *json, struct dn_error *err);

/* The same for what travels inside a video: only what to make, sampler and attention, no paths of
 * this machine and nothing that a stranger's file may decide here; other keys are refused. */
char *request_to_recipe(const struct request *r);
bool request_from_recipe(struct request *r, const char *json, struct dn_error *err);

/* Attention for one pass: r->attention unless a rule says otherwise. */
struct attention_choice request_attention(const struct request *r, int64_t step, int64_t layer);

#endif
