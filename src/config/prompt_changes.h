/* prompt_changes: at which chunks a clip goes on with another prompt, as text.
 *
 *   changes = line { "\n" line }         or nothing; chunks rise from line to line
 *   line    = N ":" prompt               N >= 1, chunks count from 0; the prompt is one line
 *
 * In JSON: [{"chunk": N, "prompt": TEXT}, ...]. */
#ifndef DANAUS_CONFIG_PROMPT_CHANGES_H
#define DANAUS_CONFIG_PROMPT_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/strbuf.h"

enum {
    PROMPT_CHANGES_MAX = 1000,
    PROMPT_CHANGES_WHY_SIZE = 200,
    PROMPT_CHANGES_LAST_CHUNK = 100000,
};

struct prompt_change {
    int64_t chunk;
    const char *prompt; /* [length] of the text that was read, not terminated */
    size_t length;
};

/* Takes the first change off *text, which moves on to the next. False: there is none, or text is
 * none that prompt_changes_check() would pass. */
bool prompt_changes_next(const char **text, struct prompt_change *change);

/* The text with one blank behind each ':' and none elsewhere around prompts; the caller frees. NULL
 * with the reason in why: it is no list of changes. */
char *prompt_changes_parse(const char *text, char why[PROMPT_CHANGES_WHY_SIZE]);

/* The text with a further change that holds to the end: those at its chunk and behind it are left
 * out; the caller frees. Line breaks in prompt become blanks. */
char *prompt_changes_add(const char *text, int64_t chunk, const char *prompt);

/* The text without the changes at chunk and behind it; the caller frees. */
char *prompt_changes_before(const char *text, int64_t chunk);

/* Appends the text as JSON. */
void prompt_changes_print_json(const char *text, struct strbuf *out);
/* Appends the text of such JSON, which is yet to be parsed. False: it is something else. */
bool prompt_changes_read_json(const json_t *list, struct strbuf *out);

#endif
