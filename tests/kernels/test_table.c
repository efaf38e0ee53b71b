/* the table: no backend has a hole, and every operation has a test that names it here. */
#include "kernels/op_bench.h"
#include "kernels/ops_check.h"

static const char *const tested[] = {
    "name",
    "best_dtype",
    "open",
    "open_beside",
    "memory_free",
    "plan_begin",
    "plan_end",
    "close",
    "tensor_alloc",
    "tensor_free",
    "upload",
    "download",
    "copy",
    "fill_zero",
    "sync",
    "video_habits",
    "linear_pack",
    "linear_pack_narrow",
    "linear_free",
    "linear",
    "layer_norm",
    "layer_norm_modulate",
    "rms_norm",
    "qk_norm_rope",
    "place_qkv",
    "silu",
    "add_row",
    "axpby",
    "gather_rows",
    "patchify",
    "unpatchify",
    "attention",
    "monarch_attention",
    "conv_pack",
    "conv_free",
    "conv",
    "channel_norm",
    "upsample_nearest",
    "interleave_time",
    "latents_to_video",
    "video_to_latents",
    "video_to_rgb8",
};
_Static_assert(sizeof tested / sizeof tested[0] == sizeof(struct ops) / sizeof(void *),
               "an operation was added or removed: add its test and its name here");

TEST(no_holes)
{
    void *entries[sizeof(struct ops) / sizeof(void *)];
    memcpy(entries, &ops_cpu, sizeof ops_cpu);
    for (size_t i = 0; i < sizeof tested / sizeof tested[0]; i++)
        CHECK_MSG(entries[i] != NULL, "ops_cpu.%s is missing", tested[i]);
}

TEST(unknown_backend)
{
    const struct ops *ops = NULL;
    struct dn_error err = {0};
    CHECK(!ops_select("vulkan", &ops, &err) && err.code == DN_E_ARG);
    CHECK(ops_select("auto", &ops, &err) && ops != NULL);
}

TEST(exec_tells_its_dtype)
{
    for (int n = 0; n < SETTINGS; n++) {
        struct check_run run = run_open(settings[n], 1);
        CHECK(exec_dtype(run.ex) == settings[n].exec);
        run_close(&run);
    }
    struct check_run first = run_open(settings[0], 1);
    struct exec *beside = NULL;
    struct dn_error err = {0};
    int64_t bytes = 0;
    CHECK_OK(first.ops->open_beside(first.ex, &beside, &err), err);
    CHECK(!beside || exec_dtype(beside) == settings[0].exec);
    CHECK_OK(first.ops->memory_free(first.ex, &bytes, &err), err);
    CHECK(bytes > 0);
    first.ops->close(beside);
    run_close(&first);
    ops_cpu.close(NULL);
    struct check_run best = run_open((struct setting){"cpu", ops_cpu.best_dtype(), DTYPE_F32}, 1);
    run_close(&best);
}

/* the benchmark's rows fit the operations' contracts; the large ones take seconds and are left out
 */
TEST(bench_rows_run)
{
    struct check_run run = run_open(settings[0], 1);
    struct dn_error err = {0};
    const struct op_bench_plan plans[] = {{0, 0, 0}, {0, 1e-3, 1e6}};
    for (int i = 0; i < op_bench_count; i++) {
        struct op_bench_result r;
        if (op_bench_rows[i].part == OP_BENCH_LARGE)
            continue;
        CHECK_OK(op_bench_run(run.ops, run.ex, &op_bench_rows[i], &plans[i % 2], &r, &err), err);
        CHECK(r.seconds > 0 && r.seconds <= r.median && r.median < 1e8 && r.bytes > 0);
        CHECK(r.flops == op_bench_flops(&op_bench_rows[i]));
    }
    run_close(&run);
}

TESTS(T(no_holes), T(unknown_backend), T(exec_tells_its_dtype), T(bench_rows_run))
