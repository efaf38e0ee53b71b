/* print_usage: a command's options for --help and the manual. */
#ifndef DANAUS_COMMANDS_PRINT_USAGE_H
#define DANAUS_COMMANDS_PRINT_USAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "config/option_argv.h"

/* A command's print_options. */
void job_print_options(FILE *out, bool man, const struct option_usage *usage);

#endif
