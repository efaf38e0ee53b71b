/* worker_model: the model that a worker keeps warm. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/model_hash.h"
#include "engine/worker_internal.h"

/* Two requests with the same key can use the same loaded model. A file that was replaced or cut
 * makes another key: the text encoder's is read while it is used. */
static char *key_of(const struct model_dir *dir, const struct request *r)
{
    const char *paths[] = {dir->transformer, dir->text_encoder};
    struct strbuf key = {0};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct stat st = {0};
        if (paths[i] && stat(paths[i], &st) == 0)
            strbuf_printf(&key, "%s|%lld.%ld|%lld|", paths[i], (long long)st.st_mtim.tv_sec,
                          st.st_mtim.tv_nsec, (long long)st.st_size);
    }
    strbuf_printf(&key, "%d|%s|%s|%s|%lld", r->use_ema, r->backend, r->dtype, r->linear,
                  (long long)r->threads);
    return strbuf_take(&key);
}

void worker_model_unload(struct worker_model *m)
{
    if (!m->key)
        return;
    pipeline_close(m->pipeline);
    m->ops->close(m->ex);
    model_dir_done(&m->dir);
    free(m->key);
    free(m->name);
    *m = (struct worker_model){0};
}

static char *base_name(const char *path)
{
    char *whole = realpath(path, NULL);
    const char *from = whole ? whole : path, *slash = strrchr(from, '/');
    char *name = dn_strdup(slash && slash[1] ? slash + 1 : from);
    free(whole);
    return name;
}

/* m->dir is open and m->key set. */
static bool load(struct worker_model *m, const struct request *r,
                 const struct worker_options *options, struct dn_error *err)
{
    struct exec_options exec;
    const char *backend =
        strcmp(r->backend, "auto") == 0 && options->backend ? options->backend : r->backend;
    unsigned parts = MODEL_NEEDS_TRANSFORMER | MODEL_NEEDS_VAE |
                     (m->needs.text ? (unsigned)MODEL_NEEDS_TEXT : 0);
    if (!model_dir_require(&m->dir, parts, err) || !ops_select(backend, &m->ops, err) ||
        !pipeline_exec_options(r, m->ops, &exec, err))
        return false;
    exec.device = options->device;
    if (!m->ops->open(&exec, &m->ex, err))
        return false;
    struct model_hash *hash = model_hash_start(m->dir.transformer);
    bool ok = pipeline_open(&m->dir, &m->needs, m->ops, m->ex, &m->pipeline, err);
    model_hash_finish(hash, m->sha256);
    return ok;
}

static void give_up(struct worker_model *m)
{
    if (m->ex)
        m->ops->close(m->ex);
    model_dir_done(&m->dir);
    free(m->key);
    free(m->name);
    *m = (struct worker_model){0};
}

bool worker_model_fit(struct worker_model *m, const struct request *r,
                      const struct worker_options *options, struct dn_error *err)
{
    struct model_dir dir;
    struct pipeline_needs needs = {.text = !r->context || r->prompt_changes[0],
                                         .encoder = r->image != NULL, .use_ema = r->use_ema};
    if (!model_dir_open(r->model_dir, r->checkpoint, &dir, err)) {
        model_dir_done(&dir);
        return false;
    }
    char *key = key_of(&dir, r);
    if (m->key && strcmp(m->key, key) == 0 && m->needs.text >= needs.text &&
        m->needs.encoder >= needs.encoder) {
        model_dir_done(&dir);
        free(key);
        return true;
    }
    worker_model_unload(m); /* before the next one: there may be no room for two */
    *m = (struct worker_model){.key = key, .needs = needs, .dir = dir};
    m->name = base_name(r->model_dir);
    if (!load(m, r, options, err)) {
        give_up(m);
        return false;
    }
    dn_info("the model %s is loaded", m->name);
    return true;
}
