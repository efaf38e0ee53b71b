/* prompt_list: prompts from the command line, a file, or standard input, one a line. */
#ifndef DANAUS_COMMANDS_PROMPT_LIST_H
#define DANAUS_COMMANDS_PROMPT_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct prompt_list {
    char **prompts;
    int64_t count;
};

/* Lines of path ("-": standard input), blank ones left out. False: unreadable, a line over 64 KiB,
 * bytes that are not UTF-8, or no prompt at all. done frees, also after false. */
bool prompt_list_read(struct prompt_list *list, const char *path, struct dn_error *err);
void prompt_list_add(struct prompt_list *list, const char *prompt);
void prompt_list_done(struct prompt_list *list);

#endif
