/* cmd_worker: the process that computes; the engine starts it. */
#include <string.h>

#include "commands/command.h"
#include "config/option_argv.h"
#include "config/option_print.h"
#include "commands/job.h"
#include "engine/worker.h"

struct worker_args {
    int64_t device;
    char *backend;
};

#define AT(field) .offset = offsetof(struct worker_args, field)
static const struct option own_rows[] = {
    {.name = "backend", .type = OPTION_WORD, .group = GROUP_COMMAND, AT(backend),
     .fallback = "auto", .argument = "NAME", .choices = "auto|cpu|cuda",
     .help = "What to compute on when a request leaves it open."},
    {.name = "device", .type = OPTION_INT, .group = GROUP_COMMAND, AT(device), .min = 0,
     .max = 1023, .fallback = "0", .argument = "N", .help = "Which GPU."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "worker", .own = own_rows, .own_count = OWN_COUNT};

static int run_worker(int argc, char **argv)
{
    struct worker_args args = {0};
    struct settings settings;
    struct dn_error err;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    settings_init(&settings, NULL, NULL);
    bool ok = options_parse_argv(&settings, &usage, &args, argc, argv, 1, &words, &err);
    if (ok) {
        struct worker_options options = {.device = (int)args.device};
        if (strcmp(args.backend, "auto") != 0)
            options.backend = args.backend;
        ok = worker_run(&options, &err);
    }
    settings_done(&settings);
    option_free(own_rows, OWN_COUNT, &args);
    return ok ? EXIT_DONE : command_fail("worker", &err);
}

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
}

const struct command cmd_worker_entry = {
    .name = "worker",
    .summary = "Make clips for the engine (which starts it)",
    .synopsis = "[--backend NAME] [--device N]",
    .details = "One process a GPU, or one for the CPU. It keeps the model loaded, and ends with the\n"
               "engine. It is of no use by hand.",
    .print_options = print_options,
    .computes = true,
    .run = run_worker,
};
