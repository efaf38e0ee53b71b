/* bench_plan: what a model and a clip of it take of a GPU's memory, without a GPU: an exec that only
 * keeps books loads the model and goes through the clip. */
#include <stdio.h>

#include "commands/bench.h"

static double gib(int64_t bytes)
{
    return (double)bytes / 0x1p30;
}

static bool plan_mode(const struct job *job, const struct pipeline_inputs *inputs,
                      const struct request *r, struct pipeline_memory *m, struct dn_error *err)
{
    const struct ops *ops = ops_planning();
    const struct pipeline_needs needs = {.use_ema = r->use_ema};
    struct exec_options options;
    struct exec *ex = NULL;
    struct pipeline *p = NULL;
    if (!pipeline_exec_options(r, ops, &options, err))
        return false;
    options.plan_only = true;
    bool ok = ops->open(&options, &ex, err) && pipeline_open(&job->dir, &needs, ops, ex, &p, err) &&
              pipeline_memory(p, r, inputs, m, err);
    pipeline_close(p);
    ops->close(ex);
    return ok;
}

bool bench_plan_run(struct job *job, const struct bench_model *model, struct bench_mode *modes,
                    int count, const struct pipeline_inputs *inputs, struct dn_error *err)
{
    struct request *r = &job->settings.request;
    if (!ops_planning())
        return dn_fail(err, DN_E_UNSUPPORTED, "--plan: this build has no CUDA backend");
    if ((model->synthetic && !synthetic_write_hollow(model->synthetic, model->dir, err)) ||
        !model_dir_open(r->model_dir, r->checkpoint, &job->dir, err))
        return false;
    for (int i = 0; i < count; i++) {
        r->attention = modes[i].attention;
        if (!plan_mode(job, inputs, r, &modes[i].memory, err))
            return false;
    }
    return true;
}

/* What the GPU of this machine has free; false: none works here. */
static bool gpu_has_free(const struct request *r, int64_t *bytes)
{
    struct exec_options options;
    const struct ops *ops;
    struct exec *ex = NULL;
    struct dn_error err;
    bool ok = ops_select("cuda", &ops, &err) && pipeline_exec_options(r, ops, &options, &err) &&
              ops->open(&options, &ex, &err) && ops->memory_free(ex, bytes, &err);
    if (ex)
        ops->close(ex);
    return ok;
}

static void print_too_small(const struct request *r, const struct bench_mode *modes, int count)
{
    int64_t available;
    int more = 0;
    if (!gpu_has_free(r, &available))
        return;
    for (int i = 0; i < count; i++)
        if (modes[i].memory.held + modes[i].memory.more > available)
            printf("%s%s", more++ ? ", " : "\nToo small: ", modes[i].name);
    if (more)
        printf("; this GPU has %.2f GiB free\n", gib(available));
}

void bench_plan_print(const struct request *r, const struct bench_mode *modes, int count)
{
    printf("GiB of a GPU's memory, %lld frames of %lldx%lld; the text encoder and the driver's own "
           "come on top\n\n%-10s %8s %11s %6s %8s %8s %6s %8s\n",
           (long long)r->frames, (long long)r->width, (long long)r->height, "attention", "weights",
           "keys/values", "pass", "decoder", "scratch", "rest", "all");
    for (int i = 0; i < count; i++) {
        const struct pipeline_memory *m = &modes[i].memory;
        int64_t rest = m->more - m->keys_values - m->pass - m->decoder - m->scratch;
        printf("%-10s %8.2f %11.2f %6.2f %8.2f %8.2f %6.2f %8.2f\n", modes[i].name, gib(m->held),
               gib(m->keys_values), gib(m->pass), gib(m->decoder), gib(m->scratch), gib(rest),
               gib(m->held + m->more));
    }
    print_too_small(r, modes, count);
}
