/* palette: few colours for a whole clip, by median cut (P. Heckbert, Color Image Quantization for
 * Frame Buffer Display, 1982). No dithering: it costs bytes and flickers between frames. */
#ifndef DANAUS_UI_GRAPHICS_PALETTE_H
#define DANAUS_UI_GRAPHICS_PALETTE_H

#include <stdint.h>

enum { PALETTE_MAX = 256 };

struct graphics_palette {
    int count;
    uint8_t colours[PALETTE_MAX][3];
    int16_t nearest[1 << 18]; /* PRIVATE: by 6 bits a channel, -1 = not looked up yet */
};

/* At most colours (2..PALETTE_MAX) colours for rgb [pixels, 3]. The caller frees. */
struct graphics_palette *palette_new(const uint8_t *rgb, int64_t pixels, int colours);
void palette_free(struct graphics_palette *palette);

/* out[pixels] = index of the nearest colour. */
void palette_map(struct graphics_palette *palette, const uint8_t *rgb, int64_t pixels,
                 uint8_t *out);

#endif
