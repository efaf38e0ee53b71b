/* gemm_loop: cuda_gemm.h as a plain loop, where cuBLASLt stands on a device. */
#include <assert.h>
#include <math.h>

#include "kernels/cuda/cuda_gemm.h"

static float load(const struct cuda_matrix *m, int64_t at)
{
    if (m->dtype == DTYPE_F8_E4M3)
        return f32_from_e4m3(((const uint8_t *)m->data)[at]);
    return m->dtype == DTYPE_F32 ? ((const float *)m->data)[at]
                                 : f32_from_bf16(((const uint16_t *)m->data)[at]);
}

bool emulate_lacks_fp8;

bool cuda_gemm_has_fp8(int, int)
{
    return !emulate_lacks_fp8;
}

static bool is_aligned(const struct cuda_matrix *m)
{
    return (uintptr_t)m->data % 16 == 0 && m->stride * dtype_size(m->dtype) % 16 == 0;
}

bool cuda_gemm_open(struct cuda_gemm **out, struct dn_error *)
{
    *out = NULL;
    return true;
}

void cuda_gemm_close(struct cuda_gemm *)
{
}

/* As cuBLASLt does with factors: some products give no bias. */
bool cuda_gemm_takes(struct cuda_gemm *, const struct cuda_gemm_problem *p,
                     const struct cuda_matrix *, const struct cuda_matrix *,
                     const struct cuda_matrix *)
{
    return !p->x_factors || !p->bias || p->in <= 8 * p->out;
}

bool cuda_gemm_run(struct cuda_gemm *, cudaStream_t, const struct cuda_gemm_problem *p,
                   const struct cuda_matrix *y, const struct cuda_matrix *x,
                   const struct cuda_matrix *w, struct dn_error *)
{
    const int64_t rows = p->rows, in = p->in, out = p->out;
    const bool narrow = x->dtype == DTYPE_F8_E4M3;
    assert(x->dtype == w->dtype && (x->dtype != DTYPE_F32 || y->dtype == DTYPE_F32));
    assert(!narrow || cuda_gemm_takes(NULL, p, y, x, w));
    assert(narrow == (p->x_factors != NULL) && narrow == (p->w_factors != NULL));
    assert(!narrow || (in % 16 == 0 && out % 16 == 0 && rows % 8 == 0 && is_aligned(y) && is_aligned(x) &&
                       is_aligned(w)));
    assert(!p->gelu || y->dtype == DTYPE_BF16);
    struct cuda_matrix add = {(void *)p->bias, y->dtype, 0};
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < out; o++) {
            float sum = 0;
            for (int64_t c = 0; c < in; c++)
                sum += load(x, r * x->stride + c) * load(w, o * w->stride + c);
            if (narrow)
                sum *= p->x_factors[r] * p->w_factors[o];
            sum += p->bias ? load(&add, o) : 0;
            if (p->gelu)
                sum *= 0.5f * (1 + tanhf(0.7978845608f * (sum + 0.044715f * sum * sum * sum)));
            if (y->dtype == DTYPE_F32)
                ((float *)y->data)[r * y->stride + o] = sum;
            else
                ((uint16_t *)y->data)[r * y->stride + o] = bf16_from_f32(sum);
        }
    return true;
}
