/* schedule: noise levels and timesteps of flow matching, x_t = (1 - sigma) x0 + sigma noise.
 *
 * The tables are what the models were trained with, to the last float32 bit: the public code builds
 * them in float32, so their small deviations from the exact values are part of the timesteps. */
#ifndef DANAUS_MODEL_SCHEDULE_H
#define DANAUS_MODEL_SCHEDULE_H

#include <stdint.h>

#define SCHEDULE_TRAIN_STEPS 1000

/* The 1000-step table. */
struct schedule {
    double shift;
    float sigmas[SCHEDULE_TRAIN_STEPS];    /* descending from 1 */
    float timesteps[SCHEDULE_TRAIN_STEPS]; /* sigmas * 1000 */
    float weights[SCHEDULE_TRAIN_STEPS];   /* loss weights of training, mean 1 */
};
void schedule_init(struct schedule *s, double shift);

/* Index of the table entry nearest to timestep t, the first one on ties. */
int64_t schedule_nearest(const struct schedule *s, float t);
/* Noise level of timestep t: that of the nearest entry. */
float schedule_sigma(const struct schedule *s, float t);
/* Entry of a "warped" few-step list: step (0..1000) -> timesteps[1000 - step], and 0 -> 0. */
float schedule_warp(const struct schedule *s, int64_t step);
/* A timestep 0..1000 drawn for training, shifted as the table is. */
float schedule_shift_timestep(double shift, float t);

/* On count host values at timestep t, each computed in double and rounded once:
 * x_t = (1 - sigma) x0 + sigma noise; x0 = x_t - sigma flow; flow = (x_t - x0) / sigma. */
void schedule_add_noise(const struct schedule *s, float t, const float *x0, const float *noise,
                        float *x_t, int64_t count);
void schedule_flow_to_x0(const struct schedule *s, float t, const float *x_t, const float *flow,
                         float *x0, int64_t count);
void schedule_x0_to_flow(const struct schedule *s, float t, const float *x_t, const float *x0,
                         float *flow, int64_t count);

/* sigmas [steps + 1] (the last is 0) and timesteps [steps] of the multi-step samplers. UniPC
 * truncates its timesteps to integers and starts below 1; Euler's are fractional and start at 1. */
void schedule_unipc(double shift, int64_t steps, float *sigmas, float *timesteps);
void schedule_euler(double shift, int64_t steps, float *sigmas, float *timesteps);

#endif
