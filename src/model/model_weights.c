/* model_weights: see model_weights.h */
#include "model/model_weights.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

char *model_shape_text(char *out, size_t size, int ndim, const int64_t *shape)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < ndim && used + 1 < size; i++) {
        int n;
        if (shape[i] == MODEL_ANY_SIZE)
            n = snprintf(out + used, size - used, "%s?", i ? "," : "[");
        else
            n = snprintf(out + used, size - used, "%s%" PRId64, i ? "," : "[", shape[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    if (used + 1 < size)
        snprintf(out + used, size - used, ndim ? "]" : "[]");
    return out;
}

static bool is_float(enum dtype dtype)
{
    return dtype == DTYPE_F32 || dtype == DTYPE_F16 || dtype == DTYPE_BF16 || dtype == DTYPE_F64;
}

const struct weight_view *model_weight_need(const struct weights *w, const char *name, int ndim,
                                            const int64_t *shape, struct dn_error *err)
{
    const struct weight_view *view = weights_find(w, name);
    char have[128], need[128];
    if (!view) {
        dn_fail(err, DN_E_MODEL, "%s: tensor %s is missing, shape needed %s", weights_path(w), name,
                model_shape_text(need, sizeof need, ndim, shape));
        return NULL;
    }
    bool fits = view->ndim == ndim;
    for (int i = 0; fits && i < ndim; i++)
        fits = view->shape[i] > 0 && (shape[i] == MODEL_ANY_SIZE || shape[i] == view->shape[i]);
    if (!fits) {
        dn_fail(err, DN_E_MODEL, "%s: tensor %s has shape %s, needs %s", weights_path(w), name,
                model_shape_text(have, sizeof have, view->ndim, view->shape),
                model_shape_text(need, sizeof need, ndim, shape));
        return NULL;
    }
    if (!is_float(view->dtype)) {
        dn_fail(err, DN_E_MODEL, "%s: tensor %s is %s, needs F32, F16, BF16 or F64",
                weights_path(w), name, dtype_name(view->dtype));
        return NULL;
    }
    return view;
}

struct tensor model_weight_tensor(const struct weight_view *view, void **copy)
{
    assert(view->ndim <= TENSOR_MAX_DIMS);
    *copy = NULL;
    if (!view->aligned) {
        *copy = dn_malloc_aligned(dn_mul_or_abort((size_t)view->count,
                                                  (size_t)dtype_size(view->dtype)));
        weights_copy(view, *copy);
        return tensor_over(*copy, view->dtype, view->ndim, view->shape);
    }
    struct tensor t = {.data = (void *)view->data, .dtype = view->dtype, .ndim = view->ndim};
    for (int i = 0; i < view->ndim; i++) {
        t.shape[i] = view->shape[i];
        t.stride[i] = view->stride[i];
    }
    return t;
}

bool model_weight_vector(const struct weights *w, const char *name, int64_t count,
                         const struct ops *ops, struct exec *ex, struct tensor *out,
                         struct dn_error *err)
{
    const struct weight_view *view = weights_find(w, name);
    int64_t shape[WEIGHTS_MAX_DIMS] = {count, 1, 1, 1, 1, 1, 1, 1};
    if (!model_weight_need(w, name, view && view->ndim > 0 ? view->ndim : 1, shape, err))
        return false;
    if (!ops->tensor_alloc(ex, out, DTYPE_F32, 1, &count, err))
        return false;
    float *values = dn_malloc(dn_mul_or_abort((size_t)count, sizeof *values));
    weights_copy_f32(view, values);
    struct tensor host = tensor_over(values, DTYPE_F32, 1, &count);
    bool ok = ops->upload(ex, out, &host, err);
    free(values);
    if (!ok)
        ops->tensor_free(ex, out);
    return ok;
}

int64_t model_weight_parameters(const struct weights *w, const char *prefix)
{
    int64_t sum = 0;
    size_t length = strlen(prefix);
    for (int64_t i = 0; i < weights_count(w); i++) {
        const struct weight_view *view = weights_at(w, i);
        if (strncmp(view->name, prefix, length) == 0)
            sum += view->count;
    }
    return sum;
}
