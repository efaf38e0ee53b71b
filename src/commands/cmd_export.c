/* cmd_export: clips of the library as files of their own. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "commands/clip_names.h"
#include "commands/clip_words.h"
#include "commands/command.h"
#include "commands/print_usage.h"
#include "config/request.h"
#include "store/export_work.h"

struct export_args {
    char *output, *how, *size;
    double from, to;
    int64_t quality;
    bool recipe, force;
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
         "The file; its end says what it becomes: .mp4, .webm, .gif, or a folder of PNGs. With a "
         "file for each of several clips: a folder, which ends in a slash."},
    {.name = "as",
     .type = OPTION_WORD,
     .group = GROUP_COMMAND,
     AT(how),
     .fallback = "each",
     .choices = "each|joined|beside|grid",
     .help = "What becomes of several clips: a file each, one after the other, side by side, or a "
             "grid that plays them all."},
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
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "export", .own = own_rows, .own_count = OWN_COUNT, .max_words = EXPORT_CLIPS};

static const char *const hows[] = {"each", "joined", "beside", "grid"}; /* as enum export_how */

static bool add_clip(struct export_work *w, struct catalog *catalog, const char *word,
                     const struct export_args *args, int count, struct dn_error *err)
{
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
    to->recipe = args->recipe ? request_recipe_of(clip.request_json) : NULL;
    to->title = args->recipe ? dn_strdup(clip.prompt) : NULL;
    to->output = clip_output_name(args->output, w->count, each ? count : 1, clip.seed, clip.prompt);
    if (w->count++ == 0) { /* the range is told in seconds of the first */
        w->first = (int64_t)llround(args->from * clip.fps);
        w->last = args->to > 0 ? (int64_t)llround(args->to * clip.fps) - 1 : -1;
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
                        w->width >= 2 && w->height >= 2 && w->width <= 16384 && w->height <= 16384))
        return true;
    return dn_fail(err, DN_E_ARG, "--size %s must be WIDTHxHEIGHT, 2 to 16384 each", args->size);
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

static bool export_clips(const struct export_args *args, char **words, int count,
                         struct dn_error *err)
{
    struct export_work *w = dn_calloc(1, sizeof *w);
    struct catalog *catalog = NULL;
    while (strcmp(hows[w->how], args->how) != 0)
        w->how++;
    w->quality = (int)args->quality;
    w->force = args->force;
    bool ok = read_size(args, w, err) && library_read(&catalog, err);
    for (int i = 0; ok && i < count; i++)
        ok = add_clip(w, catalog, words[i], args, count, err);
    catalog_close(catalog);
    ok = ok && make_folder(args, count, err);
    if (ok) {
        export_work_run(w);
        ok = w->ok;
        *err = w->err;
    }
    for (int i = 0; ok && i < (w->how == EXPORT_EACH ? count : 1); i++)
        printf("%s\n", w->clips[i].output);
    export_work_free(w);
    return ok;
}

static int run_export(int argc, char **argv)
{
    struct export_args args = {0};
    struct settings settings;
    struct dn_error err;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err);
    if (ok && words == 0) {
        ok = dn_fail(&err, DN_E_ARG, "export which clip?");
        dn_error_hint(&err, "danaus export last -o fox.mp4");
    }
    ok = ok && export_clips(&args, argv + 1, words, &err);
    option_free(own_rows, OWN_COUNT, &args);
    settings_done(&settings);
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
        "--as joined one film, with --as beside or grid one picture. All of it is written under a\n"
        "temporary name, checked, and only then gets its own. Prints the names of what was "
        "written.",
    .print_options = print_options,
    .run = run_export,
};
