/* conv: 3-D convolution of channels-last frames through oneDNN.
 *
 *   y[t,i,j,o] = b[o] + sum_(kt,kh,kw,c) W[o,c,kt,kh,kw] x[t*st+kt, i*sh+kh-top, j*sw+kw-left, c]
 *                (+ residual[t,i,j,o])
 *
 * x [T, h, w, in], y [T', h', w', out], both plain; zeros around the picture, none in time.
 * 2 kt kh kw in out FLOPs for each pixel of y. Weights are packed for the layout that oneDNN asks
 * for; code is generated once a shape and kept. A residual is added by the primitive's sum, which
 * reads y: it is copied there first unless it is y. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/cpu/cpu_exec.h"

#define PLANS 8

struct plan {
    int64_t frames, h, w; /* of x */
    enum dtype y_dtype;
    bool sum;
    uint64_t used;
    dnnl_memory_desc_t x, y, weights_md;
    void *weights; /* own memory, or another plan's of the same layout: see packed */
    struct cpu_primitive primitive;
};

/* Packed weights; plans with one layout share them. */
struct packed {
    dnnl_memory_desc_t md;
    void *data;
};

struct conv {
    int64_t out, in, kt, kh, kw;
    struct conv_args args;
    enum dtype dtype;
    dnnl_memory_desc_t plain_md;
    void *plain; /* [out, in, kt, kh, kw] until the first layout is known, then NULL */
    struct packed packed[PLANS + 1]; /* one more than can be in use */
    float *bias;
    dnnl_memory_desc_t bias_md;
    struct plan plans[PLANS];
    uint64_t clock;
};

const struct video_habits *cpu_video_habits(void)
{
    static const struct video_habits habits = {.slice_elements = 512 * 1024,
                                               .slice_least = 1,
                                               .corners = false,
                                               .runs = false,
                                               .fold_narrow = true};
    return &habits;
}

bool cpu_conv_pack(struct exec *ex, const struct tensor *weight, const struct tensor *bias,
                   const struct conv_args *args, struct conv **out, struct dn_error *err)
{
    cpu_enter(ex);
    assert((weight->ndim == 5 || weight->ndim == 4) && !args->corners);
    struct tensor w = *weight;
    if (w.ndim == 4) {
        w.ndim = 5;
        for (int i = 4; i > 2; i--) {
            w.shape[i] = w.shape[i - 1];
            w.stride[i] = w.stride[i - 1];
        }
        w.shape[2] = 1;
    }
    struct conv *c = dn_calloc(1, sizeof *c);
    *c = (struct conv){.out = w.shape[0],
                       .in = w.shape[1],
                       .kt = w.shape[2],
                       .kh = w.shape[3],
                       .kw = w.shape[4],
                       .args = *args,
                       .dtype = ex->dtype};
    c->plain =
        dn_malloc_aligned(dn_mul_or_abort((size_t)tensor_count(&w), (size_t)dtype_size(c->dtype)));
    struct tensor plain = tensor_over(c->plain, c->dtype, 5, w.shape);
    dnnl_dims_t dims = {c->out, c->in, c->kt, c->kh, c->kw}, bias_dims = {c->out};
    bool ok = cpu_copy(ex, &plain, &w, err) &&
              cpu_dnnl_ok(dnnl_memory_desc_init_by_tag(&c->plain_md, 5, dims,
                                                       cpu_dnnl_dtype(c->dtype), dnnl_oidhw),
                          "convolution", err);
    if (ok && bias) {
        assert(tensor_count(bias) == c->out);
        c->bias = dn_malloc_aligned((size_t)c->out * 4);
        struct tensor b = tensor_over(c->bias, DTYPE_F32, 1, &c->out);
        struct tensor flat = tensor_reshape(bias, 1, &c->out);
        ok = cpu_copy(ex, &b, &flat, err) &&
             cpu_dnnl_ok(dnnl_memory_desc_init_by_tag(&c->bias_md, 1, bias_dims, dnnl_f32, dnnl_a),
                         "convolution", err);
    }
    if (!ok) {
        cpu_conv_free(ex, c);
        c = NULL;
    }
    *out = c;
    return ok;
}

void cpu_conv_free(struct exec *ex, struct conv *conv)
{
    (void)ex;
    if (!conv)
        return;
    for (int i = 0; i < PLANS; i++)
        cpu_primitive_done(&conv->plans[i].primitive);
    for (int i = 0; i <= PLANS; i++)
        free(conv->packed[i].data);
    free(conv->plain);
    free(conv->bias);
    free(conv);
}

/* Output size along one axis. */
static int64_t output_size(int64_t size, int64_t pad, int64_t kernel, int64_t stride)
{
    return (size + pad - kernel) / stride + 1;
}

static bool in_use(const struct conv *c, const struct packed *packed)
{
    for (int i = 0; i < PLANS; i++)
        if (c->plans[i].primitive.primitive && c->plans[i].weights == packed->data)
            return true;
    return false;
}

/* Points p->weights at weights in p->weights_md, packing them if no other plan has them. A new
 * layout is made from any other and takes the place of one that no plan uses any more. */
static bool find_weights(struct exec *ex, struct conv *c, struct plan *p, struct dn_error *err)
{
    const struct packed *from = NULL;
    struct packed *to = NULL;
    p->weights = NULL;
    for (int i = 0; i <= PLANS; i++) {
        struct packed *at = &c->packed[i];
        if (at->data && dnnl_memory_desc_equal(&at->md, &p->weights_md)) {
            p->weights = at->data;
            return true;
        }
        if (at->data)
            from = at;
        if (!to && (!at->data || !in_use(c, at)))
            to = at;
    }
    assert(to && (from || c->plain));
    void *data = dn_malloc_aligned(dnnl_memory_desc_get_size(&p->weights_md));
    if (!cpu_reorder(ex, &p->weights_md, data, from ? &from->md : &c->plain_md,
                     from ? from->data : c->plain, err)) {
        free(data);
        return false;
    }
    free(to->data);
    *to = (struct packed){p->weights_md, data};
    free(c->plain);
    c->plain = NULL;
    p->weights = data;
    return true;
}

static bool make_primitive(struct exec *ex, struct conv *c, struct plan *p, struct dn_error *err)
{
    const struct conv_args *a = &c->args;
    int64_t frames = output_size(p->frames, 0, c->kt, a->stride_t);
    int64_t h = output_size(p->h, a->pad_top + a->pad_bottom, c->kh, a->stride_h);
    int64_t w = output_size(p->w, a->pad_left + a->pad_right, c->kw, a->stride_w);
    dnnl_dims_t x = {1, c->in, p->frames, p->h, p->w}, y = {1, c->out, frames, h, w};
    dnnl_dims_t k = {c->out, c->in, c->kt, c->kh, c->kw};
    dnnl_dims_t strides = {a->stride_t, a->stride_h, a->stride_w};
    dnnl_dims_t before = {0, a->pad_top, a->pad_left}, after = {0, a->pad_bottom, a->pad_right};
    dnnl_data_type_t type = cpu_dnnl_dtype(c->dtype);
    dnnl_memory_desc_t any;
    dnnl_convolution_desc_t desc;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    const char *what = "convolution";
    bool ok = cpu_dnnl_ok(dnnl_memory_desc_init_by_tag(&p->x, 5, x, type, dnnl_ndhwc), what, err) &&
              cpu_dnnl_ok(
                  dnnl_memory_desc_init_by_tag(&p->y, 5, y, cpu_dnnl_dtype(p->y_dtype), dnnl_ndhwc),
                  what, err) &&
              cpu_dnnl_ok(dnnl_memory_desc_init_by_tag(&any, 5, k, type, dnnl_format_tag_any), what,
                          err) &&
              cpu_dnnl_ok(dnnl_convolution_forward_desc_init(
                              &desc, dnnl_forward_inference, dnnl_convolution_direct, &p->x, &any,
                              c->bias ? &c->bias_md : NULL, &p->y, strides, before, after),
                          what, err) &&
              cpu_dnnl_ok(dnnl_primitive_attr_create(&attr), what, err) &&
              cpu_dnnl_ok(dnnl_post_ops_create(&ops), what, err) &&
              (!p->sum || cpu_dnnl_ok(dnnl_post_ops_append_sum(ops, 1.0f), what, err)) &&
              cpu_dnnl_ok(dnnl_primitive_attr_set_post_ops(attr, ops), what, err) &&
              cpu_primitive_make(ex, &desc, attr, &p->primitive, &p->weights_md, what, err) &&
              find_weights(ex, c, p, err);
    if (ops)
        dnnl_post_ops_destroy(ops);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return ok;
}

static struct plan *find_plan(struct exec *ex, struct conv *c, const struct tensor *x,
                              enum dtype y_dtype, bool sum, struct dn_error *err)
{
    struct plan *oldest = &c->plans[0];
    c->clock++;
    for (int i = 0; i < PLANS; i++) {
        struct plan *p = &c->plans[i];
        if (p->primitive.primitive && p->frames == x->shape[0] && p->h == x->shape[1] &&
            p->w == x->shape[2] && p->y_dtype == y_dtype && p->sum == sum) {
            p->used = c->clock;
            return p;
        }
        if (p->used < oldest->used)
            oldest = p;
    }
    cpu_primitive_done(&oldest->primitive);
    *oldest = (struct plan){.frames = x->shape[0],
                            .h = x->shape[1],
                            .w = x->shape[2],
                            .y_dtype = y_dtype,
                            .sum = sum,
                            .used = c->clock};
    if (make_primitive(ex, c, oldest, err))
        return oldest;
    cpu_primitive_done(&oldest->primitive);
    return NULL;
}

static void check(const struct tensor *y, const struct tensor *x, const struct conv *c,
                  const struct tensor *residual)
{
    const struct conv_args *a = &c->args;
    assert(x->ndim == 4 && y->ndim == 4 && tensor_is_contiguous(x) && tensor_is_contiguous(y));
    assert(cpu_is_activation(x) && cpu_is_activation(y));
    assert(x->shape[3] == c->in && y->shape[3] == c->out);
    assert(y->shape[0] == output_size(x->shape[0], 0, c->kt, a->stride_t));
    assert(y->shape[1] == output_size(x->shape[1], a->pad_top + a->pad_bottom, c->kh, a->stride_h));
    assert(y->shape[2] == output_size(x->shape[2], a->pad_left + a->pad_right, c->kw, a->stride_w));
    assert(!residual || tensor_count(residual) == tensor_count(y));
}

bool cpu_conv(struct exec *ex, const struct tensor *y, const struct tensor *x,
              const struct conv *conv, const struct conv_extra *extra, struct dn_error *err)
{
    struct conv *c = (struct conv *)conv; /* its plans are a cache */
    const struct tensor *residual = extra ? extra->residual : NULL;
    assert(!extra || !extra->runs);
    check(y, x, c, residual);
    if (tensor_count(y) == 0)
        return true;
    cpu_enter(ex);
    /* oneDNN stores a float32 convolution as float32 only, and sums in y's dtype */
    enum dtype product = c->dtype == DTYPE_F32 ? DTYPE_F32 : y->dtype;
    size_t x_size = x->dtype == c->dtype ? 0 : (size_t)(tensor_count(x) * dtype_size(c->dtype));
    size_t y_size = product == y->dtype ? 0 : (size_t)tensor_count(y) * 4;
    x_size = (x_size + 63) & ~(size_t)63;
    char *scratch = cpu_scratch(ex, CPU_SCRATCH_OP, x_size + y_size);
    struct tensor from = *x, to = *y;
    if (x_size) {
        from = tensor_over(scratch, c->dtype, 4, x->shape);
        if (!cpu_copy(ex, &from, x, err))
            return false;
    }
    if (y_size)
        to = tensor_over(scratch + x_size, product, 4, y->shape);
    if (residual && residual->data != to.data && !cpu_copy(ex, &to, residual, err))
        return false;
    struct plan *p = find_plan(ex, c, &from, product, residual != NULL, err);
    if (!p)
        return false;
    struct cpu_arg list[4] = {{DNNL_ARG_SRC, &p->x, from.data},
                              {DNNL_ARG_WEIGHTS, &p->weights_md, p->weights},
                              {DNNL_ARG_DST, &p->y, to.data},
                              {DNNL_ARG_BIAS, &c->bias_md, c->bias}};
    return cpu_primitive_run(ex, &p->primitive, list, c->bias ? 4 : 3, "convolution", err) &&
           (!y_size || cpu_copy(ex, y, &to, err)) &&
           (!extra || !extra->gamma || cpu_channel_norm(ex, y, y, extra->gamma, extra->silu, err));
}
