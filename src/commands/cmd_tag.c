/* cmd_tag: tags and collections of clips. */
#include "commands/command.h"
#include "commands/edit_clips.h"
#include "commands/print_usage.h"

struct tag_args {
    char *collection;
    bool remove;
};

#define AT(field) .offset = offsetof(struct tag_args, field)
static const struct option own_rows[] = {
    {.name = "remove",
     .letter = 'r',
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(remove),
     .fallback = "false",
     .help = "Take the tag away, or the clips out of the collection."},
    {.name = "collection",
     .type = OPTION_TEXT,
     .group = GROUP_COMMAND,
     AT(collection),
     .max = 100,
     .argument = "NAME",
     .help = "Every word is a clip; they go into this collection instead of getting a tag."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "tag", .own = own_rows, .own_count = OWN_COUNT, .max_words = 1000};

static bool act(struct client *c, const void *own, char **words, int count, struct dn_error *err)
{
    const struct tag_args *args = own;
    struct clip_edit edit = {.what = args->remove ? "untag" : "tag", .number = -1};
    if (args->collection && args->collection[0]) {
        edit.what = args->remove ? "uncollect" : "collect";
        edit.value = args->collection;
        return edit_clips(c, &edit, words, count, err);
    }
    if (count < 2)
        return dn_fail(err, DN_E_ARG, "which tag?");
    edit.value = words[count - 1];
    return edit_clips(c, &edit, words, count - 1, err);
}

static const struct edit_command tag = {
    .usage = &usage,
    .no_words = "tag which clip?",
    .hint = "danaus tag 17 18 foxes",
    .act = act,
};

static int run_tag(int argc, char **argv)
{
    struct tag_args args = {0};
    return edit_command_run(&tag, &args, argc, argv);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_tag_entry = {
    .name = "tag",
    .summary = "Give clips a tag, or put them into a collection",
    .synopsis = "CLIP... TAG | CLIP... --collection NAME",
    .details =
        "A tag is a word without spaces; danaus search tag:NAME finds what has it. A collection is "
        "a\n"
        "named set of clips: collection:NAME. A CLIP is a number as list shows it, or \"last\".",
    .print_options = print_options,
    .run = run_tag,
};
