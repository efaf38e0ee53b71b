/* bench_fp8: what --linear fp8 loses: every product of a pass, and a clip, beside plain ones. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "commands/bench.h"

#define MOST_ROWS 256 /* of a product that is compared */

static bool open_plain(const struct job *job, struct exec **out, struct dn_error *err)
{
    struct exec_options options;
    *out = NULL;
    if (!pipeline_exec_options(&job->settings.request, job->ops, &options, err))
        return false;
    options.fp8 = false;
    return job->ops->open(&options, out, err);
}

/* --- products --- */

/* Sums of four uniform numbers, near to normal ones; each 64th column is four times as large, as
 * activations have them. */
static float *random_matrix(int64_t rows, int64_t cols, uint64_t state, float outliers)
{
    float *to = dn_malloc(dn_mul_or_abort((size_t)(rows * cols), sizeof *to));
    for (int64_t i = 0; i < rows * cols; i++) {
        float sum = 0;
        for (int k = 0; k < 4; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            sum += (float)(state >> 40) / 8388608.0f - 1.0f;
        }
        to[i] = sum * (i % cols % 64 == 0 ? outliers : 1);
    }
    return to;
}

/* x w^T of an exec's narrow layer, [rows, out] on the host; the caller frees. NULL: err says why.
 */
static float *product_of(const struct ops *ops, struct exec *ex, const struct tensor *x,
                         const struct tensor *w, struct dn_error *err)
{
    int64_t rows = x->shape[0], out = w->shape[0];
    float *values = dn_malloc(dn_mul_or_abort((size_t)(rows * out), sizeof *values));
    struct tensor host = tensor_over(values, DTYPE_F32, DIMS(rows, out));
    struct tensor from = {0}, to = {0};
    struct linear *l = NULL;
    enum dtype dtype = exec_dtype(ex);
    bool ok = ops->tensor_alloc(ex, &from, dtype, 2, x->shape, err) &&
              ops->tensor_alloc(ex, &to, DTYPE_F32, 2, host.shape, err) &&
              ops->upload(ex, &from, x, err) && ops->linear_pack_narrow(ex, w, NULL, 1, &l, err) &&
              ops->linear(ex, &to, &from, l, NULL, err) && ops->download(ex, &host, &to, err);
    if (l)
        ops->linear_free(ex, l);
    if (from.data)
        ops->tensor_free(ex, &from);
    if (to.data)
        ops->tensor_free(ex, &to);
    if (ok)
        return values;
    free(values);
    return NULL;
}

static bool compare_row(const struct job *job, struct exec *plain, struct bench_row *row,
                        struct dn_error *err)
{
    int64_t in = row->op.sizes[1], out = row->op.sizes[2];
    int64_t rows = row->op.sizes[0] < MOST_ROWS ? row->op.sizes[0] : MOST_ROWS;
    float *x = random_matrix(rows, in, 1, 4), *w = random_matrix(out, in, 2, 1);
    struct tensor hx = tensor_over(x, DTYPE_F32, DIMS(rows, in));
    struct tensor hw = tensor_over(w, DTYPE_F32, DIMS(out, in));
    float *want = product_of(job->ops, plain, &hx, &hw, err);
    float *got = want ? product_of(job->ops, job->ex, &hx, &hw, err) : NULL;
    double noise = 0, power = 0;
    for (int64_t i = 0; got && i < rows * out; i++) {
        noise += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        power += (double)want[i] * want[i];
    }
    row->fp8_error = power > 0 ? noise / power : 0;
    free(x);
    free(w);
    free(want);
    free(got);
    return got != NULL;
}

bool bench_fp8_products(struct bench_shapes *s, const struct job *job, struct dn_error *err)
{
    struct exec *plain;
    bool ok = open_plain(job, &plain, err);
    for (int i = 0; ok && i < s->count; i++)
        if (op_bench_is_narrow(job->ex, &s->rows[i].op))
            ok = compare_row(job, plain, &s->rows[i], err);
    if (plain)
        job->ops->close(plain);
    return ok;
}

/* --- a clip --- */

struct frames {
    uint8_t *rgb;
    size_t size;
};

static bool keep(void *user, const struct event_frames *e, struct dn_error *err)
{
    struct frames *f = user;
    size_t more = (size_t)(e->count * e->width * e->height * 3);
    (void)err;
    f->rgb = dn_realloc(f->rgb, f->size + more, 1);
    memcpy(f->rgb + f->size, e->rgb, more);
    f->size += more;
    return true;
}

static bool make_clip(struct pipeline *p, const struct bench_setup *setup, struct frames *f,
                      struct dn_error *err)
{
    const struct pipeline_events events = {.user = f, .in_turn = true, .frames = keep};
    return pipeline_run(p, setup->request, setup->inputs, &events, setup->stop, err);
}

/* The same clip by a pipeline of plain products. */
static bool make_plain_clip(const struct bench_setup *setup, const struct job *job,
                            const struct pipeline_needs *needs, struct frames *f,
                            struct dn_error *err)
{
    struct exec *ex = NULL;
    struct pipeline *p = NULL;
    bool ok = open_plain(job, &ex, err) && pipeline_open(&job->dir, needs, job->ops, ex, &p, err) &&
              make_clip(p, setup, f, err);
    pipeline_close(p);
    if (ex)
        job->ops->close(ex);
    return ok;
}

bool bench_fp8_clip(const struct bench_setup *setup, const struct job *job,
                    const struct pipeline_needs *needs, double *psnr, struct dn_error *err)
{
    struct frames narrow = {0}, plain = {0};
    bool ok = make_clip(setup->pipeline, setup, &narrow, err) &&
              make_plain_clip(setup, job, needs, &plain, err);
    double noise = 0;
    for (size_t i = 0; ok && i < narrow.size && i < plain.size; i++) {
        double d = (double)narrow.rgb[i] - plain.rgb[i];
        noise += d * d;
    }
    if (ok)
        *psnr = 10 * log10(255.0 * 255.0 * (double)plain.size / noise);
    free(narrow.rgb);
    free(plain.rgb);
    return ok;
}
