/* server: the engine process: owns the socket, the queue and the catalog's only writing connection,
 * and supervises the workers. It never touches a GPU and never computes.
 *
 * One thread, one loop over everything that can happen. See server_internal.h for its parts. */
#ifndef DANAUS_ENGINE_SERVER_H
#define DANAUS_ENGINE_SERVER_H

#include <stdbool.h>

#include "base/error.h"

struct server_options {
    const char *library;
    int ready_fd; /* told "ready\n" when it listens, or why it cannot; -1 = nobody waits */
    int workers;  /* worker processes; 0 = one a GPU, or one */
    int idle_seconds; /* a worker without work for so long gives its memory back; 0 = 600 */
    bool foreground;  /* the log also goes to stderr */
};

/* Runs until it is told to stop. False: it could not start (another one runs, no socket, a catalog
 * that cannot be opened). */
bool server_run(const struct server_options *options, struct dn_error *err);

#endif
