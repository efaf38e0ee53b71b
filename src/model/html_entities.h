/* html_entities: the table of named character references, data only. */
#ifndef DANAUS_MODEL_HTML_ENTITIES_H
#define DANAUS_MODEL_HTML_ENTITIES_H

#include <stdint.h>

enum { HTML_ENTITY_COUNT = 2231, HTML_ENTITY_NAME_MAX = 32 };

struct html_entity {
    const char *name; /* without '&', with its ';' if it has one */
    uint32_t first;   /* what it stands for: one or two codepoints */
    uint32_t second;  /* 0 = only one */
};

extern const struct html_entity html_entities[HTML_ENTITY_COUNT];

#endif
