/* verify_monarch: Monarch attention on its own (q, k, v -> out) and exact attention on the same
 * inputs (dense). Shapes and tiles come from the metadata and the tensors. Gradients (dq, dk, dv of
 * dout) are listed as skipped until there is training. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "commands/verify.h"
#include "commands/verify_model.h"
#include "commands/verify_tensors.h"

#define MONARCH_REL 1e-5
#define MAX_SIDE 65536

struct fixture {
    struct monarch_args args;
    int64_t batch, heads, d, q_tokens, kv_tokens;
    struct verify_tensor q, k, v;
};

static int64_t number(const struct weights *w, const char *key, int64_t otherwise)
{
    double value = verify_number(w, key, (double)otherwise);
    return value >= 0 && value < MAX_SIDE ? (int64_t)value : -1;
}

/* Does the operation's contract hold? It asserts on what it is given, a file may say anything. */
static bool fits(const struct fixture *f)
{
    const struct monarch_args *a = &f->args;
    if (a->rows < 1 || a->cols < 1 || a->f_tied < 1 || a->h_reduce < 1 || a->w_reduce < 1 ||
        a->causal_block_frames < 0 || a->num_iters < 1 || a->num_iters > 3 || f->d < 1 ||
        f->heads < 1 || f->batch < 1)
        return false;
    int64_t group = a->f_tied * a->rows * a->cols;
    if (a->rows % a->h_reduce != 0 || a->cols % a->w_reduce != 0 || f->q_tokens < 1 ||
        f->q_tokens % group != 0 || f->kv_tokens % group != 0)
        return false;
    return a->causal_block_frames == 0 ||
           (a->causal_block_frames % a->f_tied == 0 && f->q_tokens == f->kv_tokens);
}

static bool read_fixture(const struct weights *w, struct fixture *f, struct dn_error *err)
{
    *f = (struct fixture){0};
    if (!verify_tensor_read(&f->q, w, 4, "q") || !verify_tensor_read(&f->k, w, 4, "k") ||
        !verify_tensor_read(&f->v, w, 4, "v"))
        return dn_fail(err, DN_E_FORMAT, "q, k and v of four dimensions are needed");
    f->batch = f->q.shape[0];
    f->q_tokens = f->q.shape[1];
    f->kv_tokens = f->k.shape[1];
    f->heads = f->q.shape[2];
    f->d = f->q.shape[3];
    f->args = (struct monarch_args){
        .scale = (float)(1 / sqrt((double)f->d)),
        .rows = number(w, "H", -1),
        .cols = number(w, "W", -1),
        .f_tied = number(w, "f_tied", 1),
        .h_reduce = number(w, "h_reduce", 1),
        .w_reduce = number(w, "w_reduce", 1),
        .num_iters = (int)number(w, "num_iters", 1),
        .causal_block_frames = number(w, "causal_block_frames", 0),
    };
    bool same = f->k.shape[0] == f->batch && f->k.shape[2] == f->heads && f->k.shape[3] == f->d &&
                memcmp(f->k.shape, f->v.shape, sizeof f->k.shape) == 0;
    return (same && fits(f)) ||
           dn_fail(err, DN_E_FORMAT, "metadata and tensors do not belong together");
}

static bool load(const struct verify_run *run, const struct verify_tensor *t, int64_t sample,
                 struct tensor *out, struct dn_error *err)
{
    int64_t count = t->count / t->shape[0];
    struct tensor host = tensor_over(t->data + sample * count, DTYPE_F32, 3, t->shape + 1);
    return run->ops->tensor_alloc(run->ex, out, DTYPE_F32, 3, host.shape, err) &&
           run->ops->upload(run->ex, out, &host, err);
}

/* Exact attention with the fixture's mask: a frame sees the frames of its own block and before. */
static bool dense(const struct verify_run *run, const struct fixture *f, const struct tensor *out,
                  const struct tensor *q, const struct tensor *k, const struct tensor *v,
                  struct dn_error *err)
{
    struct attention_args args = {.scale = f->args.scale};
    struct attention_mask mask = {0};
    int64_t *first = NULL, *end = NULL;
    if (f->args.causal_block_frames) {
        mask.query_block = f->args.causal_block_frames * f->args.rows * f->args.cols;
        mask.blocks = (f->q_tokens + mask.query_block - 1) / mask.query_block;
        mask.first = first = dn_calloc((size_t)mask.blocks, sizeof *first);
        mask.end = end = dn_calloc((size_t)mask.blocks, sizeof *end);
        for (int64_t i = 0; i < mask.blocks; i++) {
            int64_t last = (i + 1) * mask.query_block;
            end[i] = last < f->kv_tokens ? last : f->kv_tokens;
        }
        args.mask = &mask;
    }
    bool ok = run->ops->attention(run->ex, out, q, k, v, &args, err);
    free(first);
    free(end);
    return ok;
}

static bool compute_sample(const struct verify_run *run, const struct fixture *f, int64_t sample,
                           bool exact, float *got, struct dn_error *err)
{
    const struct ops *ops = run->ops;
    struct tensor q = {0}, k = {0}, v = {0}, out = {0};
    struct tensor host = tensor_over(got, DTYPE_F32, 3, f->q.shape + 1);
    bool ok = load(run, &f->q, sample, &q, err) && load(run, &f->k, sample, &k, err) &&
              load(run, &f->v, sample, &v, err) &&
              ops->tensor_alloc(run->ex, &out, DTYPE_F32, 3, host.shape, err) &&
              (exact ? dense(run, f, &out, &q, &k, &v, err)
                     : ops->monarch_attention(run->ex, &out, &q, &k, &v, &f->args, err)) &&
              ops->download(run->ex, &host, &out, err);
    struct tensor *all[] = {&q, &k, &v, &out};
    for (int i = 0; i < 4; i++)
        if (all[i]->data)
            ops->tensor_free(run->ex, all[i]);
    return ok;
}

/* The row `what` when the fixture stores it. */
static bool compare(struct verify_run *run, const struct weights *w, const struct fixture *f,
                    const char *what, bool exact, struct dn_error *err)
{
    struct verify_tensor want;
    if (!verify_tensor_read(&want, w, 4, "%s", what))
        return exact || dn_fail(err, DN_E_FORMAT, "there is no %s", what);
    float *got = dn_malloc(dn_mul_or_abort((size_t)f->q.count, sizeof *got));
    bool ok = memcmp(want.shape, f->q.shape, sizeof want.shape) == 0 ||
              dn_fail(err, DN_E_FORMAT, "%s is not shaped like q", what);
    for (int64_t b = 0; ok && b < f->batch; b++)
        ok = compute_sample(run, f, b, exact, got + b * (f->q.count / f->batch), err);
    if (ok)
        verify_rel(run, what, got, want.data, want.count, MONARCH_REL);
    free(got);
    verify_tensor_done(&want);
    return ok;
}

static void run_monarch(struct verify_run *run, const struct verify_file *file)
{
    struct weights *w = NULL;
    struct fixture f = {0};
    struct dn_error err;
    if (!weights_open(file->path, &w, &err) || !read_fixture(w, &f, &err) ||
        !compare(run, w, &f, "out", false, &err) || !compare(run, w, &f, "dense", true, &err))
        verify_error(run, "monarch", &err);
    else if (weights_find(w, "dout"))
        verify_skipped(run, "dq, dk, dv", "no training yet");
    verify_tensor_done(&f.q);
    verify_tensor_done(&f.k);
    verify_tensor_done(&f.v);
    weights_close(w);
}

static enum verify_claim claim(const struct verify_file *file)
{
    char folder[32];
    struct weights *w;
    if (strcmp(verify_folder_name(file->path, 0, folder, sizeof folder), "monarch") != 0 ||
        !dn_ends_with(file->name, ".safetensors") || !weights_open(file->path, &w, NULL))
        return VERIFY_NOT_MINE;
    bool mine = weights_find(w, "q") && weights_find(w, "k") && weights_find(w, "v");
    weights_close(w);
    return mine ? VERIFY_RUN : VERIFY_NOT_MINE;
}

const struct verify_kind verify_monarch_entry = {
    .name = "monarch", .claim = claim, .run = run_monarch};
