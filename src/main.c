/* danaus: argv -> command table. The only place that leaves the process with a status. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/safetext.h"
#include "commands/command.h"
#include "kernels/process.h"

static void print_overview(FILE *out)
{
    fputs("usage: danaus COMMAND [ARGUMENTS]\n\n"
          "Text to video in the terminal: Wan2.1 video diffusion with Self-Forcing and Monarch\n"
          "attention.\n\nCommands:\n",
          out);
    for (const struct command *const *c = command_table; *c; c++)
        fprintf(out, "  %-12s %s\n", (*c)->name, (*c)->summary);
    fputs("\n`danaus COMMAND --help` tells more; `man danaus` tells all.\n", out);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("danaus " DANAUS_VERSION);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        (strcmp(argv[1], "help") == 0 && argc == 2)) {
        print_overview(stdout);
        return EXIT_DONE;
    }
    bool help = strcmp(argv[1], "help") == 0;
    const char *name = help ? argv[2] : argv[1];
    const struct command *command = command_find(name);
    if (!command) {
        char safe[256];
        dn_safetext(safe, sizeof safe, name, strlen(name));
        fprintf(stderr, "danaus: there is no command \"%s\" (danaus --help lists them)\n", safe);
        return EXIT_USAGE;
    }
    if (help || command_wants_help(argc - 1, argv + 1)) {
        command_print_help(stdout, command);
        return EXIT_DONE;
    }
    process_limit_spinning(argv);
    return command->run(argc - 1, argv + 1);
}
