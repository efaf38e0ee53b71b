/* danaus: argv -> command table. The only place that leaves the process with a status. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/safetext.h"
#include "commands/command.h"
#include "config/option_table.h"
#include "kernels/process.h"

static void print_overview(FILE *out)
{
    fputs("usage: danaus COMMAND [ARGUMENTS]\n\n"
          "Text to video in the terminal: Wan2.1 video diffusion with Self-Forcing and Monarch\n"
          "attention.\n\nCommands:\n",
          out);
    for (const struct command *const *c = command_table; *c; c++)
        fprintf(out, "  %-12s %s\n", (*c)->name, (*c)->summary);
    fputs("\n`danaus` alone or with options, in a terminal, opens the studio. `danaus COMMAND "
          "--help`\n"
          "tells more; `man danaus` tells all.\n",
          out);
}

static int unknown_command(const char *name)
{
    char safe[256];
    const char *best = NULL;
    size_t distance = SIZE_MAX;
    dn_safetext(safe, sizeof safe, name, strlen(name));
    for (const struct command *const *c = command_table; *c; c++)
        best = option_nearer(name, (*c)->name, best, &distance);
    fprintf(stderr, "danaus: there is no command \"%s\" (%s%s)\n", safe,
            best ? "did you mean " : "danaus --help lists them", best ? best : "");
    return EXIT_USAGE;
}

/* A socket or a video must not get the number of a descriptor that was closed by the caller: what is
 * printed would go into it. */
static void open_standard_files(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            _exit(EXIT_FAILED); /* the lowest number that is free is this one, if there is any */
}

/* What was printed has to have arrived, as on a full disk it did not. */
static int flushed(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "danaus: cannot write to standard output: %s\n", strerror(errno));
    return status == EXIT_DONE ? EXIT_FAILED : status;
}

static int run(int argc, char **argv)
{
    const char *word = argc < 2 ? "" : argv[1];
    if (argc < 2 && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts("danaus " DANAUS_VERSION);
        return EXIT_DONE;
    }
    bool help = strcmp(word, "help") == 0;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (help && argc == 2)) {
        print_overview(stdout);
        return EXIT_DONE;
    }
    /* the studio's options need no command in front of them */
    int first = argc >= 2 && word[0] != '-';
    const char *name = help ? argv[2] : first ? word : "studio";
    const struct command *command = command_find(name);
    if (!command) {
        return unknown_command(name);
    }
    if (help || command_wants_help(argc - first, argv + first)) {
        command_print_help(stdout, command);
        return EXIT_DONE;
    }
    if (command->computes)
        process_limit_spinning(argv);
    return command->run(argc - first, argv + first);
}

int main(int argc, char **argv)
{
    open_standard_files();
    setlocale(LC_CTYPE, "");
    return flushed(run(argc, argv));
}
