/* bench_ops: the rows of kernels/op_bench.c on a terminal. Built by hand, not part of the suite:
 *
 *   make build/libkernels.a build/libbase.a
 *   cc -std=gnu17 -O2 -march=native -fopenmp -Isrc -I. tests/kernels/bench_ops.c \
 *      build/libkernels.a build/libbase.a -ldnnl -ljansson -lm -o build/bench_ops
 *   OMP_NUM_THREADS=2 build/bench_ops [f32|bf16] [name]
 *
 * Each row is the fastest of many calls. Rates are compared with what two cores of the kind that
 * was measured first reach in oneDNN's convolutions: 220 GFLOP/s in float32, 450 in bfloat16. */
#include <stdio.h>
#include <string.h>

#include "kernels/op_bench.h"

int main(int argc, char **argv)
{
    enum dtype dtype = argc > 1 && strcmp(argv[1], "bf16") == 0 ? DTYPE_BF16 : DTYPE_F32;
    double peak = dtype == DTYPE_F32 ? 220 : 450;
    double seconds[OP_BENCH_PARTS] = {0}, flops[OP_BENCH_PARTS] = {0};
    struct exec_options options = {.dtype = dtype};
    const struct op_bench_plan plan = {.budget_s = 0.2};
    struct dn_error err;
    struct exec *ex;
    const struct ops *ops;
    if (!ops_select("cpu", &ops, &err) || !ops->open(&options, &ex, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    printf("%-26s %9s %9s %7s %7s\n", "", "us", "GFLOP/s", "share", "GB/s");
    for (int i = 0; i < op_bench_count; i++) {
        const struct op_bench_row *row = &op_bench_rows[i];
        struct op_bench_result r;
        if (argc > 2 && !strstr(row->name, argv[2]))
            continue;
        if (!op_bench_run(ops, ex, row, &plan, &r, &err)) {
            fprintf(stderr, "%s: %s\n", row->name, err.message);
            return 1;
        }
        double rate = r.flops / r.seconds * 1e-9;
        seconds[row->part] += r.seconds * row->times;
        flops[row->part] += r.flops * row->times;
        printf("%-26s %9.1f %9.1f %6.0f%% %7.1f  x%g\n", row->name, r.seconds * 1e6, rate,
               100 * rate / peak, r.bytes / r.seconds * 1e-9, row->times);
    }
    double decode = seconds[OP_BENCH_DECODE], pass = seconds[OP_BENCH_TRANSFORMER];
    printf("decode, a latent frame: %.2f ms, %.2f GFLOP, %.0f GFLOP/s\n", decode * 1e3,
           flops[OP_BENCH_DECODE] * 1e-9, flops[OP_BENCH_DECODE] / decode * 1e-9);
    printf("transformer, a pass: %.2f ms, %.2f GFLOP, %.0f GFLOP/s\n", pass * 1e3,
           flops[OP_BENCH_TRANSFORMER] * 1e-9, flops[OP_BENCH_TRANSFORMER] / pass * 1e-9);
    ops->close(ex);
    return 0;
}
