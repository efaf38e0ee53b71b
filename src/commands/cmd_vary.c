/* cmd_vary: the same again with other seeds. */
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
    (void)parent;
    (void)named;
    (void)args;
    (void)err;
    *chunks = 0;
    return true;
}

static const struct derivation vary = {
    .name = "vary",
    .with_chunk = false,
    .keeps = false,
    .new_seeds = true,
    .groups = 1u << GROUP_WHAT | 1u << GROUP_OUTPUT,
    .without = "size,frames,prompt,negative,fps",
    .own = own_rows,
    .own_count = sizeof own_rows / sizeof own_rows[0],
    .change = change,
};

static int run_vary(int argc, char **argv)
{
    return derive_clip_run(&vary, argc, argv);
}

static void print_options(FILE *out, bool man)
{
    derive_clip_print_options(&vary, out, man);
}

const struct command cmd_vary_entry = {
    .name = "vary",
    .summary = "Make a clip again with other seeds",
    .synopsis = "CLIP [--count N] [OPTIONS]",
    .details = "The same request with new seeds: a random one, or --seed and those that follow it.",
    .print_options = print_options,
    .run = run_vary,
};
