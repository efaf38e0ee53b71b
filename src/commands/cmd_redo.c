/* cmd_redo: the same again with other options. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/option_value.h"

#include "commands/command.h"
#include "commands/derive_clip.h"
#include "config/option_table.h"

static const struct option own_rows[] = {
    {.name = "set",
     .type = OPTION_TEXT,
     .group = GROUP_COMMAND,
     .offset = offsetof(struct derive_args, set),
     .max = 10000,
     .argument = "KEY=VALUE,...",
     .help = "Options by their names in danaus.yaml, as in attention=dense,steps=8."},
    DERIVE_ROWS,
};

static bool set_one(struct request *r, char *pair, struct dn_error *err)
{
    char why[OPTION_WHY_SIZE], *value = strchr(pair, '=');
    if (!value)
        return dn_fail(err, DN_E_ARG, "--set %s: KEY=VALUE is wanted", pair);
    *value++ = '\0';
    const struct option *row = option_find(option_rows, option_count, pair);
    if (!row)
        return dn_fail(err, DN_E_ARG, "--set %s: there is no such option", pair);
    return option_set(row, r, value, why) || option_complain(err, "--set ", pair, value, why);
}

static bool change(struct request *r, const struct clip *parent, const struct clip_word *named,
                   const struct derive_args *args, int64_t *chunks, struct dn_error *err)
{
    char *all = dn_strdup(args->set ? args->set : ""), *rest = all, *pair;
    bool ok = true;
    (void)parent;
    (void)named;
    *chunks = 0;
    while (ok && (pair = strsep(&rest, ",")))
        ok = !pair[0] || set_one(r, pair, err);
    free(all);
    return ok;
}

static const struct derivation redo = {
    .name = "redo",
    .with_chunk = false,
    .keeps = false,
    .new_seeds = false,
    .groups = 1u << GROUP_WHAT | 1u << GROUP_OUTPUT | 1u << GROUP_MODEL | 1u << GROUP_SAMPLER |
              1u << GROUP_ATTENTION | 1u << GROUP_GIVEN | 1u << GROUP_MACHINE,
    .without = NULL,
    .own = own_rows,
    .own_count = sizeof own_rows / sizeof own_rows[0],
    .change = change,
};

static int run_redo(int argc, char **argv)
{
    return derive_clip_run(&redo, argc, argv);
}

static void print_options(FILE *out, bool man)
{
    derive_clip_print_options(&redo, out, man);
}

const struct command cmd_redo_entry = {
    .name = "redo",
    .summary = "Make a clip again with other options",
    .synopsis = "CLIP [--set KEY=VALUE,...] [OPTIONS]",
    .details =
        "The same request, seed and all, with what the options change. Nothing but them differs.",
    .print_options = print_options,
    .run = run_redo,
};
