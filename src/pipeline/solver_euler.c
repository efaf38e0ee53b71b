/* solver_euler: x += (sigma_next - sigma) * flow. */
#include "model/schedule.h"
#include "pipeline/solver.h"

static bool step(struct solver *s, const struct tensor *x, const struct tensor *flow,
                 struct dn_error *err)
{
    float change = s->sigmas[s->index + 1] - s->sigmas[s->index];
    return s->ops->axpby(s->ex, x, 1, x, change, flow, err);
}

const struct solver_kind solver_euler_entry = {
    .name = "euler",
    .tables = schedule_euler,
    .step = step,
    .history = 0,
};
