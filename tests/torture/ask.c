/* ask MESSAGE...: sends each message (a JSON object) to the engine of the user's library and prints
 * its reply, one line each; 1 when one is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/client.h"
#include "store/library.h"

int main(int argc, char **argv)
{
    struct client *c = NULL;
    struct dn_error err;
    char *library = library_find(NULL, &err);
    struct client_options options = {.library = library, .name = "ask"};
    bool ok = library && client_connect(&options, &c, &err);
    for (int i = 1; ok && i < argc; i++) {
        json_t *reply, *message = json_loads(argv[i], 0, NULL);
        ok = message && client_ask(c, message, &reply, &err);
        if (ok) {
            json_dumpf(reply, stdout, JSON_COMPACT);
            putchar('\n');
            json_decref(reply);
        }
    }
    if (!ok)
        fprintf(stderr, "%s\n", err.message);
    client_close(c);
    free(library);
    return ok ? 0 : 1;
}
