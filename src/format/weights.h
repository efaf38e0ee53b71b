/* weights: a read-only map from tensor name to tensor view over memory-mapped files; all that
 * models load from.
 *
 * What a file is gets decided by its content alone: safetensors, a sharded index (JSON), a torch
 * zip archive, an old torch stream, or a directory that holds
 * diffusion_pytorch_model.safetensors or its .index.json. Tensors keep the file's dtype. Views
 * point into the map and never outlive their `weights`. A `weights` belongs to one thread while it
 * is opened, selected from or closed; reading views is free for all threads.
 *
 * A file that another process truncates while it is mapped raises SIGBUS on the next read of the
 * lost part. Sizes are checked again at the end of weights_open(); replace model files by rename,
 * never in place. */
#ifndef DANAUS_FORMAT_WEIGHTS_H
#define DANAUS_FORMAT_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/error.h"

#define WEIGHTS_MAX_DIMS 8

struct weights;

struct weight_view {
    const char *name; /* valid UTF-8 without NUL; show it through dn_safetext only */
    enum dtype dtype;
    int ndim;                         /* 0 is a scalar */
    int64_t shape[WEIGHTS_MAX_DIMS];  /* dims past ndim are 1 */
    int64_t stride[WEIGHTS_MAX_DIMS]; /* in elements, never negative; 0 past ndim */
    int64_t count;                    /* elements: the product of shape */
    const void *data;                 /* first element; in the map, read-only, little-endian */
    bool contiguous;                  /* row-major without gaps (also when count <= 1) */
    bool aligned;                     /* data is a multiple of the element size: may be read
                                         through a typed pointer */
};

/* Opens path (file or directory). False: *out is NULL, err names the file, the rule broken and
 * its byte offset. Nothing of a file that fails is handed out. The caller closes. */
bool weights_open(const char *path, struct weights **out, struct dn_error *err);
void weights_close(struct weights *w); /* NULL allowed */

const char *weights_path(const struct weights *w);
/* "safetensors", "sharded safetensors", "torch zip", "torch legacy stream" */
const char *weights_kind(const struct weights *w);
/* Bytes of all files that are mapped. */
int64_t weights_file_bytes(const struct weights *w);

/* Tensors, in the order of the file. A torch checkpoint of several state dicts shows all those
 * that weights_select() can choose from, as "generator.KEY", "generator_ema.KEY", "model.KEY". */
int64_t weights_count(const struct weights *w);
const struct weight_view *weights_at(const struct weights *w, int64_t i);
/* NULL when absent. */
const struct weight_view *weights_find(const struct weights *w, const char *name);

/* Strings beside the tensors (safetensors __metadata__). NULL when absent. */
const char *weights_metadata(const struct weights *w, const char *key);
int64_t weights_metadata_count(const struct weights *w);
void weights_metadata_at(const struct weights *w, int64_t i, const char **key, const char **value);

/* Chooses the state dict of a Self-Forcing checkpoint and shows it under the public names: takes
 * generator_ema (use_ema and present), else generator, else model, else all tensors; drops the
 * wrapper parts `model.`, `module.` (leading) and `_fsdp_wrapped_module.`,
 * `_checkpoint_wrapped_module.`, `_orig_mod.` (anywhere). Works on every kind, may be called again
 * to choose anew, and invalidates views that were handed out before. False: two tensors would get
 * one name; the weights stay as they were. */
bool weights_select(struct weights *w, bool use_ema, struct dn_error *err);
/* Is there a generator_ema to choose? */
bool weights_has_ema(const struct weights *w);

/* Elements of v, any strides, dtype and alignment, to count contiguous float32 at dst (row-major).
 * Integers and booleans convert by value. */
void weights_copy_f32(const struct weight_view *v, float *dst);
/* The same without a change of dtype: count * dtype_size bytes at dst. */
void weights_copy(const struct weight_view *v, void *dst);

/* True when no shown floating point tensor holds NaN or an infinity; err names the first that
 * does. Reads every byte. */
bool weights_check_finite(const struct weights *w, struct dn_error *err);
/* Compares the CRC-32 of every record that carries one (torch zips; true for other kinds). Reads
 * every byte. The pickle of a torch zip is always checked at open. */
bool weights_verify_crc(const struct weights *w, struct dn_error *err);

/* SHA-256 of a file's bytes as 64 lowercase hex digits. */
bool weights_sha256(const char *path, char hex[65], struct dn_error *err);

#endif
