/* format_libraries: what outside libraries this room uses; see base/library.h */
#ifndef DANAUS_FORMAT_FORMAT_LIBRARIES_H
#define DANAUS_FORMAT_FORMAT_LIBRARIES_H

#include "base/library.h"

extern const struct dn_library format_libraries[]; /* NULL-terminated by name */

#endif
