/* Fuzz: a request as JSON (a recipe out of a stranger's video).
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -I. tests/fuzz/fuzz_json.c
 *       src/config/(all).c src/base/(all but dtype).c -lyaml -ljansson -lm */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "config/option_value.h"
#include "config/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dn_error err = {0};
    json_t *json = dn_json_parse((const char *)data, size, 64 * 1024, "fuzz", &err);
    assert(json || err.message[0]);
    json_decref(json);

    struct request r;
    request_init(&r);
    char *text = dn_strndup((const char *)data, size);
    bool ok = request_from_json(&r, text, &err);
    assert(ok || err.message[0]);
    for (size_t i = 0; i < option_count; i++) {
        char why[OPTION_WHY_SIZE];
        assert(option_check(&option_rows[i], &r, why));
    }
    char *first = request_to_json(&r);
    struct request again;
    request_init(&again);
    assert(request_from_json(&again, first, &err));
    char *second = request_to_json(&again);
    assert(strcmp(first, second) == 0);
    free(first);
    free(second);
    free(text);
    request_done(&again);
    request_done(&r);
    return 0;
}
