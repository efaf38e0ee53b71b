/* engine_session: see engine_session.h */
#include "commands/engine_session.h"

#include <stdlib.h>
#include <string.h>

#include "store/catalog_clips.h"
#include "store/library.h"

bool session_connect(const char *command, bool start, struct client **out, struct dn_error *err)
{
    char *library = library_find(NULL, err);
    struct client_options options = {.library = library, .name = command, .start = start};
    *out = NULL;
    bool ok = library && client_connect(&options, out, err);
    free(library);
    return ok;
}

bool session_watch(struct client *c, int64_t job, const char *frames, struct dn_error *err)
{
    json_t *request = protocol_new(MESSAGE_WATCH);
    if (job)
        json_object_set_new(request, "job", json_integer(job));
    if (frames)
        json_object_set_new(request, "frames", json_string(frames));
    return client_ask(c, request, NULL, err);
}

bool session_is_over(const char *state)
{
    enum job_state is;
    return state && job_state_parse(state, &is) &&
           (is == JOB_DONE || is == JOB_CANCELLED || job_state_is_failure(is));
}
