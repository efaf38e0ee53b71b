/* solver_unipc: UniPC of order 2 with B(h) = e^h - 1 ("bh2"), predicting x0, on x = alpha x0 +
 * sigma noise with alpha = 1 - sigma.
 *
 * Zhao, Bai, Rao, Zhou, Lu: "UniPC: a unified predictor-corrector framework", 2023, algorithm 1 and
 * 2; as Wan2.1's wan/utils/fm_solvers_unipc.py runs it: corrector from the second step on, order 1
 * at the first and the last step. With lambda = log(alpha / sigma), h the step in lambda, r = -h:
 *   predictor  x_next = (sigma_next / sigma) x - alpha_next (e^r - 1) (m0 + d / 2),
 *   d = (m1 - m0) / rk (order 2 only), m0, m1 the last two predictions of x0;
 *   corrector the same from the step before, with the new prediction m as one more point. */
#include <math.h>

#include "model/schedule.h"
#include "pipeline/solver.h"

enum { NEWEST, OLDER, LAST_X }; /* history: predictions of x0, and x before the last predictor */

static double lambda(const struct solver *s, int64_t i)
{
    double sigma = (double)s->sigmas[i];
    return log(1 - sigma) - log(sigma);
}

/* x = scale * last_x + c0 * m0 + c1 * m1 (+ c * m). Zero factors skip their tensor: at the end
 * lambda is infinite and m1 may not exist. */
struct combination {
    double scale, newest, older, fresh;
};

static bool combine(struct solver *s, const struct tensor *out, const struct tensor *x,
                    const struct combination *c, const struct tensor *fresh, struct dn_error *err)
{
    const struct ops *ops = s->ops;
    return ops->axpby(s->ex, out, (float)c->scale, x, (float)c->newest, &s->history[NEWEST], err) &&
           (c->older == 0 ||
            ops->axpby(s->ex, out, 1, out, (float)c->older, &s->history[OLDER], err)) &&
           (c->fresh == 0 || ops->axpby(s->ex, out, 1, out, (float)c->fresh, fresh, err));
}

/* From sigmas[i] to sigmas[i + 1] with the predictions made at i and (order 2) i - 1. */
static struct combination predictor(const struct solver *s, int64_t i, int order)
{
    double sigma = (double)s->sigmas[i], next = (double)s->sigmas[i + 1];
    if (next == 0)
        return (struct combination){.newest = 1};
    double h = lambda(s, i + 1) - lambda(s, i), grow = expm1(-h), alpha = 1 - next;
    struct combination c = {.scale = next / sigma, .newest = -alpha * grow};
    if (order == 2) {
        double rk = (lambda(s, i - 1) - lambda(s, i)) / h;
        c.older = -alpha * grow * 0.5 / rk;
        c.newest -= c.older;
    }
    return c;
}

/* The step from i - 1 to i again, now that the prediction `fresh` at i exists; NEWEST was made at
 * i - 1, OLDER at i - 2. The weights solve the 2 x 2 system of the paper's equation for p = 2. */
static struct combination corrector(const struct solver *s, int64_t i, int order)
{
    double sigma = (double)s->sigmas[i - 1], next = (double)s->sigmas[i];
    double h = lambda(s, i) - lambda(s, i - 1), r = -h, grow = expm1(r), alpha = 1 - next;
    double base = -alpha * grow;
    struct combination c = {.scale = next / sigma, .newest = base};
    if (order == 1) {
        c.fresh = base * 0.5;
        c.newest -= c.fresh;
        return c;
    }
    double rk = (lambda(s, i - 2) - lambda(s, i - 1)) / h;
    double phi = grow / r - 1;              /* h phi_2 */
    double b0 = phi / grow;                 /* sum of the weights */
    double b1 = (phi / r - 0.5) * 2 / grow; /* sum of weight * position */
    double rho0 = (b1 - b0) / (rk - 1);     /* weight of the older point, at rk */
    double rho1 = b0 - rho0;                /* of the fresh one, at 1 */
    c.older = base * rho0 / rk;
    c.fresh = base * rho1;
    c.newest -= c.older + c.fresh;
    return c;
}

static void swap_predictions(struct solver *s)
{
    struct tensor t = s->history[NEWEST];
    s->history[NEWEST] = s->history[OLDER];
    s->history[OLDER] = t;
}

static bool step(struct solver *s, const struct tensor *x, const struct tensor *flow,
                 struct dn_error *err)
{
    const struct ops *ops = s->ops;
    int64_t i = s->index;
    /* flow is used up: it becomes the prediction of x0 */
    if (!ops->axpby(s->ex, flow, 1, x, -s->sigmas[i], flow, err))
        return false;
    if (i > 0) {
        struct combination c = corrector(s, i, s->order);
        if (!combine(s, x, &s->history[LAST_X], &c, flow, err))
            return false;
    }
    swap_predictions(s);
    if (!ops->copy(s->ex, &s->history[NEWEST], flow, err) ||
        !ops->copy(s->ex, &s->history[LAST_X], x, err))
        return false;
    s->order = i == 0 || i == s->steps - 1 ? 1 : 2;
    struct combination c = predictor(s, i, s->order);
    return combine(s, x, &s->history[LAST_X], &c, NULL, err);
}

const struct solver_kind solver_unipc_entry = {
    .name = "unipc",
    .tables = schedule_unipc,
    .step = step,
    .history = 3,
};
