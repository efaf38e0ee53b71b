/* attention_sm90: which of the kernels of attention_sm90.cuh a call gets, and its job. */
#include "kernels/cuda/attention_sm90.cuh"

#include "kernels/cuda/attention.h"

#define OP "attention"

bool attention_sm90_fits(const struct exec *ex, const struct attention_call *c)
{
    return attention_tiles_fit(ex, c) && hopper_here(ex);
}

static bool map(const struct exec *ex, CUtensorMap *to, const struct tensor *t, int rows, struct dn_error *err)
{
    /* a single head may have any stride; the driver wants one that it likes */
    int64_t head_stride = t->shape[1] == 1 ? 8 : t->stride[1];
    struct hopper_tensor shape = {};
    shape.data = t->data;
    shape.ndim = 3;
    for (int i = 0; i < 3; i++)
        shape.shape[i] = t->shape[2 - i];
    shape.stride[0] = 1;
    shape.stride[1] = head_stride;
    shape.stride[2] = t->stride[0];
    shape.box[0] = 64;
    shape.box[1] = 1;
    shape.box[2] = rows;
    shape.swizzle = CU_TENSOR_MAP_SWIZZLE_128B;
    return hopper_tensor_map(ex, to, OP, &shape, err);
}

static bool describe(const struct exec *ex, attention_job *job, const struct attention_call *c, int keys_of_block,
                     struct dn_error *err)
{
    attention_set_logits(&job->z, c);
    job->query_tiles = (job->z.queries + ATTENTION_ROWS - 1) / ATTENTION_ROWS;
    job->key_blocks = (job->z.keys + keys_of_block - 1) / keys_of_block;
    job->tiles = job->query_tiles * (int)c->q->shape[1];
    return map(ex, &job->q, c->q, 64, err) && map(ex, &job->k, c->k, keys_of_block, err) &&
           map(ex, &job->v, c->v, keys_of_block, err) && map(ex, &job->out, c->out, 64, err);
}

template <int D, int KEYS, int SLOTS, int QUERIES, attention_bias BIAS>
static bool start(struct exec *ex, const struct attention_call *c, struct dn_error *err)
{
    attention_job job = {};
    int blocks = ex->processors;
    void *parts = NULL;
    if (!cuda_enter(ex, OP, err) || !describe(ex, &job, c, KEYS, err))
        return false;
    job.whole = attention_whole(&job, blocks);
    bool cut = job.whole < job.tiles;
    if (!cut && blocks > job.tiles)
        blocks = job.tiles;
    size_t part_bytes = sizeof(float) * attention_part_floats<D>();
    if (cut && !cuda_scratch(ex, OP, 2 * (size_t)blocks * part_bytes, &parts, err))
        return false;
    job.parts = (float *)parts;
    if (!cuda_launch(ex, OP, err, attention_sm90_kernel<D, KEYS, SLOTS, QUERIES, BIAS>,
                     dim3((unsigned)blocks), ATTENTION_THREADS,
                     attention_layout<D, KEYS, SLOTS, QUERIES, BIAS>::bytes, job))
        return false;
    if (!cut)
        return true;
    dim3 grid(ATTENTION_ROWS / 8, (unsigned)(job.tiles - job.whole));
    return cuda_launch(ex, OP, err, attention_join_kernel<D>, grid, 8 * D / 4, 0,
                       (const float *)job.parts, blocks, job.whole, job.tiles, job.key_blocks,
                       job.query_tiles, job.z.queries, (int)c->q->shape[2],
                       (uint16_t *)c->out->data, c->out->stride[0], c->out->stride[1]);
}

/* Tiles of keys, slots and buffers of queries as attention_lab found them fastest. */
bool attention_sm90(struct exec *ex, const struct attention_call *c, struct dn_error *err)
{
    int64_t d = c->q->shape[2], keys = c->k->shape[0];
    if (c->args->bias || (c->args->key_bias && keys > ATTENTION_BIASED_KEYS))
        return d <= 64 ? start<64, 64, 8, 2, ATTENTION_BOTH_BIASES>(ex, c, err)
                       : start<128, 64, 8, 2, ATTENTION_BOTH_BIASES>(ex, c, err);
    if (c->args->key_bias && d <= 64)
        return start<64, 128, 8, 2, ATTENTION_KEY_BIAS>(ex, c, err);
    if (c->args->key_bias)
        return keys <= 64 ? start<128, 64, 8, 2, ATTENTION_KEY_BIAS>(ex, c, err)
                          : start<128, 128, 4, 2, ATTENTION_KEY_BIAS>(ex, c, err);
    return d <= 64 ? start<64, 176, 6, 2, ATTENTION_PLAIN>(ex, c, err)
                   : start<128, 176, 4, 1, ATTENTION_PLAIN>(ex, c, err);
}
