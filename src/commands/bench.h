/* bench: what the parts of `danaus bench` share: the model that is measured, the ways to attend,
 * the phases of clips, the operations at their shapes, and the same in PyTorch and MonarchRT. */
#ifndef DANAUS_COMMANDS_BENCH_H
#define DANAUS_COMMANDS_BENCH_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "commands/job.h"
#include "kernels/op_bench.h"
#include "model/synthetic.h"
#include "pipeline/pipeline.h"

/* --- the model (bench_model.c) --- */

struct bench_model {
    const char *name;                       /* as given */
    char *dir;                              /* its directory */
    const struct synthetic_size *synthetic; /* NULL: a real model */
    char *temporary; /* below $TMPDIR or /tmp: the clip, scripts, the files of a synthetic model */
};

/* name: "demo", a synthetic size, or a model's directory. Makes the temporary directory. False:
 * nothing of that name. bench_model_done in every case. */
bool bench_model_choose(struct bench_model *m, const char *name, struct dn_error *err);
/* Writes the files of a synthetic model, after checking that disk and memory suffice for
 * multiplying in dtype. Says on stderr what it does. Real models: nothing to do. */
bool bench_model_write(const struct bench_model *m, enum dtype dtype, struct dn_error *err);
/* Deletes the files of a synthetic model; they are not needed once it is loaded. */
void bench_model_drop_files(const struct bench_model *m);
void bench_model_done(struct bench_model *m);
/* The path of a file in the temporary directory; the caller frees. */
char *bench_model_file(const struct bench_model *m, const char *name);

/* --- clips (bench_clip.c) --- */

enum bench_phase {
    BENCH_TEXT,         /* prompt to keys and values of every layer, and buffers */
    BENCH_DENOISE,      /* a denoising pass of all chunks but the last */
    BENCH_DENOISE_LAST, /* of the last one, which sees the most keys */
    BENCH_CACHE,        /* a pass that only fills the cache */
    BENCH_DECODE_FIRST, /* the first latent frame */
    BENCH_DECODE,       /* a later one */
    BENCH_ENCODE,       /* frames of a latent to mp4 */
    BENCH_FINISH,       /* closing, reopening and renaming the mp4 */
    BENCH_PHASES
};
extern const char *const bench_phase_names[BENCH_PHASES];

struct bench_samples {
    double *seconds; /* [count] of all clips; sorted by bench_samples_sort */
    int64_t count, room;
    double total, flops; /* of all of them */
};
void bench_samples_add(struct bench_samples *s, double seconds, double flops);
void bench_samples_sort(struct bench_samples *s);
/* Of sorted ones, 0 when there are none. */
double bench_samples_best(const struct bench_samples *s);
double bench_samples_median(const struct bench_samples *s);

struct bench_clips {
    struct bench_samples phases[BENCH_PHASES];
    int64_t phase_clips;          /* that the phases are of */
    struct bench_samples whole;   /* a clip, from request to finished mp4 */
    struct bench_samples decoded; /* a clip, from request to its last frame in host memory */
    struct bench_samples first;   /* until its first frames */
    double warm_up;               /* a first clip that is not counted; 0: there was none */
    double flops;                 /* of a clip */
    int64_t frames;               /* of a clip */
    double *chunks; /* [chunk_count] least seconds from one chunk's latents to the next one's */
    int64_t chunk_count;
};
void bench_clips_done(struct bench_clips *clips);

/* --- ways to attend (bench_modes.c) --- */

/* A pass of the transformer over some frames. */
struct bench_pass {
    int64_t frames, keys; /* latent frames: of queries, and all that they see */
    int64_t rows, cols;   /* tokens of a frame */
    int64_t text_keys;
    struct attention_choice attention;
};

enum { BENCH_MAX_MODES = 8 };

struct bench_mode {
    char name[32];
    struct attention_choice attention;
    struct bench_pass pass; /* the last chunk's */
    struct bench_clips clips;
    struct pipeline_memory memory; /* planned for the first clip; zeros: not known */
    double torch_pass;         /* seconds of PyTorch's layers; 0: not measured */
    double rival_kernel[2];    /* MonarchRT's attention: called, replayed as a graph; 0: not */
    double fp8_psnr;           /* of a clip beside one without fp8, decibels; 0: not compared */
    double rival_clip[3];      /* its clip: all, diffusion, decoding; 0: not measured */
};

/* "dense,h1,h2": choices as in attention rules; NULL or "": the request's own. */
bool bench_modes_parse(const char *text, const struct request *r, struct bench_mode *modes,
                       int *count, struct dn_error *err);

/* --- memory (bench_plan.c) --- */

/* Fills the modes' memory without a GPU; opens the job's model directory, nothing else of it. False
 * also when this build has no backend that plans. */
bool bench_plan_run(struct job *job, const struct bench_model *model, struct bench_mode *modes,
                    int count, const struct pipeline_inputs *inputs, struct dn_error *err);
void bench_plan_print(const struct request *r, const struct bench_mode *modes, int count);

/* --- the operations (bench_shapes.c) --- */

/* Products of a pass, counted twice as usual; cache: a pass that only fills the cache. */
double bench_pass_flops(const struct transformer_config *c, const struct bench_pass *pass,
                        bool cache);

struct bench_row {
    struct op_bench_row op; /* times: calls a pass, or a latent frame */
    double flops;           /* of a call */
    struct op_bench_result result;
    double torch_seconds; /* 0: not measured */
    double fp8_error;     /* power of what fp8 changes in the result; 0: not compared */
};

enum { BENCH_MAX_ROWS = 96 };

struct bench_shapes {
    struct bench_row rows[BENCH_MAX_ROWS];
    int count;
    double decode_flops;       /* of a latent frame of the VAE, in the public model's operations */
    double decode_first_flops; /* of the first one, which becomes a single frame */
    json_t *decoder;           /* its layers, for PyTorch */
    bool fp8;                  /* set before bench_shapes_pass: products of a pass are narrow */
    int64_t h, w;              /* of a latent frame */
};

/* Rows of decoding latents of h x w with the VAE in the file vae. */
bool bench_shapes_decoder(struct bench_shapes *s, const char *vae, int64_t h, int64_t w,
                          struct dn_error *err);
/* Rows of a pass; a further pass over the same tokens adds only the way it attends. */
void bench_shapes_pass(struct bench_shapes *s, const struct transformer_config *c,
                       const struct bench_pass *pass);
/* Times every row for about budget_s seconds; ends early when *stop is nonzero. */
bool bench_shapes_run(struct bench_shapes *s, const struct job *job, double budget_s,
                      const volatile sig_atomic_t *stop, struct dn_error *err);
void bench_shapes_done(struct bench_shapes *s);
/* "conv 3x3x3" and "4x96x160 16-16". */
void bench_row_describe(const struct bench_row *row, char op[32], char shape[64]);
/* The row with which a pass attends to its frames, or NULL. */
const struct bench_row *bench_shapes_attention(const struct bench_shapes *s,
                                               const struct transformer_config *c,
                                               const struct bench_pass *pass);

/* Rates that nothing exceeds by much. On a GPU they are measured now: a large product, a large
 * copy. On the CPU products are what two cores of the yardstick machine reach in oneDNN's
 * convolutions, scaled to the threads. */
struct bench_floor {
    double flops;  /* a second */
    double bytes;  /* a second; 0: not counted */
};
bool bench_floor_find(struct bench_floor *floor, const struct job *job, int threads,
                      struct dn_error *err);
/* Seconds that so much work takes at these rates. */
double bench_floor_seconds(const struct bench_floor *floor, double flops, double bytes);

/* What a clip is made with. */
struct bench_setup {
    struct pipeline *pipeline;
    const struct ops *ops;
    struct exec *ex;
    const struct request *request;
    const struct pipeline_inputs *inputs;
    const struct bench_shapes *shapes;
    const struct bench_pass *pass;
    char *output; /* the mp4 */
    const volatile sig_atomic_t *stop;
};
/* What is measured of a clip. On a GPU waiting for each phase costs time of its own, and so does
 * encoding, so clips are made for one thing at a time. */
enum bench_clip_kind {
    BENCH_CLIP_WHOLE = 1,  /* writes the mp4, adds to whole, decoded and first */
    BENCH_CLIP_PHASES = 2, /* waits at every event, adds to the phases */
    BENCH_CLIP_FRAMES = 4, /* throws frames away, adds to decoded and first */
    BENCH_CLIP_WARM = 8,   /* the same, not counted */
};
bool bench_clip_run(const struct bench_setup *setup, unsigned kinds, struct bench_clips *clips,
                    struct dn_error *err);

/* --- what --linear fp8 loses (bench_fp8.c) --- */

/* Fills the rows' fp8_error: products of random numbers in job's exec and in one without fp8. */
bool bench_fp8_products(struct bench_shapes *s, const struct job *job, struct dn_error *err);
/* The setup's clip once more, and without fp8 by a pipeline of its own: *psnr of the bytes of all
 * frames in decibels. */
bool bench_fp8_clip(const struct bench_setup *setup, const struct job *job,
                    const struct pipeline_needs *needs, double *psnr, struct dn_error *err);

/* Frames a second from memory to a finished mp4, of a drawn clip of the request's size
 * (bench_encode.c). */
bool bench_encode_run(const struct bench_setup *setup, double *frames_per_second,
                      struct dn_error *err);

/* --- beside others, in python3 (bench_torch.c, bench_monarchrt.c, bench_child.c) --- */

struct bench_torch {
    char version[32]; /* "" = not measured; why says why */
    char why[128];
    double decode; /* seconds of a latent frame; a mode has its pass */
};
struct bench_rival {
    char why[128];  /* "" = measured */
    char notes[1024]; /* lines of it, for the terminal */
};

/* What all comparisons look at and fill. */
struct bench_compared {
    const struct bench_model *model; /* scripts go to its temporary directory */
    struct bench_shapes *shapes;
    struct bench_mode *modes;
    int mode_count;
    const struct transformer_config *config;
    enum dtype dtype;
    bool gpu;
    int threads;
    double budget_s;
};

/* Runs rows, layers and decoder in python3's torch with the same threads and dtype on the same
 * device, if there is one; fills the rows' and modes' torch seconds. Never fails: a machine
 * without it is fine. */
void bench_torch_run(struct bench_torch *t, const struct bench_compared *c);
/* Times the Triton kernels of a checkout of the public MonarchRT at the modes' last chunk, and
 * `clips` clips of its pipeline with random weights; see bench_monarchrt.py. Never fails. */
void bench_monarchrt_run(struct bench_rival *rival, const struct bench_compared *c,
                         const char *checkout, bool all_configs, int64_t clips);

/* Runs a script (written into the temporary directory as NAME) with the JSON job in python3 and
 * hands on its lines of output; its complaints are not shown. True: there was a first line, and
 * *status is how it ended, as of waitpid. */
typedef void bench_line_fn(void *context, const char *line);
bool bench_python_run(const struct bench_model *m, const char *name, const char *script,
                      const json_t *job, bench_line_fn *line, void *context, int *status);
extern const char bench_torch_script[], bench_monarchrt_script[]; /* bench_scripts.c */

/* What nvidia-smi says of the first GPU; empty where there is none. */
struct bench_gpu {
    char name[64];
    int64_t used; /* bytes, by all processes */
};
void bench_gpu_ask(struct bench_gpu *gpu);

/* --- results (bench_report.c, bench_json.c) --- */

struct bench_result {
    const struct bench_model *model;
    const struct request *request;
    const struct bench_shapes *shapes;
    const struct bench_mode *modes;
    int mode_count;
    const struct transformer_config *config;
    const struct bench_torch *torch; /* NULL: not asked for */
    const struct bench_rival *rival; /* NULL: not asked for */
    bool clips_only; /* the rows were not timed */
    bool gpu;
    const char *gpu_name;
    struct bench_floor floor;
    enum dtype dtype;
    int threads;
    double load_seconds;
    double load_processor; /* seconds of all threads: what loading costs on a busy machine as well */
    int64_t peak_bytes;
    double encoding;   /* frames a second to mp4, of a drawn clip; 0: not measured */
    int64_t gpu_bytes; /* in use on the GPU by all, after the clips; 0: not known */
};
/* Of a row: the seconds that count (on a GPU the median, for all clocks and caches are in it), and
 * which part of them its products or bytes need at least. */
double bench_row_seconds(const struct bench_result *r, const struct bench_row *row);
double bench_row_share(const struct bench_result *r, const struct bench_row *row);
void bench_print(const struct bench_result *r);
void bench_print_json(const struct bench_result *r);

#endif
