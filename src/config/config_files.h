/* config_files: which files have a say in a request, and reading them. */
#ifndef DANAUS_CONFIG_CONFIG_FILES_H
#define DANAUS_CONFIG_CONFIG_FILES_H

#include <stdbool.h>

#include "base/error.h"
#include "config/settings.h"

/* To be called after the command line was read. Reads danaus.yaml of the user's configuration
 * directory if it is there, the file or sampler config that s->config names, danaus.yaml of the
 * model's directory if it is there, and the config of the chosen sampler if one comes with danaus.
 * Without a model the one that comes with danaus is chosen, if it is installed. */
bool config_load(struct settings *s, struct dn_error *err);

/* The path that -c name means: a file, or the name of a config in configs/samplers. NULL, with err
 * filled, when it is neither. The caller frees. */
char *config_find(const char *name, struct dn_error *err);

#endif
