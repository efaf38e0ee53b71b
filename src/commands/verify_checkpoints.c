/* verify_checkpoints: a folder with manifest.json that says of each checkpoint whether it loads,
 * with which weights, or must be refused. A refusal may come from the container, from the shapes or
 * from the numbers: danaus model check looks at all three, and so does this. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/json.h"
#include "base/mem.h"
#include "commands/verify.h"
#include "commands/verify_tensors.h"
#include "model/model_dir.h"

#define MAX_MANIFEST (16u << 20)
/* What the hostile files of the public fixtures would create if anything in them were executed. */
#define EXECUTION_MARK "/tmp/PWNED"

/* The manifest of the folder of path; NULL when there is none. The caller json_decref()s. */
static json_t *manifest_beside(const char *path)
{
    char *manifest = verify_sibling(path, "manifest.json");
    json_t *json = access(manifest, R_OK) == 0 ? dn_json_load(manifest, MAX_MANIFEST, NULL) : NULL;
    free(manifest);
    if (json_is_string(json_object_get(json, "base_model")) &&
        json_is_object(json_object_get(json, "files")))
        return json;
    json_decref(json);
    return NULL;
}

static enum verify_claim claim(const struct verify_file *file)
{
    json_t *json = manifest_beside(file->path);
    bool own = json != NULL;
    if (!json) { /* a folder of shards is one entry of the manifest above */
        char *folder = verify_sibling(file->path, "");
        folder[strlen(folder) - 1] = '\0';
        json = manifest_beside(folder);
        const char *name = strrchr(folder, '/');
        bool listed = json_object_get(json_object_get(json, "files"), name ? name + 1 : folder);
        free(folder);
        json_decref(json);
        return listed ? VERIFY_SUPPORT : VERIFY_NOT_MINE;
    }
    bool listed = json_object_get(json_object_get(json, "files"), file->name);
    bool named = strcmp(file->name, "manifest.json") == 0;
    for (void *i = json_object_iter(json_object_get(json, "files")); i && own && !listed;
         i = json_object_iter_next(json_object_get(json, "files"), i)) {
        const json_t *ema = json_object_get(json_object_iter_value(i), "generator_ema");
        listed = json_is_string(ema) && strcmp(json_string_value(ema), file->name) == 0;
    }
    json_decref(json);
    return named ? VERIFY_RUN : listed ? VERIFY_SUPPORT : VERIFY_NOT_MINE;
}

static bool parse_dtype(const char *name, enum dtype *out)
{
    static const struct {
        const char *name;
        enum dtype dtype;
    } names[] = {{"fp32", DTYPE_F32},  {"float32", DTYPE_F32},  {"bf16", DTYPE_BF16},
                 {"bfloat16", DTYPE_BF16}, {"fp16", DTYPE_F16}, {"float16", DTYPE_F16}};
    for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, name) == 0) {
            *out = names[i].dtype;
            return true;
        }
    return false;
}

/* Does got hold the values of want rounded to dtype, bit for bit? */
static bool same_tensor(const struct weight_view *got, const struct weight_view *want,
                        enum dtype dtype)
{
    if (got->dtype != dtype || got->ndim != want->ndim ||
        memcmp(got->shape, want->shape, sizeof got->shape) != 0)
        return false;
    const size_t count = (size_t)want->count, size = (size_t)dtype_size(dtype);
    float *values = dn_malloc(dn_mul_or_abort(count, sizeof *values));
    char *rounded = dn_malloc(dn_mul_or_abort(count, size));
    char *have = dn_malloc(dn_mul_or_abort(count, size));
    weights_copy_f32(want, values);
    dtype_from_f32(rounded, dtype, values, want->count);
    weights_copy(got, have);
    bool same = memcmp(rounded, have, count * size) == 0;
    free(values);
    free(rounded);
    free(have);
    return same;
}

static bool same_weights(const struct weights *got, const struct weights *want, enum dtype dtype)
{
    bool same = weights_count(got) == weights_count(want);
    for (int64_t i = 0; same && i < weights_count(want); i++) {
        const struct weight_view *view = weights_at(want, i);
        const struct weight_view *have = weights_find(got, view->name);
        same = have && same_tensor(have, view, dtype);
    }
    return same;
}

struct folder {
    struct verify_run *run;
    const struct verify_file *manifest;
    struct weights *base; /* the generator's weights */
};

static void note_finding(void *context, bool fatal, const char *line)
{
    char *first = context; /* [1024] */
    if (fatal && !first[0])
        snprintf(first, 1024, "%s", line);
}

/* Fatal findings of danaus model check; first gets the first of them. */
static int64_t check(const char *path, char first[1024])
{
    struct stat st;
    first[0] = '\0';
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return model_file_check(path, true, note_finding, first);
    struct model_dir dir;
    struct dn_error err;
    int64_t fatal = 1;
    if (model_dir_open(path, NULL, &dir, &err))
        fatal = model_dir_check(&dir, true, note_finding, first);
    model_dir_done(&dir);
    return fatal;
}

static void row(const struct folder *f, const char *name, const char *what, bool ok)
{
    char text[320];
    snprintf(text, sizeof text, "%s %s", name, what);
    verify_exact(f->run, text, ok);
}

static void run_load(const struct folder *f, const char *name, const char *path,
                     const json_t *entry)
{
    struct dn_error err;
    struct weights *w = NULL, *ema = NULL;
    enum dtype dtype = DTYPE_F32;
    char first[1024];
    const char *ema_name = json_string_value(json_object_get(entry, "generator_ema"));
    bool ok = parse_dtype(json_string_value(json_object_get(entry, "dtype")), &dtype) ||
              dn_fail(&err, DN_E_FORMAT, "%s: the manifest's dtype is not known", name);
    ok = ok && weights_open(path, &w, &err) && weights_select(w, false, &err);
    if (ok) {
        row(f, name, "generator", same_weights(w, f->base, dtype));
        row(f, name, "has an EMA", weights_has_ema(w) == (ema_name != NULL));
    }
    if (ok && ema_name) {
        char *ema_path = verify_sibling(f->manifest->path, ema_name);
        ok = weights_open(ema_path, &ema, &err) && weights_select(w, true, &err);
        if (ok)
            row(f, name, "generator_ema", same_weights(w, ema, dtype));
        free(ema_path);
    }
    if (!ok)
        verify_error(f->run, name, &err);
    weights_close(ema);
    weights_close(w);
    if (ok && check(path, first) != 0) {
        dn_fail(&err, DN_E_MODEL, "model check: %s", first);
        verify_error(f->run, name, &err);
    }
}

/* Is the container itself well formed, of a model that we do not know? Then nothing was refused for
 * the reason that the manifest means. */
static bool opens_as_unknown(const char *path)
{
    struct weights *w = NULL;
    bool unknown = weights_open(path, &w, NULL) && weights_select(w, true, NULL) &&
                   model_kind_of(w) == MODEL_UNKNOWN;
    weights_close(w);
    return unknown;
}

static void run_reject(const struct folder *f, const char *name, const char *path,
                       const json_t *entry)
{
    char first[1024];
    (void)entry;
    row(f, name, "is refused", check(path, first) > 0 && first[0] && !strchr(first, '\n') &&
                                   !opens_as_unknown(path));
}

static void run_parse(const struct folder *f, const char *name, const char *path,
                      const json_t *entry)
{
    struct dn_error err;
    struct weights *w = NULL;
    (void)entry;
    if (weights_open(path, &w, &err))
        row(f, name, "is read", weights_count(w) > 0);
    else
        verify_error(f->run, name, &err);
    weights_close(w);
}

/* Either is right; what counts is that we come back with a verdict. */
static void run_either(const struct folder *f, const char *name, const char *path,
                       const json_t *entry)
{
    char first[1024];
    (void)entry;
    bool refused = check(path, first) > 0;
    row(f, name, refused ? "is refused (either is right)" : "loads (either is right)",
        !refused || first[0]);
}

static const struct {
    const char *expect;
    void (*run)(const struct folder *f, const char *name, const char *path, const json_t *entry);
} expectations[] = {
    {"load", run_load},
    {"reject", run_reject},
    {"reject_or_report", run_reject},
    {"load_or_reject", run_either},
    {"parse", run_parse},
};

static void run_entry(const struct folder *f, const char *name, const json_t *entry)
{
    const char *expect = json_string_value(json_object_get(entry, "expect"));
    if (strchr(name, '/')) {
        verify_skipped(f->run, name, "not in this folder");
        return;
    }
    char *path = verify_sibling(f->manifest->path, name);
    bool known = false;
    for (size_t i = 0; expect && i < sizeof expectations / sizeof expectations[0]; i++)
        if (strcmp(expectations[i].expect, expect) == 0) {
            expectations[i].run(f, name, path, entry);
            known = true;
        }
    if (!known)
        verify_skipped(f->run, name, "an expectation that danaus does not know");
    free(path);
}

static void run_file(struct verify_run *run, const struct verify_file *file)
{
    struct dn_error err;
    json_t *json = manifest_beside(file->path), *files = json_object_get(json, "files");
    char *relative = dn_asprintf("../%s", json_string_value(json_object_get(json, "base_model")));
    char *base = verify_sibling(file->path, relative);
    struct folder f = {.run = run, .manifest = file};
    const bool marked = access(EXECUTION_MARK, F_OK) == 0;
    if (!weights_open(base, &f.base, &err)) {
        verify_error(run, "base model", &err);
    } else {
        for (void *i = json_object_iter(files); i; i = json_object_iter_next(files, i))
            run_entry(&f, json_object_iter_key(i), json_object_iter_value(i));
        row(&f, "all files", "executed nothing", marked || access(EXECUTION_MARK, F_OK) != 0);
    }
    weights_close(f.base);
    free(base);
    free(relative);
    json_decref(json);
}

const struct verify_kind verify_checkpoints_entry = {
    .name = "checkpoints", .claim = claim, .run = run_file};
