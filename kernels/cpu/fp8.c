/* fp8: q = round(x * 448 / max |x|) of a row to e4m3 (base/dtype.h), factor = max |x| / 448. The
 * CUDA backend (cuda/fp8.cuh) computes the same, bit for bit. Here the numbers stay in F32 or BF16:
 * products of them are exact, and oneDNN multiplies them as fast as any others. */
#include "kernels/cpu/fp8.h"

#include <assert.h>
#include <math.h>

enum { PIECE = 512 };

/* The e4m3 next to x, as f32_from_e4m3(e4m3_from_f32(x)) says it, in steps that all lanes take. */
static inline float rounded(float x)
{
    const float units = 16384.0f; /* see e4m3_from_f32 */
    float size = fabsf(x), small = size + units;
    uint32_t bits;
    small -= units;
    memcpy(&bits, &size, 4);
    bits = (bits + 0x7FFFFu + (bits >> 20 & 1u)) & 0xFFF00000u;
    float large;
    memcpy(&large, &bits, 4);
    large = large > E4M3_MAX ? E4M3_MAX : large;
    large = size < 0.015625f ? small : large;
    return x != x ? x : copysignf(large, x);
}

static float greatest(const struct tensor *x, int64_t at, int64_t count, float *tmp)
{
    float most = 0;
    for (int64_t done = 0; done < count; done += PIECE) {
        int64_t n = count - done < PIECE ? count - done : PIECE;
        const float *from = cpu_read(x, at + done, n, tmp);
#pragma omp simd reduction(max : most)
        for (int64_t i = 0; i < n; i++) {
            float size = fabsf(from[i]);
            most = size > most ? size : most;
        }
    }
    return most;
}

void cpu_fp8_rows(const struct tensor *to, float *factors, const struct tensor *x)
{
    int64_t rows = x->shape[0], cols = x->shape[1];
    assert(cpu_is_activation(x) && cpu_is_activation(to) && x->stride[1] == 1);
    assert(to->shape[0] == rows && to->shape[1] == cols && tensor_is_contiguous(to));
#pragma omp parallel for schedule(static) if (rows * cols > CPU_GRAIN)
    for (int64_t r = 0; r < rows; r++) {
        float in[PIECE], out[PIECE];
        float most = greatest(x, r * x->stride[0], cols, in);
        bool counts = most >= FP8_LEAST;
        float times = counts ? E4M3_MAX / most : 0;
        factors[r] = counts ? most / E4M3_MAX : 0;
        for (int64_t at = 0; at < cols; at += PIECE) {
            int64_t n = cols - at < PIECE ? cols - at : PIECE;
            const float *from = cpu_read(x, r * x->stride[0] + at, n, in);
            float *target = cpu_target(to, r * cols + at, out);
#pragma omp simd
            for (int64_t i = 0; i < n; i++)
                target[i] = rounded(from[i] * times);
            cpu_write(to, r * cols + at, n, target);
        }
    }
}
