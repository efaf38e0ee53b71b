/* synthetic: model directories of the public sizes with random weights.
 *
 * Speed and memory do not depend on what the weights are, so benchmarks and load tests need no
 * download. The files are real ones, of the public names and layout, and are read through the
 * ordinary code. There is no text encoder (11 GB): give a context. */
#ifndef DANAUS_MODEL_SYNTHETIC_H
#define DANAUS_MODEL_SYNTHETIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct synthetic_size {
    const char *name; /* "wan2.1-1.3b" */
    int64_t dim, ffn_dim, heads, layers, freq_dim, text_dim, text_len;
    int64_t vae_width;
};

/* The public sizes, NULL-terminated by name. */
extern const struct synthetic_size synthetic_sizes[];
const struct synthetic_size *synthetic_find(const char *name); /* NULL: not known */

/* Writes config.json, the transformer (bf16) and the VAE (bf16) to the existing directory dir. */
bool synthetic_write(const struct synthetic_size *size, const char *dir, struct dn_error *err);
/* The same with zeros that take no disk, for who looks at sizes only. */
bool synthetic_write_hollow(const struct synthetic_size *size, const char *dir,
                            struct dn_error *err);

#endif
