/* verify_rope: rotary tables and the operation that turns by them (q, k, cos, sin, roped_q,
 * roped_k), and the embedding of timesteps (t, emb_dimN). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "commands/verify_model.h"
#include "commands/verify_tensors.h"
#include "model/rope.h"
#include "model/time_embedding.h"

#define ROPE_REL 1e-6
#define TIME_REL 1e-6

struct grid {
    int64_t frames, rows, cols, head_dim, start, tokens;
};

static bool read_grid(const struct weights *w, struct grid *g, struct dn_error *err)
{
    *g = (struct grid){.frames = (int64_t)verify_number(w, "F", 0),
                       .rows = (int64_t)verify_number(w, "H", 0),
                       .cols = (int64_t)verify_number(w, "W", 0),
                       .head_dim = (int64_t)verify_number(w, "head_dim", 0),
                       .start = (int64_t)verify_number(w, "start_frame", -1)};
    const struct weight_view *cos_view = weights_find(w, "cos");
    const struct weight_view *sin_view = weights_find(w, "sin");
    g->tokens = g->frames * g->rows * g->cols;
    bool ok = g->frames > 0 && g->rows > 0 && g->cols > 0 && g->head_dim > 1 && g->start >= 0 &&
              g->frames < 65536 && g->rows < 65536 && g->cols < 65536 && g->head_dim < 65536 &&
              cos_view && sin_view && cos_view->ndim == 2 && cos_view->shape[0] == g->tokens &&
              cos_view->shape[1] == g->head_dim / 2 && sin_view->count == cos_view->count;
    return ok || dn_fail(err, DN_E_FORMAT, "metadata and tables do not belong together");
}

/* x [tokens, heads, d] turned. The operation normalises each row first: the weight is all ones, and
 * the row's root mean square is multiplied back in afterwards. */
static bool turn(const struct verify_run *run, const struct verify_tensor *x, const struct grid *g,
                 const struct tensor *cos_t, const struct tensor *sin_t, float *out,
                 struct dn_error *err)
{
    const struct ops *ops = run->ops;
    int64_t width = x->count / g->tokens;
    struct tensor dx = {0}, dy = {0}, dw = {0};
    float *ones = dn_malloc((size_t)width * sizeof *ones);
    for (int64_t i = 0; i < width; i++)
        ones[i] = 1;
    struct tensor host = tensor_over(x->data, DTYPE_F32, DIMS(g->tokens, width));
    struct tensor host_ones = tensor_over(ones, DTYPE_F32, DIMS(width));
    struct tensor host_out =
        tensor_over(out, DTYPE_F32, DIMS(g->tokens, width / g->head_dim, g->head_dim));
    bool ok = ops->tensor_alloc(run->ex, &dx, DTYPE_F32, 2, host.shape, err) &&
              ops->tensor_alloc(run->ex, &dy, DTYPE_F32, 3, host_out.shape, err) &&
              ops->tensor_alloc(run->ex, &dw, DTYPE_F32, 1, host_ones.shape, err) &&
              ops->upload(run->ex, &dx, &host, err) && ops->upload(run->ex, &dw, &host_ones, err) &&
              ops->qk_norm_rope(run->ex, &dy, &dx, &dw, cos_t, sin_t, 0, err) &&
              ops->download(run->ex, &host_out, &dy, err);
    for (int64_t r = 0; ok && r < g->tokens; r++) {
        double square = 0;
        for (int64_t i = 0; i < width; i++)
            square += (double)x->data[r * width + i] * (double)x->data[r * width + i];
        for (int64_t i = 0; i < width; i++)
            out[r * width + i] *= (float)sqrt(square / (double)width);
    }
    ops->tensor_free(run->ex, &dx);
    ops->tensor_free(run->ex, &dy);
    ops->tensor_free(run->ex, &dw);
    free(ones);
    return ok;
}

static bool compare_turned(struct verify_run *run, const struct weights *w, const struct grid *g,
                           const float *tables, const char *name, struct dn_error *err)
{
    struct verify_tensor x, want;
    int64_t pairs = g->head_dim / 2, count = g->tokens * pairs;
    struct tensor host_cos = tensor_over((void *)tables, DTYPE_F32, DIMS(g->tokens, pairs));
    struct tensor host_sin =
        tensor_over((void *)(tables + count), DTYPE_F32, DIMS(g->tokens, pairs));
    struct tensor cos_t = {0}, sin_t = {0};
    char what[16];
    snprintf(what, sizeof what, "roped_%s", name);
    bool ok =
        verify_tensor_read(&x, w, 4, "%s", name) & verify_tensor_read(&want, w, 4, "%s", what);
    ok = ok && x.shape[0] == 1 && x.shape[1] == g->tokens && x.shape[3] == g->head_dim &&
         want.count == x.count;
    if (!ok)
        dn_fail(err, DN_E_FORMAT, "%s and %s do not belong together", name, what);
    float *got = dn_malloc((size_t)x.count * sizeof *got + 1);
    ok = ok && run->ops->tensor_alloc(run->ex, &cos_t, DTYPE_F32, 2, host_cos.shape, err) &&
         run->ops->tensor_alloc(run->ex, &sin_t, DTYPE_F32, 2, host_sin.shape, err) &&
         run->ops->upload(run->ex, &cos_t, &host_cos, err) &&
         run->ops->upload(run->ex, &sin_t, &host_sin, err) &&
         turn(run, &x, g, &cos_t, &sin_t, got, err);
    if (ok)
        verify_rel(run, what, got, want.data, want.count, ROPE_REL);
    run->ops->tensor_free(run->ex, &cos_t);
    run->ops->tensor_free(run->ex, &sin_t);
    free(got);
    verify_tensor_done(&x);
    verify_tensor_done(&want);
    return ok;
}

static bool run_tables(struct verify_run *run, const struct weights *w, struct dn_error *err)
{
    struct grid g;
    if (!read_grid(w, &g, err))
        return false;
    int64_t count = g.tokens * (g.head_dim / 2);
    float *tables = dn_malloc((size_t)count * 2 * sizeof *tables);
    struct verify_tensor want_cos, want_sin;
    rope_table(tables, tables + count, g.head_dim, g.start, g.frames, g.rows, g.cols);
    if (verify_tensor_read(&want_cos, w, 2, "cos"))
        verify_rel(run, "cos", tables, want_cos.data, count, ROPE_REL);
    if (verify_tensor_read(&want_sin, w, 2, "sin"))
        verify_rel(run, "sin", tables + count, want_sin.data, count, ROPE_REL);
    bool ok = compare_turned(run, w, &g, tables, "q", err) &&
              compare_turned(run, w, &g, tables, "k", err);
    verify_tensor_done(&want_cos);
    verify_tensor_done(&want_sin);
    free(tables);
    return ok;
}

static void run_time(struct verify_run *run, const struct weights *w)
{
    struct verify_tensor t;
    verify_tensor_read(&t, w, 1, "t");
    for (int64_t i = 0; i < weights_count(w); i++) {
        const char *name = weights_at(w, i)->name;
        struct verify_tensor want;
        if (strncmp(name, "emb_dim", 7) != 0 || !verify_tensor_read(&want, w, 2, "%s", name))
            continue;
        int64_t dim = want.shape[1];
        float *got = dn_calloc((size_t)want.count, sizeof *got);
        for (int64_t k = 0; k < want.shape[0] && k < t.count; k++)
            time_embedding(got + k * dim, dim, t.data[k]);
        verify_rel(run, name, got, want.data, want.count, TIME_REL);
        free(got);
        verify_tensor_done(&want);
    }
    verify_tensor_done(&t);
}

static void run_rope(struct verify_run *run, const struct verify_file *file)
{
    struct weights *w = NULL;
    struct dn_error err;
    if (!weights_open(file->path, &w, &err))
        verify_error(run, "rope", &err);
    else if (!weights_find(w, "cos"))
        run_time(run, w);
    else if (!run_tables(run, w, &err))
        verify_error(run, "rope", &err);
    weights_close(w);
}

static enum verify_claim claim(const struct verify_file *file)
{
    char folder[32];
    struct weights *w;
    if (strcmp(verify_folder_name(file->path, 0, folder, sizeof folder), "rope") != 0 ||
        !dn_ends_with(file->name, ".safetensors") || !weights_open(file->path, &w, NULL))
        return VERIFY_NOT_MINE;
    bool time = weights_find(w, "t") != NULL, table = weights_find(w, "cos") != NULL;
    weights_close(w);
    return time || table ? VERIFY_RUN : VERIFY_NOT_MINE;
}

const struct verify_kind verify_rope_entry = {.name = "rope", .claim = claim, .run = run_rope};
