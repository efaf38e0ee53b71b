/* model_fixture: what the tests of the autoencoder, text encoder and model directories share: an
 * exec, fixtures as float arrays, and weights files with one tensor changed. */
#ifndef DANAUS_TESTS_MODEL_FIXTURE_H
#define DANAUS_TESTS_MODEL_FIXTURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "format/safetensors_write.h"
#include "format/weights.h"
#include "kernels/ops.h"

#define DATA "tests/data/model/"

static inline struct exec *open_exec(enum dtype dtype)
{
    const struct exec_options options = {.dtype = dtype, .threads = 2};
    struct dn_error err;
    struct exec *ex = NULL;
    CHECK_OK(ops_cpu.open(&options, &ex, &err), err);
    return ex;
}

static inline struct weights *open_data(const char *path)
{
    struct dn_error err;
    struct weights *w = NULL;
    CHECK_OK(weights_open(path, &w, &err), err);
    return w;
}

/* The values of a fixture's tensor; the caller frees. */
static inline float *values_of(const struct weights *w, const char *name,
                               const struct weight_view **view)
{
    const struct weight_view *v = weights_find(w, name);
    CHECK_MSG(v != NULL, "%s", name);
    float *out = dn_malloc((size_t)(v ? v->count : 1) * sizeof *out);
    if (v)
        weights_copy_f32(v, out);
    *view = v;
    return out;
}

static inline double rel_error(const float *got, const float *want, int64_t count)
{
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < count; i++) {
        difference += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        norm += (double)want[i] * want[i];
    }
    return sqrt(difference / norm);
}

/* How write_changed treats one tensor. */
struct change {
    const char *tensor;
    const char *rename;         /* NULL: keep the name */
    bool drop;                  /* leave it out */
    const int64_t *shape;       /* NULL: keep; else of the same number of dims and fewer elements */
};

/* w written as safetensors to path with a change (tensor NULL: none). rename_all may map every
 * name; its result is freed. */
static inline void write_changed(const struct weights *w, const char *path,
                                 const struct change *change, char *(*rename_all)(const char *))
{
    struct safetensors_writer *out = safetensors_writer_new();
    const int64_t count = weights_count(w);
    void **copies = dn_calloc((size_t)count, sizeof *copies);
    struct dn_error err;
    for (int64_t i = 0; i < count; i++) {
        const struct weight_view *v = weights_at(w, i);
        bool changed = change && change->tensor && strcmp(v->name, change->tensor) == 0;
        if (changed && change->drop)
            continue;
        copies[i] = dn_malloc((size_t)(v->count * dtype_size(v->dtype)));
        weights_copy(v, copies[i]);
        const int64_t *shape = changed && change->shape ? change->shape : v->shape;
        char *name = rename_all ? rename_all(v->name)
                                : dn_strdup(changed && change->rename ? change->rename : v->name);
        safetensors_writer_tensor(out, name, v->dtype, v->ndim, shape, copies[i]);
        free(name);
    }
    CHECK_OK(safetensors_writer_finish(out, path, true, &err), err);
    safetensors_writer_free(out);
    for (int64_t i = 0; i < count; i++)
        free(copies[i]);
    free(copies);
}

/* A folder of this process's own; the caller frees the name and empties the folder. */
static inline char *make_folder(void)
{
    char *path = dn_strdup("/tmp/danaus-model-XXXXXX");
    CHECK(mkdtemp(path) != NULL);
    return path;
}

#endif
