/* bench_floor: what a machine can do at most, to compare with. */
#include "commands/bench.h"

static bool measure(const struct job *job, struct bench_floor *floor, struct dn_error *err)
{
    int64_t n = exec_dtype(job->ex) == DTYPE_F32 ? 4096 : 8192;
    const struct op_bench_plan plan = {.budget_s = 0.3, .batch_s = 10e-3};
    const struct op_bench_row product = {"", OP_BENCH_LINEAR, OP_BENCH_LARGE, 1, {n, n, n}};
    const struct op_bench_row copy = {"", OP_BENCH_COPY, OP_BENCH_LARGE, 1, {1 << 29}};
    struct op_bench_result p, c;
    if (!op_bench_run(job->ops, job->ex, &product, &plan, &p, err) ||
        !op_bench_run(job->ops, job->ex, &copy, &plan, &c, err))
        return false;
    floor->flops = p.flops / p.seconds;
    floor->bytes = c.bytes / c.seconds;
    return true;
}

bool bench_floor_find(struct bench_floor *floor, const struct job *job, int threads,
                      struct dn_error *err)
{
    *floor = (struct bench_floor){
        .flops = (exec_dtype(job->ex) == DTYPE_F32 ? 220e9 : 450e9) * threads / 2};
    return !job_queues(job->ops) || measure(job, floor, err);
}

double bench_floor_seconds(const struct bench_floor *floor, double flops, double bytes)
{
    double products = flops / floor->flops, moves = floor->bytes > 0 ? bytes / floor->bytes : 0;
    return products > moves ? products : moves;
}
