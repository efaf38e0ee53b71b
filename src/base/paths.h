/* paths: where things are on this machine. Returned strings are the caller's to free. */
#ifndef DANAUS_BASE_PATHS_H
#define DANAUS_BASE_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The XDG base directories (specifications.freedesktop.org/basedir-spec). */
enum dn_xdg { DN_XDG_CONFIG, DN_XDG_DATA, DN_XDG_CACHE, DN_XDG_STATE, DN_XDG_RUNTIME };

/* ".../danaus" below that base directory; nothing is created. A variable that is not an absolute
 * path is ignored, as the specification asks. NULL when there is neither the variable nor a home
 * (for DN_XDG_RUNTIME: no variable). */
char *dn_xdg_dir(enum dn_xdg which);

/* "first/second" with one slash between; second alone when it is absolute or first is "". */
char *dn_path_join(const char *first, const char *second);

/* The directory part of path, "." when it has none. */
char *dn_path_dir(const char *path);

/* "out/night-0003.mp4" of "out/night.mp4" and 3: one of several files under one name. */
char *dn_path_number(const char *path, int64_t number);

/* path with a leading "~/" (or a bare "~") replaced by the home directory. */
char *dn_path_expand(const char *path);

bool dn_path_exists(const char *path);

/* Makes a directory and those above it, 0700 each; one that exists is left as it is. */
bool dn_make_dirs(const char *path, struct dn_error *err);

/* A file or directory that ships with danaus, by its name below configs/ ("danaus.yaml",
 * "samplers/unipc.yaml", "demo"). Looked for beside the running program first (the source tree's
 * configs/, or ../share/danaus of the same prefix), then where the build was told to install. NULL
 * when it is nowhere. */
char *dn_find_share(const char *name);

#endif
