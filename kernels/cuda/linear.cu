/* linear: y = epilogue(x W^T + b).
 *
 * x [rows, in], W [out, in] in the exec's dtype, b [out], y [rows, out]; row strides free. The
 * product is cuBLASLt's: straight into y with its bias epilogue when nothing else is to be done and
 * it can store y's dtype, else into float32 scratch, which a kernel of ours finishes:
 *
 *   a = product + b;  y = a | gelu(a) | silu(a) | a aux | y + a | y + gate a
 *
 * FLOPs: 2 rows in out. Bytes: x, W, y once; 8 more for each element of y when it goes through
 * scratch. Share of the limit: not measured yet. */
#include <stdlib.h>

#include "kernels/cuda/cuda_gemm.h"
#include "kernels/cuda/cuda_util.cuh"

struct linear {
    int64_t in, out;
    struct tensor weights;                /* [out, in], the exec's dtype */
    struct tensor bias_f32, bias_rounded; /* [1, out], data NULL: none; rounded: BF16 */
};

static bool pack_bias(struct exec *ex, struct linear *l, const struct tensor *biases, int count,
                      struct dn_error *err)
{
    const int64_t shape[] = {l->out};
    if (!cuda_tensor_alloc(ex, &l->bias_f32, DTYPE_F32, 1, shape, err) ||
        !cuda_tensor_alloc(ex, &l->bias_rounded, DTYPE_BF16, 1, shape, err))
        return false;
    int64_t row = 0;
    for (int i = 0; i < count; i++) {
        struct tensor to = tensor_slice(&l->bias_f32, row, biases[i].shape[0]);
        if (!cuda_upload(ex, &to, &biases[i], err))
            return false;
        row += biases[i].shape[0];
    }
    assert(row == l->out);
    return cuda_copy(ex, &l->bias_rounded, &l->bias_f32, err);
}

static bool pack_weights(struct exec *ex, struct linear *l, const struct tensor *parts, int count,
                         struct dn_error *err)
{
    const int64_t shape[] = {l->out, l->in};
    if (!cuda_tensor_alloc(ex, &l->weights, ex->dtype, 2, shape, err))
        return false;
    int64_t row = 0;
    for (int i = 0; i < count; i++) {
        struct tensor to = tensor_slice(&l->weights, row, parts[i].shape[0]);
        if (!cuda_upload(ex, &to, &parts[i], err))
            return false;
        row += parts[i].shape[0];
    }
    return true;
}

extern "C" bool cuda_linear_pack(struct exec *ex, const struct tensor *parts,
                                 const struct tensor *biases, int count, struct linear **out,
                                 struct dn_error *err)
{
    assert(count >= 1);
    struct linear *l = (struct linear *)dn_calloc(1, sizeof *l);
    l->in = parts[0].shape[1];
    for (int i = 0; i < count; i++) {
        assert(parts[i].ndim == 2 && parts[i].shape[1] == l->in);
        l->out += parts[i].shape[0];
    }
    bool ok = pack_weights(ex, l, parts, count, err) &&
              (!biases || pack_bias(ex, l, biases, count, err));
    if (!ok) {
        cuda_linear_free(ex, l);
        l = NULL;
    }
    *out = l;
    return ok;
}

extern "C" void cuda_linear_free(struct exec *ex, struct linear *linear)
{
    if (!linear)
        return;
    cuda_tensor_free(ex, &linear->weights);
    cuda_tensor_free(ex, &linear->bias_f32);
    cuda_tensor_free(ex, &linear->bias_rounded);
    free(linear);
}

struct finish_problem {
    cuda_array y, aux;
    const float *product, *bias, *gate; /* product [rows, out] */
    int64_t y_stride, aux_stride, gate_stride, rows_per_gate, out, count;
    enum linear_epilogue epilogue;
};

__global__ void finish_kernel(finish_problem p)
{
    int64_t i = cuda_index();
    if (i >= p.count)
        return;
    int64_t row = i / p.out, col = i % p.out, at = row * p.y_stride + col;
    float a = p.product[i] + (p.bias ? p.bias[col] : 0.0f);
    if (p.epilogue == LINEAR_GELU_TANH)
        a = cuda_gelu_tanh_of(a);
    else if (p.epilogue == LINEAR_SILU)
        a = cuda_silu_of(a);
    else if (p.epilogue == LINEAR_MULTIPLY)
        a *= cuda_load(p.aux, row * p.aux_stride + col);
    else if (p.epilogue == LINEAR_RESIDUAL)
        a += cuda_load(p.y, at);
    else if (p.epilogue == LINEAR_GATE_RESIDUAL)
        a = cuda_load(p.y, at) + p.gate[row / p.rows_per_gate * p.gate_stride + col] * a;
    cuda_store(p.y, at, a);
}

static bool finish(struct exec *ex, const struct tensor *y, const float *product,
                   const struct linear *l, const struct linear_args *args, struct dn_error *err)
{
    finish_problem p = {};
    p.y = cuda_array_of(y);
    p.y_stride = y->stride[0];
    p.product = product;
    p.bias = (const float *)l->bias_f32.data;
    p.out = l->out;
    p.count = y->shape[0] * l->out;
    p.epilogue = args ? args->epilogue : LINEAR_STORE;
    if (p.epilogue == LINEAR_MULTIPLY) {
        assert(args->aux->shape[0] == y->shape[0] && args->aux->shape[1] == l->out);
        assert(args->aux->stride[1] == 1);
        p.aux = cuda_array_of(args->aux);
        p.aux_stride = args->aux->stride[0];
    }
    if (p.epilogue == LINEAR_GATE_RESIDUAL) {
        assert(args->gate->dtype == DTYPE_F32 && args->gate->shape[1] == l->out);
        assert(args->rows_per_gate * args->gate->shape[0] >= y->shape[0]);
        p.gate = (const float *)args->gate->data;
        p.gate_stride = args->gate->stride[0];
        p.rows_per_gate = args->rows_per_gate;
    }
    return cuda_launch(ex, "linear", err, finish_kernel, cuda_grid(p.count), CUDA_BLOCK, 0, p);
}

static struct cuda_matrix matrix_of(const struct tensor *t)
{
    /* of one row the stride means nothing, and may be less than the row */
    return cuda_matrix{t->data, t->dtype, t->shape[0] == 1 ? t->shape[1] : t->stride[0]};
}

extern "C" bool cuda_linear(struct exec *ex, const struct tensor *y, const struct tensor *x,
                            const struct linear *l, const struct linear_args *args,
                            struct dn_error *err)
{
    assert(x->ndim == 2 && y->ndim == 2 && x->shape[0] == y->shape[0]);
    assert(x->shape[1] == l->in && y->shape[1] == l->out);
    assert(x->stride[1] == 1 && y->stride[1] == 1);
    assert(cuda_is_activation(x) && cuda_is_activation(y));
    int64_t rows = x->shape[0];
    if (rows == 0)
        return true;
    enum dtype dtype = l->weights.dtype;
    bool stores = (!args || args->epilogue == LINEAR_STORE) &&
                  (y->dtype == DTYPE_F32 || dtype == DTYPE_BF16);
    size_t x_size = x->dtype == dtype ? 0 : (size_t)(rows * l->in * dtype_size(dtype));
    size_t product_size = stores ? 0 : (size_t)(rows * l->out * 4);
    void *scratch = NULL;
    if (!cuda_scratch(ex, "linear", cuda_align(x_size) + product_size, &scratch, err))
        return false;
    struct tensor from = *x;
    if (x->dtype != dtype) {
        from = cuda_tensor(scratch, dtype, rows, l->in);
        if (!cuda_copy(ex, &from, x, err))
            return false;
    }
    struct cuda_matrix xm = matrix_of(&from), wm = matrix_of(&l->weights), ym = matrix_of(y);
    const void *bias = y->dtype == DTYPE_F32 ? l->bias_f32.data : l->bias_rounded.data;
    if (!stores) {
        ym = cuda_matrix{(char *)scratch + cuda_align(x_size), DTYPE_F32, l->out};
        bias = NULL; /* finish_kernel adds it */
    }
    if (!cuda_enter(ex, "linear", err) ||
        !cuda_gemm_run(ex->gemm, ex->stream, rows, l->in, l->out, &ym, &xm, &wm, bias, err) ||
        !cuda_launched(ex, "linear", err))
        return false;
    return stores || finish(ex, y, (const float *)ym.data, l, args, err);
}
