/* verify_tensors: see verify_tensors.h */
#include "commands/verify_tensors.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

bool verify_tensor_read(struct verify_tensor *t, const struct weights *w, int ndim,
                        const char *format, ...)
{
    char name[256];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    *t = (struct verify_tensor){0};
    const struct weight_view *view = weights_find(w, name);
    if (!view || (ndim && view->ndim != ndim))
        return false;
    t->data = dn_malloc(dn_mul_or_abort((size_t)view->count, sizeof *t->data));
    t->ndim = view->ndim;
    t->count = view->count;
    memcpy(t->shape, view->shape, sizeof t->shape);
    weights_copy_f32(view, t->data);
    return true;
}

void verify_tensor_done(struct verify_tensor *t)
{
    free(t->data);
    *t = (struct verify_tensor){0};
}

struct tensor verify_as_thwc(const struct verify_tensor *t)
{
    assert(t->ndim == 4);
    const int64_t *s = t->shape, plane = s[2] * s[3];
    struct tensor view = tensor_over(t->data, DTYPE_F32, DIMS(s[1], s[2], s[3], s[0]));
    view.stride[0] = plane;
    view.stride[1] = s[3];
    view.stride[2] = 1;
    view.stride[3] = plane * s[1];
    return view;
}

struct tensor verify_as_tchw(const struct verify_tensor *t)
{
    assert(t->ndim == 4);
    const int64_t *s = t->shape, plane = s[2] * s[3];
    struct tensor view = tensor_over(t->data, DTYPE_F32, DIMS(s[1], s[0], s[2], s[3]));
    view.stride[0] = plane;
    view.stride[1] = plane * s[1];
    return view;
}

char *verify_sibling(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return dn_strdup(name);
    return dn_asprintf("%.*s/%s", (int)(slash - path), path, name);
}

bool verify_has_suffix(const struct weights *w, const char *suffix)
{
    for (int64_t i = 0; i < weights_count(w); i++)
        if (dn_ends_with(weights_at(w, i)->name, suffix))
            return true;
    return false;
}
