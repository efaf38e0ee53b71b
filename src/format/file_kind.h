/* file_kind: names what a file is that holds no weights, from its first bytes, so that the error
 * tells the user what really happened (a saved error page, a git-lfs pointer, ...). */
#ifndef DANAUS_FORMAT_FILE_KIND_H
#define DANAUS_FORMAT_FILE_KIND_H

#include <stdbool.h>

#include "base/error.h"
#include "format/mapped_file.h"

/* Always false: "FILE is a PNG image, not a weights file", with a cure. */
bool file_kind_refuse(const struct mapped_file *f, struct dn_error *err);

#endif
