/* cmd_rate: stars and hearts of clips. */
#include "base/number.h"
#include "commands/command.h"
#include "commands/edit_clips.h"
#include "commands/print_usage.h"

struct rate_args {
    bool favourite, no_favourite;
};

#define AT(field) .offset = offsetof(struct rate_args, field)
static const struct option own_rows[] = {
    {.name = "favourite",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(favourite),
     .fallback = "false",
     .help = "Every word is a clip; they become favourites."},
    {.name = "forget",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(no_favourite),
     .fallback = "false",
     .help = "Every word is a clip; they are favourites no longer."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "rate", .own = own_rows, .own_count = OWN_COUNT, .max_words = 1000};

static bool act(struct client *c, const void *own, char **words, int count, struct dn_error *err)
{
    const struct rate_args *args = own;
    struct clip_edit edit = {.what = "favourite", .number = args->favourite};
    if (args->favourite || args->no_favourite)
        return edit_clips(c, &edit, words, count, err);
    edit.what = "rate";
    if (count < 2)
        return dn_fail(err, DN_E_ARG, "how many stars?");
    if (!dn_parse_int(words[count - 1], &edit.number) || edit.number < 0 || edit.number > 5)
        return dn_fail(err, DN_E_ARG, "\"%s\" are no stars: 0 to 5", words[count - 1]);
    return edit_clips(c, &edit, words, count - 1, err);
}

static const struct edit_command rate = {
    .usage = &usage,
    .no_words = "rate which clip?",
    .hint = "danaus rate 17 5",
    .act = act,
};

static int run_rate(int argc, char **argv)
{
    struct rate_args args = {0};
    return edit_command_run(&rate, &args, argc, argv);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_rate_entry = {
    .name = "rate",
    .summary = "Give clips stars, or make them favourites",
    .synopsis = "CLIP... STARS | CLIP... --favourite",
    .details = "STARS are 0 (none) to 5. A CLIP is a number as list shows it, or \"last\".",
    .print_options = print_options,
    .run = run_rate,
};
