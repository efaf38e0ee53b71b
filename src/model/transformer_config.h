/* transformer_config: the sizes of a Wan video transformer.
 *
 * Widths are read from tensor shapes, what shapes cannot tell (heads, text_len, eps) from
 * config.json with the public keys; where both speak they must agree. */
#ifndef DANAUS_MODEL_TRANSFORMER_CONFIG_H
#define DANAUS_MODEL_TRANSFORMER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "format/weights.h"

struct transformer_config {
    int64_t dim, ffn_dim, freq_dim, text_dim;
    int64_t heads, layers;
    int64_t channels; /* of a latent, in and out */
    int64_t text_len; /* context rows, padding included */
    double eps;
};

#define TRANSFORMER_PATCH 2      /* latent pixels a token, per side */
#define TRANSFORMER_TEXT_LEN 512 /* without a config.json */

/* path may be NULL (no config.json): heads are then known only for widths that are whole public
 * heads of 128, text_len is 512, eps 1e-6. False: unreadable, not strict JSON, a value out of range
 * or against the shapes, a tensor that tells a size is missing, or an image-to-video model. */
bool transformer_config_load(const char *path, const struct weights *w,
                             struct transformer_config *out, struct dn_error *err);

/* The sizes that shapes tell, nothing else of *out: for describing and checking a file alone. */
bool transformer_config_read_shapes(const struct weights *w, struct transformer_config *out,
                                    struct dn_error *err);

/* head_dim */
static inline int64_t transformer_head_dim(const struct transformer_config *c)
{
    return c->dim / c->heads;
}

#endif
