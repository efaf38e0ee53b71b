/* large_check: operations at the sizes of real videos, up to tensors of more than 2^31 elements.
 *
 * Inputs are filled on the backend from one block of random numbers whose length is a prime, so
 * that any element of them is known on the host without a copy. Outputs are NaN before, the whole
 * of them is searched for NaN after, and some dozen runs of elements are compared with float64.
 * Such sizes are for a GPU: on the CPU each test runs a small shape, which tests the test. */
#ifndef DANAUS_TESTS_LARGE_CHECK_H
#define DANAUS_TESTS_LARGE_CHECK_H

#include "kernels/ops_check.h"

#define ON_GPU (strcmp(CHECK_BACKEND, "cuda") == 0)
#define LARGE_PERIOD (ON_GPU ? 1048573 : 65521)
enum { LARGE_RUN = 1 << 16 }; /* the most elements that large_at gives at once */

/* A test's table of shapes for this backend. */
#define SHAPES(gpu, host) (ON_GPU ? (gpu) : (host))
#define SHAPE_COUNT(gpu, host)                                                                     \
    (int)(ON_GPU ? sizeof(gpu) / sizeof((gpu)[0]) : sizeof(host) / sizeof((host)[0]))

struct large {
    struct check_run run;
    struct tensor block[2]; /* [LARGE_PERIOD] in the backend's memory, F32 and BF16 */
};

/* A tensor filled from the block: the element at `offset` of its memory is *large_at(x, offset). */
struct filled {
    struct tensor t;
    const float *values;
    int64_t salt;
};

/* Number i of the stream of a seed, in [-1, 1). */
static inline float large_number(uint64_t seed, int64_t i)
{
    uint64_t x = (seed << 40) + (uint64_t)i * 0x9E3779B97F4A7C15ull;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return (float)((double)((x ^ x >> 31) >> 11) / 4503599627370496.0 - 1.0);
}

/* count numbers in [-range, range), as they are after rounding to dtype; the caller frees them. */
static inline float *large_numbers(uint64_t seed, enum dtype dtype, double range, int64_t count)
{
    float *out = dn_malloc((size_t)count * 4);
#pragma omp parallel for
    for (int64_t i = 0; i < count; i++) {
        float x = (float)(large_number(seed, i) * range);
        out[i] = dtype == DTYPE_BF16 ? f32_from_bf16(bf16_from_f32(x)) : x;
    }
    return out;
}

/* The block on the host, its beginning once more behind its end; kept until the program ends. */
static inline const float *large_values(enum dtype dtype)
{
    static float *values[2];
    float **v = &values[dtype == DTYPE_BF16];
    if (!*v) {
        *v = large_numbers(1, dtype, 1, LARGE_PERIOD + LARGE_RUN);
        for (int64_t i = 0; i < LARGE_RUN; i++)
            (*v)[LARGE_PERIOD + i] = (*v)[i];
    }
    return *v;
}

static inline struct large large_open(struct setting setting)
{
    return (struct large){.run = run_open(setting, 1)};
}

/* Random choices from here on are those of a seed. */
static inline void large_seed(struct large *l, uint64_t seed)
{
    l->run.seed = l->run.rng.state = seed;
}

static inline void large_close(struct large *l)
{
    for (int i = 0; i < 2; i++)
        l->run.ops->tensor_free(l->run.ex, &l->block[i]);
    run_close(&l->run);
}

static inline const struct tensor *large_block(struct large *l, enum dtype dtype)
{
    struct dn_error err = {0};
    struct tensor *block = &l->block[dtype == DTYPE_BF16];
    if (!block->data) {
        struct tensor host =
            tensor_over((void *)large_values(dtype), DTYPE_F32, DIMS(LARGE_PERIOD));
        CHECK_OK(l->run.ops->tensor_alloc(l->run.ex, block, dtype, 1, host.shape, &err), err);
        CHECK_OK(l->run.ops->upload(l->run.ex, block, &host, &err), err);
    }
    return block;
}

/* Memory that nobody has written, with pad more elements a row of the outermost axis. */
static inline struct tensor large_empty(struct large *l, enum dtype dtype, int64_t pad, int ndim,
                                        const int64_t *shape)
{
    struct dn_error err = {0};
    struct tensor t = tensor_over(NULL, dtype, ndim, shape), memory;
    t.stride[0] = tensor_count(&t) / shape[0] + pad;
    CHECK_OK(
        l->run.ops->tensor_alloc(l->run.ex, &memory, dtype, DIMS(shape[0] * t.stride[0]), &err),
        err);
    t.data = memory.data;
    return t;
}

static inline void large_free(struct large *l, struct tensor *t)
{
    l->run.ops->tensor_free(l->run.ex, t);
}

/* A number in [0, n): the first, the last, and then any. */
static inline int64_t large_pick(struct large *l, int64_t i, int64_t n)
{
    if (i < 2)
        return i ? n - 1 : 0;
    return (int64_t)((rng_next(&l->run.rng) + 1) / 2 * (double)n) % n;
}

static inline struct filled large_random(struct large *l, enum dtype dtype, int64_t pad, int ndim,
                                         const int64_t *shape)
{
    struct dn_error err = {0};
    struct filled x = {.t = large_empty(l, dtype, pad, ndim, shape),
                       .values = large_values(dtype),
                       .salt = large_pick(l, 2, LARGE_PERIOD)};
    const struct tensor *block = large_block(l, dtype);
    const int64_t count = shape[0] * x.t.stride[0];
    struct tensor flat = tensor_over(x.t.data, dtype, 1, &count);
    for (int64_t done = 0, n; done < count; done += n) {
        int64_t first = (x.salt + done) % LARGE_PERIOD;
        n = LARGE_PERIOD - first < count - done ? LARGE_PERIOD - first : count - done;
        struct tensor to = tensor_slice(&flat, done, n), from = tensor_slice(block, first, n);
        CHECK_OK(l->run.ops->copy(l->run.ex, &to, &from, &err), err);
    }
    return x;
}

/* LARGE_RUN elements from `offset` of x's memory on. */
static inline const float *large_at(const struct filled *x, int64_t offset)
{
    return x->values + (x->salt + offset) % LARGE_PERIOD;
}

/* Where rows [rows, dim] hold NaN, or -1: they are multiplied by zeros on the backend, so that
 * little has to be fetched. */
static inline int64_t large_nan_row(struct large *l, const struct tensor *rows)
{
    struct dn_error err = {0};
    const struct ops *ops = l->run.ops;
    const int64_t dim = rows->shape[1];
    enum { WIDE = 8 };
    float *zeros = dn_calloc((size_t)(WIDE * dim), 4);
    struct tensor weights = tensor_over(zeros, DTYPE_F32, DIMS(WIDE, dim));
    struct tensor sums = large_empty(l, DTYPE_F32, 0, DIMS(rows->shape[0], WIDE));
    struct linear *linear = NULL;
    CHECK_OK(ops->linear_pack(l->run.ex, &weights, NULL, 1, &linear, &err), err);
    CHECK_OK(ops->linear(l->run.ex, &sums, rows, linear, NULL, &err), err);
    double *got = download_f64(&l->run, &sums);
    int64_t at = 0;
    while (at < tensor_count(&sums) && got[at] == 0)
        at++;
    int64_t found = at < tensor_count(&sums) ? at / WIDE : -1;
    ops->linear_free(l->run.ex, linear);
    large_free(l, &sums);
    free(zeros);
    free(got);
    return found;
}

/* The row of t, of any count, in or near which there is a number that is none, or -1. */
static inline int64_t large_nan(struct large *l, const struct tensor *t)
{
    const int64_t row = tensor_count(t) / t->shape[0], line = 4096, all = tensor_count(t);
    struct tensor rows = tensor_over(t->data, t->dtype, DIMS(t->shape[0], row));
    rows.stride[0] = t->stride[0];
    if (!tensor_is_contiguous(t) || all < line)
        return large_nan_row(l, &rows);
    struct tensor lines = tensor_over(t->data, t->dtype, DIMS(all / line, line));
    struct tensor last = tensor_slice(&lines, 0, 1);
    last.data = (char *)t->data + (all - line) * dtype_size(t->dtype);
    int64_t at = large_nan_row(l, &lines);
    if (at >= 0)
        return at * line / row;
    return large_nan_row(l, &last) >= 0 ? t->shape[0] - 1 : -1;
}

/* Compares the runs of `length` elements at offsets[0..count) of t's memory with want, and looks
 * for NaN everywhere else. */
static inline void large_expect(struct large *l, const char *what, const struct tensor *t,
                                const int64_t *offsets, int64_t count, int64_t length,
                                const double *want, double nmse)
{
    double *got = dn_malloc((size_t)(count * length) * 8);
    for (int64_t i = 0; i < count; i++) {
        char *at = (char *)t->data + offsets[i] * dtype_size(t->dtype);
        struct tensor part = tensor_over(at, t->dtype, 1, &length);
        double *values = download_f64(&l->run, &part);
        memcpy(got + i * length, values, (size_t)length * 8);
        free(values);
    }
    expect_values(&l->run, what, got, want, count * length, nmse);
    const int64_t nan = large_nan(l, t);
    CHECK_MSG(nan < 0, "%s: NaN near row %lld of %lld, exec %s, activations %s, seed %llu", what,
              (long long)nan, (long long)t->shape[0], dtype_name(l->run.setting.exec),
              dtype_name(t->dtype), (unsigned long long)l->run.seed);
    free(got);
}

#endif
