/* thumbnail: a still for lists and a small filmstrip for a clip, as JPEG.
 *
 * The poster is the frame at one third, at most 320 px on its long side. The strip is 8 frames
 * spread over the clip, each 160 px wide, side by side. Scaled with libswscale (area average). */
#ifndef DANAUS_STORE_THUMBNAIL_H
#define DANAUS_STORE_THUMBNAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { THUMBNAIL_POSTER_PX = 320, THUMBNAIL_STRIP_FRAMES = 8, THUMBNAIL_STRIP_PX = 160 };

/* Writes both files (atomically, replacing), from rgb24 [frames, height, width, 3] or from a video
 * file. Either path may be NULL: not made. */
bool thumbnail_from_frames(const uint8_t *rgb24, int64_t frames, int width, int height,
                           const char *poster, const char *strip, struct dn_error *err);
bool thumbnail_from_file(const char *video, const char *poster, const char *strip,
                         struct dn_error *err);

/* One picture of rgb24 [height, width, 3], scaled to at most max_px on its long side, as JPEG in
 * memory (quality 1..31, lower is better); for small live frames. The caller frees *jpeg. */
bool thumbnail_jpeg(const uint8_t *rgb24, int width, int height, int max_px, int quality,
                    uint8_t **jpeg, int64_t *bytes, struct dn_error *err);

#endif
