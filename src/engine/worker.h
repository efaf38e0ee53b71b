/* worker: the process that computes, one a GPU or one for the CPU. It is disposable: it dies with a
 * GPU fault or with the engine, and the next one goes on behind the last whole chunk.
 *
 * It hears from the engine, one line each:
 *   {"type":"run","job":N,"request":{...},"folder":DIR,"attempt":K,"parent_latents":FILE,
 *    "parent_chunk":C}      make a clip; the last two only when it branches off another
 *   {"type":"stop","job":N,"why":"cancel"|"pause"|"later"}
 *   {"type":"steer","job":N}   which chunk could another prompt begin with?
 *   {"type":"steered","job":N,"stored":true|false,"chunk":C,"prompt":TEXT}   after its answer
 * and tells, besides started, step, chunk, frames and ring of danaus-protocol(7):
 *   {"type":"done","job":N,"frames":F,"timings":{...},"files":[{kind,name,bytes,sha256,frames}]}
 *   {"type":"stopped","job":N,"files":[...]}   {"type":"failed","job":N,"code":C,"message":TEXT}
 *   {"type":"steer","job":N,"chunk":C,"frame":F}   the answer; C is not begun before steered came.
 *                                                  C < 0: see enum worker_cannot_steer
 *   {"type":"gpu","gpu":{...}}   how its GPU is, every few seconds; see base/gpu_reading.h
 *   {"type":"fault","job":N,"message":TEXT}    and ends: the device is of no more use */
#ifndef DANAUS_ENGINE_WORKER_H
#define DANAUS_ENGINE_WORKER_H

#include <stdbool.h>

#include "base/error.h"

/* The socket to the engine, there when the worker is executed. */
enum { WORKER_FD = 3 };

enum worker_cannot_steer { WORKER_NOT_BEGUN = -1, WORKER_NOTHING_LEFT = -2 };

struct worker_options {
    const char *backend; /* for requests that say auto; NULL = auto */
    int device;          /* GPU index */
};

/* Runs until the engine hangs up. False: it could not start, or the device is broken. */
bool worker_run(const struct worker_options *options, struct dn_error *err);

#endif
