/* transformer_fixture: the small model in tests/data/model and tensors of fixtures made with it. */
#ifndef DANAUS_TESTS_TRANSFORMER_FIXTURE_H
#define DANAUS_TESTS_TRANSFORMER_FIXTURE_H

#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "format/weights.h"
#include "kernels/ops.h"
#include "model/transformer.h"

#define DATA "tests/data/model/"
#define MODEL DATA "dit/tiny16/"

struct small_model {
    const struct ops *ops;
    struct exec *ex;
    struct transformer *tr;
    struct text_context *cond, *uncond;
};

/* A tensor's values as float32; the caller frees. NULL and a failed check when it is missing. */
static inline float *fixture_values(const struct weights *w, const char *name, int64_t *shape)
{
    const struct weight_view *v = weights_find(w, name);
    CHECK_MSG(v != NULL, "no tensor %s", name);
    if (!v)
        return NULL;
    float *values = malloc((size_t)v->count * sizeof *values);
    weights_copy_f32(v, values);
    if (shape)
        memcpy(shape, v->shape, (size_t)v->ndim * sizeof *shape);
    return values;
}

static inline struct weights *fixture_open(const char *path)
{
    struct weights *w = NULL;
    struct dn_error err;
    CHECK_OK(weights_open(path, &w, &err), err);
    return w;
}

static inline struct text_context *small_context(struct small_model *m, const struct weights *w,
                                                 const char *name)
{
    int64_t shape[2] = {0};
    struct text_context *context = NULL;
    struct dn_error err;
    float *rows = fixture_values(w, name, shape);
    struct tensor host = tensor_over(rows, DTYPE_F32, 2, shape);
    CHECK_OK(text_context_new(m->tr, &host, &context, &err), err);
    free(rows);
    return context;
}

static inline struct small_model small_model_open(enum dtype dtype)
{
    struct small_model m = {.ops = &ops_cpu};
    struct exec_options options = {.dtype = dtype};
    struct transformer_config config;
    struct dn_error err;
    CHECK_OK(m.ops->open(&options, &m.ex, &err), err);
    struct weights *w = fixture_open(MODEL "diffusion_pytorch_model.safetensors");
    CHECK_OK(transformer_config_load(MODEL "config.json", w, &config, &err), err);
    CHECK_OK(transformer_open(m.ops, m.ex, w, &config, &m.tr, &err), err);
    weights_close(w);
    w = fixture_open(MODEL "context.safetensors");
    m.cond = small_context(&m, w, "cond");
    m.uncond = small_context(&m, w, "uncond");
    weights_close(w);
    return m;
}

static inline void small_model_close(struct small_model *m)
{
    text_context_free(m->cond);
    text_context_free(m->uncond);
    transformer_free(m->tr);
    m->ops->close(m->ex);
}

/* ||got - want|| / ||want|| */
static inline double relative_error(const float *got, const float *want, int64_t count)
{
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < count; i++) {
        double d = (double)got[i] - want[i];
        difference += d * d;
        norm += (double)want[i] * want[i];
    }
    return sqrt(difference / norm);
}

#endif
