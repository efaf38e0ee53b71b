/* cmd_trash: what was removed: look, bring back, remove for good. */
#include <string.h>

#include "commands/command.h"
#include "commands/edit_clips.h"
#include "commands/list_clips.h"
#include "commands/print_usage.h"
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

static bool act(struct client *c, const void *own, char **words, int count, struct dn_error *err)
{
    const struct trash_args *args = own;
    const char *what = count ? words[0] : "list";
    struct clip_edit edit = {.what = what, .number = -1};
    if (strcmp(what, "list") == 0)
        return command_words_fit(what, 0, words + 1, count - 1, err) &&
               list_clips_print("in:trash", 1000000, args->json, err);
    if (strcmp(what, "restore") == 0)
        return count > 1 ? edit_clips(c, &edit, words + 1, count - 1, err)
                         : dn_fail(err, DN_E_ARG, "restore which clip?");
    if (strcmp(what, "empty") == 0) {
        if (!command_words_fit(what, 0, words + 1, count - 1, err))
            return dn_error_hint(err, "it removes all that is in the trash, or what lies there for "
                                      "--older-than DAYS");
        edit.number = args->days ? catalog_now_ms() - args->days * 86400000 : 0;
        return edit_send(c, &edit, 0, err);
    }
    dn_fail(err, DN_E_ARG, "there is no action \"%s\"", what);
    return dn_error_hint(err, "danaus trash list, restore or empty");
}

static const struct edit_command trash = {
    .usage = &usage,
    .act = act,
};

static int run_trash(int argc, char **argv)
{
    struct trash_args args = {0};
    return edit_command_run(&trash, &args, argc, argv);
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
