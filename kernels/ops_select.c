/* ops_select: the one place that knows which backends this build has. */
#include "kernels/ops.h"

#include <string.h>

_Static_assert(sizeof(void (*)(void)) == sizeof(void *) && sizeof(struct ops) % sizeof(void *) == 0,
               "struct ops is pointers only, so that holes can be found");

enum dtype exec_dtype(const struct exec *ex)
{
    return *(const enum dtype *)ex;
}

/* A backend with a hole in its table must not start. */
static bool select_complete(const struct ops *ops, const struct ops **out, struct dn_error *err)
{
    void *entries[sizeof *ops / sizeof(void *)];
    memcpy(entries, ops, sizeof *ops);
    for (size_t i = 0; i < sizeof *ops / sizeof(void *); i++)
        if (!entries[i])
            return dn_fail(err, DN_E_BACKEND, "operation %zu of a backend is missing", i);
    *out = ops;
    return true;
}

bool ops_select(const char *name, const struct ops **out, struct dn_error *err)
{
    if (strcmp(name, "auto") == 0 || strcmp(name, "cpu") == 0)
        return select_complete(&ops_cpu, out, err);
    if (strcmp(name, "cuda") == 0) {
        dn_fail(err, DN_E_UNSUPPORTED, "backend cuda: this build has no CUDA backend");
        return dn_error_hint(err, "use --backend cpu");
    }
    dn_fail(err, DN_E_ARG, "backend \"%s\" is not known", name);
    return dn_error_hint(err, "use auto, cpu or cuda");
}
