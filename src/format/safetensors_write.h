/* safetensors_write: tensors and strings into a new safetensors file, whole or not at all.
 *
 * The file is written as PATH.part, flushed to disk and renamed: at no time does PATH hold half a
 * file, and when anything fails (disk full, no permission) nothing is left behind. The same
 * content gives the same bytes. A writer belongs to one thread. */
#ifndef DANAUS_FORMAT_SAFETENSORS_WRITE_H
#define DANAUS_FORMAT_SAFETENSORS_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/error.h"

struct safetensors_writer;

struct safetensors_writer *safetensors_writer_new(void);
void safetensors_writer_free(struct safetensors_writer *w); /* NULL allowed */

/* Adds a string beside the tensors; both are copied. */
void safetensors_writer_metadata(struct safetensors_writer *w, const char *key, const char *value);

/* Adds a tensor: ndim 0..8, shape[ndim], row-major elements at data, which is borrowed and must
 * live until safetensors_writer_finish() returns. The name is copied. */
void safetensors_writer_tensor(struct safetensors_writer *w, const char *name, enum dtype dtype,
                               int ndim, const int64_t *shape, const void *data);

/* The file is for this run alone: finish does not wait until the disk has it. */
void safetensors_writer_passing(struct safetensors_writer *w);

/* Only names and shapes matter: data may be NULL, and zeros that take no disk stand for it. */
void safetensors_writer_hollow(struct safetensors_writer *w);

/* Writes everything to path. A file that is there already is replaced when `replace` is set, else
 * refused (DN_E_EXISTS). False: path is as it was. May be called again. */
bool safetensors_writer_finish(struct safetensors_writer *w, const char *path, bool replace,
                               struct dn_error *err);

#endif
