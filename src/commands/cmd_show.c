/* cmd_show: everything about a clip, and the tree of clips that it stands in. */
#include <stdlib.h>
#include <string.h>

#include "commands/clip_print.h"
#include "commands/clip_words.h"
#include "commands/command.h"
#include "commands/job.h"

struct show_args {
    bool json, tree;
};

#define AT(field) .offset = offsetof(struct show_args, field)
static const struct option own_rows[] = {
    {.name = "tree",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(tree),
     .fallback = "true",
     .help = "Also the clips it comes from and those that were made from it."},
    {.name = "json",
     .type = OPTION_BOOL,
     .group = GROUP_COMMAND,
     AT(json),
     .fallback = "false",
     .help = "The clip as JSON, with its whole request."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "show", .own = own_rows, .own_count = OWN_COUNT, .max_words = 1000};

enum { DEEPEST = 64, WIDEST = 1000 };

/* The clip and what was made from it. */
static bool print_below(struct catalog *catalog, const struct clip *clip, int64_t shown, int depth,
                        struct dn_error *err)
{
    struct clip_list children = {0};
    clip_print_line(clip, depth, clip->id == shown ? '>' : ' ');
    if (depth == DEEPEST)
        return true;
    bool ok = catalog_children(catalog, clip->id, 0, WIDEST, &children, err);
    for (size_t i = 0; ok && i < children.count; i++)
        ok = print_below(catalog, &children.items[i], shown, depth + 1, err);
    clip_list_done(&children);
    return ok;
}

/* From the oldest ancestor down. */
static bool print_tree(struct catalog *catalog, const struct clip *clip, struct dn_error *err)
{
    struct clip root;
    if (!catalog_get_clip(catalog, clip->id, &root, err))
        return false;
    for (int i = 0; root.parent_id && i < DEEPEST; i++) {
        struct clip parent;
        if (!catalog_get_clip(catalog, root.parent_id, &parent, err)) {
            clip_done(&root);
            return false;
        }
        clip_done(&root);
        root = parent;
    }
    struct clip_list children = {0};
    bool ok = catalog_children(catalog, root.id, 0, 1, &children, err);
    if (ok && children.count) {
        putchar('\n');
        ok = print_below(catalog, &root, clip->id, 0, err);
    }
    clip_list_done(&children);
    clip_done(&root);
    return ok;
}

static bool show(struct catalog *catalog, const char *word, const struct show_args *args,
                 struct dn_error *err)
{
    struct clip_word named;
    struct clip clip;
    if (!clip_word_read(catalog, word, false, &named, err) ||
        !catalog_get_clip(catalog, named.clip, &clip, err))
        return false;
    bool ok = true;
    if (args->json) {
        json_t *object = clip_to_json(catalog, &clip, true, err);
        ok = object != NULL;
        if (ok) {
            json_dumpf(object, stdout, JSON_COMPACT);
            putchar('\n');
        }
        json_decref(object);
    } else {
        ok = clip_print_page(catalog, &clip, err) &&
             (!args->tree || print_tree(catalog, &clip, err));
    }
    clip_done(&clip);
    return ok;
}

static int run_show(int argc, char **argv)
{
    struct show_args args = {0};
    struct settings settings;
    struct catalog *catalog = NULL;
    struct dn_error err;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err) &&
              library_read(&catalog, &err) && (words || show(catalog, "last", &args, &err));
    for (int i = 0; ok && i < words; i++) {
        if (i && !args.json)
            putchar('\n');
        ok = show(catalog, argv[1 + i], &args, &err);
    }
    catalog_close(catalog);
    settings_done(&settings);
    return ok ? EXIT_DONE : command_fail("show", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_show_entry = {
    .name = "show",
    .summary = "Tell everything about clips",
    .synopsis = "[CLIP...] [OPTIONS]",
    .details =
        "A CLIP is a number as list shows it, or \"last\", the newest, which is also meant when "
        "none\n"
        "is named. Below the facts stands the tree of clips that it belongs to, a branch indented\n"
        "under its parent, > before the clip itself.",
    .print_options = print_options,
    .run = run_show,
};
