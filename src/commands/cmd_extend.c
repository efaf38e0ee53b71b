/* cmd_extend: a clip goes on where it ended. */
#include <stddef.h>
#include <math.h>

#include "commands/command.h"
#include "commands/derive_clip.h"
#include "config/option_table.h"

static const struct option own_rows[] = {
    {.name = "seconds",
     .letter = 's',
     .type = OPTION_DOUBLE,
     .group = GROUP_COMMAND,
     .offset = offsetof(struct derive_args, seconds),
     .fallback = "5",
     .min = 0.1,
     .max = 3600,
     .unit = "seconds",
     .argument = "S",
     .help = "How much is added."},
    DERIVE_ROWS,
};

/* Frames come four to a latent frame, behind a first one. */
static bool change(struct request *r, const struct clip *parent, const struct clip_word *named,
                   const struct derive_args *args, int64_t *chunks, struct dn_error *err)
{
    int64_t more = (int64_t)ceil(args->seconds * r->fps / 4) * 4;
    (void)named;
    (void)err;
    r->frames += more;
    *chunks = parent->chunks_done;
    return true;
}

static const struct derivation extend = {
    .name = "extend",
    .with_chunk = false,
    .keeps = true,
    .new_seeds = false,
    .groups = 1u << GROUP_WHAT | 1u << GROUP_OUTPUT,
    .without = "size,frames,seed,count",
    .own = own_rows,
    .own_count = sizeof own_rows / sizeof own_rows[0],
    .change = change,
};

static int run_extend(int argc, char **argv)
{
    return derive_clip_run(&extend, argc, argv);
}

static void print_options(FILE *out, bool man)
{
    derive_clip_print_options(&extend, out, man);
}

const struct command cmd_extend_entry = {
    .name = "extend",
    .summary = "Make a clip longer",
    .synopsis = "CLIP [--seconds S] [OPTIONS]",
    .details = "A new clip that begins with the whole old one, which is not made again. The model "
               "must be able\n"
               "to go on: a cache that rolls (local_attn_size) has no end.",
    .print_options = print_options,
    .run = run_extend,
};
