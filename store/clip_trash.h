/* clip_trash: deleting that can be taken back. A clip in the trash keeps its row and number; its
 * folder lies in LIBRARY/trash. Moves survive a crash at any point (see clip_files_sweep). */
#ifndef DANAUS_STORE_CLIP_TRASH_H
#define DANAUS_STORE_CLIP_TRASH_H

#include "store/catalog.h"

/* DN_E_ARG: no such clip, it is there (or not there) already, or its job waits or runs. */
bool clip_trash(struct catalog *catalog, int64_t id, struct dn_error *err);
bool clip_restore(struct catalog *catalog, int64_t id, struct dn_error *err);

/* Removes for good what went to the trash before that time (0 = everything). Children of a removed
 * clip stay, without their parent. *count may be NULL. */
bool clip_trash_empty(struct catalog *catalog, int64_t before_ms, int64_t *count,
                      struct dn_error *err);

#endif
