/* library: the outside libraries of a room and their versions, for `danaus doctor`. Each room that
 * uses some lists them in a table NULL-terminated by name, because only it may include them. */
#ifndef DANAUS_BASE_LIBRARY_H
#define DANAUS_BASE_LIBRARY_H

#include <stddef.h>

struct dn_library {
    const char *name;
    /* The version that is loaded now, not the one compiled against, where the library can tell. */
    void (*version)(char *out, size_t size);
};

#endif
