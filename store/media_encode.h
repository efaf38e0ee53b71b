/* media_encode: frames in, a finished media file out.
 *
 * Frames are added while generation goes on; the file is written under a temporary name, made
 * durable, opened again and its frames are counted, and only then it gets its name. So a name that
 * is there is a whole clip, whatever the disk or the encoder did. A writer belongs to one thread.
 *
 * Formats, by the end of the name: .mp4 (H.264 High, BT.709 limited range, index in front), .webm
 * (VP9), .mov (ProRes 422 HQ, 10 bits), .gif (one palette), .apng and .webp (animations; these three
 * have their recipe in NAME.json beside them), .png and .jpg (one picture), .safetensors (float32 frames [N, 3, H, W] in -1..1),
 * a directory (frame-00001.png and so on, recipe.json). The table is media_formats.c. */
#ifndef DANAUS_STORE_MEDIA_ENCODE_H
#define DANAUS_STORE_MEDIA_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct media_writer;

struct media_options {
    int width, height;    /* px; even for mp4 and webm */
    int fps_num, fps_den; /* frames per second as a fraction, 16/1 */
    int quality; /* constant rate factor 1..63, lower is better; 0 = the format's default */
    int plays;            /* of a gif, apng or webp: times that it plays, 0 = for ever */
    bool force;           /* replace what is there */
    const char *recipe_json; /* UTF-8, stored byte by byte; NULL = none is stored */
    const char *title;       /* UTF-8, the prompt; NULL = none */
    int threads; /* encoder threads, 0 = 1. Bytes are the same for the same number of threads */
};

struct media_result {
    int64_t frames;
    int64_t bytes;
    const char *format; /* "mp4", ...; static */
};

/* True when path will become a directory of PNGs: it ends in '/', is a directory, or its name has
 * no extension. */
bool media_is_directory(const char *path);

/* False: the directory at path holds pictures of a clip already (DN_E_EXISTS). Other files in it
 * are nobody's business. */
bool media_directory_is_free(const char *path, struct dn_error *err);

/* Does path ask for a format that holds `frames` frames of these options? Nothing is touched. False:
 * as media_writer_open, DN_E_ARG for a picture's name and several frames. */
bool media_check(const char *path, const struct media_options *options, int64_t frames,
                 struct dn_error *err);

/* Refuses before any work: sizes that the format cannot hold (DN_E_ARG), unknown extensions
 * (DN_E_UNSUPPORTED), outputs that exist (DN_E_EXISTS), places that cannot be written (DN_E_IO).
 * The options are copied. gif keeps every frame until finish (3 bytes a pixel). */
bool media_writer_open(const char *path, const struct media_options *options,
                       struct media_writer **out, struct dn_error *err);

/* 16 -> 16/1, 23.976 -> 23976/1000 */
void media_rate(double fps, int *num, int *den);

/* Does the format that path asks for hold more than 8 bits a colour? */
bool media_takes_float(const char *path);

/* rgb24 [frames, height, width, 3], sRGB values 0..255. After a failure only finish (which fails)
 * and abort are of use. */
bool media_writer_add(struct media_writer *writer, const uint8_t *rgb24, int64_t frames,
                      struct dn_error *err);

/* The same as floats, -1 (black) to 1; what is outside is cut. Formats of 8 bits get them rounded. */
bool media_writer_add_float(struct media_writer *writer, const float *values, int64_t frames,
                            struct dn_error *err);

/* count values of -1..1 as bytes, as the model's own frames are rounded. */
void media_float_to_bytes(uint8_t *out, const float *values, int64_t count);

/* Is it a picture, that holds one frame? A second one is refused. */
bool media_holds_one(const struct media_writer *writer);

/* Completes, checks and publishes the file, out may be NULL. Frees the writer in every case; on
 * failure nothing is left behind. */
bool media_writer_finish(struct media_writer *writer, struct media_result *out,
                         struct dn_error *err);

/* Gives up: removes the temporary and frees the writer. NULL is allowed. */
void media_writer_abort(struct media_writer *writer);

#endif
