/* history: prompts that were used, newest last, and the draft of the one being typed. Both are kept
 * in $XDG_STATE_HOME/danaus (0600): `prompts`, one JSON string a line, and `draft`. */
#ifndef DANAUS_UI_STUDIO_HISTORY_H
#define DANAUS_UI_STUDIO_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { HISTORY_MAX = 5000 };

struct history {
    char **prompts; /* [count] */
    size_t count;
};

/* What cannot be read is left out: a history is no reason to fail. */
void history_load(struct history *h);
/* Unless it is the newest already. */
bool history_add(struct history *h, const char *prompt, struct dn_error *err);
void history_done(struct history *h);

char *history_load_draft(void); /* "" when there is none; the caller frees */
bool history_save_draft(const char *text, struct dn_error *err);

#endif
