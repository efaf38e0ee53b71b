/* cmd_bench: how fast a model runs on this machine: whole clips by phase, then the operations they
 * are made of. Models of the public sizes get random weights, so nothing has to be downloaded. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "commands/bench.h"
#include "commands/command.h"
#include "commands/proc_facts.h"
#include "config/config_files.h"
#include "config/option_value.h"

struct bench_args {
    char *model, *size, *frames;
    int64_t repeat;
    bool json, compare_torch;
};

#define AT(field) .offset = offsetof(struct bench_args, field)
static const struct option own_rows[] = {
    {.name = "model", .letter = 'm', .type = OPTION_PATH, .group = GROUP_COMMAND, AT(model),
     .fallback = "demo", .argument = "NAME",
     .help = "What to measure: demo, wan2.1-1.3b or wan2.1-14b (random weights), or a model's "
             "directory."},
    {.name = "size", .type = OPTION_PATH, .group = GROUP_COMMAND, AT(size), .argument = "WxH",
     .help = "Width and height. Without it the model's own, 128x80 with random weights."},
    {.name = "frames", .type = OPTION_PATH, .group = GROUP_COMMAND, AT(frames), .argument = "N",
     .help = "Length of a clip. Without it the model's own, 21 with random weights."},
    {.name = "repeat", .type = OPTION_INT, .group = GROUP_COMMAND, AT(repeat), .min = 1,
     .max = 1000, .fallback = "3", .argument = "N", .help = "Clips to make."},
    {.name = "json", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(json), .fallback = "false",
     .help = "The results as one JSON object."},
    {.name = "compare-torch", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(compare_torch),
     .fallback = "false",
     .help = "Run the same operations, layers and decoder in python3's PyTorch as well, if it is "
             "installed."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "bench",
    .groups = 1u << GROUP_ATTENTION | 1u << GROUP_MACHINE,
    .own = own_rows,
    .own_count = OWN_COUNT,
    .config = true,
};

struct bench {
    struct job job;
    struct bench_args args;
    struct bench_model model;
    struct bench_shapes shapes;
    struct bench_clips clips;
    struct bench_torch torch;
    struct bench_setup setup;
    struct pipeline *pipeline;
    struct pipeline_inputs inputs;
    struct transformer_config config;
    double load_seconds, load_processor;
    int64_t peak_bytes;
    int threads;
};

static void print_warning(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "danaus bench: warning: %s\n", line);
}

static bool set(struct bench *b, const char *name, const char *value, struct dn_error *err)
{
    char why[OPTION_WHY_SIZE];
    const struct option *row = option_find(option_rows, option_count, name);
    return !value || settings_set(&b->job.settings, row, value, LEVEL_COMMAND, why) ||
           option_complain(err, "the", name, value, why);
}

/* A prompt is encoded once and remembered, so every other clip has the other one. */
static const char *const prompts[] = {"a red butterfly flying to the right over green grass",
                                      "a blue star moving up in front of a night sky"};

/* The command line, the model, then what the config files say. */
static bool read_settings(struct bench *b, int argc, char **argv, struct dn_error *err)
{
    struct bench_args *a = &b->args;
    int words = 0;
    settings_init(&b->job.settings, print_warning, NULL);
    if (!options_parse_argv(&b->job.settings, &usage, a, argc, argv, 1, &words, err) ||
        !bench_model_choose(&b->model, a->model, err))
        return false;
    bool random = b->model.synthetic != NULL;
    return set(b, "prompt", prompts[0], err) &&
           set(b, "size", a->size ? a->size : random ? "128x80" : NULL, err) &&
           set(b, "frames", a->frames ? a->frames : random ? "21" : NULL, err) &&
           set(b, "model", b->model.dir, err) && config_load(&b->job.settings, err) &&
           request_validate(&b->job.settings.request, err);
}

/* Writes a synthetic model for the backend and dtype that job_open will choose. */
static bool write_model(const struct bench *b, struct dn_error *err)
{
    const struct request *r = &b->job.settings.request;
    const struct ops *ops;
    if (!ops_select(r->backend, &ops, err))
        return false;
    bool f32 = strcmp(r->dtype, "auto") == 0 ? ops->best_dtype() == DTYPE_F32
                                             : strcmp(r->dtype, "f32") == 0;
    return bench_model_write(&b->model, f32 ? DTYPE_F32 : DTYPE_BF16, err);
}

/* Random numbers in place of the text encoder, which has no synthetic form: all rows count. */
static void make_context(struct bench *b)
{
    int64_t rows = b->model.synthetic->text_len, dim = b->model.synthetic->text_dim;
    float *values = dn_malloc(dn_mul_or_abort((size_t)(rows * dim), sizeof *values));
    uint32_t state = 1;
    for (int64_t i = 0; i < rows * dim; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
    }
    b->inputs.context = tensor_over(values, DTYPE_F32, DIMS(rows, dim));
}

/* Seconds of all threads, in the program and in the kernel for it. */
static double processor_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static bool load(struct bench *b, struct dn_error *err)
{
    bool text = !b->model.synthetic;
    const struct pipeline_needs needs = {.text = text,
                                         .use_ema = b->job.settings.request.use_ema};
    int64_t start = dn_now_ns();
    double processor = processor_seconds();
    bool ok = job_open(&b->job,
                       MODEL_NEEDS_TRANSFORMER | MODEL_NEEDS_VAE |
                           (text ? (unsigned)MODEL_NEEDS_TEXT : 0),
                       err) &&
              pipeline_open(&b->job.dir, &needs, b->job.ops, b->job.ex, &b->pipeline, err);
    b->load_seconds = (double)(dn_now_ns() - start) / 1e9;
    b->load_processor = processor_seconds() - processor;
    b->threads = omp_get_max_threads(); /* the exec has set it */
    return ok;
}

/* The operations at the sizes of the last chunk. */
static bool fill_shapes(struct bench *b, struct dn_error *err)
{
    const struct request *r = &b->job.settings.request;
    const struct vae_info *vae = pipeline_vae(b->pipeline);
    b->config = *pipeline_transformer(b->pipeline);
    int64_t h = r->height / vae->spatial_factor, w = r->width / vae->spatial_factor;
    int64_t latents = vae_latents_of_frames(vae, r->frames), block = latents;
    if (r->causal && r->frames_per_block < latents)
        block = r->frames_per_block;
    latents = (latents + block - 1) / block * block;
    const struct bench_pass pass = {
        .frames = block,
        .keys = r->local_attn_size > 0 && r->local_attn_size < latents ? r->local_attn_size
                                                                        : latents,
        .rows = h / TRANSFORMER_PATCH, .cols = w / TRANSFORMER_PATCH,
        .text_keys = b->config.text_len, .attention = request_attention(r, 0, 0)};
    return bench_shapes_fill(&b->shapes, &b->config, &pass, b->job.dir.vae, h, w, err);
}

static bool make_clips(struct bench *b, struct dn_error *err)
{
    b->setup = (struct bench_setup){.pipeline = b->pipeline,
                                    .request = &b->job.settings.request,
                                    .inputs = &b->inputs,
                                    .shapes = &b->shapes,
                                    .output = bench_model_file(&b->model, "clip.mp4"),
                                    .stop = command_stop()};
    bool ok = true;
    for (int64_t i = 0; ok && i < b->args.repeat; i++)
        ok = set(b, "prompt", prompts[i % 2], err) && bench_clip_run(&b->setup, &b->clips, err);
    free(b->setup.output);
    for (int i = 0; i < BENCH_PHASES; i++)
        bench_samples_sort(&b->clips.phases[i]);
    bench_samples_sort(&b->clips.whole);
    bench_samples_sort(&b->clips.first);
    b->peak_bytes = proc_peak_memory();
    return ok;
}

static bool measure(struct bench *b, struct dn_error *err)
{
    double budget = 0.03 * (double)b->args.repeat;
    if (b->model.synthetic) {
        if (!write_model(b, err))
            return false;
        make_context(b);
    }
    if (*command_stop())
        return dn_fail(err, DN_E_CANCELLED, "stopped");
    if (!load(b, err) || !pipeline_check(b->pipeline, &b->job.settings.request, &b->inputs, err) ||
        !fill_shapes(b, err))
        return false;
    bench_model_drop_files(&b->model);
    if (!make_clips(b, err))
        return false;
    pipeline_close(b->pipeline); /* room for the operations' own weights */
    b->pipeline = NULL;
    if (!bench_shapes_run(&b->shapes, &b->job, budget, command_stop(), err))
        return false;
    if (b->args.compare_torch)
        bench_torch_run(&b->torch, &b->shapes, &b->config, exec_dtype(b->job.ex), b->threads,
                        budget);
    return true;
}

static int run_bench(int argc, char **argv)
{
    struct bench b = {0};
    struct dn_error err;
    command_catch_signals();
    option_defaults(own_rows, OWN_COUNT, &b.args);
    bool ok = read_settings(&b, argc, argv, &err) && measure(&b, &err);
    if (ok) {
        const struct bench_result result = {
            .model = &b.model, .request = &b.job.settings.request, .shapes = &b.shapes,
            .clips = &b.clips, .torch = b.args.compare_torch ? &b.torch : NULL,
            .dtype = exec_dtype(b.job.ex), .threads = b.threads,
            .load_seconds = b.load_seconds, .load_processor = b.load_processor,
            .peak_bytes = b.peak_bytes};
        (b.args.json ? bench_print_json : bench_print)(&result);
    }
    pipeline_close(b.pipeline);
    pipeline_inputs_done(&b.inputs);
    bench_clips_done(&b.clips);
    bench_shapes_done(&b.shapes);
    bench_model_done(&b.model);
    option_free(own_rows, OWN_COUNT, &b.args);
    job_close(&b.job);
    return ok ? EXIT_DONE : command_fail("bench", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_bench_entry = {
    .name = "bench",
    .summary = "Measure how fast a model runs on this machine",
    .synopsis = "[--model NAME] [--size WxH] [--frames N] [OPTIONS]",
    .details =
        "Makes clips and tells how long each phase took: loading, text, passes of the transformer,\n"
        "decoding, encoding to mp4; then times the operations at the same shapes. (The decoder's are\n"
        "the public model's. Ours enlarges and convolves in one, with 4/9 of the products, but products\n"
        "are counted as if it did not, so that rates compare.) Share is what part\n"
        "of the floor is reached: 220 GFLOP/s in f32 and 450 in bf16 for two threads, what oneDNN's\n"
        "convolutions reach on two cores of the yardstick machine; faster cores go above 100%.\n"
        "\n"
        "The public sizes get random weights in a temporary directory below TMPDIR (or /tmp), which\n"
        "is gone as soon as they are loaded. wan2.1-1.3b takes 3 GB of disk and 6 GB of memory.",
    .print_options = print_options,
    .computes = true,
    .run = run_bench,
};
