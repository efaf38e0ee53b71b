/* option_print: the option table as text for people. */
#ifndef DANAUS_CONFIG_OPTION_PRINT_H
#define DANAUS_CONFIG_OPTION_PRINT_H

#include "base/strbuf.h"
#include "config/option_argv.h"

/* The options part of `danaus COMMAND --help`: the rows that usage takes, by group, 80 columns. */
void option_print_help(struct strbuf *out, const struct option_usage *usage);

/* configs/danaus.yaml: every option of a request, explained, its default commented out. Lines that
 * begin with '#' and a letter are the settings, those with "# " the explanations. */
void option_print_yaml(struct strbuf *out);

/* The options as a list for a manual page (man macros): as YAML keys for danaus.yaml.5, or with
 * flags, those that usage takes, for danaus.1. */
void option_table_print_man(struct strbuf *out);
void option_usage_print_man(struct strbuf *out, const struct option_usage *usage);

#endif
