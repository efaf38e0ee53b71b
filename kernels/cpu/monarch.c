/* monarch: Monarch attention (MonarchRT), the row-wise best rank-one fit of the attention map by
 * two block-diagonal factors, corrected by the entropy.
 *
 * The token grids of q and k are cut into tiles of b1 x b2 (struct grid): f_tied frames by
 * rows/h_reduce by cols/w_reduce; b1 counts (frame in tile, row), b2 columns. For a query tile a
 * and a column j of it, with s the scale, over all visible key tiles f: stage 1, each key row k:
 * z_l = s q[a,k,j] . k[f,k,l];  R = softmax over l alpha = sum R_l k[f,k,l];  y = sum R_l v[f,k,l];
 * e = -sum R_l log R_l stage 2, each row i:      logit[f,k] = s q[a,i,j] . alpha[f,k] + e[f,k];  L
 * = softmax over (f,k) out[a,i,j] = sum L[f,k] y[f,k] With n > 1 iterations both stages run n
 * times: from the second on, stage 1's query of (f,k) is sum_i L_i q[a,i,j] and z is multiplied by
 * min(1 / (sum_i L_i + 1e-6), 1e4) (by 1 / (1 + 1e-6) the first time); only the last y counts.
 *
 * A unit of work is a head and up to 16 columns (a,j), one a lane (lanes.h), of whatever query
 * tiles see the same key tiles: everything about a column stays in its lane. Key tiles pass by one
 * after the other under an online softmax, so alpha and y never leave the cache: scratch is 5 b1 d
 * + b1 b1 vectors, whatever the number of frames. More than one iteration keeps L of all key tiles,
 * b1 b1 vectors each. FLOPs for a pair of tiles: 6 b1 b2 b2 d + 4 b1 b1 b2 d. */
#include <assert.h>
#include <math.h>

#include "kernels/cpu/cpu_exec.h"
#include "kernels/cpu/lanes.h"

/* Tiles of one side. Tile t = (frame group, row band, column band), column band fastest. */
struct grid {
    int64_t rows, cols;                   /* of a frame */
    int64_t f_tied, band_rows, band_cols; /* a tile's frames, rows a frame, columns */
    int64_t h_reduce, w_reduce;
    int64_t tiles;
};

struct problem {
    const struct tensor *out, *q, *k, *v;
    const struct monarch_args *args;
    struct grid query, key;
    int64_t d, b1, b2;
};

/* Per-thread memory of a unit; b1, b2, d as above, all but the tile in vectors. */
struct workspace {
    lanes *query;   /* [b1][d] q[a,i,j] */
    lanes *first;   /* [b1][d] stage 1's queries, from the second iteration on */
    lanes *alpha;   /* [b1][d] */
    lanes *y;       /* [b1][d] */
    lanes *entropy; /* [b1] */
    lanes *out;     /* [b1][d] */
    lanes *highest; /* [b1] online softmax: maximum and sum of each row */
    lanes *total;   /* [b1] */
    lanes *before_highest, *before_total; /* [b1] of the iteration before */
    lanes *z;                             /* [b2] */
    lanes *logit;                         /* [b1][b1], or with iterations [key tiles][b1][b1] */
    float *tile; /* [2][b2][d] a key row and a value row of a tile when they are not float32 */
};

static int64_t logit_tiles(const struct problem *p)
{
    return p->args->num_iters > 1 ? p->key.tiles : 1;
}

static size_t workspace_size(const struct problem *p)
{
    int64_t vectors = 5 * p->b1 * p->d + 5 * p->b1 + p->b2 + logit_tiles(p) * p->b1 * p->b1;
    return (size_t)vectors * sizeof(lanes) + (size_t)(2 * p->b2 * p->d) * 4;
}

static struct workspace workspace_at(void *memory, const struct problem *p)
{
    int64_t plane = p->b1 * p->d;
    struct workspace w = {.query = memory};
    w.first = w.query + plane;
    w.alpha = w.first + plane;
    w.y = w.alpha + plane;
    w.out = w.y + plane;
    w.entropy = w.out + plane;
    w.highest = w.entropy + p->b1;
    w.total = w.highest + p->b1;
    w.before_highest = w.total + p->b1;
    w.before_total = w.before_highest + p->b1;
    w.z = w.before_total + p->b1;
    w.logit = w.z + p->b2;
    w.tile = (float *)(w.logit + logit_tiles(p) * p->b1 * p->b1);
    return w;
}

/* Token index of row `row`, column 0 of a tile; its columns are the tokens that follow. */
static int64_t tile_row(const struct grid *g, int64_t tile, int64_t row)
{
    int64_t column_band = tile % g->w_reduce, row_band = tile / g->w_reduce % g->h_reduce;
    int64_t frame = tile / (g->w_reduce * g->h_reduce) * g->f_tied + row / g->band_rows;
    int64_t r = row_band * g->band_rows + row % g->band_rows;
    return (frame * g->rows + r) * g->cols + column_band * g->band_cols;
}

/* Columns of all query tiles that see the same key tiles stand in one line, tile after tile;
 * a unit takes up to LANES of them. */
struct unit {
    int64_t head;
    int64_t first_tile, column, columns; /* the line's first tile; columns <= LANES */
    int64_t seen;                        /* key tiles that it sees: the first ones */
};

/* Token of row i for lane n of a unit. */
static int64_t lane_token(const struct problem *p, const struct unit *u, int64_t i, int64_t n)
{
    int64_t column = u->column + n;
    return tile_row(&p->query, u->first_tile + column / p->b2, i) + column % p->b2;
}

static void load_queries(const struct problem *p, const struct unit *u, struct workspace *w)
{
    for (int64_t i = 0; i < p->b1; i++) {
        float *to = (float *)(w->query + i * p->d);
        for (int64_t n = 0; n < LANES; n++) {
            int64_t stride, lane = n < u->columns ? n : 0; /* spare lanes repeat the first */
            const float *row =
                cpu_rows(p->q, u->head, lane_token(p, u, i, lane), 1, w->tile, &stride);
            for (int64_t c = 0; c < p->d; c++)
                to[c * LANES + n] = row[c];
        }
    }
}

/* Stage 1 for key row k of tile f: alpha, y and entropy of every lane. factor = scale, times the
 * reciprocal weight when there are iterations. */
static void stage_1(const struct problem *p, int64_t head, int64_t f, int64_t k, const lanes *query,
                    const lanes *factor, struct workspace *w)
{
    int64_t d = p->d, b2 = p->b2, token = tile_row(&p->key, f, k), ks, vs;
    const float *keys = cpu_rows(p->k, head, token, b2, w->tile, &ks);
    const float *values = cpu_rows(p->v, head, token, b2, w->tile + b2 * d, &vs);
    lanes_product(w->z, b2, 1, keys, ks, 1, query, d, false);
    lanes highest = lanes_of(-INFINITY);
    for (int64_t l = 0; l < b2; l++) {
        w->z[l] *= *factor;
        highest = lanes_max(highest, w->z[l]);
    }
    /* entropy = log(sum e^(z - max)) - sum R (z - max): small numbers only */
    lanes sum = {0}, mean = {0};
    for (int64_t l = 0; l < b2; l++) {
        lanes below = w->z[l] - highest;
        w->z[l] = lanes_exp(below);
        sum += w->z[l];
        mean += w->z[l] * below;
    }
    lanes inverse = 1.0f / sum;
    w->entropy[k] = lanes_log(sum) - mean * inverse;
    for (int64_t l = 0; l < b2; l++)
        w->z[l] *= inverse;
    lanes_product(w->alpha + k * d, d, 1, keys, 1, ks, w->z, b2, false);
    lanes_product(w->y + k * d, d, 1, values, 1, vs, w->z, b2, false);
}

/* Stage 2's logits of key tile f, [i][k]. */
static void stage_2_logits(const struct problem *p, lanes *logit, struct workspace *w)
{
    int64_t d = p->d, b1 = p->b1;
    lanes_pair_product(logit, b1, b1, b1, w->query, d, 1, w->alpha, d, 1, d, false);
    for (int64_t i = 0; i < b1; i++)
        for (int64_t k = 0; k < b1; k++)
            logit[i * b1 + k] = logit[i * b1 + k] * p->args->scale + w->entropy[k];
}

/* Takes a tile's logits into the running softmax of each row: logit becomes e^(logit - maximum),
 * what was summed up before is rescaled. with_out: out too. */
static void online_softmax(const struct problem *p, lanes *logit, bool with_out,
                           struct workspace *w)
{
    int64_t d = p->d, b1 = p->b1;
    for (int64_t i = 0; i < b1; i++) {
        lanes *row = logit + i * b1, high = w->highest[i];
        for (int64_t k = 0; k < b1; k++)
            high = lanes_max(high, row[k]);
        lanes rescale = lanes_exp(w->highest[i] - high), sum = w->total[i] * rescale;
        for (int64_t k = 0; k < b1; k++) {
            lanes weight = lanes_exp(row[k] - high);
            sum += weight;
            if (with_out)
                row[k] = weight;
        }
        w->highest[i] = high;
        w->total[i] = sum;
        if (with_out)
            for (int64_t c = 0; c < d; c++)
                w->out[i * d + c] *= rescale;
    }
}

/* Stage 1's query for (f,k) and its factor, from the L of the iteration before. */
static const lanes *weighted_query(const struct problem *p, const lanes *logit, int64_t k,
                                   struct workspace *w, lanes *factor)
{
    int64_t d = p->d, b1 = p->b1;
    lanes *query = w->first + k * d, weight = {0};
    for (int64_t c = 0; c < d; c++)
        query[c] = (lanes){0};
    for (int64_t i = 0; i < b1; i++) {
        lanes share = lanes_exp(logit[i * b1 + k] - w->before_highest[i]) / w->before_total[i];
        weight += share;
        for (int64_t c = 0; c < d; c++)
            query[c] += share * w->query[i * d + c];
    }
    *factor = lanes_min(1.0f / (weight + 1e-6f), lanes_of(1e4f)) * p->args->scale;
    return query;
}

static void store_out(const struct problem *p, const struct unit *u, struct workspace *w)
{
    for (int64_t i = 0; i < p->b1; i++) {
        lanes inverse = 1.0f / w->total[i];
        for (int64_t c = 0; c < p->d; c++)
            w->out[i * p->d + c] *= inverse;
        const float *from = (const float *)(w->out + i * p->d);
        for (int64_t n = 0; n < u->columns; n++) {
            int64_t at = lane_token(p, u, i, n) * p->out->stride[0] + u->head * p->out->stride[1];
            float *to = cpu_target(p->out, at, w->tile);
            for (int64_t c = 0; c < p->d; c++)
                to[c] = from[c * LANES + n];
            cpu_write(p->out, at, p->d, to);
        }
    }
}

static void run_unit(const struct problem *p, const struct unit *u, void *memory)
{
    struct workspace w = workspace_at(memory, p);
    int64_t d = p->d, b1 = p->b1;
    int iters = p->args->num_iters;
    load_queries(p, u, &w);
    for (int64_t i = 0; i < b1 * d; i++)
        w.out[i] = (lanes){0};
    for (int iter = 0; iter < iters; iter++) {
        for (int64_t i = 0; i < b1; i++) {
            w.before_highest[i] = w.highest[i];
            w.before_total[i] = w.total[i];
            w.highest[i] = lanes_of(-INFINITY);
            w.total[i] = (lanes){0};
        }
        for (int64_t f = 0; f < u->seen; f++) {
            lanes *logit = w.logit + (iters > 1 ? f * b1 * b1 : 0);
            for (int64_t k = 0; k < b1; k++) {
                lanes factor = lanes_of(p->args->scale * (iters > 1 ? 1.0f / (1.0f + 1e-6f) : 1));
                const lanes *query = w.query + k * d;
                if (iter > 0)
                    query = weighted_query(p, logit, k, &w, &factor);
                stage_1(p, u->head, f, k, query, &factor, &w);
            }
            stage_2_logits(p, logit, &w);
            bool last = iter == iters - 1;
            online_softmax(p, logit, last, &w);
            if (last)
                lanes_pair_product(w.out, d, b1, d, logit, b1, 1, w.y, 1, d, b1, true);
        }
    }
    store_out(p, u, &w);
}

static struct grid grid_of(const struct tensor *t, const struct monarch_args *args)
{
    struct grid g = {.rows = args->rows,
                     .cols = args->cols,
                     .f_tied = args->f_tied,
                     .h_reduce = args->h_reduce,
                     .w_reduce = args->w_reduce};
    assert(g.rows % g.h_reduce == 0 && g.cols % g.w_reduce == 0);
    g.band_rows = g.rows / g.h_reduce;
    g.band_cols = g.cols / g.w_reduce;
    int64_t tokens = t->shape[0], group = g.f_tied * g.rows * g.cols;
    assert(tokens % group == 0);
    g.tiles = tokens / group * g.h_reduce * g.w_reduce;
    return g;
}

static void check(const struct problem *p)
{
    const struct tensor *all[] = {p->out, p->q, p->k, p->v};
    for (int i = 0; i < 4; i++) {
        assert(all[i]->ndim == 3 && cpu_is_activation(all[i]) && all[i]->stride[2] == 1);
        assert(all[i]->shape[1] == p->q->shape[1] && all[i]->shape[2] == p->d);
    }
    assert(p->out->shape[0] == p->q->shape[0] && p->k->shape[0] == p->v->shape[0]);
    int64_t block = p->args->causal_block_frames;
    assert(block >= 0 && (block == 0 || block % p->args->f_tied == 0));
    assert(block == 0 || p->q->shape[0] == p->k->shape[0]);
    assert(p->args->num_iters >= 1 && p->args->num_iters <= 3);
}

bool cpu_monarch_attention(struct exec *ex, const struct tensor *out, const struct tensor *q,
                           const struct tensor *k, const struct tensor *v,
                           const struct monarch_args *args, struct dn_error *err)
{
    (void)err;
    struct problem p = {.out = out,
                        .q = q,
                        .k = k,
                        .v = v,
                        .args = args,
                        .query = grid_of(q, args),
                        .key = grid_of(k, args),
                        .d = q->shape[2]};
    p.b1 = p.query.f_tied * p.query.band_rows;
    p.b2 = p.query.band_cols;
    check(&p);
    /* lines: the query tiles of a causal block, or all of them */
    int64_t bands = args->h_reduce * args->w_reduce, block = args->causal_block_frames;
    int64_t line = block ? block / args->f_tied * bands : p.query.tiles;
    int64_t lines = line ? (p.query.tiles + line - 1) / line : 0;
    int64_t groups = (line * p.b2 + LANES - 1) / LANES, heads = q->shape[1];
    int64_t units = heads * lines * groups;
    int64_t work = q->shape[0] * heads * p.d * p.key.tiles * (p.b1 + p.b2);
    cpu_enter(ex);
    size_t stride;
    char *scratch = cpu_scratch_per_thread(ex, workspace_size(&p), &stride);
#pragma omp parallel for schedule(dynamic) if (work > CPU_GRAIN_PRODUCT)
    for (int64_t i = 0; i < units; i++) {
        int64_t first = i / heads / groups * line;
        int64_t tiles = p.query.tiles - first < line ? p.query.tiles - first : line;
        struct unit u = {.head = i % heads,
                         .first_tile = first,
                         .column = i / heads % groups * LANES,
                         .seen = block ? first + tiles : p.key.tiles};
        int64_t left = tiles * p.b2 - u.column;
        u.columns = left < LANES ? left : LANES;
        if (left > 0)
            run_unit(&p, &u, scratch + stride * (size_t)cpu_thread());
    }
    return true;
}
