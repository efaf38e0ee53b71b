/* cmd_encode: a video, a picture or a tensor of frames -> latents. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "commands/command.h"
#include "commands/job.h"
#include "engine/output_file.h"
#include "commands/progress.h"
#include "commands/tensor_file.h"
#include "config/option_value.h"
#include "format/safetensors_write.h"
#include "model/transformer_config.h"
#include "store/media_import.h"
#include "store/media_probe.h"

struct encode_args {
    char *output;
    int64_t width, height; /* 0: as the source, cropped */
    int64_t frames;        /* 0: all */
    double fps;            /* 0: as the source */
    bool force, recipe, json, quiet;
};

#define AT(field) .offset = offsetof(struct encode_args, field)
static const struct option own_rows[] = {
    {.name = "output", .letter = 'o', .type = OPTION_PATH, .group = GROUP_COMMAND, AT(output),
     .argument = "LATENTS", .help = "The .safetensors file to write."},
    {.name = "size", .type = OPTION_SIZE, .group = GROUP_COMMAND, AT(width),
     .second = offsetof(struct encode_args, height), .min = 8, .max = 8192, .argument = "WxH",
     .unit = "px",
     .help = "Scale a video or picture to cover this and crop it round the middle. Without it the "
             "edges that do not fill the model's units are cropped."},
    {.name = "frames", .type = OPTION_INT, .group = GROUP_COMMAND, AT(frames), .min = 0,
     .max = 100001, .fallback = "0", .argument = "N", .unit = "frames",
     .help = "Take the first N frames; 0 takes all."},
    {.name = "fps", .type = OPTION_DOUBLE, .group = GROUP_COMMAND, AT(fps), .min = 0, .max = 240,
     .fallback = "0", .argument = "X", .unit = "frames/s",
     .help = "Repeat or drop a video's frames to this rate; 0 takes them as they are. The models "
             "are trained for 16."},
    {.name = "force", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(force), .fallback = "false",
     .help = "Replace LATENTS if it exists."},
    {.name = "recipe", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(recipe), .fallback = "true",
     .help = "Keep the recipe that the source carries; --no-recipe drops it."},
    {.name = "json", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(json), .fallback = "false",
     .help = "Tell what happens as JSON on standard output, one event a line."},
    {.name = "quiet", .letter = 'q', .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(quiet),
     .fallback = "false", .help = "No progress line."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "encode",
    .groups = 1u << GROUP_MODEL | 1u << GROUP_MACHINE,
    .without = "checkpoint,use-ema",
    .own = own_rows,
    .own_count = OWN_COUNT,
    .max_words = 1,
};

struct encode {
    struct job job;
    struct encode_args args;
    struct vae *vae;
    struct media_frames *media; /* the source is one of these two */
    struct tensor floats;       /* F32 [N, 3, H, W] */
    struct tensor frames;       /* [N, H, W, 3], a view of the source, cut to fit */
    char *recipe;
    struct vae_encoder *encoder;
    float *latents; /* [total, z, h, w] */
    int64_t done, total, h, w;
    int64_t started_ns;
    struct progress progress;
};

static bool check_size_option(const struct encode *e, int64_t unit, struct dn_error *err)
{
    const struct encode_args *a = &e->args;
    if (a->width == 0 || (a->width % unit == 0 && a->height % unit == 0))
        return true;
    int64_t w = (a->width + unit / 2) / unit * unit, h = (a->height + unit / 2) / unit * unit;
    dn_fail(err, DN_E_ARG, "--size %" PRId64 "x%" PRId64 ": width and height must be multiples of %"
            PRId64 " for this model", a->width, a->height, unit);
    return dn_error_hint(err, "use %" PRId64 "x%" PRId64, w ? w : unit, h ? h : unit);
}

static bool read_media(struct encode *e, const char *path, struct dn_error *err)
{
    const struct encode_args *a = &e->args;
    struct media_import_options options = {.max_frames = a->frames, .width = (int)a->width,
                                           .height = (int)a->height};
    if (a->fps > 0) {
        options.fps_num = (int)lround(a->fps * 1000);
        options.fps_den = 1000;
    }
    struct dn_error ignored;
    if (!media_import(path, &options, &e->media, err))
        return false;
    media_read_recipe(path, &e->recipe, &ignored); /* most videos have none */
    int64_t shape[4] = {e->media->count, e->media->height, e->media->width, 3};
    e->frames = tensor_over(e->media->rgb24, DTYPE_U8, 4, shape);
    return true;
}

static bool read_floats(struct encode *e, const char *path, struct dn_error *err)
{
    const struct encode_args *a = &e->args;
    if (!tensor_file_read(path, "frames", 4, &e->floats, &e->recipe, err))
        return false;
    const int64_t *s = e->floats.shape;
    const float *values = e->floats.data;
    if (s[1] != 3)
        return dn_fail(err, DN_E_FORMAT, "%s: tensor frames is [%" PRId64 ", %" PRId64 ", %" PRId64
                       ", %" PRId64 "], needs [N, 3, H, W]", path, s[0], s[1], s[2], s[3]);
    if (a->fps > 0 || (a->width && (a->width != s[3] || a->height != s[2])))
        return dn_fail(err, DN_E_ARG, "--%s is for videos and pictures; %s holds the frames as "
                       "the model takes them", a->fps > 0 ? "fps" : "size", path);
    for (int64_t i = 0, n = tensor_count(&e->floats); i < n; i++)
        if (fabsf(values[i]) > 1.001F) {
            dn_fail(err, DN_E_FORMAT, "%s: frames holds %g, needs values in [-1, 1]", path,
                    (double)values[i]);
            return dn_error_hint(err, "0..255 becomes that by x / 127.5 - 1");
        }
    int64_t count = a->frames && a->frames < s[0] ? a->frames : s[0], plane = s[2] * s[3];
    e->frames = (struct tensor){.data = e->floats.data, .dtype = DTYPE_F32, .ndim = 4,
                                .shape = {count, s[2], s[3], 3},
                                .stride = {3 * plane, s[3], 1, plane}};
    return true;
}

/* Cuts what does not fill the model's units, and says so. */
static bool fit_frames(struct encode *e, const char *path, int64_t unit, struct dn_error *err)
{
    struct tensor *f = &e->frames;
    const struct vae_info *info = vae_get_info(e->vae);
    int64_t height = f->shape[1] / unit * unit, width = f->shape[2] / unit * unit;
    if (height == 0 || width == 0)
        return dn_fail(err, DN_E_ARG, "%s: its pictures of %" PRId64 "x%" PRId64
                       " are smaller than %" PRId64 "x%" PRId64, path, f->shape[2], f->shape[1],
                       unit, unit);
    if (height != f->shape[1] || width != f->shape[2]) {
        int64_t skip = (f->shape[1] - height) / 2 * f->stride[1] +
                       (f->shape[2] - width) / 2 * f->stride[2];
        fprintf(stderr, "danaus encode: note: pictures of %" PRId64 "x%" PRId64 " cropped to %"
                PRId64 "x%" PRId64 " (--size scales)\n", f->shape[2], f->shape[1], width, height);
        f->data = (char *)f->data + (size_t)skip * dtype_size(f->dtype);
        f->shape[1] = height;
        f->shape[2] = width;
    }
    e->total = vae_latents_of_frames(info, f->shape[0]);
    int64_t whole = vae_frames_of_latents(info, e->total);
    if (whole != f->shape[0])
        fprintf(stderr, "danaus encode: note: the first %" PRId64 " of %" PRId64 " frames taken: the "
                "model needs a multiple of %" PRId64 " and one more\n", whole, f->shape[0],
                info->temporal_factor);
    f->shape[0] = whole;
    e->h = height / info->spatial_factor;
    e->w = width / info->spatial_factor;
    return true;
}

/* Frames that make latent i: one, then temporal_factor each. */
static bool push_one(struct encode *e, int64_t i, const struct tensor *device, struct dn_error *err)
{
    const struct vae_info *info = vae_get_info(e->vae);
    int64_t first = vae_frames_of_latents(info, i), z = info->z;
    int64_t count = vae_frames_of_latents(info, i + 1) - first;
    struct tensor part = e->frames;
    part.data = (char *)part.data + (size_t)(first * part.stride[0]) * dtype_size(part.dtype);
    part.shape[0] = count;
    struct tensor host = tensor_over(e->latents + i * z * e->h * e->w, DTYPE_F32,
                                     DIMS(1, z, e->h, e->w));
    if (!vae_encoder_push(e->encoder, &part, device, err) ||
        !e->job.ops->download(e->job.ex, &host, device, err))
        return false;
    double seconds = (double)(dn_now_ns() - e->started_ns) / 1e9;
    const struct event_step step = {.chunk = i, .chunks = e->total, .steps = 1, .done = i + 1,
                                    .total = e->total, .seconds = seconds};
    const struct event_frames frames = {.start = first, .count = count, .seconds = seconds};
    e->done = i + 1;
    progress_frames(&e->progress, &frames);
    progress_step(&e->progress, &step);
    return true;
}

static bool encode_all(struct encode *e, struct dn_error *err)
{
    int64_t z = vae_get_info(e->vae)->z;
    struct tensor device = {0};
    const struct event_started started = {
        .width = e->frames.shape[2], .height = e->frames.shape[1], .frames = e->frames.shape[0],
        .latents = e->total, .chunks = e->total, .steps_total = e->total};
    e->latents = dn_malloc(dn_mul_or_abort((size_t)(e->total * z), (size_t)(e->h * e->w) * 4));
    progress_started(&e->progress, &started);
    bool ok = vae_encoder_new(e->vae, e->frames.shape[1], e->frames.shape[2], &e->encoder, err) &&
              e->job.ops->tensor_alloc(e->job.ex, &device, DTYPE_F32, DIMS(1, z, e->h, e->w), err);
    for (int64_t i = 0; ok && i < e->total; i++) {
        if (*command_stop())
            ok = dn_fail(err, DN_E_CANCELLED, "stopped");
        else
            ok = push_one(e, i, &device, err);
    }
    e->job.ops->tensor_free(e->job.ex, &device);
    progress_clear(&e->progress);
    return ok;
}

/* Writes what there is, after Ctrl-C too. */
static bool finish(struct encode *e, bool complete, struct dn_error *err)
{
    const struct encode_args *a = &e->args;
    const struct vae_info *info = vae_get_info(e->vae);
    int64_t shape[4] = {e->done, info->z, e->h, e->w};
    struct safetensors_writer *w = safetensors_writer_new();
    if (e->recipe && a->recipe)
        safetensors_writer_metadata(w, "recipe", e->recipe);
    safetensors_writer_tensor(w, "latents", DTYPE_F32, 4, shape, e->latents);
    bool ok = e->done == 0 || safetensors_writer_finish(w, a->output, a->force, err);
    safetensors_writer_free(w);
    const struct progress_result result = {
        .latents_path = a->output, .latents = e->done, .complete = complete,
        .frames = vae_frames_of_latents(info, e->done),
        .seconds = (double)(dn_now_ns() - e->started_ns) / 1e9};
    if (ok && e->done)
        progress_finished(&e->progress, &result);
    return ok;
}

static bool encode(struct encode *e, const char *path, struct dn_error *err)
{
    e->progress.clips = 1;
    e->progress.kind = progress_choose(e->args.json, e->args.quiet);
    if (!output_file_check(e->args.output, e->args.force, err) ||
        !job_open(&e->job, MODEL_NEEDS_VAE, err) ||
        !job_load_vae(&e->job, VAE_ENCODER, &e->vae, err))
        return false;
    int64_t unit = vae_get_info(e->vae)->spatial_factor * TRANSFORMER_PATCH;
    e->started_ns = dn_now_ns();
    if (!check_size_option(e, unit, err) ||
        !(tensor_file_is(path) ? read_floats(e, path, err) : read_media(e, path, err)) ||
        !fit_frames(e, path, unit, err))
        return false;
    bool ok = encode_all(e, err);
    struct dn_error closing;
    if ((ok || err->code == DN_E_CANCELLED) && !finish(e, ok, &closing)) {
        *err = closing;
        ok = false;
    }
    return ok;
}

static int run_encode(int argc, char **argv)
{
    struct encode e = {0};
    struct dn_error err;
    int words = 0;
    command_catch_signals();
    option_defaults(own_rows, OWN_COUNT, &e.args);
    bool ok = job_settings(&e.job, &usage, &e.args, argc, argv, &words, &err);
    if (ok && (words == 0 || !e.args.output)) {
        ok = dn_fail(&err, DN_E_ARG, words ? "no output file" : "nothing to encode");
        dn_error_hint(&err, "danaus encode VIDEO|IMAGE|FRAMES.safetensors -m DIR -o LATENTS.safetensors");
    }
    ok = ok && encode(&e, argv[1], &err);
    vae_encoder_free(e.encoder);
    vae_free(e.vae);
    media_frames_free(e.media);
    free(e.floats.data);
    free(e.recipe);
    free(e.latents);
    option_free(own_rows, OWN_COUNT, &e.args);
    job_close(&e.job);
    return ok ? EXIT_DONE : command_fail("encode", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_encode_entry = {
    .name = "encode",
    .summary = "Make latents from a video, a picture or frames",
    .synopsis = "VIDEO|IMAGE|FRAMES.safetensors -o LATENTS.safetensors [-m DIR] [OPTIONS]",
    .details =
        "Takes pictures through the VAE's encoder and writes the tensor latents [T,C,h,w], which\n"
        "decode and generate --extend take. What the source is shows in its content, not in its\n"
        "name; a .safetensors file holds the tensor frames [N,3,H,W] in [-1, 1]. Frames behind the\n"
        "last whole group and edges that do not fit are cut, with a note. Ctrl-C keeps what is done.",
    .print_options = print_options,
    .computes = true,
    .run = run_encode,
};
