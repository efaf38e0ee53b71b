/* cmd_export: clips of the library as files of their own. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "commands/clip_names.h"
#include "commands/clip_words.h"
#include "commands/command.h"
#include "commands/job.h"
#include "commands/latents_source.h"
#include "commands/print_usage.h"
#include "config/recipe.h"
#include "store/export_work.h"

struct export_args {
    char *output, *how, *size, *model;
    double from, to, fps, speed;
    int64_t quality, loop;
    bool recipe, force, smooth, there_and_back, label, from_latents, json;
};

#define AT(field) .offset = offsetof(struct export_args, field)
static const struct option own_rows[] = {
    {.name = "output",
     .letter = 'o',
     .type = OPTION_PATH,
     .group = GROUP_COMMAND,
     AT(output),
     .argument = "FILE",
     .help =
         "The file; its end says what it becomes: .mp4, .webm, .mov (ProRes 422 HQ), .gif, .apng, "
         ".webp, .safetensors (float32 frames of -1 to 1), .png or .jpg (the first frame), or a "
         "folder of PNGs. With a file for each of several clips: a folder, which ends in a slash, "
         "or a name, which gets numbers."},
    {.name = "as",
     .type = OPTION_WORD,
     .group = GROUP_COMMAND,
     AT(how),
     .fallback = "each",
     .choices = "each|joined|beside|grid|sheet",
     .help = "What becomes of several clips: a file each, one after the other, side by side, a "
             "grid that plays them all, or a contact sheet: a picture with a row of frames of "
             "each."},
    {.name = "label",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(label),
     .fallback = "false",
     .help = "Write each clip's number, seed and prompt into its picture."},
    {.name = "from",
     .type = OPTION_DOUBLE,
     .group = GROUP_COMMAND,
     AT(from),
     .fallback = "0",
     .min = 0,
     .max = 36000,
     .unit = "seconds",
     .argument = "S",
     .help = "Where to begin."},
    {.name = "to",
     .type = OPTION_DOUBLE,
     .group = GROUP_COMMAND,
     AT(to),
     .fallback = "0",
     .min = 0,
     .max = 36000,
     .unit = "seconds",
     .argument = "S",
     .help = "Where to end; 0 is the end."},
    {.name = "fps",
     .type = OPTION_DOUBLE,
     .group = GROUP_COMMAND,
     AT(fps),
     .fallback = "0",
     .min = 0,
     .max = 240,
     .unit = "frames/s",
     .argument = "X",
     .help = "Frames per second of the file: frames are repeated or left out, the time stays. 0 is "
             "the clip's own."},
    {.name = "smooth",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(smooth),
     .fallback = "false",
     .help = "With --fps: make frames in between, along the movement."},
    {.name = "speed",
     .type = OPTION_DOUBLE,
     .group = GROUP_COMMAND,
     AT(speed),
     .fallback = "1",
     .min = 0.05,
     .max = 20,
     .argument = "X",
     .help = "Play so many times as fast."},
    {.name = "there-and-back",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(there_and_back),
     .fallback = "false",
     .help = "Add the frames backwards, so that it can go round without a jump."},
    {.name = "loop",
     .type = OPTION_INT,
     .group = GROUP_COMMAND,
     AT(loop),
     .fallback = "0",
     .min = 0,
     .max = 65535,
     .argument = "N",
     .help = "Times that a gif, apng or webp plays; 0 is for ever."},
    {.name = "size",
     .type = OPTION_PATH,
     .group = GROUP_COMMAND,
     AT(size),
     .argument = "WxH",
     .help = "Width and height of each clip's picture; scaled to cover it and cut. Without it as "
             "they are."},
    {.name = "quality",
     .type = OPTION_INT,
     .group = GROUP_COMMAND,
     AT(quality),
     .fallback = "0",
     .min = 0,
     .max = 63,
     .argument = "N",
     .help = "Constant rate factor, lower is better and larger; 0 is the format's own."},
    {.name = "recipe",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(recipe),
     .fallback = "true",
     .help = "Store in the file how its clip was made."},
    {.name = "force",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(force),
     .fallback = "false",
     .help = "Replace a file that is there."},
    {.name = "from-latents",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(from_latents),
     .fallback = "false",
     .help = "Decode the latents that are kept beside the video again instead of reading the "
             "video: what the model made, before any codec. Takes the model's VAE. A .safetensors "
             "file is made so where it can be. --size, --fps and --label round to 8 bits."},
    {.name = "model",
     .letter = 'm',
     .type = OPTION_PATH,
     .group = GROUP_COMMAND,
     AT(model),
     .argument = "DIR",
     .help = "The model for --from-latents; without it the one that made the clip."},
    {.name = "json",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(json),
     .fallback = "false",
     .help = "Tell each file as JSON, one object a line."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "export",
    .groups = 1u << GROUP_MACHINE,
    .own = own_rows,
    .own_count = OWN_COUNT,
    .max_words = EXPORT_CLIPS,
};

/* as enum export_how */
static const char *const hows[] = {"each", "joined", "beside", "grid", "sheet"};

struct export {
    struct export_args args;
    struct job job;
    struct export_work *work;
    struct latents_source latents;
};

/* "#12 seed 7 a red fox" */
static char *label_of(const struct clip *clip)
{
    return dn_asprintf("#%lld seed %llu %s", (long long)clip->id, (unsigned long long)clip->seed,
                       clip->prompt);
}

static char *model_of(const struct clip *clip)
{
    struct request r;
    struct dn_error ignored;
    request_init(&r);
    char *dir = request_from_json(&r, clip->request_json, &ignored) && r.model_dir
                    ? dn_strdup(r.model_dir)
                    : NULL;
    request_done(&r);
    return dir;
}

static bool add_clip(struct export *e, struct catalog *catalog, const char *word, int count,
                     struct dn_error *err)
{
    const struct export_args *args = &e->args;
    struct export_work *w = e->work;
    struct export_clip *to = &w->clips[w->count];
    struct clip_word named;
    struct clip clip;
    if (!clip_word_read(catalog, word, false, &named, err) ||
        !catalog_get_clip(catalog, named.clip, &clip, err))
        return false;
    bool each = w->how == EXPORT_EACH;
    bool ok = export_clip_fill(to, catalog, &clip, err) &&
              (to->video || dn_fail(err, DN_E_ARG, "clip %lld has no video: it is %s",
                                    (long long)clip.id, job_state_name(clip.status)));
    to->recipe = args->recipe ? recipe_of(clip.model, clip.model_sha256, clip.request_json) : NULL;
    to->title = args->recipe ? dn_strdup(clip.prompt) : NULL;
    to->label = args->label ? label_of(&clip) : NULL;
    to->output = clip_output_name(args->output, w->count, each ? count : 1, clip.seed, clip.prompt);
    e->latents.models[w->count] = args->model ? dn_strdup(args->model) : model_of(&clip);
    if (w->count++ == 0) { /* the range is told in seconds of the first */
        w->first = (int64_t)llround(args->from * to->fps);
        w->last = args->to > 0 ? (int64_t)llround(args->to * to->fps) - 1 : -1;
        if (ok && w->last >= 0 && w->last < w->first)
            ok = dn_fail(err, DN_E_ARG, "--to %g does not come after --from %g", args->to,
                         args->from);
    }
    clip_done(&clip);
    return ok;
}

static bool read_size(const struct export_args *args, struct export_work *w, struct dn_error *err)
{
    char rest;
    if (!args->size || (sscanf(args->size, "%dx%d%c", &w->width, &w->height, &rest) == 2 &&
                        w->width >= 2 && w->height >= 2 && w->width <= EXPORT_SIDE_MAX &&
                        w->height <= EXPORT_SIDE_MAX))
        return true;
    return dn_fail(err, DN_E_ARG, "--size %s must be WIDTHxHEIGHT, 2 to %d each", args->size,
                   EXPORT_SIDE_MAX);
}

/* A file each goes to DIR/...: make DIR. */
static bool make_folder(const struct export_args *args, int count, struct dn_error *err)
{
    size_t n = args->output ? strlen(args->output) : 0;
    if (count == 1 || strcmp(args->how, "each") != 0 || n == 0 || args->output[n - 1] != '/' ||
        mkdir(args->output, 0777) == 0 || errno == EEXIST)
        return true;
    return dn_fail(err, DN_E_IO, "cannot make the directory %s: %s", args->output, strerror(errno));
}

static bool is_tensors(const char *path)
{
    size_t n = strlen(path);
    return n > 12 && strcmp(path + n - 12, ".safetensors") == 0;
}

static void fill_work(struct export *e)
{
    const struct export_args *args = &e->args;
    struct export_work *w = e->work;
    while (strcmp(hows[w->how], args->how) != 0)
        w->how++;
    w->quality = (int)args->quality;
    w->plays = (int)args->loop;
    w->force = args->force;
    w->fps = args->fps;
    w->speed = args->speed;
    w->smooth = args->smooth;
    w->there_and_back = args->there_and_back;
    w->stop = command_stop();
    e->latents.job = &e->job;
    e->latents.work = w;
    e->latents.must = args->from_latents;
}

static void tell(const struct export *e)
{
    const struct export_work *w = e->work;
    for (int i = 0; i < (w->how == EXPORT_EACH ? w->count : 1); i++) {
        const struct export_clip *c = &w->clips[i];
        if (!e->args.json) {
            printf("%s\n", c->output);
            continue;
        }
        json_t *clips = json_array();
        for (int k = i; k < (w->how == EXPORT_EACH ? i + 1 : w->count); k++)
            json_array_append_new(clips, json_integer(w->clips[k].id));
        json_t *line = json_pack("{s:s, s:I, s:I, s:o}", "path", c->output, "frames",
                                 (json_int_t)c->written, "bytes", (json_int_t)c->bytes, "clips",
                                 clips);
        char *text = json_dumps(line, JSON_COMPACT);
        printf("%s\n", text);
        free(text);
        json_decref(line);
    }
}

static bool export_clips(struct export *e, char **words, int count, struct dn_error *err)
{
    struct export_work *w = e->work;
    struct catalog *catalog = NULL;
    fill_work(e);
    bool ok = read_size(&e->args, w, err) && library_read(&catalog, err);
    for (int i = 0; ok && i < count; i++)
        ok = add_clip(e, catalog, words[i], count, err);
    catalog_close(catalog);
    ok = ok && make_folder(&e->args, count, err);
    if (ok && (e->args.from_latents || is_tensors(w->clips[0].output))) {
        w->source = latents_source_read;
        w->source_context = &e->latents;
    }
    if (ok) {
        export_work_run(w);
        ok = w->ok;
        *err = w->err;
    }
    if (ok)
        tell(e);
    return ok;
}

static int run_export(int argc, char **argv)
{
    struct export e = {.work = dn_calloc(1, sizeof *e.work)};
    struct dn_error err;
    int words = 0;
    command_catch_signals();
    option_defaults(own_rows, OWN_COUNT, &e.args);
    e.latents.job = &e.job;
    bool ok = job_settings(&e.job, &usage, &e.args, argc, argv, &words, &err);
    if (ok && words == 0) {
        ok = dn_fail(&err, DN_E_ARG, "export which clip?");
        dn_error_hint(&err, "danaus export last -o fox.mp4");
    }
    ok = ok && export_clips(&e, argv + 1, words, &err);
    latents_source_done(&e.latents);
    export_work_free(e.work);
    option_free(own_rows, OWN_COUNT, &e.args);
    job_close(&e.job);
    return ok ? EXIT_DONE : command_fail("export", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_export_entry = {
    .name = "export",
    .summary = "Write clips to files",
    .synopsis = "CLIP... [-o FILE] [OPTIONS]",
    .details =
        "A CLIP is a number as list shows it, or \"last\". Several clips become a file each, or "
        "with\n"
        "--as joined one film, with --as beside or grid one picture that moves, with --as sheet one\n"
        "that does not. All of it is written under a temporary name, checked, and only then gets\n"
        "its own; Ctrl-C leaves nothing. Prints the names of what was written.",
    .print_options = print_options,
    .run = run_export,
};
