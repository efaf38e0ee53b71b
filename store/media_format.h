/* media_format: what a media format is, for media_encode.c and the files that implement one. */
#ifndef DANAUS_STORE_MEDIA_FORMAT_H
#define DANAUS_STORE_MEDIA_FORMAT_H

#include "store/media_encode.h"

struct media_writer {
    const struct media_format *format;
    char *path;
    struct media_options options; /* its strings are copies */
    int64_t frames;               /* added so far */
    uint8_t *rounded;             /* a frame of floats as bytes */
    bool failed;
    void *state; /* the format's own */
};

struct media_format {
    const char *name;
    const char *extension; /* with the dot; NULL = a directory */
    bool even_size;        /* 4:2:0 video has no odd sizes */
    int max_side;          /* px */
    bool one_frame;        /* a picture */

    /* Sets state; on failure leaves nothing behind. */
    bool (*open)(struct media_writer *writer, struct dn_error *err);
    /* One frame, rgb24 [height, width, 3]. */
    bool (*add)(struct media_writer *writer, const uint8_t *rgb24, struct dn_error *err);
    /* The same, float [height, width, 3] of -1..1; NULL = the format has 8 bits. */
    bool (*add_float)(struct media_writer *writer, const float *values, struct dn_error *err);
    /* Completes, checks and publishes; sets *bytes. close follows, whatever the result. */
    bool (*finish)(struct media_writer *writer, int64_t *bytes, struct dn_error *err);
    /* Removes what is not published and frees state. */
    void (*close)(struct media_writer *writer);
};

/* Ends with NULL; the last one is the directory. */
extern const struct media_format *const media_formats[];

extern const struct media_format media_mp4_entry;
extern const struct media_format media_webm_entry;
extern const struct media_format media_mov_entry;
extern const struct media_format media_gif_entry;
extern const struct media_format media_apng_entry;
extern const struct media_format media_webp_entry;
extern const struct media_format media_safetensors_entry;
extern const struct media_format media_png_still_entry;
extern const struct media_format media_jpg_still_entry;
extern const struct media_format media_jpeg_still_entry;
extern const struct media_format media_png_entry;

#endif
