/* engine_session: see engine_session.h */
#include "commands/engine_session.h"

#include <stdlib.h>
#include <string.h>

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
    static const char *const over[] = {"done", "cancelled", "failed", "set aside"};
    for (size_t i = 0; state && i < sizeof over / sizeof over[0]; i++)
        if (strcmp(state, over[i]) == 0)
            return true;
    return false;
}
