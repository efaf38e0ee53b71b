/* output_file: can a result get its name? Asked before hours of work, not after. And what is left
 * there when its writer is killed. */
#ifndef DANAUS_ENGINE_OUTPUT_FILE_H
#define DANAUS_ENGINE_OUTPUT_FILE_H

#include <stdbool.h>

#include "base/error.h"

/* False: path exists and may not be replaced, is a directory, or nothing can be written beside it. */
bool output_file_check(const char *path, bool force, struct dn_error *err);
/* False: nothing can be written beside path, which may end in '/'. */
bool output_place_check(const char *path, struct dn_error *err);
/* False: path exists and may not be replaced. */
bool output_file_is_free(const char *path, bool force, struct dn_error *err);
/* The same of what may be a directory for pictures: one without any is free. */
bool output_is_free(const char *path, bool force, struct dn_error *err);
/* Removes what a killed process left beside these when it wrote them: files, folders of pictures;
 * NULL = was not asked for. Only when none writes them now. */
void output_file_sweep(const char *output, const char *save_latents);

#endif
