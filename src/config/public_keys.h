/* public_keys: the keys of the public projects' YAML files that are not called like our options.
 * Sources: configs/ of Self-Forcing and MonarchRT, and the attributes that their code reads. */
#ifndef DANAUS_CONFIG_PUBLIC_KEYS_H
#define DANAUS_CONFIG_PUBLIC_KEYS_H

#include <stddef.h>

enum public_meaning {
    PUBLIC_OPTION,    /* the option named in the row, written the same way */
    PUBLIC_SECTION,   /* a map whose keys are looked up as "section.key" */
    PUBLIC_IGNORED,   /* about training, logging or the projects' own folders */
    PUBLIC_SHIFT,     /* timestep_shift: one of two places, see yaml_reader.c */
    PUBLIC_WIDTH,     /* pixels */
    PUBLIC_HEIGHT,    /* pixels */
    PUBLIC_SHAPE,     /* latent [batch, frames, channels, height, width] */
    PUBLIC_LATENTS,   /* latent frames */
    PUBLIC_MONARCH,   /* monarch_args.enable */
    PUBLIC_TIMESTEPS, /* num_train_timestep: only 1000 */
};

struct public_key {
    const char *path;
    enum public_meaning meaning;
    const char *option; /* PUBLIC_OPTION */
};

/* The row of a path such as "model_kwargs.sink_size", or NULL. */
const struct public_key *public_key_find(const char *path);
/* All rows, for suggestions. */
const struct public_key *public_key_at(size_t index);

#endif
