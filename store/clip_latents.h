/* clip_latents: a clip's latents as one safetensors file that grows chunk by chunk and is a whole,
 * valid file at every moment, also when the process is killed between any two instructions.
 *
 * The file has its full size from the start. Its header describes `latents` [frames so far, C, H,
 * W] float32 and, behind it, `unwritten` (bytes yet to come), padded to whole sectors. A chunk is
 * written into the unwritten part and synced; then the header's first sector (512 bytes, written
 * by one pwrite) says that the frames are there, and is synced. A complete file has no `unwritten`.
 * Metadata stays behind the first sector. */
#ifndef DANAUS_STORE_CLIP_LATENTS_H
#define DANAUS_STORE_CLIP_LATENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct clip_latents;

struct clip_latents_shape {
    int64_t frames; /* in all, when complete */
    int64_t channels, height, width;
};

/* Makes path (refused when it is there: DN_E_EXISTS), disk space reserved. recipe_json (NULL =
 * none) is kept as metadata "recipe". The caller closes. */
bool clip_latents_create(const char *path, const struct clip_latents_shape *shape,
                         const char *recipe_json, struct clip_latents **out, struct dn_error *err);

/* Opens what clip_latents_create() made, complete or not, to go on writing or to read. Anything
 * else, a changed size, a header that does not add up: DN_E_FORMAT. */
bool clip_latents_open(const char *path, bool writing, struct clip_latents **out,
                       struct dn_error *err);

struct clip_latents_shape clip_latents_shape(const struct clip_latents *latents);
int64_t clip_latents_frames(const struct clip_latents *latents); /* that are there */

/* values [frames, C, H, W]. Safe on disk when it returns true; on false the file is as it was. */
bool clip_latents_append(struct clip_latents *latents, const float *values, int64_t frames,
                         struct dn_error *err);

/* Frames [first, first + count) into values. */
bool clip_latents_read(const struct clip_latents *latents, int64_t first, int64_t count,
                       float *values, struct dn_error *err);

/* Makes recipe_json the one in path: that of a clip that was steered differs from the one that it
 * was begun with. Nothing is written when it is that already; else a whole new file takes the old
 * one's place. */
bool clip_latents_retell(const char *path, const char *recipe_json, struct dn_error *err);

/* A clip that ends early: the unwritten part is cut off by rewriting the file. */
bool clip_latents_finish(struct clip_latents *latents, struct dn_error *err);

void clip_latents_close(struct clip_latents *latents); /* NULL allowed */

#endif
