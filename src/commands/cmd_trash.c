/* cmd_trash: what was removed: look, bring back, remove for good. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "commands/command.h"
#include "commands/edit_clips.h"
#include "commands/engine_session.h"
#include "commands/job.h"
#include "commands/list_clips.h"
#include "store/catalog.h"

struct trash_args {
    bool json;
    int64_t days;
};

#define AT(field) .offset = offsetof(struct trash_args, field)
static const struct option own_rows[] = {
    {.name = "older-than",
     .type = OPTION_INT,
     .group = GROUP_COMMAND,
     AT(days),
     .fallback = "0",
     .min = 0,
     .max = 36500,
     .unit = "days",
     .argument = "DAYS",
     .help = "empty: only what has been in the trash for so long."},
    {.name = "json",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(json),
     .fallback = "false",
     .help = "The list as JSON, one clip a line."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "trash", .own = own_rows, .own_count = OWN_COUNT, .max_words = 1000};

static bool do_list(const struct trash_args *args, struct dn_error *err)
{
    char *argv[] = {(char *)"trash", (char *)"in:trash", (char *)"--limit=1000000",
                    args->json ? (char *)"--json" : NULL};
    (void)err;
    return list_clips_run("trash", true, args->json ? 4 : 3, argv) == EXIT_DONE;
}

static bool act(struct client *c, const struct trash_args *args, char **words, int count,
                struct dn_error *err)
{
    const char *what = count ? words[0] : "list";
    struct clip_edit edit = {.what = what, .number = -1};
    if (strcmp(what, "list") == 0)
        return do_list(args, err);
    if (strcmp(what, "restore") == 0)
        return count > 1 ? edit_clips(c, &edit, words + 1, count - 1, err)
                         : dn_fail(err, DN_E_ARG, "restore which clip?");
    if (strcmp(what, "empty") == 0) {
        edit.number = args->days ? catalog_now_ms() - args->days * 86400000 : 0;
        return edit_send(c, &edit, 0, err);
    }
    dn_fail(err, DN_E_ARG, "there is no action \"%s\"", what);
    return dn_error_hint(err, "danaus trash list, restore or empty");
}

static int run_trash(int argc, char **argv)
{
    struct trash_args args = {0};
    struct settings settings;
    struct client *c = NULL;
    struct dn_error err;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err);
    ok = ok && session_connect("trash", true, &c, &err) && act(c, &args, argv + 1, words, &err);
    client_close(c);
    option_free(own_rows, OWN_COUNT, &args);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail("trash", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_trash_entry = {
    .name = "trash",
    .summary = "Look into the trash, restore clips, empty it",
    .synopsis = "[list | restore CLIP... | empty] [OPTIONS]",
    .details = "A clip in the trash keeps its number, its files and all that is known of it. empty "
               "removes\n"
               "for good; clips that were made from a removed one stay.",
    .print_options = print_options,
    .run = run_trash,
};
