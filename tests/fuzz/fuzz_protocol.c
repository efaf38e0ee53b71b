/* Fuzz: a line from a client, or from an engine.
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -I. tests/fuzz/fuzz_protocol.c
 *       src/engine/protocol*.c src/base/(all but dtype).c -ljansson -lm */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int from_client = 0; from_client < 2; from_client++) {
        enum message_type type;
        json_t *message, *id;
        struct dn_error err = {0};
        bool ok = protocol_read((const char *)data, size, from_client, &type, &message, &id, &err);
        assert(ok == (message != NULL) && (ok || err.message[0]));
        if (ok) {
            assert(strcmp(message_table[type].name, protocol_text(message, "type")) == 0);
            /* what was read can be told again */
            char *line = json_dumps(message, JSON_COMPACT);
            json_t *again, *same_id;
            enum message_type same_type;
            assert(protocol_read(line, strlen(line), from_client, &same_type, &again, &same_id,
                                 &err) &&
                   same_type == type);
            json_decref(again);
            json_decref(same_id);
            free(line);
        }
        json_decref(message);
        json_decref(id);
    }
    return 0;
}
