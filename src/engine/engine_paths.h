/* engine_paths: where the engine's socket, locks and log are, and whether they can be trusted.
 *
 * The socket lies in $XDG_RUNTIME_DIR/danaus; where there is no such directory (a plain SSH login of
 * some systems, cron), in /tmp/danaus-UID. Either directory must be ours and closed to others. */
#ifndef DANAUS_ENGINE_ENGINE_PATHS_H
#define DANAUS_ENGINE_ENGINE_PATHS_H

#include <stdbool.h>

#include "base/error.h"

struct engine_paths {
    char *library;      /* the folder with catalog and clips */
    char *dir;          /* with the socket, 0700 */
    char *socket;       /* DIR/engine.sock */
    char *socket_lock;  /* DIR/engine.lock: held by the engine that owns the socket */
    char *start_lock;   /* DIR/start.lock: held by the client that starts one */
    char *library_lock; /* LIBRARY/engine.lock: held by the engine; holds its pid and socket path */
    char *log;          /* the log file */
};

/* library is taken over as it is (made absolute). Nothing is created. False: no home directory, or a
 * socket path that is too long. done frees, also after false. */
bool engine_paths_find(const char *library, struct engine_paths *paths, struct dn_error *err);
void engine_paths_done(struct engine_paths *paths);

/* Makes the socket's directory if need be. False when it is not a directory of ours, or others may
 * write or look into it. */
bool engine_paths_secure(const struct engine_paths *paths, struct dn_error *err);

/* Takes a lock for as long as the descriptor is open (a kill -9 gives it back). -1 with *busy = true:
 * another process has it; else err. wait_ms: how long to wait for it. */
int engine_lock(const char *path, int wait_ms, bool *busy, struct dn_error *err);

/* The socket that the engine holding LIBRARY/engine.lock wrote there; NULL when none does. The
 * caller frees. */
char *engine_locked_socket(const struct engine_paths *paths);

#endif
