/* tensor_file: one tensor of a file that a user hands in, and the recipe beside it. */
#ifndef DANAUS_COMMANDS_TENSOR_FILE_H
#define DANAUS_COMMANDS_TENSOR_FILE_H

#include <stdbool.h>

#include "base/error.h"
#include "kernels/tensor.h"

/* Does path look like tensors (safetensors, a torch zip or a folder of them), by its first bytes?
 * False also when it cannot be read. */
bool tensor_file_is(const char *path);

/* Reads tensor `name` of ndim dimensions, none of them 0, as float32 into new memory (out->data,
 * the caller frees) and the recipe, if the file has one (*recipe, NULL = none, the caller frees).
 * False: unreadable, no such tensor, other dimensions, or values that are not finite. */
bool tensor_file_read(const char *path, const char *name, int ndim, struct tensor *out,
                      char **recipe, struct dn_error *err);

#endif
