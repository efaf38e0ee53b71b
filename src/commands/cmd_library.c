/* cmd_library: the folder that holds every clip: where it is, how full, whether whole; its move, and
 * its catalog made anew. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/safetext.h"
#include "commands/clip_words.h"
#include "commands/command.h"
#include "commands/print_usage.h"
#include "commands/recall_clip.h"
#include "store/clip_files.h"
#include "store/library.h"
#include "store/library_rebuild.h"

struct library_args {
    char *model;
    bool hash, json;
};

#define AT(field) .offset = offsetof(struct library_args, field)
static const struct option own_rows[] = {
    {.name = "model",
     .letter = 'm',
     .type = OPTION_PATH,
     .group = GROUP_COMMAND,
     AT(model),
     .argument = "DIR",
     .help = "rebuild: where the model lies whose name the recipes have, so that its clips can be "
             "branched and extended again."},
    {.name = "hash",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(hash),
     .fallback = "true",
     .help = "check: read every file and compare it with its SHA-256."},
    {.name = "json",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(json),
     .fallback = "false",
     .help = "Place and totals as JSON."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "library", .own = own_rows, .own_count = OWN_COUNT, .max_words = 2};

static bool do_tell(const struct library_args *args, const char *word, struct dn_error *err)
{
    struct catalog *catalog = NULL;
    struct catalog_totals totals;
    (void)word;
    if (!library_read(&catalog, err))
        return false;
    bool ok = catalog_get_totals(catalog, &totals, err);
    const char *path = catalog_library(catalog);
    if (ok && args->json) {
        json_t *out =
            json_pack("{s:s, s:I, s:I, s:I}", "library", path, "clips", (json_int_t)totals.clips,
                      "trashed", (json_int_t)totals.trashed, "bytes", (json_int_t)totals.bytes);
        json_dumpf(out, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(out);
    } else if (ok) {
        printf("%s\n%lld clips, %lld more in the trash, %.1f MB\n", path, (long long)totals.clips,
               (long long)totals.trashed, (double)totals.bytes / 1e6);
    }
    if (ok && catalog_notice(catalog)[0])
        fprintf(stderr, "danaus library: warning: %s\n", catalog_notice(catalog));
    catalog_close(catalog);
    return ok;
}

static bool do_move(const struct library_args *args, const char *to, struct dn_error *err)
{
    (void)args;
    if (!to)
        return dn_fail(err, DN_E_ARG, "move the library where?");
    char *from = library_find(NULL, err);
    bool ok = from && library_move(from, to, err);
    if (ok)
        printf("the library is now in %s\n", to);
    else if (from && err->code == DN_E_EXISTS)
        dn_error_hint(err, "danaus engine stop");
    free(from);
    return ok;
}

static void print_fault(void *user, const struct clip_fault *fault)
{
    char path[512];
    (void)user;
    dn_safetext(path, sizeof path, fault->path, strlen(fault->path));
    if (fault->clip)
        printf("clip %lld: ", (long long)fault->clip);
    printf("%s %s\n", path, fault->what);
}

static bool do_check(const struct library_args *args, const char *word, struct dn_error *err)
{
    struct catalog *catalog = NULL;
    int64_t faults = 0;
    (void)word;
    bool ok = library_read(&catalog, err) && catalog_check(catalog, err) &&
              clip_files_verify(catalog, 0, args->hash, print_fault, NULL, &faults, err);
    catalog_close(catalog);
    if (ok && faults)
        return dn_fail(err, DN_E_FORMAT, "%lld things in the library are not as they should be",
                       (long long)faults);
    if (ok)
        puts("the library is whole");
    return ok;
}

static bool do_backup(const struct library_args *args, const char *to, struct dn_error *err)
{
    struct catalog *catalog = NULL;
    (void)args;
    if (!to)
        return dn_fail(err, DN_E_ARG, "copy the catalog to which file?");
    bool ok = library_read(&catalog, err) && catalog_backup(catalog, to, err);
    catalog_close(catalog);
    return ok;
}

static void print_unread(void *user, const char *path, const char *what)
{
    char line[1024];
    (void)user;
    dn_safetext(line, sizeof line, path, strlen(path));
    printf("%s: ", line);
    dn_safetext(line, sizeof line, what, strlen(what));
    printf("%s\n", line);
}

static bool do_rebuild(const struct library_args *args, const char *word, struct dn_error *err)
{
    struct rebuild r = {.recall = recall_clip, .report = print_unread};
    (void)word;
    char *path = library_find(NULL, err);
    r.user = args->model ? realpath(args->model, NULL) : NULL;
    if (args->model && !r.user)
        dn_fail(err, DN_E_ARG, "there is no model in %s", args->model);
    bool ok = path && (!args->model || r.user) && library_rebuild(path, &r, err);
    if (ok && r.base == REBUILD_SALVAGE)
        printf("%lld rows saved of the damaged catalog, %lld places in it lost\n",
               (long long)r.kept, (long long)r.lost);
    if (ok && r.base == REBUILD_SNAPSHOT)
        printf("%lld rows from %s\n", (long long)r.kept, r.snapshot);
    if (ok)
        printf("%lld rows made of files, %lld things that could not be used\n", (long long)r.added,
               (long long)r.unread);
    if (ok && r.aside)
        printf("the damaged catalog is kept as %s\n", r.aside);
    free(r.snapshot);
    free(r.aside);
    free(r.user);
    free(path);
    return ok;
}

static const struct {
    const char *name;
    bool (*act)(const struct library_args *args, const char *word, struct dn_error *err);
    int words;
} actions[] = {{"show", do_tell, 0}, {"move", do_move, 1}, {"check", do_check, 0},
               {"backup", do_backup, 1}, {"rebuild", do_rebuild, 0}};

static bool act(const struct library_args *args, char **words, int count, struct dn_error *err)
{
    const char *name = count ? words[0] : "show";
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(name, actions[i].name) == 0)
            return command_words_fit(name, actions[i].words, words + 1, count - 1, err) &&
                   actions[i].act(args, count > 1 ? words[1] : NULL, err);
    dn_fail(err, DN_E_ARG, "there is no action \"%s\"", name);
    return dn_error_hint(err, "danaus library show, move, check, backup or rebuild");
}

static int run_library(int argc, char **argv)
{
    struct library_args args = {0};
    struct settings settings;
    struct dn_error err;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err) &&
              act(&args, argv + 1, words, &err);
    option_free(own_rows, OWN_COUNT, &args);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail("library", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_library_entry = {
    .name = "library",
    .summary = "Where the clips are: look, move, check, rebuild",
    .synopsis = "[show | move FOLDER | check | backup FILE | rebuild] [OPTIONS]",
    .details = "The library is $DANAUS_LIBRARY, else where it was moved to, else danaus in "
               "$XDG_DATA_HOME.\n"
               "move takes everything along, also to another disk, where each copied file is "
               "compared; it\n"
               "wants the engine stopped. check reads the catalog and every file. backup writes "
               "the catalog,\n"
               "not the clips, as one file.\n"
               "rebuild makes a new catalog where it is gone or damaged; a sound one is left alone. "
               "It\n"
               "takes what can be read of the damaged one, which is kept as "
               "catalog-damaged-DATE.db, else\n"
               "the newest sound snapshot; then each clip's folder that has no row gets one from "
               "its files:\n"
               "number and day of the folder, sizes of the video, and prompt, seed and settings of "
               "the\n"
               "recipe in it. Stars, tags, collections, notes and which clip came from which are in "
               "the\n"
               "catalog only: the engine copies it when it starts, once a week, to "
               "backups/catalog-DATE.db\n"
               "in the library, and keeps the last ten. What is newer comes back without them.\n"
               "rebuild wants the engine stopped.",
    .print_options = print_options,
    .run = run_library,
};
