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
    char *model, *size, *frames, *modes, *compare_monarchrt;
    int64_t repeat, window, rival_clips;
    bool json, plan, clips_only, compare_torch, rival_configs;
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
    {.name = "modes", .type = OPTION_PATH, .group = GROUP_COMMAND, AT(modes), .argument = "LIST",
     .help = "Ways to attend, as in dense,h1,h2 (choices as in --attention-rules), each with its "
             "own clips. Without it what --attention says."},
    {.name = "window", .type = OPTION_INT, .group = GROUP_COMMAND, AT(window), .min = 0,
     .max = 100000, .fallback = "0", .argument = "N",
     .help = "Latent frames in a rolling cache, as --local-attn-size of generate; 0 keeps all. "
             "Tells whether chunks of a long clip take the same time."},
    {.name = "repeat", .type = OPTION_INT, .group = GROUP_COMMAND, AT(repeat), .min = 1,
     .max = 1000, .fallback = "3", .argument = "N", .help = "Clips to make."},
    {.name = "clips-only", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(clips_only),
     .fallback = "false", .help = "Leave out single operations and, on a GPU, phases and files."},
    {.name = "plan", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(plan), .fallback = "false",
     .help = "Only tell what a clip takes of a GPU's memory, and when the GPU here has too little. "
             "Needs the CUDA backend, but no GPU."},
    {.name = "json", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(json), .fallback = "false",
     .help = "The results as one JSON object."},
    {.name = "compare-torch", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(compare_torch),
     .fallback = "false",
     .help = "Run the same operations, layers and decoder in python3's PyTorch as well, if it is "
             "installed."},
    {.name = "compare-monarchrt", .type = OPTION_PATH, .group = GROUP_COMMAND,
     AT(compare_monarchrt), .argument = "DIR",
     .help = "Run the Triton kernels of the public MonarchRT, of which DIR is a checkout, at the "
             "last chunk's shape, and its whole pipeline with random weights."},
    {.name = "monarchrt-clips", .type = OPTION_INT, .group = GROUP_COMMAND, AT(rival_clips),
     .min = 0, .max = 100, .fallback = "2", .argument = "N",
     .help = "Clips of its pipeline, after one that is not counted; 0: its kernels only."},
    {.name = "monarchrt-tune-all", .type = OPTION_BOOL, .group = GROUP_COMMAND,
     AT(rival_configs), .fallback = "false",
     .help = "Let it choose among all its configurations; minutes more."},
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
    struct bench_mode modes[BENCH_MAX_MODES];
    int mode_count;
    struct bench_torch torch;
    struct bench_rival rival;
    struct bench_floor floor;
    struct bench_gpu gpu;
    struct pipeline *pipeline;
    struct pipeline_inputs inputs;
    struct transformer_config config;
    double load_seconds, load_processor, encoding;
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
           option_complain(err, "--", name, value, why);
}

/* A prompt is encoded once and remembered, so every other clip has the other one. */
static const char *const prompts[] = {"a red butterfly flying to the right over a meadow",
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
    char window[32];
    snprintf(window, sizeof window, "%lld", (long long)a->window);
    return set(b, "prompt", prompts[0], err) &&
           set(b, "local-attn-size", a->window > 0 ? window : NULL, err) &&
           set(b, "size", a->size ? a->size : random ? "128x80" : NULL, err) &&
           set(b, "frames", a->frames ? a->frames : random ? "21" : NULL, err) &&
           set(b, "model", b->model.dir, err) && config_load(&b->job.settings, err) &&
           request_validate(&b->job.settings.request, err) &&
           bench_modes_parse(a->modes, &b->job.settings.request, b->modes, &b->mode_count, err);
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

static struct pipeline_needs needs_of(const struct bench *b)
{
    return (struct pipeline_needs){.text = !b->model.synthetic,
                                   .use_ema = b->job.settings.request.use_ema};
}

static bool load(struct bench *b, struct dn_error *err)
{
    bool text = !b->model.synthetic;
    const struct pipeline_needs needs = needs_of(b);
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
    b->shapes.fp8 = exec_fp8(b->job.ex);
    int64_t h = r->height / vae->spatial_factor, w = r->width / vae->spatial_factor;
    int64_t latents = vae_latents_of_frames(vae, r->frames), block = latents;
    if (r->causal && r->frames_per_block < latents)
        block = r->frames_per_block;
    latents = (latents + block - 1) / block * block;
    for (int i = 0; i < b->mode_count; i++) {
        b->modes[i].pass = (struct bench_pass){
            .frames = block,
            .keys = r->local_attn_size > 0 && r->local_attn_size < latents ? r->local_attn_size
                                                                            : latents,
            .rows = h / TRANSFORMER_PATCH, .cols = w / TRANSFORMER_PATCH,
            .text_keys = b->config.text_len, .attention = b->modes[i].attention};
        bench_shapes_pass(&b->shapes, &b->config, &b->modes[i].pass);
    }
    return bench_shapes_decoder(&b->shapes, b->job.dir.vae, h, w, err);
}

/* Clip after clip of one kind; a prompt is remembered, so every other clip has another one. */
static bool make_some(struct bench *b, const struct bench_setup *setup, unsigned kinds,
                      int64_t count, struct bench_clips *clips, struct dn_error *err)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < count; i++)
        ok = set(b, "prompt", prompts[i % 2], err) && bench_clip_run(setup, kinds, clips, err);
    return ok;
}

static bool make_clips(struct bench *b, struct bench_mode *mode, struct dn_error *err)
{
    struct request *r = &b->job.settings.request;
    struct bench_clips *clips = &mode->clips;
    struct bench_setup setup = {.pipeline = b->pipeline, .ops = b->job.ops, .ex = b->job.ex,
                                .request = r, .inputs = &b->inputs, .shapes = &b->shapes,
                                .pass = &mode->pass,
                                .output = bench_model_file(&b->model, "clip.mp4"),
                                .stop = command_stop()};
    r->attention = mode->attention;
    bool ok = pipeline_check(b->pipeline, r, &b->inputs, err);
    if (ok && job_queues(b->job.ops))
        ok = pipeline_memory(b->pipeline, r, &b->inputs, &mode->memory, err);
    if (ok && job_queues(b->job.ops) && b->args.clips_only)
        ok = make_some(b, &setup, BENCH_CLIP_FRAMES, b->args.repeat, clips, err);
    else if (ok && job_queues(b->job.ops))
        ok = make_some(b, &setup, BENCH_CLIP_WARM, 1, clips, err) &&
             make_some(b, &setup, BENCH_CLIP_FRAMES, b->args.repeat, clips, err) &&
             make_some(b, &setup, BENCH_CLIP_WHOLE, (b->args.repeat + 1) / 2, clips, err) &&
             make_some(b, &setup, BENCH_CLIP_PHASES, 1, clips, err) &&
             (b->encoding > 0 || bench_encode_run(&setup, &b->encoding, err));
    else if (ok)
        ok = make_some(b, &setup, BENCH_CLIP_WHOLE | BENCH_CLIP_PHASES, b->args.repeat, clips, err);
    if (ok && exec_fp8(b->job.ex) && !b->model.synthetic) { /* random weights make no picture */
        const struct pipeline_needs needs = needs_of(b);
        ok = bench_fp8_clip(&setup, &b->job, &needs, &mode->fp8_psnr, err);
    }
    free(setup.output);
    for (int i = 0; i < BENCH_PHASES; i++)
        bench_samples_sort(&clips->phases[i]);
    bench_samples_sort(&clips->whole);
    bench_samples_sort(&clips->decoded);
    bench_samples_sort(&clips->first);
    return ok;
}

static bool make_all_clips(struct bench *b, struct dn_error *err)
{
    for (int i = 0; i < b->mode_count; i++)
        if (!make_clips(b, &b->modes[i], err))
            return false;
    b->peak_bytes = proc_peak_memory();
    if (job_queues(b->job.ops))
        bench_gpu_ask(&b->gpu);
    return true;
}

static void compare(struct bench *b, double budget)
{
    const struct bench_compared c = {.model = &b->model, .shapes = &b->shapes, .modes = b->modes,
                                     .mode_count = b->mode_count, .config = &b->config,
                                     .dtype = exec_dtype(b->job.ex),
                                     .gpu = job_queues(b->job.ops), .threads = b->threads,
                                     .budget_s = budget};
    if (b->args.compare_torch)
        bench_torch_run(&b->torch, &c);
    if (b->args.compare_monarchrt)
        bench_monarchrt_run(&b->rival, &c, b->args.compare_monarchrt, b->args.rival_configs,
                            b->args.rival_clips);
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
    if (!make_all_clips(b, err))
        return false;
    pipeline_close(b->pipeline); /* room for the operations' own weights */
    b->pipeline = NULL;
    if (!bench_floor_find(&b->floor, &b->job, b->threads, err) ||
        (!b->args.clips_only &&
         !bench_shapes_run(&b->shapes, &b->job, budget, command_stop(), err)) ||
        (exec_fp8(b->job.ex) && !bench_fp8_products(&b->shapes, &b->job, err)))
        return false;
    compare(b, budget);
    return true;
}

static void report(const struct bench *b)
{
    const struct bench_result result = {
        .model = &b->model, .request = &b->job.settings.request, .shapes = &b->shapes,
        .modes = b->modes, .mode_count = b->mode_count, .config = &b->config,
        .clips_only = b->args.clips_only,
        .torch = b->args.compare_torch ? &b->torch : NULL,
        .rival = b->args.compare_monarchrt ? &b->rival : NULL, .gpu = job_queues(b->job.ops),
        .gpu_name = b->gpu.name[0] ? b->gpu.name : b->job.ops->name, .floor = b->floor,
        .dtype = exec_dtype(b->job.ex), .threads = b->threads, .load_seconds = b->load_seconds,
        .load_processor = b->load_processor, .encoding = b->encoding, .peak_bytes = b->peak_bytes,
        .gpu_bytes = b->gpu.used};
    (b->args.json ? bench_print_json : bench_print)(&result);
}

/* What a clip would take, and no more. */
static bool plan(struct bench *b, struct dn_error *err)
{
    if (b->model.synthetic)
        make_context(b);
    if (!bench_plan_run(&b->job, &b->model, b->modes, b->mode_count, &b->inputs, err))
        return false;
    bench_plan_print(&b->job.settings.request, b->modes, b->mode_count);
    return true;
}

static int run_bench(int argc, char **argv)
{
    struct bench b = {0};
    struct dn_error err;
    command_catch_signals();
    option_defaults(own_rows, OWN_COUNT, &b.args);
    bool ok = read_settings(&b, argc, argv, &err);
    if (ok && b.args.modes)
        b.job.settings.request.rule_count = 0;
    ok = ok && (b.args.plan ? plan(&b, &err) : measure(&b, &err));
    if (ok && !b.args.plan)
        report(&b);
    pipeline_close(b.pipeline);
    pipeline_inputs_done(&b.inputs);
    for (int i = 0; i < b.mode_count; i++)
        bench_clips_done(&b.modes[i].clips);
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
        "On a GPU the floor is measured in the same run, a product of 8192 cubed and a copy of 1 GiB,\n"
        "and the slower of the two for an operation's products and bytes counts. There a first clip\n"
        "warms up, then clips are timed until their last frame is in host memory, then until the\n"
        "finished mp4, and one that waits for every phase. Operations are timed in batches, on\n"
        "operands that take turns so that no cache holds them.\n"
        "\n"
        "With --linear fp8 the rows of a pass's linear layers say fp8, and at the end stands what it\n"
        "changes: the power of the difference of every product beside the one in --dtype, on random\n"
        "numbers, and the PSNR of a clip beside the same clip without it, where the model is a real one.\n"
        "\n"
        "The public sizes get random weights in a temporary directory below TMPDIR (or /tmp), which\n"
        "is gone as soon as they are loaded. wan2.1-1.3b takes 3 GB of disk and 6 GB of memory.",
    .print_options = print_options,
    .computes = true,
    .run = run_bench,
};
