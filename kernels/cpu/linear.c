/* linear: y = epilogue(x W^T + b), oneDNN's matrix product on packed weights.
 *
 * x [rows, in], W [out, in], y [rows, out]; 2 rows in out FLOPs, the weights' bytes once a call.
 * Weights are turned into the exec's dtype and oneDNN's blocked layout once, when they are packed.
 * A product's code is generated for one number of rows and kept: a model uses few. x is converted
 * when its dtype is not the exec's. Epilogues are done by the product as it stores
 * (post-operations); where oneDNN cannot, they run over a float32 product in scratch.
 *
 * Narrow layers are the reference of the GPU's: weights and rows of x rounded to e4m3 (fp8.h), kept
 * and multiplied in the exec's dtype, which holds them exactly, factors applied to the float32
 * product. They save neither memory nor time here. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/cpu/cpu_exec.h"
#include "kernels/cpu/fp8.h"
#include "kernels/cpu/vector.h"

#define PLANS 8

/* A product for one shape of x and of the product. */
struct plan {
    int64_t rows, x_stride, y_stride;
    enum dtype y_dtype;
    enum linear_epilogue fused; /* done by the product itself */
    enum dtype aux_dtype;       /* of LINEAR_MULTIPLY's factors, and their row stride */
    int64_t aux_stride;
    uint64_t used; /* when last, for replacement */
    dnnl_memory_desc_t x, y, aux;
    struct cpu_primitive primitive;
};

struct linear {
    int64_t in, out;
    enum dtype dtype; /* of the weights: the exec's */
    dnnl_memory_desc_t md;
    void *weights;
    float *factors; /* [out] of the channels of e4m3 weights; NULL: weights as they are */
    float *bias;    /* NULL: none */
    dnnl_memory_desc_t bias_md;
    struct plan plans[PLANS];
    uint64_t clock;
};

static dnnl_memory_desc_t matrix(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride,
                                 enum dtype dtype)
{
    dnnl_memory_desc_t md;
    dnnl_dims_t dims = {rows, cols}, strides = {row_stride, col_stride};
    dnnl_status_t status =
        dnnl_memory_desc_init_by_strides(&md, 2, dims, cpu_dnnl_dtype(dtype), strides);
    assert(status == dnnl_success);
    (void)status;
    return md;
}

/* Appends p's epilogue to the product: a function of it, a product with p->aux, or a sum with y. */
static bool append_epilogue(struct plan *p, int64_t out, dnnl_post_ops_t ops, struct dn_error *err)
{
    bool ok = true;
    if (p->fused == LINEAR_GELU_TANH)
        ok = cpu_dnnl_ok(dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_gelu_tanh, 0, 0),
                         "linear with GELU", err);
    if (p->fused == LINEAR_SILU)
        ok = cpu_dnnl_ok(dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_swish, 1, 0),
                         "linear with SiLU", err);
    if (p->fused == LINEAR_MULTIPLY)
        p->aux = matrix(p->rows, out, p->aux_stride, 1, p->aux_dtype);
    if (p->fused == LINEAR_GATE_RESIDUAL)
        p->aux = matrix(1, out, out, 1, DTYPE_F32);
    if (p->fused == LINEAR_MULTIPLY || p->fused == LINEAR_GATE_RESIDUAL)
        ok = cpu_dnnl_ok(dnnl_post_ops_append_binary(ops, dnnl_binary_mul, &p->aux),
                         "linear with factors", err);
    if (p->fused == LINEAR_RESIDUAL || p->fused == LINEAR_GATE_RESIDUAL)
        ok = ok && cpu_dnnl_ok(dnnl_post_ops_append_sum(ops, 1), "linear with residual", err);
    return ok;
}

/* Builds the product for p's shape; weights NULL: with the packed layout, else oneDNN chooses one
 * and returns it there. */
static bool make_plan(struct exec *ex, const struct linear *l, struct plan *p,
                      dnnl_memory_desc_t *weights, struct dn_error *err)
{
    dnnl_matmul_desc_t desc;
    dnnl_memory_desc_t w = l->md;
    const dnnl_memory_desc_t *bias = l->bias && !l->factors ? &l->bias_md : NULL;
    p->x = matrix(p->rows, l->in, p->x_stride, 1, l->dtype);
    p->y = matrix(p->rows, l->out, p->y_stride, 1, p->y_dtype);
    if (weights) {
        dnnl_dims_t dims = {l->in, l->out};
        if (!cpu_dnnl_ok(dnnl_memory_desc_init_by_tag(&w, 2, dims, cpu_dnnl_dtype(l->dtype),
                                                      dnnl_format_tag_any),
                         "linear", err))
            return false;
    }
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    bool ok = cpu_dnnl_ok(dnnl_matmul_desc_init(&desc, &p->x, &w, bias, &p->y), "linear", err) &&
              cpu_dnnl_ok(dnnl_primitive_attr_create(&attr), "linear", err) &&
              cpu_dnnl_ok(dnnl_post_ops_create(&ops), "linear", err) &&
              append_epilogue(p, l->out, ops, err) &&
              cpu_dnnl_ok(dnnl_primitive_attr_set_post_ops(attr, ops), "linear", err) &&
              cpu_primitive_make(ex, &desc, attr, &p->primitive, weights, "linear", err);
    if (ops)
        dnnl_post_ops_destroy(ops);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return ok;
}

/* All parts as one plain [out, in] matrix: the file's own memory where that is one matrix that
 * oneDNN reads, else a copy of the exec's dtype in scratch. *dtype says which. */
static const void *plain_weights(struct exec *ex, const struct tensor *parts, int count,
                                 int64_t out, int64_t in, enum dtype *dtype)
{
    *dtype = parts->dtype;
    if (count == 1 && cpu_is_activation(parts) && tensor_is_contiguous(parts))
        return parts->data;
    *dtype = ex->dtype;
    size_t size = (size_t)dtype_size(ex->dtype);
    char *copy = cpu_scratch(ex, CPU_SCRATCH_OP, dn_mul_or_abort((size_t)(out * in), size));
    int64_t row = 0;
    for (int i = 0; i < count; i++) {
        int64_t shape[] = {parts[i].shape[0], in};
        struct tensor to = tensor_over(copy + (size_t)(row * in) * size, ex->dtype, 2, shape);
        cpu_copy(ex, &to, &parts[i], NULL);
        row += parts[i].shape[0];
    }
    return copy;
}

/* All parts as one [out, in] matrix of e4m3 numbers in the exec's dtype, in scratch. */
static const void *narrow_weights(struct exec *ex, const struct tensor *parts, int count,
                                  struct linear *l)
{
    size_t size = (size_t)dtype_size(ex->dtype);
    size_t all = dn_mul_or_abort((size_t)(l->out * l->in), size + 4);
    char *copy = cpu_scratch(ex, CPU_SCRATCH_OP, all),
         *wide = copy + (size_t)(l->out * l->in) * size;
    int64_t row = 0;
    l->factors = dn_malloc_aligned((size_t)l->out * 4);
    for (int i = 0; i < count; i++) {
        int64_t shape[] = {parts[i].shape[0], l->in};
        struct tensor from = tensor_over(wide, DTYPE_F32, 2, shape);
        struct tensor to = tensor_over(copy + (size_t)(row * l->in) * size, ex->dtype, 2, shape);
        cpu_copy(ex, &from, &parts[i], NULL);
        cpu_fp8_rows(&to, l->factors + row, &from);
        row += shape[0];
    }
    return copy;
}

static void pack_bias(struct exec *ex, struct linear *l, const struct tensor *biases, int count)
{
    int64_t row = 0;
    l->bias = dn_malloc_aligned((size_t)l->out * 4);
    l->bias_md = matrix(1, l->out, l->out, 1, DTYPE_F32);
    for (int i = 0; i < count; i++) {
        struct tensor to = tensor_over(l->bias + row, DTYPE_F32, 1, biases[i].shape);
        cpu_copy(ex, &to, &biases[i], NULL);
        row += biases[i].shape[0];
    }
    assert(row == l->out);
}

static bool pack(struct exec *ex, const struct tensor *parts, const struct tensor *biases,
                 int count, bool narrow, struct linear **out, struct dn_error *err)
{
    cpu_enter(ex);
    assert(count >= 1);
    struct linear *l = dn_calloc(1, sizeof *l);
    l->dtype = ex->dtype;
    l->in = parts[0].shape[1];
    for (int i = 0; i < count; i++) {
        assert(parts[i].ndim == 2 && parts[i].shape[1] == l->in);
        l->out += parts[i].shape[0];
    }
    const void *plain = NULL;
    enum dtype dtype = ex->dtype;
    if (biases)
        pack_bias(ex, l, biases, count);
    if (narrow && linear_is_narrow(ex, l->in, l->out))
        plain = narrow_weights(ex, parts, count, l);
    /* the layout is chosen for a middling number of rows and then kept for all */
    struct plan trial = {.rows = 256, .x_stride = l->in, .y_stride = l->out, .y_dtype = DTYPE_F32};
    bool ok = make_plan(ex, l, &trial, &l->md, err);
    cpu_primitive_done(&trial.primitive);
    if (ok) {
        if (!plain)
            plain = plain_weights(ex, parts, count, l->out, l->in, &dtype);
        dnnl_memory_desc_t from = matrix(l->in, l->out, 1, l->in, dtype);
        l->weights = cpu_weights_alloc(dnnl_memory_desc_get_size(&l->md));
        ok = cpu_reorder(ex, &l->md, l->weights, &from, plain, err);
    }
    if (!ok) {
        cpu_linear_free(ex, l);
        l = NULL;
    }
    *out = l;
    return ok;
}

bool cpu_linear_pack(struct exec *ex, const struct tensor *parts, const struct tensor *biases,
                     int count, struct linear **out, struct dn_error *err)
{
    return pack(ex, parts, biases, count, false, out, err);
}

bool cpu_linear_pack_narrow(struct exec *ex, const struct tensor *parts,
                            const struct tensor *biases, int count, struct linear **out,
                            struct dn_error *err)
{
    return pack(ex, parts, biases, count, true, out, err);
}

void cpu_linear_free(struct exec *ex, struct linear *linear)
{
    (void)ex;
    if (!linear)
        return;
    for (int i = 0; i < PLANS; i++)
        cpu_primitive_done(&linear->plans[i].primitive);
    free(linear->weights);
    free(linear->factors);
    free(linear->bias);
    free(linear);
}

static bool same_plan(const struct plan *a, const struct plan *b)
{
    return a->rows == b->rows && a->x_stride == b->x_stride && a->y_stride == b->y_stride &&
           a->y_dtype == b->y_dtype && a->fused == b->fused && a->aux_dtype == b->aux_dtype &&
           a->aux_stride == b->aux_stride;
}

/* The product that is wanted: a kept one, or a new one in the place of the longest unused. */
static struct plan *find_plan(struct exec *ex, struct linear *l, const struct plan *wanted,
                              struct dn_error *err)
{
    struct plan *oldest = &l->plans[0];
    l->clock++;
    for (int i = 0; i < PLANS; i++) {
        struct plan *p = &l->plans[i];
        if (p->primitive.primitive && same_plan(p, wanted)) {
            p->used = l->clock;
            return p;
        }
        if (p->used < oldest->used)
            oldest = p;
    }
    cpu_primitive_done(&oldest->primitive);
    *oldest = *wanted;
    oldest->used = l->clock;
    return make_plan(ex, l, oldest, NULL, err) ? oldest : NULL;
}

/* to[i] = what the epilogue makes of a[i]; old = y before, aux and gate as in linear_args. */
static void finish_row(enum linear_epilogue epilogue, float *to, const float *a, const float *old,
                       const float *aux, const float *gate, int64_t n)
{
    switch (epilogue) {
    case LINEAR_STORE:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            to[i] = a[i];
        break;
    case LINEAR_GELU_TANH:
        for (int64_t i = 0; i < n; i += LANES)
            lanes_store(to + i, lanes_gelu_tanh(lanes_load(a + i, n - i)), n - i);
        break;
    case LINEAR_SILU:
        for (int64_t i = 0; i < n; i += LANES)
            lanes_store(to + i, lanes_silu(lanes_load(a + i, n - i)), n - i);
        break;
    case LINEAR_MULTIPLY:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            to[i] = a[i] * aux[i];
        break;
    case LINEAR_RESIDUAL:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            to[i] = old[i] + a[i];
        break;
    case LINEAR_GATE_RESIDUAL:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            to[i] = old[i] + gate[i] * a[i];
        break;
    case LINEAR_EPILOGUE_COUNT:
        assert(!"no such epilogue");
    }
}

/* to = row * l->factors * a + l->bias, from column `at` on. */
static void scale_row(const struct linear *l, float *to, const float *a, float row, int64_t at,
                      int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        to[i] = row * l->factors[at + i] * a[i] + (l->bias ? l->bias[at + i] : 0);
}

/* y = epilogue(product), product [rows, out] float32. row_factors: of a narrow layer, whose factors
 * and bias are yet to come; else NULL. */
static void finish(const struct tensor *y, const float *product, const struct linear *l,
                   const float *row_factors, const struct linear_args *args)
{
    int64_t rows = y->shape[0], n = y->shape[1];
    enum linear_epilogue epilogue = args ? args->epilogue : LINEAR_STORE;
    bool reads_y = epilogue == LINEAR_RESIDUAL || epilogue == LINEAR_GATE_RESIDUAL;
    enum { PIECE = 512 };
#pragma omp parallel for schedule(static) if (rows * n > CPU_GRAIN_EXP)
    for (int64_t r = 0; r < rows; r++) {
        float old[PIECE], aux[PIECE], out[PIECE], scaled[PIECE];
        for (int64_t at = 0; at < n; at += PIECE) {
            int64_t count = n - at < PIECE ? n - at : PIECE, place = r * y->stride[0] + at;
            const float *sums = product + r * n + at;
            const float *before = reads_y ? cpu_read(y, place, count, old) : NULL;
            const float *times = NULL, *gate = NULL;
            if (epilogue == LINEAR_MULTIPLY)
                times = cpu_read(args->aux, r * args->aux->stride[0] + at, count, aux);
            if (epilogue == LINEAR_GATE_RESIDUAL)
                gate = (const float *)args->gate->data +
                       r / args->rows_per_gate * args->gate->stride[0] + at;
            float *to = cpu_target(y, place, out);
            if (row_factors) {
                scale_row(l, scaled, sums, row_factors[r], at, count);
                sums = scaled;
            }
            finish_row(epilogue, to, sums, before, times, gate, count);
            cpu_write(y, place, count, to);
        }
    }
}

static void check(const struct tensor *y, const struct tensor *x, const struct linear *l,
                  const struct linear_args *args)
{
    assert(x->ndim == 2 && y->ndim == 2 && x->shape[0] == y->shape[0]);
    assert(x->shape[1] == l->in && y->shape[1] == l->out);
    assert(x->stride[1] == 1 && y->stride[1] == 1 && cpu_is_activation(x) && cpu_is_activation(y));
    if (!args)
        return;
    assert(args->epilogue != LINEAR_MULTIPLY ||
           (args->aux->shape[0] == y->shape[0] && args->aux->shape[1] == l->out));
    assert(args->epilogue != LINEAR_GATE_RESIDUAL ||
           (args->gate->dtype == DTYPE_F32 && args->gate->shape[1] == l->out &&
            args->rows_per_gate * args->gate->shape[0] >= y->shape[0]));
}

/* One product into y with `fused` done on the way; x has the weights' dtype. aux: the factors of
 * LINEAR_MULTIPLY, like y, or the one gate row of LINEAR_GATE_RESIDUAL. */
static bool run_product(struct exec *ex, struct linear *l, const struct tensor *y,
                        const struct tensor *x, enum linear_epilogue fused,
                        const struct tensor *aux, struct dn_error *err)
{
    bool one = x->shape[0] == 1; /* then strides mean nothing, and may be anything */
    struct plan wanted = {.rows = x->shape[0],
                          .x_stride = one ? l->in : x->stride[0],
                          .y_stride = one ? l->out : y->stride[0],
                          .y_dtype = y->dtype,
                          .fused = fused};
    if (fused == LINEAR_MULTIPLY) {
        wanted.aux_dtype = aux->dtype;
        wanted.aux_stride = one ? l->out : aux->stride[0];
    }
    struct plan *p = find_plan(ex, l, &wanted, err);
    if (!p)
        return false;
    struct cpu_arg list[5] = {{DNNL_ARG_SRC, &p->x, x->data},
                              {DNNL_ARG_WEIGHTS, &l->md, l->weights},
                              {DNNL_ARG_DST, &p->y, y->data}};
    int count = 3;
    if (l->bias && !l->factors)
        list[count++] = (struct cpu_arg){DNNL_ARG_BIAS, &l->bias_md, l->bias};
    if (fused == LINEAR_MULTIPLY || fused == LINEAR_GATE_RESIDUAL)
        list[count++] = (struct cpu_arg){DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                                         &p->aux, aux->data};
    return cpu_primitive_run(ex, &p->primitive, list, count, "linear", err);
}

/* The gated residual by groups of rows that share a gate. */
static bool run_gated(struct exec *ex, struct linear *l, const struct tensor *y,
                      const struct tensor *x, const struct linear_args *args, struct dn_error *err)
{
    int64_t rows = y->shape[0], step = args->gate->stride[0] == 0 ? rows : args->rows_per_gate;
    for (int64_t first = 0; first < rows; first += step) {
        int64_t count = rows - first < step ? rows - first : step;
        struct tensor to = tensor_slice(y, first, count), from = tensor_slice(x, first, count);
        struct tensor gate = tensor_slice(args->gate, first / args->rows_per_gate, 1);
        if (!run_product(ex, l, &to, &from, LINEAR_GATE_RESIDUAL, &gate, err))
            return false;
    }
    return true;
}

/* Can oneDNN do the epilogue on its way to y? It stores a float32 product as float32 only, and
 * many small groups of rows are better finished in one pass. */
static bool can_fuse(const struct tensor *y, const struct linear *l, const struct linear_args *args)
{
    if (y->dtype == DTYPE_BF16 && l->dtype == DTYPE_F32)
        return false;
    return !args || args->epilogue != LINEAR_GATE_RESIDUAL || args->gate->stride[0] == 0 ||
           args->rows_per_gate >= 32 || args->rows_per_gate >= y->shape[0];
}

/* A narrow layer: x rounded to e4m3, the product in float32. */
static bool run_narrow(struct exec *ex, struct linear *l, const struct tensor *y,
                       const struct tensor *x, const struct linear_args *args, struct dn_error *err)
{
    int64_t rows = x->shape[0];
    size_t x_size = ((size_t)(rows * l->in * dtype_size(l->dtype)) + 63) & ~(size_t)63;
    size_t y_size = (size_t)(rows * l->out * 4);
    char *scratch = cpu_scratch(ex, CPU_SCRATCH_OP, x_size + y_size + (size_t)rows * 4);
    struct tensor from = tensor_over(scratch, l->dtype, 2, x->shape);
    struct tensor product = tensor_over(scratch + x_size, DTYPE_F32, 2, y->shape);
    float *factors = (float *)(scratch + x_size + y_size);
    cpu_fp8_rows(&from, factors, x);
    if (!run_product(ex, l, &product, &from, LINEAR_STORE, NULL, err))
        return false;
    finish(y, product.data, l, factors, args);
    return true;
}

static bool run(struct exec *ex, struct linear *l, const struct tensor *y, const struct tensor *x,
                const struct linear_args *args, struct dn_error *err)
{
    int64_t rows = x->shape[0];
    bool fuse = can_fuse(y, l, args);
    size_t x_size = x->dtype == l->dtype ? 0 : (size_t)(rows * l->in * dtype_size(l->dtype));
    size_t y_size = fuse ? 0 : (size_t)(rows * l->out * 4);
    x_size = (x_size + 63) & ~(size_t)63;
    char *scratch = cpu_scratch(ex, CPU_SCRATCH_OP, x_size + y_size);
    struct tensor from = *x;
    if (x->dtype != l->dtype) {
        from = tensor_over(scratch, l->dtype, 2, x->shape);
        if (!cpu_copy(ex, &from, x, err))
            return false;
    }
    if (!fuse) {
        struct tensor product = tensor_over(scratch + x_size, DTYPE_F32, 2, y->shape);
        if (!run_product(ex, l, &product, &from, LINEAR_STORE, NULL, err))
            return false;
        finish(y, product.data, l, NULL, args);
        return true;
    }
    if (args && args->epilogue == LINEAR_GATE_RESIDUAL)
        return run_gated(ex, l, y, &from, args, err);
    return run_product(ex, l, y, &from, args ? args->epilogue : LINEAR_STORE,
                       args ? args->aux : NULL, err);
}

/* The rows are too many to be still in the cache when the product is done: a pass of its own. */
static bool run_norm(struct exec *ex, const struct tensor *y, const struct linear_norm *n,
                     struct dn_error *err)
{
    if (n->shift)
        return cpu_layer_norm_modulate(ex, n->y, y, n->shift, n->scale, n->rows_per_frame, n->eps,
                                       err);
    return cpu_layer_norm(ex, n->y, y, n->weight, n->bias, n->eps, err);
}

bool cpu_linear(struct exec *ex, const struct tensor *y, const struct tensor *x,
                const struct linear *linear, const struct linear_args *args, struct dn_error *err)
{
    struct linear *l = (struct linear *)linear; /* its plans are a cache */
    check(y, x, l, args);
    if (x->shape[0] == 0)
        return true;
    cpu_enter(ex);
    return (l->factors ? run_narrow : run)(ex, l, y, x, args, err) &&
           (!args || !args->norm || run_norm(ex, y, args->norm, err));
}
