/* yaml_reader: YAML files with settings, ours and the public projects' as they are.
 *
 * Keys are our option names ('_' or '-') or those of public_keys.c. An unknown key is a warning
 * with file and line, a bad value an error with file, line and column.
 *
 * A file that is one of the public projects' (it has denoising_step_list, generator_ckpt or
 * trainer) describes a sampler completely: what it does not say is set as their default config has
 * it, and the sampler follows from it. With a step list that is self_forcing when causal, else
 * few_step; with `trainer: diffusion` it is unipc. */
#ifndef DANAUS_CONFIG_YAML_READER_H
#define DANAUS_CONFIG_YAML_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "config/settings.h"

/* Reads size bytes, named name in messages, into s at level. Relative paths count from dir and "~/"
 * is the home directory. A model's or sampler's config may not name paths nor set force. On false s
 * is as before. */
bool yaml_read_bytes(struct settings *s, const char *bytes, size_t size, const char *name,
                     const char *dir, enum settings_level level, struct dn_error *err);

/* The same from a file of at most 1 MiB; paths count from its directory. */
bool yaml_read_file(struct settings *s, const char *path, enum settings_level level,
                    struct dn_error *err);

#endif
