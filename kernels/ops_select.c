/* ops_select: the one place that knows which backends this build has. */
#include "kernels/ops.h"

#include <string.h>

enum dtype exec_dtype(const struct exec *ex)
{
    return *(const enum dtype *)ex;
}

bool ops_select(const char *name, const struct ops **out, struct dn_error *err)
{
    if (strcmp(name, "auto") == 0 || strcmp(name, "cpu") == 0) {
        *out = &ops_cpu;
        return true;
    }
    if (strcmp(name, "cuda") == 0) {
        dn_fail(err, DN_E_UNSUPPORTED, "backend cuda: this build has no CUDA backend");
        return dn_error_hint(err, "use --backend cpu");
    }
    dn_fail(err, DN_E_ARG, "backend \"%s\" is not known", name);
    return dn_error_hint(err, "use auto, cpu or cuda");
}
