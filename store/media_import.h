/* media_import: pictures and videos from outside, as frames. Same caution as media_probe. */
#ifndef DANAUS_STORE_MEDIA_IMPORT_H
#define DANAUS_STORE_MEDIA_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct media_import_options {
    int64_t skip_frames;  /* the first so many are left out */
    int64_t max_frames;   /* so many behind them; 0 = all (at most 100000) */
    int width, height;    /* scaled to cover this and cropped round the middle; 0 = as they are */
    int fps_num, fps_den; /* repeat or drop frames to this rate; 0 = as they are */
};

struct media_frames {
    int64_t count;
    int width, height;
    int fps_num, fps_den; /* 0/1 for a still */
    uint8_t *rgb24;       /* [count, height, width, 3] */
    float *values;        /* the same as -1..1, where rgb24 is NULL */
};

/* Reads path (mp4, mov, webm, mkv, avi, gif, png, apng, jpeg, webp, bmp). Rotation told by
 * phones' videos is applied; transparency is laid over black. At most 2 GiB of frames. */
bool media_import(const char *path, const struct media_import_options *options,
                  struct media_frames **out, struct dn_error *err);

/* Takes the first n away; fewer than count. */
void media_frames_skip(struct media_frames *frames, int64_t n);
/* Makes bytes of values. */
void media_frames_round(struct media_frames *frames);
/* NULL is allowed. */
void media_frames_free(struct media_frames *frames);

#endif
