/* dropped_path: text as terminals write it when a file is dropped on them, or as a person types a
 * file's name. Source of the forms: the file URI scheme (RFC 8089) and POSIX shell quoting. */
#ifndef DANAUS_UI_STUDIO_DROPPED_PATH_H
#define DANAUS_UI_STUDIO_DROPPED_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* The file or directory that text names: as it stands; 'quoted' or "quoted" or with backslashes, as a
 * shell would read it; file:///home/me/a%20clip.mp4; ~/ for the home directory. NULL: it is no such
 * text, several of them, or nothing is there. relative: names need not begin with / or ~ or a dot.
 * The caller frees. */
char *dropped_path(const char *text, size_t length, bool relative);

#endif
