/* Solvers on a flow that is known everywhere: sin(3 x) + sigma. */
#include <math.h>

#include "check.h"
#include "pipeline/solver.h"

enum { STEPS = 6 };

/* Takes x[2] through all steps of a solver; trajectory[step][element]. */
static void walk(const struct solver_kind *kind, int64_t steps, float x[2], float trajectory[][2])
{
    const struct ops *ops = &ops_cpu;
    struct exec_options options = {.dtype = DTYPE_F32};
    struct exec *ex = NULL;
    struct solver *s = NULL;
    struct tensor dx = {0}, df = {0};
    struct dn_error err;
    float flow[2];
    int64_t shape[] = {2};
    struct tensor host_x = tensor_over(x, DTYPE_F32, 1, shape);
    struct tensor host_flow = tensor_over(flow, DTYPE_F32, 1, shape);
    CHECK_OK(ops->open(&options, &ex, &err), err);
    CHECK_OK(ops->tensor_alloc(ex, &dx, DTYPE_F32, 1, shape, &err), err);
    CHECK_OK(ops->tensor_alloc(ex, &df, DTYPE_F32, 1, shape, &err), err);
    CHECK_OK(ops->upload(ex, &dx, &host_x, &err), err);
    CHECK_OK(solver_new(kind, ops, ex, &host_x, 5, steps, &s, &err), err);
    for (int64_t i = 0; i < steps; i++) {
        for (int k = 0; k < 2; k++)
            flow[k] = (float)(sin(3 * (double)x[k]) + (double)s->sigmas[i]);
        CHECK(solver_timestep(s) == s->timesteps[i]);
        CHECK_OK(ops->upload(ex, &df, &host_flow, &err), err);
        CHECK_OK(solver_step(s, &dx, &df, &err), err);
        CHECK_OK(ops->download(ex, &host_x, &dx, &err), err);
        memcpy(trajectory[i], x, 2 * sizeof *x);
    }
    solver_free(s);
    ops->tensor_free(ex, &dx);
    ops->tensor_free(ex, &df);
    ops->close(ex);
}

TEST(unipc)
{
    /* computed in float64 from the equations of the paper, solving for the weights numerically */
    static const double want[STEPS][2] = {
        {0.628304995, -0.402607667}, {0.526868489, -0.40308794},    {0.382529249, -0.398338624},
        {0.189258441, -0.381362943}, {0.00546099749, -0.323116608}, {-0.252425197, -0.160805037}};
    float x[2] = {0.7f, -0.4f}, got[STEPS][2];
    walk(&solver_unipc_entry, STEPS, x, got);
    for (int i = 0; i < STEPS; i++)
        for (int k = 0; k < 2; k++)
            CHECK_MSG(fabs(got[i][k] - want[i][k]) <= 2e-6, "step %d: %.9g, want %.9g", i,
                      (double)got[i][k], want[i][k]);
}

TEST(unipc_in_one_step)
{
    float x[2] = {0.7f, -0.4f}, got[1][2];
    walk(&solver_unipc_entry, 1, x, got);
    CHECK(fabs(got[0][0] + 1.16263633) <= 1e-6 && fabs(got[0][1] + 0.467747199) <= 1e-6);
}

TEST(euler)
{
    float x[2] = {0.7f, -0.4f}, got[STEPS][2], sigmas[STEPS + 1], timesteps[STEPS];
    double exact[2] = {0.7f, -0.4f};
    solver_euler_entry.tables(5, STEPS, sigmas, timesteps);
    walk(&solver_euler_entry, STEPS, x, got);
    for (int i = 0; i < STEPS; i++) {
        for (int k = 0; k < 2; k++) {
            exact[k] += ((double)sigmas[i + 1] - (double)sigmas[i]) *
                        (sin(3 * exact[k]) + (double)sigmas[i]);
            CHECK(fabs(got[i][k] - exact[k]) <= 2e-6);
        }
    }
}

TESTS(T(unipc), T(unipc_in_one_step), T(euler))
