/* clip_loader: a finished clip's frames, decoded in the background. */
#ifndef DANAUS_UI_STUDIO_CLIP_LOADER_H
#define DANAUS_UI_STUDIO_CLIP_LOADER_H

#include "ui/studio/studio_internal.h"

/* What came of it. Frames are the receiver's; 0 of them with why not empty: it failed. */
struct loaded_clip {
    int64_t clip;
    struct frame **frames; /* [count] */
    int64_t count;
    double fps;
    char why[512];
};

/* Reads the video of clip, scaled down so that all its frames take max_bytes at most. done is called
 * on the main thread, unless clip_loader_forget(context) came first. False: it has no video. */
bool clip_loader_start(struct studio *s, const struct clip *clip, int64_t max_bytes, void *context,
                       void (*done)(void *context, struct loaded_clip *loaded),
                       struct dn_error *err);
/* The caller frees. NULL: it has no video. */
char *clip_video_path(struct studio *s, const struct clip *clip, struct dn_error *err);
void clip_loader_forget(void *context);
/* Frames that the receiver has no use for. */
void loaded_clip_drop(struct loaded_clip *loaded);

#endif
