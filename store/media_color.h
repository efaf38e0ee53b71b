/* media_color: RGB to the numbers that video codecs take.
 *
 * ITU-R BT.709 (luma 0.2126 R + 0.7152 G + 0.0722 B), limited range (8 bit: Y 16..235, Cb and Cr
 * 16..240), 4:2:0 with chroma between rows and on the left column of each pair, where H.264 and
 * VP9 expect it when nothing else is said. Integer arithmetic, so the same on every machine. */
#ifndef DANAUS_STORE_MEDIA_COLOR_H
#define DANAUS_STORE_MEDIA_COLOR_H

#include <stdint.h>

/* rgb [height, width, 3] to planes y [height, width], cb and cr [height/2, width/2]; stride bytes
 * a row each (y, cb, cr). width and height are even. */
void media_rgb_to_yuv420(uint8_t *const planes[3], const int strides[3], const uint8_t *rgb,
                         int width, int height);

/* The same for 4:2:2 with 10 bits (Y 64..940, Cb and Cr 64..960), two bytes a sample: rgb48 [height,
 * width, 3] of 0..65535, cb and cr [height, width/2]; strides in bytes. */
void media_rgb48_to_yuv422p10(uint8_t *const planes[3], const int strides[3], const uint16_t *rgb48,
                              int width, int height);

#endif
