/* generate_engine: clips made by the engine: queued first, all of them, then followed. */
#ifndef DANAUS_COMMANDS_GENERATE_ENGINE_H
#define DANAUS_COMMANDS_GENERATE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "commands/job.h"
#include "commands/progress.h"
#include "commands/prompt_list.h"

struct engine_plan {
    struct job *job; /* its settings hold the request that all clips share */
    const struct prompt_list *prompts;
    enum progress_kind kind;
    bool next;   /* before everything that waits */
    bool detach; /* only queue */
    int64_t parent, parent_chunk; /* the clip that they come from, and how much of it they keep */
    const char *relation;         /* "branch", ...; NULL without a parent */
    /* Called with the path of a finished video; NULL = not shown. */
    bool (*show)(const struct request *r, const char *path, struct dn_error *err);
};

/* False: a clip could not be queued or made (err: the first one), or Ctrl-C cancelled them
 * (DN_E_CANCELLED; what was made by then is kept as shorter clips). */
bool generate_in_engine(const struct engine_plan *plan, struct dn_error *err);

#endif
