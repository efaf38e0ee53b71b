/* attention: out = softmax(scale * q k^T + bias) v, for every head.
 *
 * q, out [queries, heads, d]; k, v [keys, heads, d]; row strides free. One unit of work is a head
 * and up to 32 queries, one a lane (lanes.h). Keys pass by in blocks of 64 with an online softmax:
 *   m' = max(m, max z);  r = e^(m - m');  sum = sum r + sum e^(z - m');  o = o r + e^(z - m') v
 * so that memory use does not depend on the number of keys. 4 d FLOPs for each query and key; k
 * and v are read once a unit, from the second-level cache for all but the first. Two vectors of
 * queries share every number that is broadcast; where at most 16 queries see the same keys, one
 * vector does. */
#include <assert.h>
#include <math.h>

#include "kernels/cpu/cpu_exec.h"
#include "kernels/cpu/lanes.h"

#define KEY_BLOCK 64

struct problem {
    const struct tensor *out, *q, *k, *v;
    const struct attention_args *args;
    int64_t d;
    int wide; /* vectors of queries in a unit, 1 or 2 */
};

struct unit {
    int64_t head, first_query, queries; /* queries <= wide * LANES */
    int64_t first_key, end_key;
};

/* Per-thread memory of one unit; [wide] vectors in a row. */
struct workspace {
    lanes *query; /* [d][wide], scaled */
    lanes *sum;   /* [d][wide] */
    lanes *logit; /* [KEY_BLOCK][wide] */
    float *tile;  /* [KEY_BLOCK][d], for keys or values that are not float32 */
};

static size_t workspace_size(int64_t d)
{
    return (size_t)(2 * d + KEY_BLOCK) * 2 * sizeof(lanes) + (size_t)(KEY_BLOCK * d) * 4;
}

static struct workspace workspace_at(void *memory, int64_t d)
{
    struct workspace w = {.query = memory};
    w.sum = w.query + 2 * d;
    w.logit = w.sum + 2 * d;
    w.tile = (float *)(w.logit + 2 * KEY_BLOCK);
    return w;
}

static void load_queries(const struct problem *p, const struct unit *u, struct workspace *w)
{
    int64_t stride, pitch = p->wide * LANES;
    float *to = (float *)w->query;
    for (int64_t i = 0; i < pitch; i++) {
        if (i >= u->queries) {
            for (int64_t c = 0; c < p->d; c++)
                to[c * pitch + i] = 0;
            continue;
        }
        const float *row = cpu_rows(p->q, u->head, u->first_query + i, 1, w->tile, &stride);
        for (int64_t c = 0; c < p->d; c++)
            to[c * pitch + i] = row[c] * p->args->scale;
    }
}

static void store_queries(const struct problem *p, const struct unit *u, struct workspace *w,
                          const lanes *total)
{
    const float *from = (const float *)w->sum, *sums = (const float *)total;
    for (int64_t i = 0; i < u->queries; i++) {
        float inverse = sums[i] > 0 ? 1.0f / sums[i] : 0.0f;
        int64_t at = (u->first_query + i) * p->out->stride[0] + u->head * p->out->stride[1];
        float *to = cpu_target(p->out, at, w->tile);
        for (int64_t c = 0; c < p->d; c++)
            to[c] = from[c * p->wide * LANES + i] * inverse;
        cpu_write(p->out, at, p->d, to);
    }
}

/* Adds the biases of keys [first, first + count) to the logits. */
static void add_bias(const struct problem *p, const struct unit *u, int64_t first, int64_t count,
                     lanes *logit)
{
    const struct tensor *bias = p->args->bias, *key_bias = p->args->key_bias;
    int64_t pitch = p->wide * LANES;
    if (bias) {
        const float *rows = (const float *)bias->data + u->head * bias->stride[0] +
                            u->first_query * bias->stride[1] + first;
        for (int64_t i = 0; i < u->queries; i++)
            for (int64_t j = 0; j < count; j++)
                ((float *)logit)[j * pitch + i] += rows[i * bias->stride[1] + j];
    }
    if (key_bias)
        for (int64_t j = 0; j < count * p->wide; j++)
            logit[j] += ((const float *)key_bias->data)[first + j / p->wide];
}

/* Takes a block's logits into the running maximum and sum of vector v of the unit: logit becomes
 * e^(logit - maximum), and what was summed up before is rescaled. */
LANES_INLINE void online_softmax(struct workspace *w, int wide, int v, int64_t count, int64_t d,
                                 lanes *highest, lanes *total)
{
    lanes high = *highest;
    for (int64_t j = 0; j < count; j++)
        high = lanes_max(high, w->logit[j * wide + v]);
    /* while every key so far is hidden by -inf, a finite number stands in for the maximum */
    lanes safe = lanes_max(high, lanes_of(-3e38f));
    lanes rescale = lanes_exp(*highest - safe), sum = *total * rescale;
    for (int64_t j = 0; j < count; j++) {
        lanes weight = lanes_exp(w->logit[j * wide + v] - safe);
        w->logit[j * wide + v] = weight;
        sum += weight;
    }
    for (int64_t c = 0; c < d; c++)
        w->sum[c * wide + v] *= rescale;
    *highest = high;
    *total = sum;
}

/* wide: p->wide as a constant. */
LANES_INLINE void run_unit(const struct problem *p, const struct unit *u, int wide, void *memory)
{
    struct workspace w = workspace_at(memory, p->d);
    load_queries(p, u, &w);
    lanes highest[2], total[2];
    for (int v = 0; v < 2; v++) {
        highest[v] = lanes_of(-INFINITY);
        total[v] = (lanes){0};
    }
    for (int64_t c = 0; c < wide * p->d; c++)
        w.sum[c] = (lanes){0};
    for (int64_t first = u->first_key; first < u->end_key; first += KEY_BLOCK) {
        int64_t count = u->end_key - first < KEY_BLOCK ? u->end_key - first : KEY_BLOCK, stride;
        const float *keys = cpu_rows(p->k, u->head, first, count, w.tile, &stride);
        lanes_product(w.logit, count, wide, keys, stride, 1, w.query, p->d, false);
        add_bias(p, u, first, count, w.logit);
        for (int v = 0; v < wide; v++)
            online_softmax(&w, wide, v, count, p->d, &highest[v], &total[v]);
        const float *values = cpu_rows(p->v, u->head, first, count, w.tile, &stride);
        lanes_product(w.sum, p->d, wide, values, 1, stride, w.logit, count, true);
    }
    store_queries(p, u, &w, total);
}

static void run_narrow(const struct problem *p, const struct unit *u, void *memory)
{
    run_unit(p, u, 1, memory);
}

static void run_wide(const struct problem *p, const struct unit *u, void *memory)
{
    run_unit(p, u, 2, memory);
}

/* Unit number i: heads innermost, so that neighbours read the same rows of k and v. */
static struct unit unit_at(const struct problem *p, int64_t i)
{
    const struct attention_mask *mask = p->args->mask;
    int64_t heads = p->q->shape[1], tile = i / heads, queries = p->q->shape[0];
    int64_t block_size = mask ? mask->query_block : queries, size = p->wide * LANES;
    int64_t tiles_a_block = (block_size + size - 1) / size;
    int64_t block = tile / tiles_a_block, within = tile % tiles_a_block * size;
    struct unit u = {.head = i % heads,
                     .first_query = block * block_size + within,
                     .first_key = mask ? mask->first[block] : 0,
                     .end_key = mask ? mask->end[block] : p->k->shape[0]};
    int64_t end = (block + 1) * block_size < queries ? (block + 1) * block_size : queries;
    u.queries = end - u.first_query < size ? end - u.first_query : size;
    return u;
}

static void check(const struct problem *p)
{
    const struct tensor *all[] = {p->out, p->q, p->k, p->v};
    for (int i = 0; i < 4; i++) {
        assert(all[i]->ndim == 3 && cpu_is_activation(all[i]) && all[i]->stride[2] == 1);
        assert(all[i]->shape[1] == p->q->shape[1] && all[i]->shape[2] == p->d);
    }
    assert(p->out->shape[0] == p->q->shape[0] && p->k->shape[0] == p->v->shape[0]);
    const struct attention_args *args = p->args;
    assert(!args->mask || args->mask->blocks * args->mask->query_block >= p->q->shape[0]);
    assert(!args->bias || (args->bias->dtype == DTYPE_F32 && args->bias->stride[2] == 1));
    assert(!args->key_bias ||
           (args->key_bias->dtype == DTYPE_F32 && tensor_count(args->key_bias) == p->k->shape[0]));
}

bool cpu_attention(struct exec *ex, const struct tensor *out, const struct tensor *q,
                   const struct tensor *k, const struct tensor *v,
                   const struct attention_args *args, struct dn_error *err)
{
    (void)err;
    struct problem p = {out, q, k, v, args, q->shape[2], 1};
    check(&p);
    int64_t queries = q->shape[0], heads = q->shape[1];
    int64_t block = args->mask ? args->mask->query_block : queries;
    int64_t blocks = block ? (queries + block - 1) / block : 0;
    p.wide = block > LANES ? 2 : 1;
    int64_t size = p.wide * LANES, units = heads * blocks * ((block + size - 1) / size);
    int64_t work = queries * k->shape[0] * heads * p.d;
    cpu_enter(ex);
    size_t stride;
    char *scratch = cpu_scratch_per_thread(ex, workspace_size(p.d), &stride);
#pragma omp parallel for schedule(dynamic) if (work > CPU_GRAIN_PRODUCT)
    for (int64_t i = 0; i < units; i++) {
        struct unit u = unit_at(&p, i);
        char *memory = scratch + stride * (size_t)cpu_thread();
        if (u.queries > 0)
            (p.wide == 2 ? run_wide : run_narrow)(&p, &u, memory);
    }
    return true;
}
