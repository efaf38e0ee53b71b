/* Fuzz: the user's keys, in danaus.yaml. What is taken can be printed as such a file, and read
 * again says the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/option_value.h"
#include "ui/studio/studio_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct action everywhere[] = {{"quit", "q Ctrl-Q", WHERE_ANY, NULL, "leave", NULL},
                                           {"command", ":", WHERE_ANY, NULL, "a line", NULL},
                                           {0}};
static const struct action typing[] = {{"left", "Left Ctrl-B", WHERE_TEXT, NULL, "left", NULL},
                                       {0}};
static const struct action studio[] = {
    {"make", "Enter", WHERE_TEXT, NULL, "make", NULL},
    {"enter", "Enter", WHERE_LIST, NULL, "enter", NULL},
    {"sweep", "x Ctrl-X~Ctrl-E", WHERE_LIST, "[N]", "several", NULL},
    {0}};
static const struct key_context contexts[] = {{"everywhere", "Everywhere", everywhere, KEYS_ANY},
                                              {"typing", "Typing", typing, KEYS_ANY},
                                              {"studio", "Studio", studio, KEYS_TYPING},
                                              {0}};

static char *printed(const struct keymap *m, void (*print)(const struct keymap *m, FILE *out))
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    print(m, out);
    fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dn_error err = {0};
    struct studio_config config = {0};
    struct keymap *m = keymap_new(contexts), *again = keymap_new(contexts);
    option_defaults(studio_option_rows, STUDIO_OPTIONS, &config);
    bool ok = studio_config_read(&config, m, (const char *)data, size, "my.yaml", &err);
    assert(ok || err.message[0]);
    if (ok) {
        char *yaml = printed(m, keymap_print_yaml);
        assert(studio_config_read(&config, again, yaml, strlen(yaml), "again.yaml", &err));
        char *one = printed(m, keymap_print_text), *other = printed(again, keymap_print_text);
        assert(strcmp(one, other) == 0);
        free(one);
        free(other);
        free(yaml);
    }
    keymap_free(m);
    keymap_free(again);
    option_free(studio_option_rows, STUDIO_OPTIONS, &config);
    return 0;
}
