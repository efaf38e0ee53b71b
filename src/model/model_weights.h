/* model_weights: taking a model's tensors out of a weights file, with the shape checked.
 *
 * Every complaint names the tensor, the shape it has and the shape it needs. */
#ifndef DANAUS_MODEL_MODEL_WEIGHTS_H
#define DANAUS_MODEL_MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "format/weights.h"
#include "kernels/ops.h"

/* A dimension that a shape check leaves open. */
#define MODEL_ANY_SIZE (-1)

/* The tensor called name, which must have this shape and a float dtype. NULL with err filled. */
const struct weight_view *model_weight_need(const struct weights *w, const char *name, int ndim,
                                            const int64_t *shape, struct dn_error *err);

/* "[2,3]" of a shape; out is cut to size. Returns out. */
char *model_shape_text(char *out, size_t size, int ndim, const int64_t *shape);

/* A host tensor over a view, for linear_pack, conv_pack and upload. When the file holds the data
 * unaligned it is copied to *copy, which the caller frees after use (NULL otherwise). A view of
 * more dims than a tensor can have asserts: need() has checked. */
struct tensor model_weight_tensor(const struct weight_view *view, void **copy);

/* The vector called name of exactly count elements as an F32 tensor in exec memory; the caller
 * frees with ops->tensor_free. Trailing dims of 1 in the file are accepted. */
bool model_weight_vector(const struct weights *w, const char *name, int64_t count,
                         const struct ops *ops, struct exec *ex, struct tensor *out,
                         struct dn_error *err);

/* Elements of all tensors whose names begin with prefix. */
int64_t model_weight_parameters(const struct weights *w, const char *prefix);

#endif
