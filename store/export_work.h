/* export_work: clips of the library as files: read, cut, retimed, put together, written. For the
 * command, and in the background for the studio. */
#ifndef DANAUS_STORE_EXPORT_WORK_H
#define DANAUS_STORE_EXPORT_WORK_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/catalog_clips.h"
#include "store/media_import.h"

/* SIDE_MAX: px of a picture that is asked for. */
enum { EXPORT_CLIPS = 64, EXPORT_SHEET_FRAMES = 6, EXPORT_SHEET_PX = 320, EXPORT_SIDE_MAX = 16384 };

/* A file each, one after the other, side by side, a grid that plays all; a picture with a row of
 * EXPORT_SHEET_FRAMES frames of each, EXPORT_SHEET_PX wide. */
enum export_how { EXPORT_EACH, EXPORT_JOINED, EXPORT_BESIDE, EXPORT_GRID, EXPORT_SHEET };

struct export_clip {
    int64_t id;
    char *video;   /* path */
    char *latents; /* path, NULL = none are kept */
    char *recipe;  /* JSON or NULL: none goes along */
    char *title;
    char *label;  /* drawn into the picture; NULL = none */
    char *output; /* path; of the first clip where all go into one file */
    double fps;
    int64_t frames;  /* about so many, for the progress */
    int64_t written; /* result: frames in its file, bytes of it */
    int64_t bytes;
};

/* The clip's first frames (0 = all), in bytes or as values, from elsewhere than its video. Calls
 * made in the thread of export_work_run. */
typedef bool export_source_fn(void *context, const struct export_clip *clip, int64_t frames,
                              struct media_frames **out, struct dn_error *err);

/* Filled by whoever wants it, then the working thread's until done. */
struct export_work {
    struct export_clip clips[EXPORT_CLIPS];
    int count;
    enum export_how how;
    int quality;              /* 0 = the format's default */
    int width, height;        /* of each clip's picture, cut to fit; 0 = as it is */
    bool force;               /* replace what is there */
    int64_t first, last;      /* frames of each clip, last -1 = to the end */
    double speed;             /* times as fast, 0 = 1 */
    double fps;               /* of the file, time is kept; 0 = the clip's */
    bool smooth;              /* see media_filter.h */
    bool there_and_back;      /* the frames backwards behind them, but for both ends */
    int plays;                /* see media_encode.h */
    export_source_fn *source; /* NULL = the videos */
    void *source_context;
    const volatile sig_atomic_t *stop; /* also cancels; NULL = nothing does */
    atomic_int permille;               /* of the whole */
    atomic_bool cancel;
    bool ok;
    struct dn_error err;
    int64_t bytes; /* written */
};

/* Video and latents (NULL: the clip has none), rate and length; the output, and what travels along,
 * are the caller's to tell. False: the catalog cannot be read. */
bool export_clip_fill(struct export_clip *out, struct catalog *catalog, const struct clip *clip,
                      struct dn_error *err);

/* In a thread of its own. */
void export_work_run(struct export_work *w);
void export_work_free(struct export_work *w);

#endif
