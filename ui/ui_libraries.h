/* ui_libraries: what outside libraries this room uses; see base/library.h */
#ifndef DANAUS_UI_UI_LIBRARIES_H
#define DANAUS_UI_UI_LIBRARIES_H

#include "base/library.h"

extern const struct dn_library ui_libraries[]; /* NULL-terminated by name */

#endif
