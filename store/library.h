/* library: the folder that holds the catalog and the clips. */
#ifndef DANAUS_STORE_LIBRARY_H
#define DANAUS_STORE_LIBRARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Where it is: given (an option, NULL = none), else $DANAUS_LIBRARY, else where library_move() put
 * it ($XDG_CONFIG_HOME/danaus/library), else $XDG_DATA_HOME/danaus. Nothing is created. NULL with
 * err when there is no home. The caller frees. */
char *library_find(const char *given, struct dn_error *err);

/* Moves the whole library and remembers the new place. to must not exist or be an empty folder.
 * On another file system everything is copied and compared first; whatever happens, one of the two
 * places is whole. DN_E_EXISTS while an engine writes. */
bool library_move(const char *from, const char *to, struct dn_error *err);

/* Bytes free where path is (or its nearest folder that exists). */
bool library_free_bytes(const char *path, int64_t *out, struct dn_error *err);

#endif
