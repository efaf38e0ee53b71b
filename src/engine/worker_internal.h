/* worker_internal: what the worker's files share. Private to src/engine/worker*.c. */
#ifndef DANAUS_ENGINE_WORKER_INTERNAL_H
#define DANAUS_ENGINE_WORKER_INTERNAL_H

#include <signal.h>
#include <stdint.h>

#include "config/request.h"
#include "engine/channel.h"
#include "engine/frame_ring.h"
#include "engine/protocol.h"
#include "engine/worker.h"
#include "pipeline/pipeline.h"

/* The model that is loaded; it stays until a request needs another one. */
struct worker_model {
    char *key; /* what it was made from; NULL = none is loaded */
    struct pipeline_needs needs;
    struct model_dir dir;
    const struct ops *ops;
    struct exec *ex;
    struct pipeline *pipeline;
    char *name;
    char sha256[65]; /* of the transformer's file, "" = not known */
};

/* Makes sure that m is the model that r asks for. False: m is none. */
bool worker_model_fit(struct worker_model *m, const struct request *r,
                      const struct worker_options *options, struct dn_error *err);
void worker_model_unload(struct worker_model *m);

/* Set by the thread that hears the engine. */
enum worker_stop { WORKER_GO, WORKER_CANCEL, WORKER_LEAVE };

struct worker {
    struct worker_options options;
    struct worker_model model;
    struct channel out; /* to the engine, see worker_tell() */
    struct frame_ring *ring;
    volatile sig_atomic_t stop; /* enum worker_stop of the running job; polled between steps */
};

/* How far the job is: the chunk that is begun next, its first frame, and how many chunks there are. */
struct worker_place {
    int64_t chunk, chunks, frame;
};

/* The first chunk of the job is near: from now on it can be steered. */
void worker_begins(const struct worker_place *next);
/* The chunk before next is begun now. The prompt that the engine has stored for it, NULL = none; the
 * caller frees. Waits for the engine when it is just storing one. */
char *worker_begins_chunk(const struct worker_place *next);

/* Sends message (decrefs it) and waits until it is written. By any thread. */
void worker_tell(struct worker *w, json_t *message);
/* The same with a descriptor. */
void worker_tell_fd(struct worker *w, json_t *message, int fd);

/* From now on the engine is told of the worker's GPU, if it has one and NVML is there. */
void worker_watch_gpu(struct worker *w);

/* Makes the clip that order asks for and tells done, stopped or failed. False: the device is of no
 * more use (err), the process must end. */
bool worker_clip(struct worker *w, const json_t *order, struct dn_error *err);

#endif
