/* bench: what the parts of `danaus bench` share: the model that is measured, the phases of its
 * clips, the operations at its shapes, and the same in PyTorch. */
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
    char *temporary; /* below $TMPDIR or /tmp: the clip, and the files of a synthetic model */
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

/* --- the operations (bench_shapes.c) --- */

/* A pass of the transformer over some frames. */
struct bench_pass {
    int64_t frames, keys; /* latent frames: of queries, and all that they see */
    int64_t rows, cols;   /* tokens of a frame */
    int64_t text_keys;
    struct attention_choice attention;
};
/* Products of a pass, counted twice as usual; cache: a pass that only fills the cache. */
double bench_pass_flops(const struct transformer_config *c, const struct bench_pass *pass,
                        bool cache);

struct bench_row {
    struct op_bench_row op; /* times: calls a pass, or a latent frame */
    double flops;           /* of a call */
    struct op_bench_result result;
    double torch_seconds; /* 0: not measured */
};

enum { BENCH_MAX_ROWS = 96 };

struct bench_shapes {
    struct bench_row rows[BENCH_MAX_ROWS];
    int count;
    double decode_flops;       /* of a latent frame of the VAE, in the public model's operations */
    double decode_first_flops; /* of the first one, which becomes a single frame */
    json_t *decoder;           /* its layers, for PyTorch */
    struct bench_pass pass;    /* the last chunk's */
};

/* Rows of the last chunk's pass, and of decoding latents of h x w with the VAE in the file vae. */
bool bench_shapes_fill(struct bench_shapes *s, const struct transformer_config *c,
                       const struct bench_pass *pass, const char *vae, int64_t h, int64_t w,
                       struct dn_error *err);
/* Times every row for about budget_s seconds; ends early when *stop is nonzero. */
bool bench_shapes_run(struct bench_shapes *s, const struct job *job, double budget_s,
                      const volatile sig_atomic_t *stop, struct dn_error *err);
void bench_shapes_done(struct bench_shapes *s);
/* "conv 3x3x3" and "4x96x160 16-16". */
void bench_row_describe(const struct bench_row *row, char op[32], char shape[64]);

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
    struct bench_samples whole; /* a clip, from request to finished mp4 */
    struct bench_samples first; /* until its first frames */
    int64_t frames;             /* of a clip */
};

/* What a clip is made with. */
struct bench_setup {
    struct pipeline *pipeline;
    const struct request *request;
    const struct pipeline_inputs *inputs;
    const struct bench_shapes *shapes;
    char *output; /* the mp4 */
    const volatile sig_atomic_t *stop;
};
bool bench_clip_run(const struct bench_setup *setup, struct bench_clips *clips,
                    struct dn_error *err);
void bench_clips_done(struct bench_clips *clips);

/* --- PyTorch (bench_torch.c) --- */

struct bench_torch {
    char version[32]; /* "" = not measured; why says why */
    char why[128];
    double pass, decode; /* seconds: the transformer's layers over a chunk; a latent frame */
};
/* Runs rows, layers and decoder in python3's torch with the same threads and dtype, if there is
 * one; fills the rows' torch_seconds. Never fails: a machine without it is fine. */
void bench_torch_run(struct bench_torch *t, struct bench_shapes *s,
                     const struct transformer_config *c, enum dtype dtype, int threads,
                     double budget_s);
extern const char bench_torch_script[]; /* bench_torch_script.c */

/* --- results (bench_report.c) --- */

struct bench_result {
    const struct bench_model *model;
    const struct request *request;
    const struct bench_shapes *shapes;
    const struct bench_clips *clips;
    const struct bench_torch *torch; /* NULL: not asked for */
    enum dtype dtype;
    int threads;
    double load_seconds;
    double load_processor; /* seconds of all threads: what loading costs on a busy machine as well */
    int64_t peak_bytes;
};
/* What two cores of the machine that is the yardstick reach in oneDNN's convolutions, scaled to
 * the threads: products a second. */
double bench_floor_rate(enum dtype dtype, int threads);
void bench_print(const struct bench_result *r);
void bench_print_json(const struct bench_result *r);

#endif
