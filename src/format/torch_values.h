/* torch_values: what the pickle of a torch checkpoint talks about: storages, and tensors that are
 * views of them. The only callables a checkpoint may name are in this file's table. */
#ifndef DANAUS_FORMAT_TORCH_VALUES_H
#define DANAUS_FORMAT_TORCH_VALUES_H

#include "format/pickle_reader.h"
#include "format/weight_format.h"

#define TORCH_MAX_KEY 20 /* digits */

struct torch_storage {
    char key[TORCH_MAX_KEY + 1]; /* decimal digits */
    enum dtype dtype;
    int64_t count;       /* elements */
    const uint8_t *data; /* NULL until the archive's reader found it */
};

struct torch_tensor {
    uint32_t storage;
    int ndim;
    int64_t offset; /* elements from the storage's start; checked against its count */
    int64_t shape[WEIGHTS_MAX_DIMS], stride[WEIGHTS_MAX_DIMS];
};

struct torch_values {
    struct torch_storage *storages;
    uint32_t storage_count, storage_capacity;
    struct torch_tensor *tensors;
    uint32_t tensor_count, tensor_capacity;
    uint64_t budget;  /* bytes that all tensors together may still have */
    bool legacy;      /* the old stream: persistent ids have a sixth part */
    uint32_t *by_key; /* PRIVATE: hash of storages */
    uint32_t by_key_capacity;
};

/* For pickle_read(), with a torch_values as the context. */
extern const struct pickle_rules torch_rules;

/* The storage of that key (length bytes); NULL when the pickle does not speak of it. */
struct torch_storage *torch_values_find(struct torch_values *v, const char *key, size_t length);
/* Adds the tensors of the pickle's state dicts to w, as "GROUP.KEY" or "KEY"; all storages must
 * have their data. */
bool torch_values_add_views(const struct torch_values *v, const struct pickle *p, struct weights *w,
                            const char *path, struct dn_error *err);
void torch_values_done(struct torch_values *v);

#endif
