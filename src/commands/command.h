/* command: one subcommand of danaus. Each is a file cmd_NAME.c that exports one const
 * `cmd_NAME_entry`, listed in command_table.c; --help and the manual are drawn from the entries. */
#ifndef DANAUS_COMMANDS_COMMAND_H
#define DANAUS_COMMANDS_COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* Exit statuses, the same for every subcommand. */
enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,     /* it could not be done, or a check said no */
    EXIT_USAGE = 2,      /* the words on the command line are off */
    EXIT_CANCELLED = 130 /* Ctrl-C */
};

struct command {
    const char *name;
    const char *summary;   /* one line, no full stop */
    const char *synopsis;  /* arguments after the name */
    const char *details;   /* paragraphs for --help and the manual; may be NULL */
    bool computes; /* runs a model: idle threads of the pool must not spin (kernels/process.h) */
    /* Prints the option list behind the details; may be NULL. man: as roff. */
    void (*print_options)(FILE *out, bool man);
    /* argv[0] is the subcommand's name. Returns an exit status; prints its own errors with
     * command_fail. */
    int (*run)(int argc, char **argv);
};

extern const struct command *const command_table[]; /* NULL-terminated, in help order */

const struct command *command_find(const char *name); /* NULL when there is none */
void command_print_help(FILE *out, const struct command *command);

/* Prints "danaus NAME: message (hint)" to stderr and returns the exit status that fits the code. */
int command_fail(const char *command, const struct dn_error *err);

/* Fails when words[0..count) are more than the most that an action like "empty" takes: what is not
 * understood must not do more than was meant. */
bool command_words_fit(const char *action, int most, char *const *words, int count,
                       struct dn_error *err);

/* True when argv[1..] holds --help or -h before "--". */
bool command_wants_help(int argc, char **argv);

/* A flag that becomes nonzero on SIGINT, SIGTERM or SIGHUP once command_catch_signals() ran; polled
 * between steps. The second signal ends the process at once. */
void command_catch_signals(void);
void command_catch_interrupt(void); /* the same for SIGINT alone */
const volatile sig_atomic_t *command_stop(void);

#endif
