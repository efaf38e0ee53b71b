/* verify_t5: fixtures of the text encoder. encode: CASE.ids (and CASE.mask) -> CASE.context; trace:
 * ids, mask -> every stage of every layer; relative_position: rel -> bucket. A second archive of the
 * same weights must hold the same tensors. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "commands/verify.h"
#include "commands/verify_tensors.h"
#include "model/relative_position.h"
#include "model/text_encoder_internal.h"

#define CONTEXT_REL 4e-6 /* float32 runs of the public code: 8e-7, 6e-6 */
#define CONTEXT_MAX 5e-5

static bool is_encoder(const struct weights *w)
{
    return weights_find(w, "token_embedding.weight") || weights_find(w, "shared.weight");
}
static bool is_trace(const struct weights *w)
{
    return weights_find(w, "ids") && weights_find(w, "block0.out");
}
static bool is_encode(const struct weights *w)
{
    return verify_has_suffix(w, ".ids") && verify_has_suffix(w, ".context");
}
static bool is_buckets(const struct weights *w)
{
    return weights_find(w, "rel") && weights_find(w, "bucket");
}

/* The path of the encoder that fixtures of this folder use; the caller frees. */
static char *encoder_path(const struct verify_file *file, const struct weights *fixture)
{
    const char *name = fixture ? weights_metadata(fixture, "weights") : NULL;
    return verify_sibling(file->path, name && !strchr(name, '/')
                                          ? name
                                          : "models_t5_umt5-xxl-enc-bf16.pth");
}

static enum verify_claim claim(const struct verify_file *file)
{
    if (strcmp(file->folder, "t5") != 0)
        return VERIFY_NOT_MINE;
    struct weights *w = NULL;
    enum verify_claim result = VERIFY_NOT_MINE;
    bool torch = dn_ends_with(file->name, ".pth") || dn_ends_with(file->name, ".pt");
    if (!weights_open(file->path, &w, NULL))
        return torch ? VERIFY_RUN : VERIFY_NOT_MINE; /* an archive that must load: a failed row */
    if (is_encoder(w)) {
        char *plain = encoder_path(file, NULL);
        bool second = strcmp(plain, file->path) != 0 && access(plain, R_OK) == 0;
        result = second ? VERIFY_RUN : VERIFY_SUPPORT;
        free(plain);
    } else if (is_trace(w) || is_encode(w) || is_buckets(w)) {
        result = VERIFY_RUN;
    }
    weights_close(w);
    return result;
}

/* Are two files the same tensors: names, shapes, dtypes and every byte? */
static bool same_tensors(const struct weights *a, const struct weights *b)
{
    bool same = weights_count(a) == weights_count(b);
    for (int64_t i = 0; same && i < weights_count(a); i++) {
        const struct weight_view *x = weights_at(a, i), *y = weights_find(b, x->name);
        same = y && x->dtype == y->dtype && x->ndim == y->ndim &&
               memcmp(x->shape, y->shape, sizeof x->shape) == 0;
        if (!same)
            break;
        const size_t bytes = dn_mul_or_abort((size_t)x->count, (size_t)dtype_size(x->dtype));
        char *pair = dn_malloc(dn_mul_or_abort(bytes, 2));
        weights_copy(x, pair);
        weights_copy(y, pair + bytes);
        same = memcmp(pair, pair + bytes, bytes) == 0;
        free(pair);
    }
    return same;
}

static void run_archive(struct verify_run *run, const struct verify_file *file,
                        const struct weights *w)
{
    char *plain = encoder_path(file, NULL);
    struct weights *other = NULL;
    struct dn_error err;
    if (!weights_open(plain, &other, &err))
        verify_error(run, "the plain archive beside it", &err);
    else
        verify_exact(run, "same tensors as the plain archive", same_tensors(w, other));
    weights_close(other);
    free(plain);
}

static void run_buckets(struct verify_run *run, const struct weights *fixture)
{
    struct verify_tensor rel = {0}, bucket = {0};
    const char *count = weights_metadata(fixture, "num_buckets");
    const int64_t buckets = count ? strtoll(count, NULL, 10) : 32;
    bool equal = verify_tensor_read(&rel, fixture, 1, "rel") &&
                 verify_tensor_read(&bucket, fixture, 1, "bucket") && rel.count == bucket.count &&
                 buckets >= 4 && buckets % 4 == 0;
    for (int64_t i = 0; equal && i < rel.count; i++)
        equal = relative_position_bucket((int64_t)rel.data[i], buckets) == (int32_t)bucket.data[i];
    verify_exact(run, "buckets", equal);
    verify_tensor_done(&rel);
    verify_tensor_done(&bucket);
}

/* ids of a fixture as int32; the caller frees. NULL when they are not there. */
static int32_t *read_ids(const struct weights *fixture, const char *name, int64_t *count)
{
    const struct weight_view *view = weights_find(fixture, name);
    if (!view || view->ndim != 1 || view->count < 1)
        return NULL;
    float *values = dn_malloc((size_t)view->count * sizeof *values);
    int32_t *ids = dn_malloc((size_t)view->count * sizeof *ids);
    weights_copy_f32(view, values); /* exact: vocabularies are far below 2^24 */
    for (int64_t i = 0; i < view->count; i++)
        ids[i] = (int32_t)values[i];
    free(values);
    *count = view->count;
    return ids;
}

/* Valid tokens of a mask, all when there is none. */
static int64_t valid_tokens(const struct weights *fixture, const char *name, int64_t count)
{
    int64_t n = 0, size = 0;
    int32_t *mask = read_ids(fixture, name, &size);
    for (int64_t i = 0; mask && i < size && i < count; i++)
        n += mask[i] != 0;
    free(mask);
    return mask ? n : count;
}

static bool encode_case(struct verify_run *run, struct text_encoder *enc,
                        const struct weights *fixture, const char *name, struct dn_error *err)
{
    char key[160], what[160];
    int64_t count = 0;
    struct verify_tensor want = {0};
    struct tensor context = {0};
    snprintf(key, sizeof key, "%s.ids", name);
    int32_t *ids = read_ids(fixture, key, &count);
    snprintf(key, sizeof key, "%s.mask", name);
    const int64_t n = valid_tokens(fixture, key, count), dim = text_encoder_get_info(enc)->dim;
    bool ok = ids && n >= 1 && verify_tensor_read(&want, fixture, 2, "%s.context", name) &&
              want.shape[0] == count && want.shape[1] == dim;
    if (!ok)
        dn_fail(err, DN_E_FORMAT, "%s: ids and context do not belong together", name);
    float *got = dn_calloc((size_t)(ok ? count * dim : 1), sizeof *got); /* zero past the mask */
    struct tensor host = tensor_over(got, DTYPE_F32, DIMS(n, dim));
    ok = ok && run->ops->tensor_alloc(run->ex, &context, DTYPE_F32, 2, host.shape, err) &&
         text_encoder_encode(enc, ids, n, &context, err) &&
         run->ops->download(run->ex, &host, &context, err);
    if (ok) {
        snprintf(what, sizeof what, "%s context", name);
        verify_rel(run, what, got, want.data, want.count, CONTEXT_REL);
        verify_max(run, what, got, want.data, want.count, CONTEXT_MAX);
    }
    if (context.data)
        run->ops->tensor_free(run->ex, &context);
    free(got);
    free(ids);
    verify_tensor_done(&want);
    return ok;
}

static void run_encode(struct verify_run *run, struct text_encoder *enc,
                       const struct weights *fixture)
{
    for (int64_t i = 0; i < weights_count(fixture); i++) {
        char name[128];
        struct dn_error err;
        const char *tensor = weights_at(fixture, i)->name;
        if (!dn_ends_with(tensor, ".ids") || strlen(tensor) >= sizeof name)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(strlen(tensor) - strlen(".ids")), tensor);
        if (!encode_case(run, enc, fixture, name, &err))
            verify_error(run, name, &err);
    }
}

struct tracer {
    struct verify_run *run;
    const struct weights *fixture;
    int64_t keys;
};

/* The fixture's pos_bias covers masked keys too: [heads, n, n] against our [heads, n, keys]. */
static void drop_masked_keys(struct verify_tensor *bias, int64_t keys)
{
    int64_t used = 0;
    const int64_t all = bias->shape[2];
    for (int64_t row = 0; row < bias->shape[0] * bias->shape[1]; row++)
        for (int64_t key = 0; key < keys; key++)
            bias->data[used++] = bias->data[row * all + key];
    bias->shape[2] = keys;
    bias->count = used;
}

static bool compare_stage(void *context, int64_t layer, const char *name, const struct tensor *t,
                          struct dn_error *err)
{
    const struct tracer *tracer = context;
    struct verify_run *run = tracer->run;
    struct verify_tensor want = {0};
    char key[96];
    if (layer < 0)
        snprintf(key, sizeof key, "%s", name);
    else
        snprintf(key, sizeof key, "block%" PRId64 ".%s", layer, name);
    if (!verify_tensor_read(&want, tracer->fixture, t->ndim, "%s", key))
        return true; /* stored for some layers only */
    if (strcmp(name, "pos_bias") == 0 && want.shape[2] >= tracer->keys)
        drop_masked_keys(&want, tracer->keys);
    float *got = dn_malloc((size_t)tensor_count(t) * sizeof *got);
    struct tensor host = tensor_over(got, DTYPE_F32, t->ndim, t->shape);
    bool ok = run->ops->download(run->ex, &host, t, err);
    if (ok && want.count == tensor_count(t)) {
        verify_rel(run, key, got, want.data, want.count, CONTEXT_REL);
        verify_max(run, key, got, want.data, want.count, CONTEXT_MAX);
    } else if (ok) {
        verify_exact(run, key, false);
    }
    free(got);
    verify_tensor_done(&want);
    return ok;
}

static void run_trace(struct verify_run *run, struct text_encoder *enc,
                      const struct weights *fixture)
{
    struct dn_error err;
    int64_t count = 0;
    int32_t *ids = read_ids(fixture, "ids", &count);
    struct tracer tracer = {run, fixture, valid_tokens(fixture, "mask", count)};
    struct tensor context = {0};
    bool ok = tracer.keys >= 1;
    if (!ok)
        dn_fail(&err, DN_E_FORMAT, "ids and mask do not belong together");
    ok = ok && run->ops->tensor_alloc(run->ex, &context, DTYPE_F32,
                                      DIMS(count, text_encoder_get_info(enc)->dim), &err);
    ok = ok && text_encoder_encode_masked(enc, ids, count, tracer.keys, &context, compare_stage,
                                          &tracer, &err);
    if (!ok)
        verify_error(run, "", &err);
    if (context.data)
        run->ops->tensor_free(run->ex, &context);
    free(ids);
}

/* Fixtures that need the encoder itself. */
static bool run_with_encoder(struct verify_run *run, const struct verify_file *file,
                             const struct weights *fixture, struct dn_error *err)
{
    char *path = encoder_path(file, fixture);
    struct weights *w = NULL;
    struct text_encoder *enc = NULL;
    bool ok = weights_open(path, &w, err) &&
              text_encoder_load(w, TEXT_ENCODER_AUTO, run->ops, run->ex, &enc, err);
    if (ok)
        (is_trace(fixture) ? run_trace : run_encode)(run, enc, fixture);
    text_encoder_free(enc);
    weights_close(w);
    free(path);
    return ok;
}

static void run_file(struct verify_run *run, const struct verify_file *file)
{
    struct dn_error err;
    struct weights *w = NULL;
    if (!weights_open(file->path, &w, &err)) {
        verify_error(run, "", &err);
        return;
    }
    if (is_encoder(w))
        run_archive(run, file, w);
    else if (is_buckets(w))
        run_buckets(run, w);
    else if (!run_with_encoder(run, file, w, &err))
        verify_error(run, "", &err);
    weights_close(w);
}

const struct verify_kind verify_t5_entry = {.name = "t5", .claim = claim, .run = run_file};
