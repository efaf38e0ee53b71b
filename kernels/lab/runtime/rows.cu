/* rows: the backend's row operations and linears at the shapes of a pass over one chunk of
 * Wan2.1 1.3B at 480x832, 4680 tokens of 1536: GB/s counted as each operand once, against a copy on
 * the device, and TFLOP/s, and the linears again in fp8. Operands rotate among four sets, so that
 * L2 does not hold them. make CUDA=1 gpu-built, lab/rows. */
#include <cstdio>
#include <functional>
#include <vector>

#include "kernels/cuda/cuda_exec.h"
#include "kernels/cuda/cuda_ops.h"
#include "kernels/lab/timed.h"

extern "C" const struct ops ops_cuda;

enum { SETS = 4, TOKENS = 4680, DIM = 1536, FFN = 8960, HEADS = 12, D = 128 };

static const struct ops *ops = &ops_cuda;
static struct exec *ex;
static struct dn_error err;

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if (!(call)) {                                                                             \
            printf("%s: %s\n", #call, err.message);                                                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static struct tensor make(enum dtype dtype, std::vector<int64_t> shape, float range)
{
    struct tensor t;
    MUST(ops->tensor_alloc(ex, &t, dtype, (int)shape.size(), shape.data(), &err));
    std::vector<float> values((size_t)tensor_count(&t));
    uint32_t state = 12345;
    for (float &v : values) {
        state = state * 1664525u + 1013904223u;
        v = ((float)(state >> 8) / 8388608.0f - 1.0f) * range;
    }
    struct tensor host = tensor_over(values.data(), DTYPE_F32, t.ndim, t.shape);
    MUST(ops->upload(ex, &t, &host, &err));
    return t;
}

static double copy_rate;

static void rows_of(const char *name, double bytes, const std::function<void(int)> &call)
{
    double us = timed(ex->stream, SETS, 30, 8, call), rate = bytes / us / 1e6;
    printf("%-44s %8.1f us %6.2f TB/s %4.0f %%\n", name, us, rate, 100 * rate / copy_rate);
}

static void linear_of(const char *name, int64_t in, int64_t out,
                      const std::function<bool(int, struct linear *)> &call)
{
    struct tensor w = {}, b = {};
    std::vector<float> values((size_t)(in * out)), bias((size_t)out, 0.01f);
    uint32_t state = 7;
    for (float &v : values) {
        state = state * 1664525u + 1013904223u;
        v = ((float)(state >> 8) / 8388608.0f - 1.0f) * 0.03f;
    }
    const int64_t shape[] = {out, in};
    w = tensor_over(values.data(), DTYPE_F32, 2, shape);
    b = tensor_over(bias.data(), DTYPE_F32, 1, shape);
    struct linear *l;
    MUST(ops->linear_pack_narrow(ex, &w, &b, 1, &l, &err));
    double us = timed(ex->stream, SETS, 30, 8, [&](int i) { MUST(call(i, l)); });
    double rate = 2.0 * TOKENS * (double)in * (double)out / us / 1e6;
    printf("%-44s %8.1f us %6.0f TFLOP/s %4.0f %%\n", name, us, rate, 100 * rate / 790);
    ops->linear_free(ex, l);
}

int main()
{
    struct exec_options options = {0, DTYPE_BF16, 0, false, false};
    MUST(ops->open(&options, &ex, &err));
    struct tensor x[SETS], normed[SETS], qkv[SETS], q[SETS], k[SETS], hidden[SETS];
    struct tensor attended[SETS];
    for (int i = 0; i < SETS; i++) {
        x[i] = make(DTYPE_F32, {TOKENS, DIM}, 2);
        normed[i] = make(DTYPE_BF16, {TOKENS, DIM}, 1);
        qkv[i] = make(DTYPE_BF16, {TOKENS, 3 * DIM}, 1);
        q[i] = make(DTYPE_BF16, {TOKENS, HEADS, D}, 1);
        k[i] = make(DTYPE_BF16, {TOKENS, HEADS, D}, 1);
        attended[i] = make(DTYPE_BF16, {TOKENS, DIM}, 1);
        hidden[i] = make(DTYPE_BF16, {TOKENS, FFN}, 1);
    }
    struct tensor shift = make(DTYPE_F32, {1, DIM}, 0.1f), scale = make(DTYPE_F32, {1, DIM}, 0.1f);
    struct tensor gate = make(DTYPE_F32, {1, DIM}, 0.1f), weight = make(DTYPE_F32, {DIM}, 1);
    struct tensor cos = make(DTYPE_F32, {TOKENS, D / 2}, 1),
                  sin = make(DTYPE_F32, {TOKENS, D / 2}, 1);
    double row = TOKENS * (double)DIM;
    double us = timed(ex->stream, SETS, 30, 8, [&](int i) {
        cudaMemcpyAsync(x[(i + 1) % SETS].data, x[i].data, (size_t)row * 4,
                        cudaMemcpyDeviceToDevice, ex->stream);
    });
    copy_rate = row * 8 / us / 1e6;
    printf("device copy of 28.8 MB: %.1f us, %.2f TB/s\n", us, copy_rate);
    copy_rate = 4.3;

    rows_of("layer_norm_modulate f32 -> bf16", row * 6, [&](int i) {
        MUST(ops->layer_norm_modulate(ex, &normed[i], &x[i], &shift, &scale, TOKENS, 1e-6f, &err));
    });
    rows_of("layer_norm affine f32 -> bf16", row * 6, [&](int i) {
        MUST(ops->layer_norm(ex, &normed[i], &x[i], &weight, &weight, 1e-6f, &err));
    });
    rows_of("rms_norm bf16 -> bf16", row * 4, [&](int i) {
        MUST(ops->rms_norm(ex, &normed[i], &normed[(i + 1) % SETS], &weight, 1e-6f, &err));
    });
    rows_of("qk_norm_rope of a third of qkv", row * 4 + TOKENS * 512.0, [&](int i) {
        struct tensor from = tensor_columns(&qkv[i], DIM, DIM);
        MUST(ops->qk_norm_rope(ex, &k[i], &from, &weight, &cos, &sin, 1e-6f, &err));
    });
    rows_of("qk_norm (cross attention)", row * 4, [&](int i) {
        MUST(ops->qk_norm_rope(ex, &q[i], &normed[i], &weight, NULL, NULL, 1e-6f, &err));
    });
    rows_of("place_qkv", row * 12 + TOKENS * 512.0, [&](int i) {
        struct tensor v = tensor_over(attended[i].data, DTYPE_BF16, 3, k[i].shape);
        struct qkv_places to = {&q[i], &k[i], &v, &weight, &weight, &cos, &sin, 1e-6f};
        MUST(ops->place_qkv(ex, &to, &qkv[i], &err));
    });
    rows_of("copy of a third of qkv", row * 4, [&](int i) {
        struct tensor from = tensor_columns(&qkv[i], 2 * DIM, DIM);
        const int64_t shape[] = {TOKENS, DIM};
        struct tensor to = tensor_reshape(&k[i], 2, shape);
        MUST(ops->copy(ex, &to, &from, &err));
    });
    rows_of("copy f32 -> bf16", row * 6,
            [&](int i) { MUST(ops->copy(ex, &normed[i], &x[i], &err)); });
    rows_of("silu of [4680, 8960] bf16", TOKENS * 8960.0 * 4,
            [&](int i) { MUST(ops->silu(ex, &hidden[i], &hidden[i], &err)); });
    rows_of("axpby f32", row * 12, [&](int i) {
        MUST(ops->axpby(ex, &x[i], 0.5f, &x[(i + 1) % SETS], 0.25f, &x[(i + 2) % SETS], &err));
    });
    const int64_t latents_shape[] = {3, 16, 60, 104}, patches_shape[] = {TOKENS, 64};
    struct tensor latents = tensor_over(x[0].data, DTYPE_F32, 4, latents_shape);
    struct tensor patches = tensor_over(normed[0].data, DTYPE_BF16, 2, patches_shape);
    rows_of("patchify (in cache)", TOKENS * 64.0 * 6,
            [&](int) { MUST(ops->patchify(ex, &patches, &latents, &err)); });
    rows_of("unpatchify (in cache)", TOKENS * 64.0 * 6,
            [&](int) { MUST(ops->unpatchify(ex, &latents, &patches, &err)); });

    for (int fp8 = 0; fp8 < 2; fp8++) {
        options.fp8 = fp8;
        if (fp8) {
            printf("with fp8:\n");
            MUST(ops->sync(ex, &err) && ops->open(&options, &ex, &err)); /* beside the first one */
        }
        struct linear_args gelu = {LINEAR_GELU_TANH, NULL, NULL, 0, NULL};
        struct linear_args residual = {LINEAR_RESIDUAL, NULL, NULL, 0, NULL};
        struct linear_args gated = {LINEAR_GATE_RESIDUAL, NULL, &gate, TOKENS, NULL};
        linear_of("linear 1536 -> 4608", DIM, 3 * DIM, [&](int i, struct linear *l) {
            return ops->linear(ex, &qkv[i], &normed[i], l, NULL, &err);
        });
        linear_of("linear 1536 -> 1536", DIM, DIM, [&](int i, struct linear *l) {
            return ops->linear(ex, &normed[(i + 1) % SETS], &normed[i], l, NULL, &err);
        });
        linear_of("linear 1536 -> 1536 residual f32", DIM, DIM, [&](int i, struct linear *l) {
            return ops->linear(ex, &x[i], &normed[i], l, &residual, &err);
        });
        linear_of("linear 1536 -> 1536 gate residual f32", DIM, DIM, [&](int i, struct linear *l) {
            return ops->linear(ex, &x[i], &normed[i], l, &gated, &err);
        });
        linear_of("linear 1536 -> 8960 GELU", DIM, FFN, [&](int i, struct linear *l) {
            return ops->linear(ex, &hidden[i], &normed[i], l, &gelu, &err);
        });
        linear_of("linear 8960 -> 1536 gate residual f32", FFN, DIM, [&](int i, struct linear *l) {
            return ops->linear(ex, &x[i], &hidden[i], l, &gated, &err);
        });
        for (int i = 0; i < 3; i++) {
            struct linear_norm norm = {};
            struct linear_args args = i == 1 ? residual : gated;
            args.norm = &norm;
            norm.shift = &shift;
            norm.scale = &scale;
            norm.rows_per_frame = TOKENS;
            norm.eps = 1e-6f;
            int64_t in = i == 2 ? FFN : DIM;
            linear_of(i == 0   ? "linear 1536 -> 1536 gate residual + norm"
                      : i == 1 ? "linear 1536 -> 1536 residual + norm"
                               : "linear 8960 -> 1536 gate residual + norm",
                      in, DIM, [&](int set, struct linear *l) {
                          norm.y = &normed[set];
                          struct tensor from = qkv[set]; /* in place of what attention gives */
                          from.shape[1] = DIM;
                          return ops->linear(ex, &x[set], in == FFN ? &hidden[set] : &from, l,
                                             &args, &err);
                      });
        }
        linear_of("linear 1536 -> 3072", DIM, 2 * DIM, [&](int i, struct linear *l) {
            struct tensor to = tensor_columns(&qkv[i], 0, 2 * DIM);
            return ops->linear(ex, &to, &normed[i], l, NULL, &err);
        });
        linear_of("linear 1536 -> 64", DIM, 64, [&](int i, struct linear *l) {
            struct tensor to = tensor_columns(&x[i], 0, 64);
            return ops->linear(ex, &to, &normed[i], l, NULL, &err);
        });
        linear_of("linear 64 -> 1536", 64, DIM, [&](int i, struct linear *l) {
            struct tensor from = tensor_columns(&normed[i], 0, 64);
            return ops->linear(ex, &x[i], &from, l, NULL, &err);
        });
    }
    MUST(ops->sync(ex, &err));
    return 0;
}
