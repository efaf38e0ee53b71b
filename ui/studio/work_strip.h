/* work_strip: the lines below the studio's panes: how far the running clip is, what waits, and what
 * was made last. */
#ifndef DANAUS_UI_STUDIO_WORK_STRIP_H
#define DANAUS_UI_STUDIO_WORK_STRIP_H

#include "ui/studio/studio_internal.h"

struct work_strip {
    struct clip_list recent;
    bool stale;
};

/* last: the job whose end is told while none runs, 0 = none. */
void work_strip_draw_progress(struct studio *s, int64_t last, int row, struct rect area);
void work_strip_draw_queue(struct studio *s, int row, struct rect area);
void work_strip_draw_recent(struct work_strip *w, struct studio *s, int row, int rows,
                            struct rect area);
void work_strip_done(struct work_strip *w);

#endif
