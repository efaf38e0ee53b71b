/* preview: the clip that is being made, as it grows. */
#ifndef DANAUS_UI_STUDIO_PREVIEW_H
#define DANAUS_UI_STUDIO_PREVIEW_H

#include "ui/studio/clip_loader.h"
#include "ui/studio/studio_internal.h"

/* Of all kept frames; larger clips are kept smaller. */
enum { PREVIEW_BYTES = 48 * 1024 * 1024 };

struct preview {
    int64_t job;          /* 0 = nothing yet */
    struct playback playback;
    int64_t rounds_until_ms; /* a finished clip is played over and over until then */
    uint64_t colours;     /* which frames share a palette: one for each chunk while it grows */
    int side;             /* of a kept frame at most, 0 = as large as a screen can use */
};

/* The frames of a finished clip, which are taken over, in the place of those of a running one. */
void preview_fill(struct preview *p, struct studio *s, struct loaded_clip *loaded);
void preview_take(struct preview *p, struct studio *s, const struct link_frames *frames);
void preview_job(struct preview *p, struct studio *s, const struct link_job *job);
void preview_tick(struct preview *p, struct studio *s);
int64_t preview_due(const struct preview *p);
/* At a place of the painter; corner as in painter_picture. False: there is no picture, nothing was
 * drawn. */
bool preview_draw(struct preview *p, struct studio *s, int place, struct rect area, bool corner);
void preview_pause(struct preview *p, struct studio *s);
void preview_done(struct preview *p);

/* One line on how far a job is. */
void progress_draw(struct studio *s, const struct link_job *job, int row, int col, int cols);

#endif
