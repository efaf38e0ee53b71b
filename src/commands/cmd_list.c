/* cmd_list: clips of the library, all or those of a query. */
#include <stdbool.h>

#include "commands/command.h"
#include "commands/list_clips.h"

static int run_list(int argc, char **argv)
{
    return list_clips_run("list", false, argc, argv);
}

static void print_options(FILE *out, bool man)
{
    list_clips_print_options("list", out, man);
}

const struct command cmd_list_entry = {
    .name = "list",
    .summary = "Show the library, newest first",
    .synopsis = "[QUERY] [OPTIONS]",
    .details = "A line is a clip: its number, when it was asked for, its state, frames and size, "
               "rating and\n"
               "prompt.\n"
               "\n" LIST_CLIPS_QUERY,
    .print_options = print_options,
    .run = run_list,
};
