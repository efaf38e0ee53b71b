/* model_file: which file of a directory holds the transformer's weights. */
#ifndef DANAUS_FORMAT_MODEL_FILE_H
#define DANAUS_FORMAT_MODEL_FILE_H

#include <stdbool.h>

#include "base/error.h"

/* *file (the caller frees) is path itself unless it names a directory; then the
 * diffusion_pytorch_model.safetensors in it, else its .index.json. */
bool model_file_find(const char *path, char **file, struct dn_error *err);

#endif
