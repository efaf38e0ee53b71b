/* pipeline_inputs: see pipeline_inputs.h */
#include "pipeline/pipeline_inputs.h"

#include <stdlib.h>

#include "base/mem.h"
#include "format/weights.h"

/* Copies tensor `name` with low..high dimensions to *out. A missing one is fine unless required. */
static bool take(const struct weights *w, const char *name, int low, int high, bool required,
                 struct tensor *out, struct dn_error *err)
{
    const struct weight_view *view = weights_find(w, name);
    if (!view)
        return !required ||
               dn_fail(err, DN_E_FORMAT, "%s: tensor %s is missing", weights_path(w), name);
    if (view->ndim < low || view->ndim > high || view->count < 1)
        return dn_fail(err, DN_E_FORMAT, "%s: tensor %s has %d dimensions, needs %d",
                       weights_path(w), name, view->ndim, high);
    float *values = dn_malloc(dn_mul_or_abort((size_t)view->count, sizeof *values));
    weights_copy_f32(view, values);
    *out = tensor_over(values, DTYPE_F32, view->ndim, view->shape);
    return true;
}

static bool load_context(const char *path, struct pipeline_inputs *in, struct dn_error *err)
{
    struct weights *w = NULL;
    bool ok = weights_open(path, &w, err) && weights_check_finite(w, err) &&
              take(w, "context", 2, 2, true, &in->context, err) &&
              take(w, "negative", 2, 2, false, &in->negative, err);
    weights_close(w);
    return ok;
}

static bool load_noise(const char *path, struct pipeline_inputs *in, struct dn_error *err)
{
    struct weights *w = NULL;
    bool ok = weights_open(path, &w, err) && weights_check_finite(w, err) &&
              take(w, "noise", 4, 4, true, &in->noise, err) &&
              take(w, "renoise", 5, 6, false, &in->renoise, err);
    weights_close(w);
    return ok;
}

static bool load_latents(const char *path, struct pipeline_inputs *in, struct dn_error *err)
{
    struct weights *w = NULL;
    bool ok = weights_open(path, &w, err) && weights_check_finite(w, err) &&
              take(w, "latents", 4, 4, true, &in->latents, err);
    weights_close(w);
    return ok;
}

bool pipeline_inputs_load(const struct request *r, struct pipeline_inputs *in, struct dn_error *err)
{
    *in = (struct pipeline_inputs){0};
    return (!r->context || load_context(r->context, in, err)) &&
           (!r->noise || load_noise(r->noise, in, err)) &&
           (!r->extend || load_latents(r->extend, in, err));
}

void pipeline_inputs_done(struct pipeline_inputs *in)
{
    free(in->context.data);
    free(in->negative.data);
    free(in->noise.data);
    free(in->renoise.data);
    free(in->latents.data);
    *in = (struct pipeline_inputs){0};
}
