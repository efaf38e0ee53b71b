/* cmd_decode: latents -> frames, latent by latent, into any of the outputs that generate has. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "commands/clip_names.h"
#include "commands/command.h"
#include "commands/job.h"
#include "commands/progress.h"
#include "commands/tensor_file.h"
#include "config/option_value.h"
#include "config/recipe.h"
#include "engine/frame_sink.h"

struct decode_args {
    double fps;     /* 0: the recipe's */
    int64_t frames; /* 0: the recipe's, or all */
    bool json, quiet;
};

#define AT(field) .offset = offsetof(struct decode_args, field)
static const struct option own_rows[] = {
    {.name = "fps", .type = OPTION_DOUBLE, .group = GROUP_COMMAND, AT(fps), .min = 0, .max = 240,
     .fallback = "0", .argument = "X", .unit = "frames/s",
     .help = "Speed at which the clip is to be played; 0 is the one in the latents' recipe, or 16."},
    {.name = "frames", .type = OPTION_INT, .group = GROUP_COMMAND, AT(frames), .min = 0,
     .max = 100001, .fallback = "0", .argument = "N", .unit = "frames",
     .help = "Decode the first N frames; 0 is what the latents' recipe says, or all. (The last chunk "
             "of a clip may reach past its end.)"},
    {.name = "json", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(json), .fallback = "false",
     .help = "Tell what happens as JSON on standard output, one event a line."},
    {.name = "quiet", .letter = 'q', .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(quiet),
     .fallback = "false", .help = "No progress line."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "decode",
    .groups = 1u << GROUP_MODEL | 1u << GROUP_OUTPUT | 1u << GROUP_MACHINE,
    .without = "checkpoint,use-ema,save-latents",
    .own = own_rows,
    .own_count = OWN_COUNT,
    .max_words = 1,
};

struct decode {
    struct job job;
    struct decode_args args;
    struct tensor latents; /* F32 [T, C, h, w] */
    char *recipe;
    struct request made; /* what the recipe tells */
    struct vae *vae;
    struct vae_decoder *decoder;
    struct frame_sink *sink;
    struct progress progress;
    bool float_frames;
    int64_t width, height, started_ns, capacity;
    int64_t wanted; /* frames */
    double first_seconds;
    void *buffer; /* of one push: rgb, or floats */
};

/* A recipe that this version cannot read is carried along all the same. */
static void read_recipe(struct decode *d)
{
    struct request *r = &d->job.settings.request;
    struct dn_error ignored;
    request_init(&d->made);
    if (d->recipe && recipe_read(d->recipe, &d->made, &ignored))
        d->wanted = d->made.frames;
    if (d->args.fps > 0)
        d->made.fps = d->args.fps;
    if (d->args.frames > 0)
        d->wanted = d->args.frames;
    if (!r->output)
        r->output = clip_output_name(NULL, 0, 1, d->made.seed, d->made.prompt);
}

static bool check_latents(struct decode *d, const char *path, struct dn_error *err)
{
    const struct vae_info *info = vae_get_info(d->vae);
    const int64_t *shape = d->latents.shape;
    const int64_t longest = 8192 / info->spatial_factor;
    if (shape[1] != info->z)
        return dn_fail(err, DN_E_MODEL, "%s has latents of %" PRId64 " channels, but %s of %" PRId64,
                       path, shape[1], d->job.dir.vae, info->z);
    if (shape[0] > 25001 || shape[2] > longest || shape[3] > longest)
        return dn_fail(err, DN_E_UNSUPPORTED, "%s: latents [%" PRId64 ", %" PRId64 ", %" PRId64
                       ", %" PRId64 "] are too large: at most 25001 latents of 8192x8192 px",
                       path, shape[0], shape[1], shape[2], shape[3]);
    int64_t all = vae_frames_of_latents(info, shape[0]);
    if (d->wanted == 0 || d->wanted > all)
        d->wanted = all;
    d->width = shape[3] * info->spatial_factor;
    d->height = shape[2] * info->spatial_factor;
    return true;
}

static bool open_sink(struct decode *d, struct dn_error *err)
{
    const struct request *r = &d->job.settings.request;
    const char *prompt = d->made.prompt;
    const struct frame_sink_options options = {
        .width = d->width, .height = d->height, .fps = d->made.fps, .quality = r->quality,
        .force = r->force, .recipe = r->embed_recipe ? d->recipe : NULL,
        .title = r->embed_recipe && prompt && prompt[0] ? prompt : NULL};
    d->float_frames = frame_sink_wants_float(r->output);
    return frame_sink_open(r->output, &options, &d->sink, err);
}

/* vae_frames_fn */
static bool take_frames(void *context, const struct tensor *video, int64_t first,
                        struct dn_error *err)
{
    struct decode *d = context;
    int64_t left = d->wanted - first;
    int64_t count = video->shape[0] < left ? video->shape[0] : left;
    if (count <= 0)
        return true;
    const struct tensor part = tensor_slice(video, 0, count);
    size_t values = dn_mul_or_abort((size_t)(count * d->height), (size_t)d->width * 3);
    if (count > d->capacity) {
        d->buffer = dn_realloc(d->buffer, values, d->float_frames ? sizeof(float) : 1);
        d->capacity = count;
    }
    struct tensor host = tensor_over(d->buffer, d->float_frames ? DTYPE_F32 : DTYPE_U8,
                                     DIMS(count, d->height, d->width, 3));
    bool ok = d->float_frames ? vae_frames_download(d->decoder, &host, &part, err)
                              : d->job.ops->video_to_rgb8(d->job.ex, &host, &part, err);
    if (!ok || !frame_sink_add(d->sink, d->float_frames ? NULL : d->buffer,
                               d->float_frames ? d->buffer : NULL, count, err))
        return false;
    const struct event_frames e = {.start = first, .count = count, .width = d->width,
                                   .height = d->height,
                                   .seconds = (double)(dn_now_ns() - d->started_ns) / 1e9};
    if (first == 0)
        d->first_seconds = e.seconds;
    progress_frames(&d->progress, &e);
    return true;
}

/* One latent at a time, so that Ctrl-C is heard and frames leave early. */
static bool decode_all(struct decode *d, struct dn_error *err)
{
    const struct vae_info *info = vae_get_info(d->vae);
    int64_t total = vae_latents_of_frames(info, d->wanted);
    total += vae_frames_of_latents(info, total) < d->wanted;
    const struct event_started started = {.width = d->width, .height = d->height,
                                          .frames = d->wanted, .latents = total, .chunks = total,
                                          .steps_total = total};
    progress_started(&d->progress, &started);
    for (int64_t i = 0; i < total; i++) {
        if (*command_stop())
            return dn_fail(err, DN_E_CANCELLED, "stopped");
        struct tensor latent = tensor_slice(&d->latents, i, 1);
        if (!vae_decoder_push_host(d->decoder, &latent, take_frames, d, err))
            return false;
        const struct event_step step = {.chunk = i, .chunks = total, .steps = 1, .done = i + 1,
                                        .total = total,
                                        .seconds = (double)(dn_now_ns() - d->started_ns) / 1e9};
        progress_step(&d->progress, &step);
    }
    return true;
}

/* Publishes what there is, after Ctrl-C too. */
static bool finish(struct decode *d, bool complete, struct dn_error *err)
{
    struct progress_result result = {.first_seconds = d->first_seconds, .complete = complete};
    bool ok = frame_sink_finish(d->sink, &result.frames, &result.bytes, err);
    d->sink = NULL;
    result.seconds = (double)(dn_now_ns() - d->started_ns) / 1e9;
    result.path = ok && result.frames ? d->job.settings.request.output : NULL;
    if (result.path)
        progress_finished(&d->progress, &result);
    return ok;
}

static bool decode(struct decode *d, const char *path, struct dn_error *err)
{
    d->progress.clips = 1;
    d->progress.kind = progress_choose(d->args.json, d->args.quiet);
    if (!tensor_file_read(path, "latents", 4, &d->latents, &d->recipe, err))
        return false;
    read_recipe(d);
    d->started_ns = dn_now_ns();
    if (!job_open(&d->job, MODEL_NEEDS_VAE, err) ||
        !job_load_vae(&d->job, VAE_DECODER, &d->vae, err) || !check_latents(d, path, err) ||
        !open_sink(d, err) ||
        !vae_decoder_new(d->vae, d->latents.shape[2], d->latents.shape[3], &d->decoder, err))
        return false;
    bool ok = decode_all(d, err);
    progress_clear(&d->progress);
    struct dn_error closing;
    if ((ok || err->code == DN_E_CANCELLED) && !finish(d, ok, &closing)) {
        *err = closing;
        ok = false;
    }
    return ok;
}

static int run_decode(int argc, char **argv)
{
    struct decode d = {0};
    struct dn_error err;
    int words = 0;
    command_catch_signals();
    option_defaults(own_rows, OWN_COUNT, &d.args);
    bool ok = job_settings(&d.job, &usage, &d.args, argc, argv, &words, &err);
    if (ok && words == 0) {
        ok = dn_fail(&err, DN_E_ARG, "no latents");
        dn_error_hint(&err, "danaus decode LATENTS.safetensors -m DIR -o OUT");
    }
    ok = ok && decode(&d, argv[1], &err);
    progress_clear(&d.progress);
    frame_sink_abort(d.sink);
    vae_decoder_free(d.decoder);
    vae_free(d.vae);
    free(d.buffer);
    free(d.latents.data);
    free(d.recipe);
    request_done(&d.made);
    option_free(own_rows, OWN_COUNT, &d.args);
    job_close(&d.job);
    return ok ? EXIT_DONE : command_fail("decode", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_decode_entry = {
    .name = "decode",
    .summary = "Make a video from latents",
    .synopsis = "LATENTS.safetensors [-o OUT] [-m DIR] [OPTIONS]",
    .details =
        "Takes the tensor latents [T,C,h,w], as generate --save-latents and encode write it, through\n"
        "the VAE's decoder. The recipe in the latents goes along into OUT. Ctrl-C ends after the\n"
        "current latent and keeps what is done as a valid shorter clip.",
    .print_options = print_options,
    .computes = true,
    .run = run_decode,
};
