/* engine_session: how commands reach the engine. */
#ifndef DANAUS_COMMANDS_ENGINE_SESSION_H
#define DANAUS_COMMANDS_ENGINE_SESSION_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/client.h"

/* Connects to the engine of the user's library; command tells it who asks. start: one is started if
 * none runs. The caller closes. */
bool session_connect(const char *command, bool start, struct client **out, struct dn_error *err);

/* Watches job (0: all), frames as in the watch message or NULL. */
bool session_watch(struct client *c, int64_t job, const char *frames, struct dn_error *err);

/* Is a job of this state over? */
bool session_is_over(const char *state);

#endif
