/* export_work: clips of the library as files, made in the background. */
#ifndef DANAUS_STORE_EXPORT_WORK_H
#define DANAUS_STORE_EXPORT_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/catalog_clips.h"

enum { EXPORT_CLIPS = 64 };

enum export_how { EXPORT_EACH, EXPORT_JOINED, EXPORT_BESIDE, EXPORT_GRID };

struct export_clip {
    char *video;  /* path */
    char *recipe; /* JSON or NULL: none goes along */
    char *title;
    char *output; /* path; of the first clip where all go into one file */
    double fps;
    int64_t frames; /* about so many, for the progress */
};

/* Filled by the dialog, then the working thread's until done. */
struct export_work {
    struct export_clip clips[EXPORT_CLIPS];
    int count;
    enum export_how how;
    int quality;         /* 0 = the format's default */
    int width, height;   /* of each clip's picture, cut to fit; 0 = as it is */
    bool force;          /* replace what is there */
    int64_t first, last; /* frames of each clip, last -1 = to the end */
    atomic_int permille; /* of the whole */
    atomic_bool cancel;
    bool ok;
    struct dn_error err;
    int64_t bytes; /* written */
};

/* Video (NULL: the clip has none), rate and length; the output, and what travels along, are the
 * caller's to tell. False: the catalog cannot be read. */
bool export_clip_fill(struct export_clip *out, struct catalog *catalog, const struct clip *clip,
                      struct dn_error *err);

/* In a thread of its own. */
void export_work_run(struct export_work *w);
void export_work_free(struct export_work *w);

#endif
