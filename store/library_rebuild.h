/* library_rebuild: a new catalog for a library whose own is gone or damaged.
 *
 * It begins with what can be read of the damaged catalog, else with the newest sound snapshot, else
 * with nothing; then every folder of clips/ and trash/ gets its row where it has none. All of it
 * is made in LIBRARY/rebuild.part and moved into place when it is whole; a damaged catalog is kept
 * as catalog-damaged-DATE.db. */
#ifndef DANAUS_STORE_LIBRARY_REBUILD_H
#define DANAUS_STORE_LIBRARY_REBUILD_H

#include "store/catalog_clips.h"

/* Has the library a folder of a clip, be it in the trash? */
bool library_has_clips(const char *library);

/* What lies in a clip's folder: absolute paths, NULL = not there. */
struct rebuild_files {
    const char *video, *latents;
    int64_t latent_frames;
};

enum rebuild_base { REBUILD_FILES, REBUILD_SALVAGE, REBUILD_SNAPSHOT };

struct rebuild {
    /* Given: */
    /* Fills what a clip's own recipe says into clip, whose strings are its own (clip_done); what
     * there is already is the folder's word. */
    void (*recall)(void *user, const struct rebuild_files *files, struct clip *clip);
    /* path below the library, and what is wrong with it; may be NULL. */
    void (*report)(void *user, const char *path, const char *what);
    void *user;
    /* Told: */
    enum rebuild_base base;
    char *snapshot; /* REBUILD_SNAPSHOT: its path; the caller frees */
    char *aside;    /* where the damaged catalog is now, NULL = none; the caller frees */
    int64_t lost;   /* REBUILD_SALVAGE: places that could not be read */
    int64_t kept;   /* rows of the base whose folder is there */
    int64_t added;  /* rows made of files */
    int64_t unread; /* folders and files that could not be used */
};

/* Refused, everything as it was: the catalog is sound or of a newer danaus, an engine writes
 * (DN_E_EXISTS), there is no clip to make one for (DN_E_ARG). */
bool library_rebuild(const char *library, struct rebuild *rebuild, struct dn_error *err);

#endif
