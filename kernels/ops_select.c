/* ops_select: the one place that knows which backends this build has. */
#include "kernels/ops.h"

#include <string.h>

#ifdef DANAUS_CUDA
#include "base/log.h"
#include "kernels/cuda/cuda_backend.h"
#endif

_Static_assert(sizeof(void (*)(void)) == sizeof(void *) && sizeof(struct ops) % sizeof(void *) == 0,
               "struct ops is pointers only, so that holes can be found");

struct begin {
    enum dtype dtype;
    bool fp8;
};

enum dtype exec_dtype(const struct exec *ex)
{
    return ((const struct begin *)ex)->dtype;
}

bool exec_fp8(const struct exec *ex)
{
    return ((const struct begin *)ex)->fp8;
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

#ifdef DANAUS_CUDA
/* auto falls back to the CPU, and says why; cuda does not. */
static bool select_cuda(bool only, const struct ops **out, struct dn_error *err)
{
    struct dn_error why = {0};
    if (cuda_probe(&why))
        return select_complete(&ops_cuda, out, err);
    if (only) {
        dn_fail(err, why.code, "%s", why.message);
        return dn_error_hint(err, "use --backend cpu");
    }
    dn_warn("%s; running on the CPU", why.message);
    return select_complete(&ops_cpu, out, err);
}
#else
static bool select_cuda(bool only, const struct ops **out, struct dn_error *err)
{
    if (!only)
        return select_complete(&ops_cpu, out, err);
    dn_fail(err, DN_E_UNSUPPORTED, "backend cuda: this build has no CUDA backend");
    return dn_error_hint(err, "use --backend cpu");
}
#endif

const struct ops *ops_planning(void)
{
#ifdef DANAUS_CUDA
    return &ops_cuda;
#else
    return NULL;
#endif
}

bool ops_has_cuda(void)
{
    return ops_planning() != NULL;
}

bool ops_select(const char *name, const struct ops **out, struct dn_error *err)
{
    if (strcmp(name, "cpu") == 0)
        return select_complete(&ops_cpu, out, err);
    if (strcmp(name, "auto") == 0 || strcmp(name, "cuda") == 0)
        return select_cuda(strcmp(name, "cuda") == 0, out, err);
    dn_fail(err, DN_E_ARG, "backend \"%s\" is not known", name);
    return dn_error_hint(err, "use auto, cpu or cuda");
}
