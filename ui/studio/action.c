/* action: see action.h */
#include "ui/studio/action.h"

#include <string.h>

const struct action *action_named(const struct action *table, const char *name, size_t length)
{
    for (const struct action *a = table; a && a->name; a++)
        if (strlen(a->name) == length && memcmp(a->name, name, length) == 0)
            return a;
    return NULL;
}
