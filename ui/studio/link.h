/* link: the studio's line to the engine. Connects (starting an engine when none runs) and keeps
 * connected, sends orders without waiting, and tells what happens as plain structs. The one file of
 * the studio that knows the protocol. Belongs to the main thread. */
#ifndef DANAUS_UI_STUDIO_LINK_H
#define DANAUS_UI_STUDIO_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/gpu_reading.h"
#include "store/catalog_clips.h"
#include "ui/studio/frame.h"
#include "ui/studio/tasks.h"

struct link_job {
    int64_t id; /* also its clip's */
    enum job_state state;
    char *prompt, *reason, *path; /* never NULL */
    char *changes;                /* of its prompt, see prompt_changes.h; never NULL */
    uint64_t seed;
    int64_t width, height, frames;
    int64_t chunks, chunks_done;
    int64_t chunk, step, steps;         /* of the step done last */
    int64_t steps_done, steps_total;    /* of the whole clip, 0 = not started */
    int64_t frames_ready;               /* decoded so far */
    double seconds;                     /* since it was started, at the last event */
    int64_t heard_ms;                   /* when that came */
    bool ended;                         /* this event says that it is done or has failed */
};

/* Frames that were decoded just now. */
struct link_frames {
    int64_t job, start, count, worker;
};

struct link_worker {
    int64_t device, pid, job, starts;
    char model[128];
    bool has_gpu;
    struct gpu_reading gpu;
};

enum { LINK_WORKERS = 16 };

struct link_status {
    int64_t pid, queued, running, clients;
    double seconds;
    char socket[256], library[256], log[256];
    struct link_worker workers[LINK_WORKERS];
    int worker_count;
    int64_t asked_ms; /* 0 = never heard */
};

enum link_state { LINK_STARTING, LINK_UP, LINK_LOST };

/* What the link tells; all are called from link_read and link_tick. */
struct link_sink {
    void *context;
    void (*job)(void *context, const struct link_job *job);
    void (*frames)(void *context, const struct link_frames *frames);
    void (*queued)(void *context, int64_t job, int tag); /* an enqueue was accepted */
    /* another prompt holds from this chunk and frame on, from 0 */
    void (*steered)(void *context, int64_t job, int64_t chunk, int64_t frame);
    void (*edited)(void *context);               /* an edit was done: the catalog has changed */
    void (*trouble)(void *context, const char *text);    /* a request was refused, in words */
    /* that request was an enqueue into this collection; comes after trouble */
    void (*refused)(void *context, const char *collection, const struct dn_error *why);
    void (*changed)(void *context);                      /* state, queue or status */
};

struct link;

struct link *link_new(struct tasks *tasks, const char *library, const struct link_sink *sink);
void link_free(struct link *l);

enum link_state link_state(const struct link *l);
/* Of LINK_LOST, else "": why, and what to do. */
const char *link_why(const struct link *l);
const char *link_cure(const struct link *l);
bool link_queue_paused(const struct link *l);
const struct link_status *link_status(const struct link *l);

/* To be polled for reading, -1 = nothing to poll. */
int link_fd(const struct link *l);
void link_read(struct link *l, int64_t now_ms);
void link_tick(struct link *l, int64_t now_ms);
int64_t link_due(const struct link *l); /* -1 = not */

/* Jobs that wait, run or were seen to end, in the queue's order; borrowed until the next link_*. */
const struct link_job *link_jobs(const struct link *l, size_t *count);
const struct link_job *link_find_job(const struct link *l, int64_t id); /* NULL = unknown */

struct link_enqueue {
    const char *request_json;
    bool next;            /* before all that wait */
    int64_t parent;       /* 0 = none */
    int64_t parent_chunk; /* how many of its chunks are kept */
    const char *relation; /* "branch", "extend", "vary", "redo", or NULL */
    const char *collection; /* that the clip belongs to from the start, or NULL */
    int tag;              /* comes back in queued */
};
void link_send_enqueue(struct link *l, const struct link_enqueue *e);

enum link_order { ORDER_CANCEL, ORDER_PAUSE, ORDER_RESUME, ORDER_RETRY, ORDER_STATUS };
/* job 0: the whole queue, where that makes sense. */
void link_send_order(struct link *l, enum link_order order, int64_t job);
/* Changes what the catalog says of a clip: "rate" and "favourite" to number, "note", "tag", "untag",
 * "collect" and "uncollect" with value, "trash", "restore". Without a clip, of the collection named
 * value: "make", "rename" to another name, "forget", "remember"; "rename-tag" and so on. */
struct link_edit {
    const char *what;
    int64_t clip;
    const char *value; /* NULL = none */
    int64_t number;
    const char *to;    /* NULL = none */
};
void link_send_edit(struct link *l, const struct link_edit *edit);
/* Gives a running job another prompt from its next chunk on. */
void link_send_steer(struct link *l, int64_t job, const char *prompt);
/* Moves a waiting job before another one; other 0: to the end. */
void link_send_move(struct link *l, int64_t job, int64_t other);

/* A decoded frame of a running job, scaled down by whole factors to at most max_side; NULL when it
 * is not there any more. The caller drops it. */
struct frame *link_take_frame(const struct link *l, int64_t worker, int64_t job, int64_t number,
                              int max_side);

#endif
