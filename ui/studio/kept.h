/* kept: small facts of the screens that outlive the studio: how the library is sorted and shown. One
 * JSON object, $XDG_STATE_HOME/danaus/studio.json; what is not there, or not as expected, is simply
 * not known. */
#ifndef DANAUS_UI_STUDIO_KEPT_H
#define DANAUS_UI_STUDIO_KEPT_H

#include <stdbool.h>

#include "base/error.h"

/* The caller frees; NULL = not known. */
char *kept_get(const char *name);
bool kept_set(const char *name, const char *value, struct dn_error *err);

#endif
