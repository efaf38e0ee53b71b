/* Fuzz: YAML settings at every level. The first byte chooses the level.
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -I. tests/fuzz/fuzz_yaml.c
 *       src/config/(all).c src/base/(all but dtype).c -lyaml -ljansson -lm */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/yaml_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drop(void *context, const char *line)
{
    (void)context;
    /* what is shown to a person never holds a control character */
    for (; *line; line++)
        assert((unsigned char)*line >= 0x20 && *line != 0x7F);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum settings_level levels[] = {LEVEL_SAMPLER, LEVEL_USER, LEVEL_MODEL,
                                                 LEVEL_CONFIG};
    struct dn_error err = {0};
    struct settings s;
    if (size == 0)
        return 0;
    settings_init(&s, drop, NULL);
    bool ok = yaml_read_bytes(&s, (const char *)data + 1, size - 1, "fuzz.yaml", "dir",
                              levels[data[0] & 3], &err);
    assert(ok || err.message[0]);
    /* whatever was taken is in range and survives a recipe */
    for (size_t i = 0; i < option_count; i++) {
        char why[OPTION_WHY_SIZE];
        assert(option_check(&option_rows[i], &s.request, why));
    }
    char *json = request_to_json(&s.request);
    struct request again;
    request_init(&again);
    assert(request_from_json(&again, json, &err));
    char *back = request_to_json(&again);
    assert(strcmp(json, back) == 0);
    free(json);
    free(back);
    request_done(&again);
    settings_done(&s);
    return 0;
}
