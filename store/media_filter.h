/* media_filter: frames in memory scaled, played at another rate, labelled. */
#ifndef DANAUS_STORE_MEDIA_FILTER_H
#define DANAUS_STORE_MEDIA_FILTER_H

#include "store/media_import.h"

struct media_filter {
    int width, height; /* scaled to cover this and cut round the middle; 0 = as they are */
    double from_fps;   /* at which the frames are played */
    double to_fps;     /* 0 = the same: else frames are repeated or dropped, and the time is kept */
    bool smooth;       /* new frames between them instead, where things are under way */
    const char *label; /* in the lower left corner, cut at the picture's width; NULL = none */
};

/* Takes *frames over: it is replaced by what comes out, as bytes. Nothing to do: left as it is.
 * A label needs a font of the machine's (DN_E_UNSUPPORTED). */
bool media_filter_apply(const struct media_filter *filter, struct media_frames **frames,
                        struct dn_error *err);

#endif
