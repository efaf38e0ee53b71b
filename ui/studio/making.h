/* making: clips are ordered from the engine as prompt and settings describe them. */
#ifndef DANAUS_UI_STUDIO_MAKING_H
#define DANAUS_UI_STUDIO_MAKING_H

#include "ui/studio/settings_pane.h"
#include "ui/studio/sheet_names.h"
#include "ui/studio/studio_internal.h"

enum { SWEEP_MAX = 64, MAKING_MAX = 256 };

struct making {
    const char *prompt;       /* its {a|b} in turn */
    const char *parameters;   /* see parameter_grid.h, NULL = as the settings are */
    int64_t count;            /* seeds of each */
    bool next;                /* before all that wait */
    enum seed_mode seed_mode; /* what the seed of the settings does */
};

/* All or nothing: false, err, when one of the clips could not be made as it is described. Several
 * clips belong to a sheet, whose name is left in sheet; of one it is "". They have the same seeds for
 * every prompt, so that the words are all that differs. */
bool making_send(struct studio *s, const struct making *m, char sheet[SHEET_NAME_SIZE],
                 struct dn_error *err);

/* The engine runs elsewhere: paths become whole. */
void making_paths(struct request *r);

const struct link_job *making_running_job(const struct studio *s); /* NULL = none */

#endif
