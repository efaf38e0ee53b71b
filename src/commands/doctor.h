/* doctor: what `danaus doctor` looks at, a section each. */
#ifndef DANAUS_COMMANDS_DOCTOR_H
#define DANAUS_COMMANDS_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "base/strbuf.h"

/* What one section found. */
struct doctor_finding {
    struct strbuf text; /* what is shown; '\n' begins another row */
    json_t *json;       /* an object: the same for machines */
    bool broken;        /* danaus cannot do its work like this */
};

struct doctor_section {
    const char *name; /* the row's label and the key in JSON */
    void (*look)(struct doctor_finding *finding);
};

extern const struct doctor_section doctor_sections[]; /* NULL-terminated by name, in order */

void doctor_cpu(struct doctor_finding *finding);
void doctor_memory(struct doctor_finding *finding);
void doctor_gpu(struct doctor_finding *finding);
void doctor_libraries(struct doctor_finding *finding);
void doctor_models(struct doctor_finding *finding);
void doctor_terminal(struct doctor_finding *finding);
void doctor_paths(struct doctor_finding *finding);

/* Adds text from outside to the row, made safe; at most 200 bytes of it. */
void doctor_outside(struct strbuf *out, const char *text);

#endif
