/* monarch_reference: Monarch attention as plain nested loops in float64, for its tests. */
#ifndef DANAUS_TESTS_MONARCH_REFERENCE_H
#define DANAUS_TESTS_MONARCH_REFERENCE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/ops.h"

struct monarch_shape {
    int64_t q_frames, kv_frames, heads, d;
    struct monarch_args args;
    int64_t pad; /* elements between rows; 0: none, so that rows stay aligned */
};

/* Token index of row i, column j of tile t; golden numbering: (frame group, row band, col band). */
static inline int64_t monarch_token(const struct monarch_args *a, int64_t t, int64_t i, int64_t j)
{
    int64_t bh = a->rows / a->h_reduce, bw = a->cols / a->w_reduce;
    int64_t wb = t % a->w_reduce, hb = t / a->w_reduce % a->h_reduce;
    int64_t frame = t / (a->w_reduce * a->h_reduce) * a->f_tied + i / bh;
    return (frame * a->rows + hb * bh + i % bh) * a->cols + wb * bw + j;
}

static inline double monarch_dot(const double *a, const double *b, int64_t d)
{
    double sum = 0;
    for (int64_t c = 0; c < d; c++)
        sum += a[c] * b[c];
    return sum;
}

/* out of one head, query tile a and column j: the equations as they stand, all tiles in memory.
 * Longer than most functions so that it reads from top to bottom like them. */
static inline void monarch_reference_column(const struct monarch_shape *s, const double *q,
                                            const double *k, const double *v, double *out,
                                            int64_t h, int64_t a, int64_t j)
{
    const struct monarch_args *g = &s->args;
    int64_t b1 = g->f_tied * g->rows / g->h_reduce, b2 = g->cols / g->w_reduce, d = s->d;
    int64_t bands = g->h_reduce * g->w_reduce, tiles = s->kv_frames / g->f_tied * bands;
    if (g->causal_block_frames) {
        int64_t block = a / bands * g->f_tied / g->causal_block_frames;
        tiles = (block + 1) * g->causal_block_frames / g->f_tied * bands;
    }
    int64_t n = tiles * b1;
    double *alpha = dn_calloc((size_t)(n * d), 8), *y = dn_calloc((size_t)(n * d), 8);
    double *entropy = dn_calloc((size_t)n, 8), *L = dn_calloc((size_t)(n * b1), 8);
    double *z = dn_calloc((size_t)b2, 8), *query = dn_calloc((size_t)d, 8);
#define AT(base, tokens) ((base) + ((tokens)*s->heads + h) * d)
    for (int iter = 0; iter < g->num_iters; iter++) {
        for (int64_t fk = 0; fk < n; fk++) {
            double factor = g->num_iters > 1 ? 1 / (1 + 1e-6) : 1, weight = 0;
            memcpy(query, AT(q, monarch_token(g, a, fk % b1, j)), (size_t)d * 8);
            if (iter > 0) {
                memset(query, 0, (size_t)d * 8);
                for (int64_t i = 0; i < b1; i++) {
                    weight += L[i * n + fk];
                    for (int64_t c = 0; c < d; c++)
                        query[c] += L[i * n + fk] * AT(q, monarch_token(g, a, i, j))[c];
                }
                factor = fmin(1 / (weight + 1e-6), 1e4);
            }
            double max = -INFINITY, sum = 0;
            for (int64_t l = 0; l < b2; l++) {
                z[l] = factor * g->scale *
                       monarch_dot(query, AT(k, monarch_token(g, fk / b1, fk % b1, l)), d);
                max = fmax(max, z[l]);
            }
            for (int64_t l = 0; l < b2; l++)
                sum += exp(z[l] - max);
            entropy[fk] = 0;
            memset(alpha + fk * d, 0, (size_t)d * 8);
            memset(y + fk * d, 0, (size_t)d * 8);
            for (int64_t l = 0; l < b2; l++) {
                double r = exp(z[l] - max) / sum;
                entropy[fk] -= r > 0 ? r * log(r) : 0;
                for (int64_t c = 0; c < d; c++) {
                    alpha[fk * d + c] += r * AT(k, monarch_token(g, fk / b1, fk % b1, l))[c];
                    y[fk * d + c] += r * AT(v, monarch_token(g, fk / b1, fk % b1, l))[c];
                }
            }
        }
        for (int64_t i = 0; i < b1; i++) {
            double max = -INFINITY, sum = 0;
            for (int64_t fk = 0; fk < n; fk++) {
                L[i * n + fk] =
                    g->scale * monarch_dot(AT(q, monarch_token(g, a, i, j)), alpha + fk * d, d) +
                    entropy[fk];
                max = fmax(max, L[i * n + fk]);
            }
            for (int64_t fk = 0; fk < n; fk++)
                sum += L[i * n + fk] = exp(L[i * n + fk] - max);
            for (int64_t fk = 0; fk < n; fk++)
                L[i * n + fk] /= sum;
        }
    }
    for (int64_t i = 0; i < b1; i++) {
        double *to = AT(out, monarch_token(g, a, i, j));
        memset(to, 0, (size_t)d * 8);
        for (int64_t fk = 0; fk < n; fk++)
            for (int64_t c = 0; c < d; c++)
                to[c] += L[i * n + fk] * y[fk * d + c];
    }
#undef AT
    free(alpha);
    free(y);
    free(entropy);
    free(L);
    free(z);
    free(query);
}

#endif
