/* cmd_rm: clips to the trash. */
#include "commands/command.h"
#include "commands/edit_clips.h"
#include "commands/print_usage.h"

static const struct option_usage usage = {.command = "rm", .max_words = 1000};

static bool act(struct client *c, const void *own, char **words, int count, struct dn_error *err)
{
    (void)own;
    const struct clip_edit edit = {.what = "trash", .number = -1};
    return edit_clips(c, &edit, words, count, err);
}

static const struct edit_command rm = {
    .usage = &usage,
    .no_words = "remove which clip?",
    .hint = "danaus rm 17",
    .act = act,
};

static int run_rm(int argc, char **argv)
{
    return edit_command_run(&rm, NULL, argc, argv);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_rm_entry = {
    .name = "rm",
    .summary = "Move clips to the trash",
    .synopsis = "CLIP...",
    .details = "Nothing is lost: danaus trash restore CLIP brings a clip back, danaus trash empty "
               "removes for\n"
               "good what lies there.",
    .print_options = print_options,
    .run = run_rm,
};
