/* verify_tensors: a fixture's tensors as float32 arrays, and tensors of a model beside them. */
#ifndef DANAUS_COMMANDS_VERIFY_TENSORS_H
#define DANAUS_COMMANDS_VERIFY_TENSORS_H

#include <stdbool.h>
#include <stdint.h>

#include "format/weights.h"
#include "kernels/ops.h"

/* A tensor of a fixture; values contiguous in the order of shape. data NULL: not there. */
struct verify_tensor {
    float *data; /* freed by verify_tensor_done */
    int ndim;
    int64_t shape[WEIGHTS_MAX_DIMS];
    int64_t count;
};

/* The tensor called printf(format). False when the fixture has none of that name and ndim
 * dimensions (0: any); t is empty then. */
bool verify_tensor_read(struct verify_tensor *t, const struct weights *w, int ndim,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
void verify_tensor_done(struct verify_tensor *t);

/* A view of a [C, T, H, W] fixture as [T, H, W, C], and as [T, C, H, W]. */
struct tensor verify_as_thwc(const struct verify_tensor *t);
struct tensor verify_as_tchw(const struct verify_tensor *t);

/* The file of folder(path) + "/" + name; the caller frees. */
char *verify_sibling(const char *path, const char *name);
/* Does any tensor's name end in suffix? */
bool verify_has_suffix(const struct weights *w, const char *suffix);

#endif
