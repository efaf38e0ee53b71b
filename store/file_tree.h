/* file_tree: folders with all that is in them. Links are never followed. */
#ifndef DANAUS_STORE_FILE_TREE_H
#define DANAUS_STORE_FILE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Removes path, a file or a folder; what is not there is fine. */
bool tree_remove(const char *path, struct dn_error *err);

/* Copies the folder from to the new name to: files, folders and links with their permissions and
 * times, each synced, each read again and compared by its hash. On failure what was copied stays
 * for the caller to remove. DN_E_UNSUPPORTED for anything else (sockets, devices). */
bool tree_copy(const char *from, const char *to, struct dn_error *err);

/* Removes the temporary files and folders that writers leave when they are killed (.NAME-xxxxxxxx
 * .part) directly in path; *removed counts them. A folder that is not there is fine. */
bool tree_sweep(const char *path, int64_t *removed, struct dn_error *err);

/* Makes renames in a folder durable. */
bool tree_sync(const char *path, struct dn_error *err);

#endif
