/* left_behind: the clip that was being made when the studio was left. The next one plays it, so that
 * who comes back sees what came of it; while it is still being made its frames come by themselves. */
#ifndef DANAUS_UI_STUDIO_LEFT_BEHIND_H
#define DANAUS_UI_STUDIO_LEFT_BEHIND_H

#include "ui/studio/preview.h"

struct left_behind {
    struct studio *studio;
    struct preview *preview; /* where it plays */
    int64_t clip;            /* 0 = none, or no longer */
    bool kept;               /* one is remembered on the disk */
};

/* Both s and preview are borrowed until left_behind_close. */
void left_behind_open(struct left_behind *l, struct studio *s, struct preview *preview);
/* Once the catalog can be read: plays the clip if it is made, unless something newer is shown. */
void left_behind_tick(struct left_behind *l);
/* Remembers what is being made now. False: err. */
bool left_behind_close(struct left_behind *l, struct dn_error *err);

#endif
