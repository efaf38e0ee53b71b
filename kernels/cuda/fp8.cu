/* fp8: see fp8.cuh. */
#include "kernels/cuda/fp8.cuh"

#include "kernels/cuda/fp8.h"

/* Any alignment and width: a block a row, which it reads twice. */
__global__ void fp8_any_rows_kernel(fp8_rows p, cuda_array x)
{
    int64_t row = blockIdx.x;
    float most = 0;
    for (int i = (int)threadIdx.x; i < p.dim; i += (int)blockDim.x)
        most = fmaxf(most, fabsf(cuda_load(x, row * p.x_stride + i)));
    fp8_factor f(cuda_block_max(most, cuda_shared()));
    if (threadIdx.x == 0)
        p.factors[row] = f.factor;
    for (int i = (int)threadIdx.x; i < p.dim; i += (int)blockDim.x) {
        float a = cuda_load(x, row * p.x_stride + i) * f.times;
        p.q[row * p.dim + i] = (uint8_t)fp8_pack(a, 0, 0, 0);
    }
}

/* dim fills a block's warps at STEPS vectors a thread. */
template <bool X16, int STEPS>
static bool launch(struct exec *ex, const fp8_rows &p, int64_t rows, struct dn_error *err)
{
    constexpr int N = X16 ? 8 : 4;
    int64_t threads = (p.dim / N + STEPS - 1) / STEPS;
    return cuda_launch_early(ex, "linear", err, fp8_rows_kernel<X16, STEPS>, cuda_grid(rows, 1),
                             (unsigned)(threads + 31) / 32 * 32, 32 * sizeof(float), p);
}

bool cuda_fp8_rows(struct exec *ex, void *q, float *factors, const struct tensor *x,
                   struct dn_error *err)
{
    int64_t rows = x->shape[0], dim = x->shape[1], stride = rows == 1 ? dim : x->stride[0];
    bool x16 = x->dtype == DTYPE_BF16, fits = cuda_rows_fit(x->data, stride, dim);
    fp8_rows p = {x->data, (uint8_t *)q, factors, stride, (int)dim};
    assert(x->ndim == 2 && x->stride[1] == 1 && dim <= INT32_MAX);
    if (fits && dim <= FP8_SHORT)
        return x16 ? launch<true, 2>(ex, p, rows, err) : launch<false, 4>(ex, p, rows, err);
    if (fits && dim <= FP8_LONGEST)
        return x16 ? launch<true, 4>(ex, p, rows, err) : launch<false, 8>(ex, p, rows, err);
    return cuda_launch(ex, "linear", err, fp8_any_rows_kernel, cuda_grid(rows, 1), CUDA_BLOCK,
                       32 * sizeof(float), p, cuda_array_of(x));
}
