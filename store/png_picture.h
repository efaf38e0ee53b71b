/* png_picture: one picture as a PNG, with texts inside.
 *
 * "parameters" is where image programs look for a prompt; "Comment" (PNG specification 1.2, 4.2.3)
 * holds our recipe byte by byte, as the comment of a video does. */
#ifndef DANAUS_STORE_PNG_PICTURE_H
#define DANAUS_STORE_PNG_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

/* UTF-8; NULL = none goes in. */
struct png_texts {
    const char *parameters; /* the prompt */
    const char *recipe;     /* JSON */
};

struct png_encoder;

/* For pictures of one size; path is for messages. */
bool png_encoder_open(const char *path, int width, int height, struct png_encoder **out,
                      struct dn_error *err);
/* Appends a whole PNG of rgb24 [height, width, 3]. */
bool png_encode(struct png_encoder *encoder, const uint8_t *rgb24, const struct png_texts *texts,
                struct strbuf *out, struct dn_error *err);
void png_encoder_close(struct png_encoder *encoder); /* NULL allowed */

/* The picture as a file that must not be there yet. */
bool png_write(const char *path, const uint8_t *rgb24, int width, int height,
               const struct png_texts *texts, struct dn_error *err);

/* The recipe in the PNG fd, at most max bytes: *text, which the caller frees; NULL: it is no PNG of
 * ours, or there is none. */
void png_read_recipe(int fd, size_t max, char **text);

#endif
