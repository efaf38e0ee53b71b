/* cmd_studio: the terminal window. `danaus` without arguments is this command. */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "commands/command.h"
#include "commands/job.h"
#include "config/config_files.h"
#include "config/option_value.h"
#include "store/library.h"
#include "ui/studio/screen.h"
#include "ui/studio/studio.h"
#include "ui/term.h"

static const struct option_usage usage = {
    .command = "studio",
    .groups = 1u << GROUP_WHAT | 1u << GROUP_MODEL | 1u << GROUP_SAMPLER | 1u << GROUP_ATTENTION |
              1u << GROUP_GIVEN | 1u << GROUP_MACHINE,
    .without = "prompt",
    .own = studio_option_rows,
    .own_count = STUDIO_OPTIONS,
    .max_words = 1,
    .config = true};

static void print_options(FILE *out, bool man)
{
    job_print_options(out, man, &usage);
    struct keymap *keys = keymap_new(key_contexts());
    if (man)
        keymap_print_man(keys, out);
    else
        fputs("\nKeys and commands: danaus keys\n", out);
    keymap_free(keys);
}

static bool run(struct settings *settings, const struct studio_config *config,
                const struct keymap *keys, const char *prompt, struct dn_error *err)
{
    char *library = library_find(NULL, err);
    const struct option *seed = option_find(option_rows, option_count, "seed");
    struct studio_options options = {
        .settings = settings, .library = library, .config = config, .keys = keys, .prompt = prompt,
        .random_seed = settings_level_of(settings, seed) == LEVEL_DEFAULT};
    bool ok = library && studio_run(&options, err);
    free(library);
    return ok;
}

static int run_studio(int argc, char **argv)
{
    struct studio_config config = {0};
    struct keymap *keys = keymap_new(key_contexts());
    struct job job = {0};
    struct dn_error err;
    int words = 0;
    option_defaults(studio_option_rows, STUDIO_OPTIONS, &config);
    /* the command line comes last: it wins */
    bool ok = studio_config_load(&config, keys, &err) &&
              job_settings(&job, &usage, &config, argc, argv, &words, &err) &&
              run(&job.settings, &config, keys, words ? argv[1] : NULL, &err);
    if (!ok && !isatty(STDOUT_FILENO))
        dn_error_hint(&err, "danaus generate \"...\" makes a clip without a terminal");
    job_close(&job);
    option_free(studio_option_rows, STUDIO_OPTIONS, &config);
    keymap_free(keys);
    return ok ? EXIT_DONE : command_fail("studio", &err);
}

const struct command cmd_studio_entry = {
    .name = "studio",
    .summary = "Type prompts and watch the clips grow, in the terminal",
    .synopsis = "[OPTIONS] [PROMPT]",
    .details =
        "Opens the studio: prompt, settings and live preview, the library, a player, the queue and\n"
        "the engine, all by keyboard, also over SSH. It is a window on the engine, which it starts\n"
        "when none runs and which goes on working when the studio is left; what was being made then\n"
        "plays when you come back. PROMPT stands ready in it; without one it is what was typed last\n"
        "time. In a prompt {red|blue} makes a clip of each, {1..4} one of each number; :grid\n"
        "varies settings, :sweep the seed. Such clips are\n"
        "seen side by side on a contact sheet, a collection called \"sheet N: PROMPT\". `danaus`\n"
        "alone or with options, in a terminal, is the same. The section `studio` of danaus.yaml(5)\n"
        "gives keys another meaning. From another machine: ssh -t MACHINE danaus, with a UTF-8 locale there\n"
        "(LC_ALL=C.UTF-8 danaus) for lines and half blocks.",
    .print_options = print_options,
    .run = run_studio,
};
