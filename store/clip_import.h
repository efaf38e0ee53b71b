/* clip_import: a video from outside becomes a clip of the library.
 *
 * Whoever imports stages it: copy, hash, stills, all in LIBRARY/incoming/NAME, where nothing is
 * decoded by the engine. The engine then gives the folder its clip's name and commits the row, in
 * this order: a row always has its files. What a killed import leaves in incoming/ is removed at
 * the engine's start. */
#ifndef DANAUS_STORE_CLIP_IMPORT_H
#define DANAUS_STORE_CLIP_IMPORT_H

#include "store/clip_files.h"
#include "store/media_probe.h"

struct clip_import {
    char *folder; /* below LIBRARY/incoming: one component */
    struct media_info info;
    struct clip_file_list files;
};

/* Copies the video at path, which is decoded once to its end, into a new folder of incoming/. DN_E_
 * EXISTS with the clip's number when catalog (any connection) has a file of the same content. The
 * caller calls clip_import_done, in both cases. */
bool clip_import_stage(struct catalog *catalog, const char *path, struct clip_import *out,
                       struct dn_error *err);
/* Removes the folder if it is still there, and frees. */
void clip_import_done(struct catalog *catalog, struct clip_import *import);

/* For the writer: the staged folder becomes the clip, whose number is *id. */
bool clip_import_publish(struct catalog *catalog, const char *folder, const struct clip *clip,
                         const struct clip_file *files, size_t count, int64_t *id,
                         struct dn_error *err);
/* For the writer, before anybody can import: what killed imports left. */
bool clip_import_sweep(struct catalog *catalog, struct dn_error *err);

#endif
