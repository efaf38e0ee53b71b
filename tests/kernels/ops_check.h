/* ops_check: random inputs, float64 views and comparison for the tests of operations. Every test
 * walks the same list of backends and dtypes; the seed of a case is printed when it fails. */
#ifndef DANAUS_TESTS_OPS_CHECK_H
#define DANAUS_TESTS_OPS_CHECK_H

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "check.h"
#include "kernels/ops.h"

/* What a test runs on: a backend, the dtype of products, the dtype of activations. */
struct setting {
    const char *backend;
    enum dtype exec, activation;
};

/* tests/emulate builds the same tests for the CUDA backend on the host */
#ifndef CHECK_BACKEND
#define CHECK_BACKEND "cpu"
#endif

static const struct setting settings[] = {
    {CHECK_BACKEND, DTYPE_F32, DTYPE_F32},
    {CHECK_BACKEND, DTYPE_F32, DTYPE_BF16},
    {CHECK_BACKEND, DTYPE_BF16, DTYPE_F32},
    {CHECK_BACKEND, DTYPE_BF16, DTYPE_BF16},
};
#define SETTINGS settings_here()

/* How many of them this machine can do: a CPU without AVX-512 has no bf16 products. Without the
 * backend nothing was tested, which is no success. */
static inline int settings_here(void)
{
    struct exec_options options = {.threads = 1, .dtype = DTYPE_BF16};
    const struct ops *ops;
    struct exec *ex = NULL;
    struct dn_error err;
    if (!ops_select(CHECK_BACKEND, &ops, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    int count = ops->open(&options, &ex, NULL) ? 4 : 2;
    ops->close(ex);
    return count;
}

/* Tolerances, as noise over signal power (NMSE): float32 results carry some rounding errors of
 * 6e-8 each; one rounding to bf16 is 2.8e-6 in power, and a product of bf16 operands rounds both.
 */
#define NMSE_F32 1e-11
#define NMSE_BF16_STORE 5e-6
#define NMSE_BF16_PRODUCT 2e-5

struct check_rng {
    uint64_t state;
};

static inline double rng_next(struct check_rng *rng)
{
    rng->state = rng->state * 6364136223846793005ull + 1442695040888963407ull;
    uint64_t x = rng->state ^ rng->state >> 29;
    x *= 0xBF58476D1CE4E5B9ull;
    return (double)(x >> 11) / 4503599627370496.0 - 1.0; /* [-1, 1) */
}

struct check_run {
    const struct ops *ops;
    struct exec *ex;
    struct setting setting;
    struct check_rng rng;
    uint64_t seed;
};

/* fp8: narrow layers multiply e4m3. */
static inline struct check_run run_open_as(struct setting setting, uint64_t seed, bool fp8)
{
    struct check_run run = {.setting = setting, .seed = seed, .rng = {seed}};
    struct dn_error err = {0};
    struct exec_options options = {.threads = 2, .dtype = setting.exec, .fp8 = fp8};
    setenv("DANAUS_POISON", "1",
           0); /* results hold NaN until they are written, where a backend can */
    CHECK_OK(ops_select(setting.backend, &run.ops, &err), err);
    CHECK_OK(run.ops->open(&options, &run.ex, &err), err);
    return run;
}

static inline struct check_run run_open(struct setting setting, uint64_t seed)
{
    return run_open_as(setting, seed, false);
}

static inline void run_close(struct check_run *run)
{
    run->ops->close(run->ex);
}

/* A tensor in the backend's memory with the same values on the host, as doubles: what was stored,
 * after rounding to dtype. */
struct pair {
    struct tensor t;
    double *host;
};

static inline double *download_f64(struct check_run *run, const struct tensor *t)
{
    struct dn_error err = {0};
    int64_t count = tensor_count(t);
    float *values = dn_malloc((size_t)count * 4);
    struct tensor host = tensor_over(values, DTYPE_F32, t->ndim, t->shape);
    CHECK_OK(run->ops->download(run->ex, &host, t, &err), err);
    double *out = dn_malloc((size_t)count * 8);
    for (int64_t i = 0; i < count; i++)
        out[i] = values[i];
    free(values);
    return out;
}

/* Random values in [-range, range) + middle, in memory with pad more elements a row of the
 * outermost axis, so that a wrong stride shows. */
static inline struct pair pair_random(struct check_run *run, enum dtype dtype, int64_t pad,
                                      double range, double middle, int ndim, const int64_t *shape)
{
    struct dn_error err = {0};
    struct pair p = {0};
    int64_t row = 1;
    for (int i = 1; i < ndim; i++)
        row *= shape[i];
    int64_t storage[2] = {shape[0] ? shape[0] : 1, row + pad};
    CHECK_OK(run->ops->tensor_alloc(run->ex, &p.t, dtype, 2, storage, &err), err);
    void *data = p.t.data;
    struct tensor all = p.t;
    float *values = dn_malloc((size_t)(storage[0] * storage[1]) * 4);
    for (int64_t i = 0; i < storage[0] * storage[1]; i++)
        values[i] = (float)(rng_next(&run->rng) * range + middle);
    struct tensor host = tensor_over(values, DTYPE_F32, 2, storage);
    CHECK_OK(run->ops->upload(run->ex, &all, &host, &err), err);
    free(values);
    p.t = tensor_over(data, dtype, ndim, shape);
    p.t.stride[0] = row + pad;
    p.host = download_f64(run, &p.t);
    return p;
}

/* The values of a pair as a F32 tensor in host memory; the caller frees its data. */
static inline struct tensor pair_on_host(const struct pair *p)
{
    int64_t count = tensor_count(&p->t);
    float *values = dn_malloc((size_t)count * 4);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)p->host[i];
    return tensor_over(values, DTYPE_F32, p->t.ndim, p->t.shape);
}

/* A copy of a host tensor in the backend's memory; freed with tensor_free. */
static inline struct tensor tensor_sent(struct check_run *run, const struct tensor *host)
{
    struct dn_error err = {0};
    struct tensor t;
    CHECK_OK(run->ops->tensor_alloc(run->ex, &t, host->dtype, host->ndim, host->shape, &err), err);
    CHECK_OK(run->ops->upload(run->ex, &t, host, &err), err);
    return t;
}

static inline void pair_free(struct check_run *run, struct pair *p)
{
    run->ops->tensor_free(run->ex, &p->t);
    free(p->host);
    p->host = NULL;
}

/* Compares got with want by NMSE and, in the same measure, the worst element: it may be off by 30
 * times the root of the tolerance, relative to the rms of want. */
static inline void expect_values(struct check_run *run, const char *what, const double *got,
                                 const double *want, int64_t count, double nmse)
{
    double noise = 0, signal = 0, worst = 0;
    for (int64_t i = 0; i < count; i++) {
        double d = got[i] - want[i];
        noise += d * d;
        signal += want[i] * want[i];
        if (!(fabs(d) <= worst))
            worst = fabs(d);
    }
    if (count < 64)
        nmse *= 8; /* too few to average: one rounding can be 5 times its mean power */
    double rms = sqrt(signal / (double)(count ? count : 1));
    double limit = 30 * sqrt(nmse) * (rms > 0 ? rms : 1);
    CHECK_MSG(noise <= nmse * signal + 1e-60 && worst <= limit,
              "%s: nmse %.3g (at most %.3g), worst %.3g (at most %.3g), backend %s, exec %s, "
              "activations %s, seed %llu",
              what, noise / signal, nmse, worst, limit, run->setting.backend,
              dtype_name(run->setting.exec), dtype_name(run->setting.activation),
              (unsigned long long)run->seed);
}

/* The same for a tensor in the backend's memory. */
static inline void expect(struct check_run *run, const char *what, const struct tensor *t,
                          const double *want, double nmse)
{
    double *got = download_f64(run, t);
    expect_values(run, what, got, want, tensor_count(t), nmse);
    free(got);
}

/* What an operation without products may lose. */
static inline double store_tolerance(const struct check_run *run)
{
    return run->setting.activation == DTYPE_F32 ? NMSE_F32 : NMSE_BF16_STORE;
}

/* What a product may lose: its operands are rounded too when the exec multiplies in bf16. */
static inline double product_tolerance(const struct check_run *run)
{
    return run->setting.exec == DTYPE_F32 ? store_tolerance(run) : NMSE_BF16_PRODUCT;
}

#endif
