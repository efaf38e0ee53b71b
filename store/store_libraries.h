/* store_libraries: what outside libraries this room uses; see base/library.h */
#ifndef DANAUS_STORE_STORE_LIBRARIES_H
#define DANAUS_STORE_STORE_LIBRARIES_H

#include "base/library.h"

extern const struct dn_library store_libraries[]; /* NULL-terminated by name */

#endif
