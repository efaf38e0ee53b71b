/* schedule: see schedule.h. Self-Forcing, utils/scheduler.py: FlowMatchScheduler; Wan2.1,
 * wan/utils/fm_solvers_unipc.py: FlowUniPCMultistepScheduler.set_timesteps. */
#include "model/schedule.h"

#include <math.h>

/* Value i of `count` evenly spaced float32 values from 1 to 0, as PyTorch's vectorised linspace
 * rounds them: eight lanes count on from an exact base (taken from the nearer end), what is left
 * over behind whole groups of 32 is computed alone. */
static float linspace_down(int64_t i, int64_t count)
{
    const int64_t lanes = 8, group = 32;
    float step = -1.0f / (float)(count - 1);
    int64_t base_index = i < count - count % group ? i - i % lanes : i;
    float base = base_index < count / 2 ? fmaf(step, (float)base_index, 1.0f)
                                        : -step * (float)(count - 1 - base_index);
    volatile float ahead = step * (float)(i - base_index); /* keeps the sum from being fused */
    return base + ahead;
}

/* shift * sigma / (1 + (shift - 1) * sigma) with every operation rounded to float32; volatile keeps
 * the compiler from fusing the product into the sum. */
static float shift_sigma(double shift, float sigma)
{
    float above = (float)(shift * (double)sigma);
    volatile float below = (float)((shift - 1) * (double)sigma);
    return above / (1.0f + below);
}

static void fill_weights(struct schedule *s)
{
    float least = INFINITY;
    for (int i = 0; i < SCHEDULE_TRAIN_STEPS; i++) {
        double u = ((double)s->timesteps[i] - 500) / 1000;
        s->weights[i] = (float)exp(-2 * u * u);
        least = fminf(least, s->weights[i]);
    }
    double sum = 0;
    for (int i = 0; i < SCHEDULE_TRAIN_STEPS; i++) {
        s->weights[i] -= least;
        sum += (double)s->weights[i];
    }
    float scale = 1000.0f / (float)sum;
    for (int i = 0; i < SCHEDULE_TRAIN_STEPS; i++)
        s->weights[i] *= scale;
}

void schedule_init(struct schedule *s, double shift)
{
    s->shift = shift;
    for (int i = 0; i < SCHEDULE_TRAIN_STEPS; i++) {
        s->sigmas[i] = shift_sigma(shift, linspace_down(i, SCHEDULE_TRAIN_STEPS + 1));
        s->timesteps[i] = s->sigmas[i] * 1000.0f;
    }
    fill_weights(s);
}

int64_t schedule_nearest(const struct schedule *s, float t)
{
    int64_t best = 0;
    for (int64_t i = 1; i < SCHEDULE_TRAIN_STEPS; i++) {
        if (fabsf(s->timesteps[i] - t) < fabsf(s->timesteps[best] - t))
            best = i;
    }
    return best;
}

float schedule_sigma(const struct schedule *s, float t)
{
    return s->sigmas[schedule_nearest(s, t)];
}

float schedule_warp(const struct schedule *s, int64_t step)
{
    int64_t index = SCHEDULE_TRAIN_STEPS - step;
    return index < SCHEDULE_TRAIN_STEPS ? s->timesteps[index] : 0.0f;
}

float schedule_shift_timestep(double shift, float t)
{
    return shift_sigma(shift, t / 1000.0f) * 1000.0f;
}

void schedule_add_noise(const struct schedule *s, float t, const float *x0, const float *noise,
                        float *x_t, int64_t count)
{
    double sigma = (double)schedule_sigma(s, t);
    for (int64_t i = 0; i < count; i++)
        x_t[i] = (float)((1 - sigma) * (double)x0[i] + sigma * (double)noise[i]);
}

void schedule_flow_to_x0(const struct schedule *s, float t, const float *x_t, const float *flow,
                         float *x0, int64_t count)
{
    double sigma = (double)schedule_sigma(s, t);
    for (int64_t i = 0; i < count; i++)
        x0[i] = (float)((double)x_t[i] - sigma * (double)flow[i]);
}

void schedule_x0_to_flow(const struct schedule *s, float t, const float *x_t, const float *x0,
                         float *flow, int64_t count)
{
    double sigma = (double)schedule_sigma(s, t);
    for (int64_t i = 0; i < count; i++)
        flow[i] = (float)(((double)x_t[i] - (double)x0[i]) / sigma);
}

void schedule_unipc(double shift, int64_t steps, float *sigmas, float *timesteps)
{
    /* the largest sigma of the unshifted table that the public scheduler is built with */
    double top = (double)(float)(1.0 - 1.0 / SCHEDULE_TRAIN_STEPS);
    for (int64_t i = 0; i < steps; i++) {
        double sigma = top - (double)i * (top / (double)steps);
        sigma = shift * sigma / (1 + (shift - 1) * sigma);
        sigmas[i] = (float)sigma;
        timesteps[i] = (float)floor(sigma * SCHEDULE_TRAIN_STEPS);
    }
    sigmas[steps] = 0;
}

void schedule_euler(double shift, int64_t steps, float *sigmas, float *timesteps)
{
    for (int64_t i = 0; i < steps; i++) {
        sigmas[i] = shift_sigma(shift, linspace_down(i, steps + 1));
        timesteps[i] = sigmas[i] * 1000.0f;
    }
    sigmas[steps] = 0;
}
