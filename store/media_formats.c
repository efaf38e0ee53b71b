/* media_formats: every way to write frames. See media_format.h. */
#include <stddef.h>

#include "store/media_format.h"

const struct media_format *const media_formats[] = {
    &media_mp4_entry,  &media_webm_entry, &media_mov_entry,         &media_gif_entry,
    &media_apng_entry, &media_webp_entry, &media_safetensors_entry, &media_png_still_entry,
    &media_jpg_still_entry, &media_jpeg_still_entry, &media_png_entry, NULL,
};
