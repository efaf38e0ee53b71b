/* media_probe: what an image or video file holds, found by decoding it.
 *
 * Files are opened as untrusted input: regular files only, a fixed list of formats and decoders,
 * nothing else is opened from inside a file, sizes are capped. */
#ifndef DANAUS_STORE_MEDIA_PROBE_H
#define DANAUS_STORE_MEDIA_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct media_info {
    int width, height;    /* px, as coded */
    int64_t frames;       /* decoded, not believed */
    int fps_num, fps_den; /* 0/1 for a still */
    char format[32];      /* libav's short name */
    char codec[32];
};

/* Decodes every frame of path. */
bool media_probe(const char *path, struct media_info *out, struct dn_error *err);

/* The same for an open descriptor (borrowed); path is for messages. comment may be NULL, else
 * *comment is the container's comment, NULL when it has none; the caller frees. */
bool media_probe_fd(int fd, const char *path, struct media_info *out, char **comment,
                    struct dn_error *err);

/* The recipe of a file of ours as it was stored, byte by byte: from the comment of mp4, webm and
 * png, from NAME.json beside any other file, from recipe.json in a directory or beside one of its frames,
 * from a .json itself. It is checked to be a JSON object of at most 1 MiB; its values are still a
 * stranger's words. The caller frees *json. */
bool media_read_recipe(const char *path, char **json, struct dn_error *err);

#endif
