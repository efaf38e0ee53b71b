/* cmd_branch: another way on from a moment of a clip. */
#include <stddef.h>

#include "commands/command.h"
#include "commands/derive_clip.h"
#include "config/option_table.h"

static const struct option own_rows[] = {
    DERIVE_ROWS,
};

static bool change(struct request *r, const struct clip *parent, const struct clip_word *named,
                   const struct derive_args *args, int64_t *chunks, struct dn_error *err)
{
    (void)r;
    (void)args;
    *chunks = named->chunk >= 0 ? named->chunk : parent->chunks_done / 2;
    if (*chunks <= parent->chunks_done)
        return true;
    return dn_fail(err, DN_E_ARG, "clip %lld has %lld chunks, it cannot be left after %lld",
                   (long long)parent->id, (long long)parent->chunks_done, (long long)*chunks);
}

static const struct derivation branch = {
    .name = "branch",
    .with_chunk = true,
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
               "@CHUNK it leaves in the middle; without --seed the seed is a random one.",
    .print_options = print_options,
    .run = run_branch,
};
