/* client_start: an engine process of its own, for client.c. */
#ifndef DANAUS_ENGINE_CLIENT_START_H
#define DANAUS_ENGINE_CLIENT_START_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/engine_paths.h"

/* Runs `danaus engine serve` apart from this process, its terminal and its session, and waits until
 * it listens or says why it does not. False: err holds its words. */
bool client_start_engine(const struct engine_paths *paths, int timeout_ms, struct dn_error *err);

#endif
