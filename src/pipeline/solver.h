/* solver: how a multi-step sampler gets from one noise level to the next, given the flow. */
#ifndef DANAUS_PIPELINE_SOLVER_H
#define DANAUS_PIPELINE_SOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/ops.h"

struct solver;

struct solver_kind {
    const char *name;
    /* fills sigmas [steps + 1] and timesteps [steps] */
    void (*tables)(double shift, int64_t steps, float *sigmas, float *timesteps);
    /* x (noise level sigmas[index]) -> x (noise level sigmas[index + 1]) */
    bool (*step)(struct solver *s, const struct tensor *x, const struct tensor *flow,
                 struct dn_error *err);
    int history; /* tensors that it keeps between steps */
};

#define SOLVER_MAX_HISTORY 3

/* The state of one run over one chunk. */
struct solver {
    const struct solver_kind *kind;
    const struct ops *ops;
    struct exec *ex;
    int64_t steps, index; /* index of the step to come */
    float *sigmas, *timesteps;
    struct tensor history[SOLVER_MAX_HISTORY]; /* F32, like x; the kind says what */
    int order;                                 /* of the last step, for the kinds that vary it */
};

extern const struct solver_kind solver_unipc_entry;
extern const struct solver_kind solver_euler_entry;

/* A solver for latents of the shape of `like`; the caller frees. */
bool solver_new(const struct solver_kind *kind, const struct ops *ops, struct exec *ex,
                const struct tensor *like, double shift, int64_t steps, struct solver **out,
                struct dn_error *err);
void solver_free(struct solver *s); /* NULL allowed */
/* Starts again from the first step, for the next chunk. */
void solver_restart(struct solver *s);
/* The timestep that the model is to see for the step to come. */
float solver_timestep(const struct solver *s);
/* Takes x F32 through that step with the flow predicted for it; flow is used up. */
bool solver_step(struct solver *s, const struct tensor *x, const struct tensor *flow,
                 struct dn_error *err);

#endif
