/* cmd_note: notes on clips. */
#include "commands/command.h"
#include "commands/edit_clips.h"
#include "commands/print_usage.h"

static const struct option_usage usage = {.command = "note", .max_words = 1000};

static bool act(struct client *c, const void *own, char **words, int count, struct dn_error *err)
{
    (void)own;
    struct clip_edit edit = {.what = "note", .value = count > 1 ? words[1] : "", .number = -1};
    if (count > 2)
        return dn_fail(err, DN_E_ARG, "one clip and one note, in quotes");
    return edit_clips(c, &edit, words, 1, err);
}

static const struct edit_command note = {
    .usage = &usage,
    .no_words = "note on which clip?",
    .hint = "danaus note 17 \"the wings are good\"",
    .act = act,
};

static int run_note(int argc, char **argv)
{
    return edit_command_run(&note, NULL, argc, argv);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_note_entry = {
    .name = "note",
    .summary = "Write a note on a clip",
    .synopsis = "CLIP [NOTE]",
    .details = "The note replaces the one that was there; without one it is taken away. Search "
               "looks in notes\n"
               "as in prompts.",
    .print_options = print_options,
    .run = run_note,
};
