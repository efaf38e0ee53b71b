/* config_libraries: what outside libraries this room uses; see base/library.h */
#ifndef DANAUS_CONFIG_CONFIG_LIBRARIES_H
#define DANAUS_CONFIG_CONFIG_LIBRARIES_H

#include "base/library.h"

extern const struct dn_library config_libraries[]; /* NULL-terminated by name */

#endif
