/* attention: out = softmax(scale * q k^T + bias) v, for every head. Calls that a faster way fits
 * (attention.h) are done there; this file's kernel does all others, of any dtype, on any GPU.
 *
 * q, out [queries, heads, d]; k, v [keys, heads, d]; row strides free. A block is a head and up to
 * 32 queries (attention_tile.cuh). Under a mask a block walks the keys from the first to the last
 * that any of its queries sees. FLOPs: 4 d a query and key. Bytes: q and out once, k and v once a
 * block. Products run on the float32 units, not the tensor cores. */
#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_tile.cuh"

struct attention_source {
    cuda_array q, k, v, out;
    int64_t q_stride, k_stride, v_stride, out_stride;                     /* rows */
    int64_t q_head_stride, k_head_stride, v_head_stride, out_head_stride; /* heads */
    int64_t queries, keys;
    const float *bias, *key_bias;
    int64_t bias_head_stride, bias_stride;
    const int64_t *mask_first, *mask_end; /* device, or NULL */
    int64_t query_block;
    float scale;
    int64_t head; /* set by the block */

    __device__ float query(int64_t i, int c) const
    {
        return cuda_load(q, i * q_stride + head * q_head_stride + c);
    }
    __device__ float key(int64_t j, int c) const
    {
        return cuda_load(k, j * k_stride + head * k_head_stride + c);
    }
    __device__ float value(int64_t j, int c) const
    {
        return cuda_load(v, j * v_stride + head * v_head_stride + c);
    }
    __device__ float logit(int64_t i, int64_t j, float product) const
    {
        if (mask_first) {
            int64_t block = i / query_block;
            if (j < mask_first[block] || j >= mask_end[block])
                return -INFINITY;
        }
        product *= scale;
        if (bias)
            product += bias[head * bias_head_stride + i * bias_stride + j];
        return key_bias ? product + key_bias[j] : product;
    }
    __device__ void store(int64_t i, int c, float x) const
    {
        cuda_store(out, i * out_stride + head * out_head_stride + c, x);
    }
};

__global__ void attention_kernel(attention_source s, int d, int size)
{
    int64_t first = (int64_t)blockIdx.x * size, first_key = 0, end_key = s.keys;
    int64_t end = first + size < s.queries ? first + size : s.queries;
    s.head = blockIdx.y;
    if (s.mask_first) {
        first_key = s.keys;
        end_key = 0;
        for (int64_t b = first / s.query_block; b <= (end - 1) / s.query_block; b++) {
            first_key = s.mask_first[b] < first_key ? s.mask_first[b] : first_key;
            end_key = s.mask_end[b] > end_key ? s.mask_end[b] : end_key;
        }
    }
    attention_tile(s, first, end, first_key, end_key, d, size);
}

static void check(const struct tensor *out, const struct tensor *q, const struct tensor *k,
                  const struct tensor *v, const struct attention_args *args)
{
    const struct tensor *bias = args->bias, *key_bias = args->key_bias;
    const struct tensor *all[] = {out, q, k, v};
    for (int i = 0; i < 4; i++) {
        assert(all[i]->ndim == 3 && all[i]->stride[2] == 1);
        assert(all[i]->shape[1] == q->shape[1] && all[i]->shape[2] == q->shape[2]);
    }
    assert(out->shape[0] == q->shape[0] && k->shape[0] == v->shape[0]);
    assert(!bias || (bias->dtype == DTYPE_F32 && bias->stride[2] == 1));
    assert(!key_bias || (key_bias->dtype == DTYPE_F32 && tensor_count(key_bias) == k->shape[0]));
}

/* The mask's two arrays, on the device. */
static bool send_mask(struct exec *ex, attention_source *s, const struct attention_mask *mask,
                      struct dn_error *err)
{
    size_t bytes = (size_t)mask->blocks * sizeof(int64_t);
    void *memory;
    assert(mask->query_block > 0 && mask->blocks * mask->query_block >= s->queries);
    if (!cuda_scratch(ex, "attention", 2 * bytes, &memory, err) ||
        !cuda_enter(ex, "attention", err))
        return false;
    s->mask_first = (const int64_t *)memory;
    s->mask_end = s->mask_first + mask->blocks;
    s->query_block = mask->query_block;
    return cuda_copy_bytes(ex, "attention", memory, mask->first, bytes, cudaMemcpyHostToDevice,
                           err) &&
           cuda_copy_bytes(ex, "attention", (char *)memory + bytes, mask->end, bytes,
                           cudaMemcpyHostToDevice, err);
}

extern "C" bool cuda_attention(struct exec *ex, const struct tensor *out, const struct tensor *q,
                               const struct tensor *k, const struct tensor *v,
                               const struct attention_args *args, struct dn_error *err)
{
    check(out, q, k, v, args);
    if (q->shape[0] == 0)
        return true;
    const struct attention_call call = {out, q, k, v, args};
#ifndef DANAUS_EMULATE
    if (attention_sm90_fits(ex, &call))
        return attention_sm90(ex, &call, err);
#endif
    if (attention_tiles_fit(ex, &call))
        return attention_mma(ex, &call, err);
    if (attention_products_fits(ex, &call))
        return attention_products(ex, &call, err);
    attention_source s = {};
    s.q = cuda_array_of(q);
    s.k = cuda_array_of(k);
    s.v = cuda_array_of(v);
    s.out = cuda_array_of(out);
    s.q_stride = q->stride[0];
    s.k_stride = k->stride[0];
    s.v_stride = v->stride[0];
    s.out_stride = out->stride[0];
    s.q_head_stride = q->stride[1];
    s.k_head_stride = k->stride[1];
    s.v_head_stride = v->stride[1];
    s.out_head_stride = out->stride[1];
    s.queries = q->shape[0];
    s.keys = k->shape[0];
    s.scale = args->scale;
    if (args->bias) {
        s.bias = (const float *)args->bias->data;
        s.bias_head_stride = args->bias->stride[0];
        s.bias_stride = args->bias->stride[1];
    }
    if (args->key_bias)
        s.key_bias = (const float *)args->key_bias->data;
    if (args->mask && !send_mask(ex, &s, args->mask, err))
        return false;
    int64_t d = q->shape[2];
    int size = attention_size(d, ATTENTION_MORE);
    dim3 grid = cuda_grid(s.queries, size);
    grid.y = (unsigned)q->shape[1];
    return cuda_launch(ex, "attention", err, attention_kernel, grid, ATTENTION_BLOCK,
                       attention_shared(size, d, ATTENTION_MORE), s, (int)d, size);
}
