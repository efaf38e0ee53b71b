/* progress: what a run tells while it goes on: one line on a terminal, an event a line as JSON, or
 * nothing. */
#ifndef DANAUS_COMMANDS_PROGRESS_H
#define DANAUS_COMMANDS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/events.h"

enum progress_kind { PROGRESS_NONE, PROGRESS_LINE, PROGRESS_JSON };

struct progress {
    enum progress_kind kind;
    int64_t clip, clips; /* 0-based, of how many */
    /* PRIVATE */
    struct event_started started;
    struct event_step step;
    int64_t frames, latents;
    double seconds;
    bool line_open;
};

/* JSON where asked for, a line when stderr is a terminal, else nothing. */
enum progress_kind progress_choose(bool json, bool quiet);

void progress_started(struct progress *p, const struct event_started *e);
void progress_step(struct progress *p, const struct event_step *e);
void progress_frames(struct progress *p, const struct event_frames *e);
void progress_latents(struct progress *p, const struct event_latents *e);
/* Takes the line off the screen, before anything else is printed. */
void progress_clear(struct progress *p);

struct progress_result {
    const char *path;         /* NULL: nothing was written */
    const char *latents_path; /* or NULL */
    const char *prompt;       /* NULL: nothing was generated, there is no seed */
    uint64_t seed;
    int64_t frames, bytes, latents;
    double seconds;       /* of the pipeline */
    double first_seconds; /* until the first frames */
    bool complete;
};
void progress_finished(struct progress *p, const struct progress_result *result);

#endif
