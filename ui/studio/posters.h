/* posters: small stills of clips, read in the background and kept for a while. */
#ifndef DANAUS_UI_STUDIO_POSTERS_H
#define DANAUS_UI_STUDIO_POSTERS_H

#include "ui/studio/studio_internal.h"

struct posters;

struct posters *posters_new(struct studio *s);
/* The clip's poster, borrowed until the next call; NULL: it has none, or is being read and the
 * screen is drawn anew when it is there. */
struct frame *posters_get(struct posters *p, const struct clip *clip);
/* The clip has changed: what was known of its poster is not so any more. */
void posters_forget(struct posters *p, int64_t clip);
/* Keeps as many as a screen can show, those that were asked for last. */
void posters_shrink(struct posters *p);
void posters_free(struct posters *p);

#endif
