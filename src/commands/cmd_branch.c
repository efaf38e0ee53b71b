/* cmd_branch: another way on from a moment of a clip. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "commands/command.h"
#include "commands/derive_clip.h"
#include "config/option_table.h"
#include "config/prompt_changes.h"

static const struct option own_rows[] = {
    DERIVE_ROWS,
};

/* What is shared was made with the parent's prompts: where these changed before the branch, the
 * changes stay, and another prompt is one more of them. */
static bool keep_changes(struct request *r, const struct clip *parent, int64_t chunk,
                         struct dn_error *err)
{
    struct request old;
    request_init(&old);
    if (!request_from_json(&old, parent->request_json, err)) {
        request_done(&old);
        return false;
    }
    bool other_prompt = strcmp(old.prompt, r->prompt) != 0;
    bool other_changes = strcmp(old.prompt_changes, r->prompt_changes) != 0;
    char *shared = prompt_changes_before(old.prompt_changes, chunk), *all = NULL;
    if (other_changes) {
        char why[PROMPT_CHANGES_WHY_SIZE], *text = dn_asprintf("%s\n%s", shared, r->prompt_changes);
        all = prompt_changes_parse(text, why);
        if (!all)
            dn_fail(err, DN_E_ARG, "--at, behind the parent's changes: %s", why);
        free(text);
    } else if (other_prompt && shared[0]) {
        all = prompt_changes_add(shared, chunk, r->prompt);
        free(r->prompt);
        r->prompt = dn_strdup(old.prompt);
    } else {
        all = dn_strdup(other_prompt ? "" : r->prompt_changes);
    }
    if (all) {
        free(r->prompt_changes);
        r->prompt_changes = all;
    }
    free(shared);
    request_done(&old);
    return all != NULL;
}

static bool change(struct request *r, const struct clip *parent, const struct clip_word *named,
                   const struct derive_args *args, int64_t *chunks, struct dn_error *err)
{
    (void)args;
    *chunks = named->chunk >= 0 ? named->chunk : parent->chunks_done / 2;
    if (*chunks <= parent->chunks_done)
        return keep_changes(r, parent, *chunks, err);
    return dn_fail(err, DN_E_ARG, "clip %lld has %lld chunks, it cannot be left after %lld",
                   (long long)parent->id, (long long)parent->chunks_done, (long long)*chunks);
}

static const struct derivation branch = {
    .name = "branch",
    .with_chunk = true,
    .keeps = true,
    .new_seeds = true,
    .groups = 1u << GROUP_WHAT | 1u << GROUP_OUTPUT,
    .without = "size",
    .own = own_rows,
    .own_count = sizeof own_rows / sizeof own_rows[0],
    .change = change,
};

static int run_branch(int argc, char **argv)
{
    return derive_clip_run(&branch, argc, argv);
}

static void print_options(FILE *out, bool man)
{
    derive_clip_print_options(&branch, out, man);
}

const struct command cmd_branch_entry = {
    .name = "branch",
    .summary = "Go on differently from a moment of a clip",
    .synopsis = "CLIP[@CHUNK] [OPTIONS]",
    .details = "The new clip begins with the first CHUNK chunks of the old one, which are not made "
               "again, and\n"
               "goes on with what the options say: another --prompt, another --seed, --count of "
               "them. Without\n"
               "@CHUNK it leaves in the middle; without --seed the seed is a random one. Where the "
               "old clip's\n"
               "prompt changed before CHUNK, these changes stay, and --prompt is the next one.",
    .print_options = print_options,
    .run = run_branch,
};
