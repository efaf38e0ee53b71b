/* solver: see solver.h */
#include "pipeline/solver.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

bool solver_new(const struct solver_kind *kind, const struct ops *ops, struct exec *ex,
                const struct tensor *like, double shift, int64_t steps, struct solver **out,
                struct dn_error *err)
{
    struct solver *s = dn_calloc(1, sizeof *s);
    *out = NULL;
    s->kind = kind;
    s->ops = ops;
    s->ex = ex;
    s->steps = steps;
    s->sigmas = dn_calloc((size_t)steps + 1, sizeof *s->sigmas);
    s->timesteps = dn_calloc((size_t)steps, sizeof *s->timesteps);
    kind->tables(shift, steps, s->sigmas, s->timesteps);
    for (int i = 0; i < kind->history; i++) {
        if (!ops->tensor_alloc(ex, &s->history[i], DTYPE_F32, like->ndim, like->shape, err)) {
            solver_free(s);
            return false;
        }
    }
    *out = s;
    return true;
}

void solver_free(struct solver *s)
{
    if (!s)
        return;
    for (int i = 0; i < SOLVER_MAX_HISTORY; i++)
        s->ops->tensor_free(s->ex, &s->history[i]);
    free(s->sigmas);
    free(s->timesteps);
    free(s);
}

void solver_restart(struct solver *s)
{
    s->index = 0;
    s->order = 0;
}

float solver_timestep(const struct solver *s)
{
    assert(s->index < s->steps);
    return s->timesteps[s->index];
}

bool solver_step(struct solver *s, const struct tensor *x, const struct tensor *flow,
                 struct dn_error *err)
{
    assert(s->index < s->steps);
    bool ok = s->kind->step(s, x, flow, err);
    s->index++;
    return ok;
}
