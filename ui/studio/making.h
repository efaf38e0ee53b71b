/* making: clips are ordered from the engine as prompt and settings describe them. */
#ifndef DANAUS_UI_STUDIO_MAKING_H
#define DANAUS_UI_STUDIO_MAKING_H

#include "ui/studio/settings_pane.h"
#include "ui/studio/studio_internal.h"

enum { SWEEP_MAX = 64 };

struct making {
    const char *prompt;       /* its {a|b} in turn */
    int64_t count;            /* seeds of each */
    bool next;                /* before all that wait */
    enum seed_mode seed_mode; /* what the seed of the settings does */
};

/* False: err, and what was sent before that is being made. */
bool making_send(struct studio *s, const struct making *m, struct dn_error *err);

const struct link_job *making_running_job(const struct studio *s); /* NULL = none */

#endif
