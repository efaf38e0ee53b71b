/* cmd_search: clips of the library that match a query. */
#include <stdbool.h>

#include "commands/command.h"
#include "commands/list_clips.h"

static int run_search(int argc, char **argv)
{
    return list_clips_run("search", true, argc, argv);
}

static void print_options(FILE *out, bool man)
{
    list_clips_print_options("search", out, man);
}

const struct command cmd_search_entry = {
    .name = "search",
    .summary = "Find clips by their words",
    .synopsis = "QUERY [OPTIONS]",
    .details = "A line is a clip: its number, when it was asked for, its state, frames and size, "
               "rating and\n"
               "prompt.\n"
               "\n" LIST_CLIPS_QUERY,
    .print_options = print_options,
    .run = run_search,
};
