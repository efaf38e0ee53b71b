/* clip_files: where a clip's bytes lie, and what the catalog says about them.
 *
 * LIBRARY/clips/YYYY/MM/DD/NUMBER-words-of-the-prompt/ holds video.mp4, latents.safetensors,
 * poster.jpg, strip.jpg. A file is written under a temporary name, synced and renamed (atomic_file,
 * media_encode), and only then its row is committed: a row always has its file. What a crash leaves
 * behind is swept at the engine's start. */
#ifndef DANAUS_STORE_CLIP_FILES_H
#define DANAUS_STORE_CLIP_FILES_H

#include "store/catalog_jobs.h"

#define CLIP_VIDEO "video"
#define CLIP_LATENTS "latents"
#define CLIP_POSTER "poster"
#define CLIP_STRIP "strip"

struct clip_file {
    char *kind;      /* CLIP_VIDEO, ... */
    char *name;      /* inside the clip's folder: "video.mp4" */
    int64_t bytes;
    char sha256[65]; /* hex */
    int64_t frames;  /* pictures, or latent frames */
};

struct clip_file_list {
    struct clip_file *items;
    size_t count;
};

void clip_file_list_done(struct clip_file_list *list);

/* The clip's folder and a file in it as absolute paths (relative when the library's is); the
 * caller frees. */
char *clip_folder_path(const struct catalog *catalog, const struct clip *clip);
char *clip_file_path(const struct catalog *catalog, const struct clip *clip, const char *name);

/* Makes the folder, 0700; one that is there is fine. */
bool clip_folder_make(const struct catalog *catalog, const struct clip *clip,
                      struct dn_error *err);

/* Hashes and measures a published file; kind and name are copied, frames is the caller's word. */
bool clip_file_describe(const struct catalog *catalog, const struct clip *clip, const char *kind,
                        const char *name, int64_t frames, struct clip_file *out,
                        struct dn_error *err);
void clip_file_done(struct clip_file *file);

/* Adds or replaces the row of a file that is published. */
bool catalog_put_file(struct catalog *catalog, int64_t clip, const struct clip_file *file,
                      struct dn_error *err);
bool catalog_list_files(struct catalog *catalog, int64_t clip, struct clip_file_list *out,
                        struct dn_error *err);

struct clip_result {
    int64_t frames;           /* that were made */
    const char *timings_json; /* borrowed, NULL = none */
    const struct clip_file *files; /* [file_count], borrowed */
    size_t file_count;
};

/* A running job is done: its files' rows, the clip's facts and the states in one transaction. */
bool catalog_finish_job(struct catalog *catalog, int64_t id, const struct clip_result *result,
                        struct dn_error *err);

/* Completes moves that a crash interrupted and removes what killed writers left in the folders of
 * clips that are not done. A file under a final name is never removed, whoever owns it. Only for
 * the writer and before any worker runs. *removed may be NULL. */
bool clip_files_sweep(struct catalog *catalog, int64_t *removed, struct dn_error *err);

struct clip_fault {
    int64_t clip;     /* 0 = of none */
    const char *path; /* below the library */
    const char *what; /* "missing", "has 12 bytes, not 34", "changed", "belongs to no clip" */
};

/* Looks at every file of every clip (or of one, id not 0): there, right size and, with hash, right
 * content; and for folders that belong to no clip. Calls report (may be NULL) for each that is
 * wrong. False only when it cannot look. */
bool clip_files_verify(struct catalog *catalog, int64_t id, bool hash,
                       void (*report)(void *user, const struct clip_fault *fault), void *user,
                       int64_t *faults, struct dn_error *err);

#endif
