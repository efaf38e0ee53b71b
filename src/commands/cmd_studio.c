/* cmd_studio: the terminal window. `danaus` without arguments is this command. */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "commands/command.h"
#include "commands/job.h"
#include "config/config_files.h"
#include "config/option_value.h"
#include "store/library.h"
#include "ui/studio/action.h"
#include "ui/studio/studio.h"
#include "ui/term.h"

struct studio_args {
    char *graphics;
    bool mouse;
};

#define AT(field) .offset = offsetof(struct studio_args, field)
static const struct option own_rows[] = {
    {.name = "graphics", .type = OPTION_WORD, .group = GROUP_COMMAND, AT(graphics),
     .fallback = "auto", .argument = "WAY", .choices = "auto|kitty|sixel|blocks|none",
     .help = "How pictures are drawn; auto asks the terminal."},
    {.name = "mouse", .type = OPTION_BOOL, .group = GROUP_COMMAND, AT(mouse), .fallback = "true",
     .help = "Take clicks and the wheel. With Shift the terminal's own selection works all the "
             "same."},
};
#define OWN_COUNT (sizeof own_rows / sizeof own_rows[0])

static const struct option_usage usage = {
    .command = "studio",
    .groups = 1u << GROUP_WHAT | 1u << GROUP_MODEL | 1u << GROUP_SAMPLER | 1u << GROUP_ATTENTION |
              1u << GROUP_GIVEN | 1u << GROUP_MACHINE,
    .without = "prompt",
    .own = own_rows,
    .own_count = OWN_COUNT,
    .max_words = 1,
    .config = true};

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
    action_print_all(out, man);
}

static bool run(struct settings *settings, const struct studio_args *args, const char *prompt,
                struct dn_error *err)
{
    char *library = library_find(NULL, err);
    const struct option *seed = option_find(option_rows, option_count, "seed");
    struct studio_options options = {
        .settings = settings, .library = library, .graphics = args->graphics, .prompt = prompt,
        .mouse = args->mouse,
        .random_seed = settings_level_of(settings, seed) == LEVEL_DEFAULT};
    bool ok = library && studio_run(&options, err);
    free(library);
    return ok;
}

static int run_studio(int argc, char **argv)
{
    struct studio_args args = {0};
    struct job job = {0};
    struct dn_error err;
    int words = 0;
    option_defaults(own_rows, OWN_COUNT, &args);
    bool ok = job_settings(&job, &usage, &args, argc, argv, &words, &err) &&
              run(&job.settings, &args, words ? argv[1] : NULL, &err);
    if (!ok && !isatty(STDOUT_FILENO))
        dn_error_hint(&err, "danaus generate \"...\" makes a clip without a terminal");
    job_close(&job);
    option_free(own_rows, OWN_COUNT, &args);
    return ok ? EXIT_DONE : command_fail("studio", &err);
}

const struct command cmd_studio_entry = {
    .name = "studio",
    .summary = "Type prompts and watch the clips grow, in the terminal",
    .synopsis = "[OPTIONS] [PROMPT]",
    .details =
        "Opens the studio: prompt, settings and live preview, the library, a player, the queue and\n"
        "the engine, all by keyboard, also over SSH. It is a window on the engine, which it starts\n"
        "when none runs and which goes on working when the studio is left. PROMPT stands ready in\n"
        "it; without one it is what was typed last time. In a prompt {red|blue} makes a clip of\n"
        "each. `danaus` alone, in a terminal, is the same.",
    .print_options = print_options,
    .run = run_studio,
};
