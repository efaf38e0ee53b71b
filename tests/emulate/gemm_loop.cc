/* gemm_loop: cuda_gemm.h as a plain loop, where cuBLASLt stands on a device. */
#include <assert.h>

#include "kernels/cuda/cuda_gemm.h"

static float load(const struct cuda_matrix *m, int64_t at)
{
    return m->dtype == DTYPE_F32 ? ((const float *)m->data)[at]
                                 : f32_from_bf16(((const uint16_t *)m->data)[at]);
}

bool cuda_gemm_open(struct cuda_gemm **out, struct dn_error *)
{
    *out = NULL;
    return true;
}

void cuda_gemm_close(struct cuda_gemm *)
{
}

bool cuda_gemm_run(struct cuda_gemm *, cudaStream_t, int64_t rows, int64_t in, int64_t out,
                   const struct cuda_matrix *y, const struct cuda_matrix *x,
                   const struct cuda_matrix *w, const void *bias, struct dn_error *)
{
    assert(x->dtype == w->dtype && (x->dtype == DTYPE_BF16 || y->dtype == DTYPE_F32));
    struct cuda_matrix add = {(void *)bias, y->dtype, 0};
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < out; o++) {
            float sum = 0;
            for (int64_t c = 0; c < in; c++)
                sum += load(x, r * x->stride + c) * load(w, o * w->stride + c);
            sum += bias ? load(&add, o) : 0;
            if (y->dtype == DTYPE_F32)
                ((float *)y->data)[r * y->stride + o] = sum;
            else
                ((uint16_t *)y->data)[r * y->stride + o] = bf16_from_f32(sum);
        }
    return true;
}
