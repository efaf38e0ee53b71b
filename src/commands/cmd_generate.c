/* cmd_generate: prompts to videos, by the engine or in this process. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "commands/clip_maker.h"
#include "commands/clip_names.h"
#include "commands/command.h"
#include "commands/generate_engine.h"
#include "commands/job.h"
#include "commands/prompt_list.h"
#include "config/option_value.h"
#include "engine/frame_sink.h"
#include "engine/model_hash.h"
#include "engine/output_file.h"
#include "store/media_import.h"
#include "ui/term.h"

struct generate_args {
    char *file;
    bool json, quiet, show, local, detach, next;
};

#define AT(field) .offset = offsetof(struct generate_args, field)
static const struct option own_rows[] = {
    {.name = "file", .letter = 'f', .type = OPTION_PATH, .group = GROUP_COMMAND, AT(file),
     .argument = "FILE", .help = "Read prompts from FILE (- for standard input), one a line."},
    {.name = "json", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(json), .fallback = "false",
     .help = "Tell what happens as JSON on standard output, one event a line."},
    {.name = "quiet", .letter = 'q', .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(quiet),
     .fallback = "false", .help = "No progress line."},
    {.name = "show", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(show), .fallback = "false",
     .help = "Play each clip in the terminal when it is done, if the terminal can show pictures."},
    {.name = "local", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(local), .fallback = "false",
     .help = "Work in this process, without engine, queue and library."},
    {.name = "detach", .letter = 'd', .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(detach),
     .fallback = "false", .help = "Queue the clips and return."},
    {.name = "next", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(next), .fallback = "false",
     .help = "Go before everything that waits in the queue."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "generate",
    .groups = 1u << GROUP_WHAT | 1u << GROUP_MODEL | 1u << GROUP_SAMPLER | 1u << GROUP_ATTENTION |
              1u << GROUP_GIVEN | 1u << GROUP_OUTPUT | 1u << GROUP_MACHINE,
    .own = own_rows,
    .own_count = OWN_COUNT,
    .max_words = 1,
    .config = true,
};

struct generate {
    struct job job;
    struct generate_args args;
    struct prompt_list prompts;
    struct pipeline_inputs inputs;
    struct media_frames *image;
    struct progress progress;
    struct clip_maker maker;
    char sha256[65];
    char *model_name;
};

/* From the word, -f, or the option table (YAML, --prompt). */
static bool collect_prompts(struct generate *g, char **words, int count, struct dn_error *err)
{
    const struct request *r = &g->job.settings.request;
    if (count && g->args.file)
        return dn_fail(err, DN_E_ARG, "there is a prompt and also -f %s: give one of them",
                       g->args.file);
    if (g->args.file)
        return prompt_list_read(&g->prompts, g->args.file, err);
    if (count && strcmp(words[0], "-") == 0)
        return prompt_list_read(&g->prompts, "-", err);
    prompt_list_add(&g->prompts, count ? words[0] : r->prompt);
    if (count == 0 && !r->prompt[0] && !r->context) {
        dn_fail(err, DN_E_ARG, "no prompt");
        return dn_error_hint(err, "danaus generate \"a red butterfly\"; -f FILE reads a list");
    }
    return true;
}

static bool read_image(struct generate *g, struct dn_error *err)
{
    const struct request *r = &g->job.settings.request;
    const struct media_import_options options = {.max_frames = 1, .width = (int)r->width,
                                                 .height = (int)r->height};
    if (!r->image)
        return true;
    if (!media_import(r->image, &options, &g->image, err))
        return false;
    int64_t shape[4] = {g->image->count, g->image->height, g->image->width, 3};
    g->inputs.frames = tensor_over(g->image->rgb24, DTYPE_U8, 4, shape);
    return true;
}

static bool load_model(struct generate *g, struct dn_error *err)
{
    const struct request *r = &g->job.settings.request;
    const struct pipeline_needs needs = {.text = !r->context || r->prompt_changes[0],
                                         .encoder = r->image != NULL, .use_ema = r->use_ema};
    unsigned parts = MODEL_NEEDS_TRANSFORMER | MODEL_NEEDS_VAE |
                     (needs.text ? (unsigned)MODEL_NEEDS_TEXT : 0);
    if (!job_open(&g->job, parts, err))
        return false;
    struct model_hash *hash = model_hash_start(g->job.dir.transformer);
    bool ok = pipeline_open(&g->job.dir, &needs, g->job.ops, g->job.ex, &g->maker.pipeline, err);
    model_hash_finish(hash, g->sha256);
    char *whole = realpath(r->model_dir, NULL);
    const char *path = whole ? whole : r->model_dir, *slash = strrchr(path, '/');
    g->model_name = dn_strdup(slash && slash[1] ? slash + 1 : path);
    free(whole);
    g->maker.model_name = g->model_name;
    g->maker.background = ok && job_queues(g->job.ops);
    g->maker.model_sha256 = g->sha256;
    return ok;
}

static bool show_clip(const struct request *r, const uint8_t *rgb, int64_t frames,
                      struct dn_error *err)
{
    const struct term_clip clip = {.rgb24 = rgb, .frames = frames, .width = (int)r->width,
                                   .height = (int)r->height, .fps_num = (int)(r->fps * 1000),
                                   .fps_den = 1000};
    struct term_played played;
    return term_play_frames(&clip, NULL, &played, err);
}

/* A finished video of the library. */
static bool show_file(const struct request *r, const char *path, struct dn_error *err)
{
    const struct media_import_options options = {
        .max_frames = r->frames, .width = (int)r->width, .height = (int)r->height};
    struct media_frames *frames = NULL;
    bool ok = media_import(path, &options, &frames, err) &&
              show_clip(r, frames->rgb24, frames->count, err);
    media_frames_free(frames);
    return ok;
}

/* Are several clips to go to DIR/...? */
static bool makes_output_dir(const char *pattern, int64_t clips)
{
    size_t n = pattern ? strlen(pattern) : 0;
    return clips > 1 && n > 0 && pattern[n - 1] == '/';
}

/* Can the video be written there? place: its folder must be there. */
static bool check_output(const struct request *r, const char *output, bool place,
                         struct dn_error *err)
{
    /* an odd size is refused by the model, which says what it wants */
    const struct frame_sink_options options = {.width = r->width + r->width % 2,
                                               .height = r->height + r->height % 2,
                                               .fps = r->fps, .quality = r->quality};
    return output_is_free(output, r->force, err) &&
           frame_sink_check(output, &options, r->frames, err) &&
           (!place || output_place_check(output, err));
}

/* Can this clip's files get their names? */
static bool check_names(const struct request *r, bool local, int64_t index, int64_t clips,
                        struct dn_error *err)
{
    bool named = r->output || local; /* the library has names of its own */
    uint64_t seed = r->seed + (uint64_t)(index % r->count);
    char *output = clip_output_name(r->output, index, clips, seed, r->prompt);
    char *latents = r->save_latents ? clip_output_name(r->save_latents, index, clips, seed, r->prompt)
                                    : NULL;
    bool place = !makes_output_dir(r->output, clips);
    bool ok = (!named || check_output(r, output, place, err)) &&
              (!latents ||
               (place ? output_file_check : output_file_is_free)(latents, r->force, err));
    if (ok && named && latents && strcmp(output, latents) == 0)
        ok = dn_fail(err, DN_E_ARG, "-o and --save-latents both name %s", output);
    free(output);
    free(latents);
    return ok;
}

/* What only the queue can do. */
static bool check_place(const struct generate_args *args, struct dn_error *err)
{
    if (!args->local || (!args->detach && !args->next))
        return true;
    dn_fail(err, DN_E_ARG, "--local makes the clip here and now: there is no queue for %s",
            args->detach ? "--detach" : "--next");
    return dn_error_hint(err, "leave one of them out");
}

/* Everything that a later clip would be refused for, before the first is made. */
static bool check_clips(struct generate *g, struct dn_error *err)
{
    const struct request *r = &g->job.settings.request;
    int64_t clips = g->prompts.count * r->count;
    for (int64_t i = 0; i < clips; i++)
        if ((i % r->count == 0 && !job_set_prompt(&g->job, g->prompts.prompts[i / r->count], err)) ||
            !check_names(r, g->args.local, i, clips, err))
            return false;
    return true;
}

/* Clips go to DIR/...: make DIR. */
static bool make_output_dir(const char *pattern, int64_t clips, struct dn_error *err)
{
    if (!makes_output_dir(pattern, clips) || mkdir(pattern, 0777) == 0 || errno == EEXIST)
        return true;
    return dn_fail(err, DN_E_IO, "cannot make the directory %s: %s", pattern, strerror(errno));
}

static bool make_one(struct generate *g, int64_t index, int64_t clips, struct dn_error *err)
{
    const struct request *base = &g->job.settings.request;
    struct request r;
    request_copy(&r, base);
    r.seed = base->seed + (uint64_t)(index % base->count);
    r.count = 1; /* the recipe makes this clip, not its siblings */
    free(r.output);
    r.output = clip_output_name(base->output, index, clips, r.seed, r.prompt);
    if (base->save_latents) {
        free(r.save_latents);
        r.save_latents = clip_output_name(base->save_latents, index, clips, r.seed, r.prompt);
    }
    g->progress.clip = index;
    bool ok = clip_maker_run(&g->maker, &r, &g->inputs, err);
    request_done(&r);
    return ok;
}

static bool generate_all(struct generate *g, struct dn_error *err)
{
    int64_t count = g->job.settings.request.count, clips = g->prompts.count * count;
    g->progress.clips = clips;
    g->progress.kind = progress_choose(g->args.json, g->args.quiet);
    g->maker.progress = &g->progress;
    g->maker.stop = command_stop();
    g->maker.show = g->args.show && !g->args.json ? show_clip : NULL;
    for (int64_t i = 0; i < clips; i++) {
        if (!job_set_prompt(&g->job, g->prompts.prompts[i / count], err) || !make_one(g, i, clips, err))
            return false;
    }
    return true;
}

static bool generate_locally(struct generate *g, struct dn_error *err)
{
    return pipeline_inputs_load(&g->job.settings.request, &g->inputs, err) && read_image(g, err) &&
           load_model(g, err) && generate_all(g, err);
}

static bool generate_by_engine(struct generate *g, struct dn_error *err)
{
    const struct engine_plan plan = {.job = &g->job, .prompts = &g->prompts,
                                     .kind = progress_choose(g->args.json, g->args.quiet),
                                     .next = g->args.next, .detach = g->args.detach,
                                     .show = g->args.show && !g->args.json ? show_file : NULL};
    const struct request *r = &g->job.settings.request;
    if (!r->model_dir) {
        dn_fail(err, DN_E_MODEL, "no model: none is given and the demo model is not installed");
        return dn_error_hint(err, "name one with -m DIR");
    }
    return generate_in_engine(&plan, err);
}

static int run_generate(int argc, char **argv)
{
    struct generate g = {0};
    struct dn_error err;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &g.args);
    bool ok = job_settings(&g.job, &usage, &g.args, argc, argv, &words, &err);
    if (ok) {
        const struct request *r = &g.job.settings.request;
        settings_warn_idle(&g.job.settings);
        /* a hangup leaves the engine's work alone; what is done here ends like with Ctrl-C */
        (g.args.local ? command_catch_signals : command_catch_interrupt)();
        ok = check_place(&g.args, &err) && collect_prompts(&g, argv + 1, words, &err) &&
             check_clips(&g, &err) &&
             make_output_dir(r->output, g.prompts.count * r->count, &err) &&
             (g.args.local ? generate_locally : generate_by_engine)(&g, &err);
    }
    pipeline_close(g.maker.pipeline);
    pipeline_inputs_done(&g.inputs);
    media_frames_free(g.image);
    free(g.model_name);
    prompt_list_done(&g.prompts);
    option_free(own_rows, OWN_COUNT, &g.args);
    job_close(&g.job);
    return ok ? EXIT_DONE : command_fail("generate", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_generate_entry = {
    .name = "generate",
    .summary = "Make videos from prompts",
    .synopsis = "[PROMPT | -f FILE | -] [-o OUT] [OPTIONS]",
    .details =
        "Makes a clip for each prompt, chunk by chunk; frames are encoded as soon as their chunk is\n"
        "decoded. The engine does it (danaus engine), which is started when none runs: the clips are\n"
        "queued and then followed here. They go into the library, and OUT becomes a copy. Closing\n"
        "the terminal leaves them alone; danaus watch follows them again. A file appears under its\n"
        "name only when it is whole. Ctrl-C ends after the current step and keeps what is done as a\n"
        "valid shorter clip; a second Ctrl-C does not wait for that. With --local all happens in\n"
        "this process and nothing goes into the library.\n"
        "\n"
        "With several clips (-f, --count) an OUT that is a directory or ends in / gets one mp4 a\n"
        "clip, and NAME.EXT becomes NAME-0001.EXT and so on. Clip k of a prompt has seed + k.\n"
        "\n"
        "Settings come from the command line, then -c CONFIG, then danaus.yaml in the model's\n"
        "directory, then the user's danaus.yaml, then the defaults below.",
    .print_options = print_options,
    .computes = true,
    .run = run_generate,
};
