/* linear: y = epilogue(x W^T + b).
 *
 * x [rows, in], W [out, in] in the exec's dtype, b [out], y [rows, out]; row strides free. The
 * product is cuBLASLt's. It stores y itself, with bias or with bias and GELU (in the tanh form),
 * where y's dtype lets it. Else the product goes to scratch (in the exec's dtype where a norm
 * follows: then it is a block of many rows; else in float32) and a pass of ours finishes it:
 *
 *   a = product + b;  y = gelu(a) | silu(a) | a aux | y + a | y + gate a, and the norm of y
 *
 * Narrow layers hold W as e4m3, x is rounded to it in scratch first (fp8.cu), and cuBLASLt puts the
 * factors on the sum; the rest is the same. It is asked for multiples of NARROW_ROWS only: others
 * get rows of whatever scratch holds, which end in scratch. Where it has no bias for a shape (few
 * channels of long rows, float32 at times) our pass adds it.
 *
 * FLOPs: 2 rows in out. Bytes: x, W, y once; the residual forms in bf16 with y in float32 move 8
 * more for each element of y than the product, 4 of them y itself, and with a norm 2 more. */
#include <stdlib.h>

#include "kernels/cuda/cuda_gemm.h"
#include "kernels/cuda/cuda_rows.cuh"
#include "kernels/cuda/fp8.h"

#define NARROW_ROWS 8

struct linear {
    int64_t in, out;
    bool narrow;
    struct tensor weights;                /* [out, in], the exec's dtype, or E4M3 when narrow */
    struct tensor factors;                /* [out] of narrow weights, F32 */
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

/* One part is on the device at a time as it was stored, or as float32. */
static bool pack_narrow(struct exec *ex, struct linear *l, const struct tensor *parts, int count,
                        struct dn_error *err)
{
    const int64_t shape[] = {l->out, l->in};
    if (!cuda_tensor_alloc(ex, &l->weights, DTYPE_F8_E4M3, 2, shape, err) ||
        !cuda_tensor_alloc(ex, &l->factors, DTYPE_F32, 1, shape, err))
        return false;
    int64_t row = 0;
    for (int i = 0; i < count; i++) {
        int64_t rows = parts[i].shape[0];
        struct tensor to = tensor_slice(&l->weights, row, rows), wide;
        float *factors = (float *)l->factors.data + row;
        enum dtype dtype = parts[i].dtype == DTYPE_BF16 ? DTYPE_BF16 : DTYPE_F32;
        if (!cuda_tensor_alloc(ex, &wide, dtype, 2, parts[i].shape, err))
            return false;
        bool ok = cuda_upload(ex, &wide, &parts[i], err) &&
                  cuda_fp8_rows(ex, to.data, factors, &wide, err);
        cuda_tensor_free(ex, &wide);
        if (!ok)
            return false;
        row += rows;
    }
    return true;
}

static bool pack(struct exec *ex, const struct tensor *parts, const struct tensor *biases,
                 int count, bool narrow, struct linear **out, struct dn_error *err)
{
    assert(count >= 1);
    struct linear *l = (struct linear *)dn_calloc(1, sizeof *l);
    l->in = parts[0].shape[1];
    for (int i = 0; i < count; i++) {
        assert(parts[i].ndim == 2 && parts[i].shape[1] == l->in);
        l->out += parts[i].shape[0];
    }
    l->narrow = narrow && linear_is_narrow(ex, l->in, l->out);
    bool ok = (l->narrow ? pack_narrow : pack_weights)(ex, l, parts, count, err) &&
              (!biases || pack_bias(ex, l, biases, count, err));
    if (!ok) {
        cuda_linear_free(ex, l);
        l = NULL;
    }
    *out = l;
    return ok;
}

extern "C" bool cuda_linear_pack(struct exec *ex, const struct tensor *parts,
                                 const struct tensor *biases, int count, struct linear **out,
                                 struct dn_error *err)
{
    return pack(ex, parts, biases, count, false, out, err);
}

extern "C" bool cuda_linear_pack_narrow(struct exec *ex, const struct tensor *parts,
                                        const struct tensor *biases, int count, struct linear **out,
                                        struct dn_error *err)
{
    return pack(ex, parts, biases, count, true, out, err);
}

extern "C" void cuda_linear_free(struct exec *ex, struct linear *linear)
{
    if (!linear)
        return;
    cuda_tensor_free(ex, &linear->weights);
    cuda_tensor_free(ex, &linear->factors);
    cuda_tensor_free(ex, &linear->bias_f32);
    cuda_tensor_free(ex, &linear->bias_rounded);
    free(linear);
}

/* The epilogues an element a thread, any alignment. */
struct finish_problem {
    cuda_array y, aux, product; /* product [rows, out] */
    const float *bias, *gate;
    int64_t y_stride, aux_stride, gate_stride, rows_per_gate, out, count;
    enum linear_epilogue epilogue;
};

__global__ void finish_kernel(finish_problem p)
{
    int64_t i = cuda_index();
    if (i >= p.count)
        return;
    int64_t row = i / p.out, col = i % p.out, at = row * p.y_stride + col;
    float a = cuda_load(p.product, i) + (p.bias ? p.bias[col] : 0.0f);
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

/* The residual forms, and a norm behind them, a row in registers. */
struct residual_rows {
    const void *product; /* [rows, dim]; its dtype is the norm's */
    void *y;
    const float *bias, *gate; /* or NULL */
    int64_t y_stride, gate_stride, rows_per_gate, rows;
    int dim;
    struct cuda_norm norm; /* of y; norm.y.data NULL: none */

    template <bool X16, bool Y16, int N, int STEPS, bool ALONE>
    __device__ void run(int64_t row) const
    {
        cuda_row<N, STEPS, ALONE> r;
        cuda_raw<X16, N> products[STEPS] = {};
        const float *gates = gate ? gate + cuda_group_of(row, rows_per_gate) * gate_stride : NULL;
#pragma unroll
        for (int s = 0; s < STEPS; s++)
            if (r.holds(s, dim))
                products[s] = cuda_load_raw<X16, N>(product, row * dim + r.column(s));
        r.template load<Y16>(y, row * y_stride, dim);
#pragma unroll
        for (int s = 0; s < STEPS; s++) {
            int at = r.column(s);
            float a[N], b[N], g[N];
            if (!r.holds(s, dim))
                continue;
#pragma unroll
            for (int i = 0; i < N; i++) {
                b[i] = 0;
                g[i] = 1;
            }
            cuda_widen<X16>(a, products[s]);
            if (bias)
                cuda_load_shared<N>(b, bias + at);
            if (gates)
                cuda_load_shared<N>(g, gates + at);
#pragma unroll
            for (int i = 0; i < N; i++)
                r.v[s][i] += g[i] * (a[i] + b[i]);
        }
        r.template store<Y16>(y, row * y_stride, dim);
        if (!norm.y.data)
            return;
        cuda_norm_row(r, norm, row, dim);
        r.template store<X16>(norm.y.data, row * norm.y_stride, dim);
    }
};

static bool apply_norm(struct exec *ex, const struct tensor *y, const struct linear_norm *n,
                       struct dn_error *err)
{
    if (n->shift)
        return cuda_layer_norm_modulate(ex, n->y, y, n->shift, n->scale, n->rows_per_frame, n->eps,
                                        err);
    return cuda_layer_norm(ex, n->y, y, n->weight, n->bias, n->eps, err);
}

/* What a residual pass can do of the norm behind it. */
static struct cuda_norm norm_of(const struct linear_norm *n, int64_t rows, int64_t dim)
{
    struct cuda_norm to = {};
    const struct tensor *times = n->shift ? n->scale : n->weight;
    const struct tensor *add = n->shift ? n->shift : n->bias;
    to.y = cuda_array_of(n->y);
    to.y_stride = n->y->stride[0];
    to.centred = 1;
    to.eps = n->eps;
    to.share = 1.0f / (float)dim;
    to.plus = n->shift ? 1.0f : 0.0f;
    to.per_frame = n->shift ? n->rows_per_frame : rows;
    to.times = (const float *)times->data;
    to.add = (const float *)add->data;
    to.times_stride = n->shift ? times->stride[0] : 0;
    to.add_stride = n->shift ? add->stride[0] : 0;
    return to;
}

/* y += gate * (product + bias) and the norm; *taken: aligned, and queued when true comes back. */
static bool finish_rows(struct exec *ex, const struct tensor *y, const struct tensor *product,
                        const struct linear *l, const struct linear_args *args, bool *taken,
                        struct dn_error *err)
{
    residual_rows p = {};
    p.product = product->data;
    p.y = y->data;
    p.bias = (const float *)l->bias_f32.data;
    p.y_stride = y->stride[0];
    p.rows_per_gate = 1;
    p.dim = (int)l->out;
    p.rows = y->shape[0];
    if (args->epilogue == LINEAR_GATE_RESIDUAL) {
        p.gate = (const float *)args->gate->data;
        p.gate_stride = args->gate->stride[0];
        p.rows_per_gate = args->rows_per_gate;
    }
    *taken = cuda_rows_form(p.dim) && cuda_rows_fit(p.product, p.dim, p.dim) &&
             cuda_rows_fit(p.y, p.y_stride, p.dim) && cuda_vectors_fit(p.bias, 0) &&
             cuda_vectors_fit(p.gate, p.gate_stride);
    if (!*taken)
        return true;
    bool norm_too = args->norm && args->norm->y->dtype == product->dtype;
    if (norm_too) {
        p.norm = norm_of(args->norm, p.rows, p.dim);
        norm_too = cuda_norm_fits(&p.norm, p.dim);
        p.norm.y.data = norm_too ? p.norm.y.data : NULL;
    }
    return cuda_launch_rows(ex, "linear", err, p.dim, product->dtype == DTYPE_BF16,
                            y->dtype == DTYPE_BF16, p) &&
           (!args->norm || norm_too || apply_norm(ex, y, args->norm, err));
}

static bool finish_elements(struct exec *ex, const struct tensor *y, const struct tensor *product,
                            const struct linear *l, const struct linear_args *args,
                            struct dn_error *err)
{
    finish_problem p = {};
    p.y = cuda_array_of(y);
    p.y_stride = y->stride[0];
    p.product = cuda_array_of(product);
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
        p.gate = (const float *)args->gate->data;
        p.gate_stride = args->gate->stride[0];
        p.rows_per_gate = args->rows_per_gate;
    }
    return cuda_launch(ex, "linear", err, finish_kernel, cuda_grid(p.count), CUDA_BLOCK, 0, p) &&
           (!args || !args->norm || apply_norm(ex, y, args->norm, err));
}

static struct cuda_matrix matrix_of(const struct tensor *t)
{
    /* of one row the stride means nothing, and may be less than the row */
    return cuda_matrix{t->data, t->dtype, t->shape[0] == 1 ? t->shape[1] : t->stride[0]};
}

static bool adds_to_y(const struct linear_args *args)
{
    return args && (args->epilogue == LINEAR_RESIDUAL || args->epilogue == LINEAR_GATE_RESIDUAL);
}

bool cuda_multiply(struct exec *ex, const struct cuda_gemm_problem *p, const struct cuda_matrix *y,
                   const struct cuda_matrix *x, const struct cuda_matrix *w, struct dn_error *err)
{
    return ex->books.open ||
           (cuda_enter(ex, "linear", err) && cuda_gemm_run(ex->gemm, ex->stream, p, y, x, w, err) &&
            cuda_launched(ex, "linear", err));
}

static const void *bias_for(const struct linear *l, enum dtype dtype)
{
    return dtype == DTYPE_F32 ? l->bias_f32.data : l->bias_rounded.data;
}

/* Does cuBLASLt multiply a narrow layer and finish y? Scratch and factors are yet to come, so
 * others that are as well aligned stand for them. While ex plans it counts as yes. */
static bool narrow_stores(struct exec *ex, const struct tensor *y, const struct linear *l,
                          bool gelu)
{
    struct cuda_matrix to = matrix_of(y), w = matrix_of(&l->weights), x = w;
    const float *factors = (const float *)l->factors.data;
    struct cuda_gemm_problem p = {y->shape[0],           l->in,   l->out, gelu,
                                  bias_for(l, y->dtype), factors, factors};
    bool aligned = (uintptr_t)to.data % 16 == 0 && to.stride * dtype_size(to.dtype) % 16 == 0;
    return aligned && y->shape[0] % NARROW_ROWS == 0 &&
           (ex->books.open || cuda_gemm_takes(ex->gemm, &p, &to, &x, &w));
}

/* Does the product write y itself? */
static bool can_store(struct exec *ex, const struct tensor *y, const struct linear *l,
                      const struct linear_args *args)
{
    bool plain = !args || args->epilogue == LINEAR_STORE;
    bool gelu = args && args->epilogue == LINEAR_GELU_TANH && y->dtype == DTYPE_BF16;
    if (l->narrow)
        return (plain || gelu) && narrow_stores(ex, y, l, gelu);
    if (gelu)
        return ex->dtype == DTYPE_BF16;
    return plain && (y->dtype == DTYPE_F32 || ex->dtype == DTYPE_BF16);
}

/* The product, to y when it `stores`, else to *product, and what is to be done to it. factors: of
 * the rows of a narrow x. */
static bool multiply(struct exec *ex, const struct tensor *y, const struct tensor *x,
                     const float *factors, const struct linear *l, const struct linear_args *args,
                     bool stores, const struct tensor *product, struct dn_error *err)
{
    struct cuda_matrix xm = matrix_of(x), wm = matrix_of(&l->weights);
    struct cuda_matrix ym = matrix_of(stores ? y : product);
    struct cuda_gemm_problem p = {x->shape[0], l->in, l->out, false, NULL, NULL, NULL};
    if (l->narrow) {
        p.x_factors = factors;
        p.w_factors = (const float *)l->factors.data;
    }
    if (stores) {
        p.gelu = args && args->epilogue == LINEAR_GELU_TANH;
        p.bias = bias_for(l, ym.dtype);
    }
    if (!cuda_multiply(ex, &p, &ym, &xm, &wm, err))
        return false;
    if (stores)
        return !args || !args->norm || apply_norm(ex, y, args->norm, err);
    bool taken = false;
    if (adds_to_y(args) && !finish_rows(ex, y, product, l, args, &taken, err))
        return false;
    return taken || finish_elements(ex, y, product, l, args, err);
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
    int64_t whole = l->narrow ? (rows + NARROW_ROWS - 1) / NARROW_ROWS * NARROW_ROWS : rows;
    if (args && args->epilogue == LINEAR_GATE_RESIDUAL) {
        assert(args->gate->dtype == DTYPE_F32 && args->gate->shape[1] == l->out);
        assert(args->rows_per_gate * args->gate->shape[0] >= rows);
    }
    bool stores = can_store(ex, y, l, args), converts = l->narrow || x->dtype != ex->dtype;
    enum dtype x_dtype = l->narrow ? DTYPE_F8_E4M3 : ex->dtype;
    enum dtype product_dtype = adds_to_y(args) && args->norm ? ex->dtype : DTYPE_F32;
    size_t x_size = converts ? cuda_align((size_t)(whole * l->in * dtype_size(x_dtype))) : 0;
    size_t factors_size = l->narrow ? cuda_align((size_t)whole * sizeof(float)) : 0;
    size_t product_size = stores ? 0 : (size_t)(whole * l->out * dtype_size(product_dtype));
    void *scratch = NULL;
    if (!cuda_scratch(ex, "linear", x_size + factors_size + product_size, &scratch, err))
        return false;
    float *factors = (float *)((char *)scratch + x_size);
    struct tensor product =
        cuda_tensor((char *)factors + factors_size, product_dtype, whole, l->out);
    struct tensor from = converts ? cuda_tensor(scratch, x_dtype, whole, l->in) : *x;
    if (converts &&
        !(l->narrow ? cuda_fp8_rows(ex, from.data, factors, x, err) : cuda_copy(ex, &from, x, err)))
        return false;
    return multiply(ex, y, &from, factors, l, args, stores, &product, err);
}
