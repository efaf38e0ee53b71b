/* worker_files: the files of a clip while it is made: latents, video, small pictures, and the copy
 * that the user asked for. */
#ifndef DANAUS_ENGINE_WORKER_FILES_H
#define DANAUS_ENGINE_WORKER_FILES_H

#include "base/json.h"
#include "config/request.h"
#include "pipeline/events.h"

struct clip_output;

struct clip_output_options {
    const struct request *request; /* borrowed while it is open */
    const char *folder;            /* of the clip, in the library */
    const char *recipe;            /* JSON, borrowed; NULL = none is stored */
    bool again;                    /* it was begun before: by a worker that may be dead */
    bool background;               /* encode on threads of their own: frames come from a GPU */
};

/* Opens what can be refused before any work. False: nothing is left behind. */
bool clip_output_open(const struct clip_output_options *options, struct clip_output **out,
                      struct dn_error *err);
/* Are floats needed too? */
bool clip_output_wants_float(const struct clip_output *o);
/* The latents that an earlier run left, [*frames, *channels, *h, *w] in shape; NULL when there are
 * none. Borrowed. */
const float *clip_output_made(struct clip_output *o, int64_t shape[4], struct dn_error *err);
/* Begins like the clip whose latents are in path; frames = how many of them. Not when there are
 * latents already. */
bool clip_output_begin_like(struct clip_output *o, const char *path, int64_t frames,
                            struct dn_error *err);

/* total = latents in all. What the file has already is left out. They are written beside what
 * follows; clip_output_safe tells how many are on disk. */
bool clip_output_latents(struct clip_output *o, const struct event_latents *e, int64_t total,
                         struct dn_error *err);
int64_t clip_output_safe(struct clip_output *o);
/* total = frames in all, to choose those for small pictures. */
bool clip_output_frames(struct clip_output *o, const struct event_frames *e, int64_t total,
                        struct dn_error *err);

/* Publishes what there is; *files becomes a list of {kind, name, bytes, sha256, frames}. whole
 * false: the clip was stopped, its latents are not final. Without any frame nothing is published.
 * The caller decrefs, also after false. */
bool clip_output_finish(struct clip_output *o, bool whole, json_t **files, struct dn_error *err);
/* Removes what is not published, except latents. NULL allowed. */
void clip_output_close(struct clip_output *o);

#endif
