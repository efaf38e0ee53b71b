/* verify_model: see verify_model.h */
#include "commands/verify_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
#include "commands/verify_tensors.h"

double verify_number(const struct weights *fixture, const char *key, double fallback)
{
    const char *text = weights_metadata(fixture, key);
    double value;
    return text && dn_parse_double(text, &value) ? value : fallback;
}

bool verify_truth(const struct weights *fixture, const char *key)
{
    const char *text = weights_metadata(fixture, key);
    return text && (strcmp(text, "True") == 0 || strcmp(text, "true") == 0);
}

int64_t verify_numbers(const struct weights *fixture, const char *key, int64_t *out, int64_t max)
{
    const char *text = weights_metadata(fixture, key);
    int64_t count = 0;
    while (text && *text && count < max) {
        char *end;
        long long value = strtoll(text, &end, 10);
        if (end == text) {
            text++;
            continue;
        }
        out[count++] = value;
        text = end;
    }
    return count;
}

const char *verify_folder_name(const char *path, int level, char *out, size_t size)
{
    char *whole = realpath(path, NULL); /* "." has a name too */
    char *rest = whole ? whole : dn_strdup(path);
    out[0] = '\0';
    for (char *slash = strrchr(rest, '/'); slash; slash = strrchr(rest, '/')) {
        *slash = '\0';
        if (level-- == 0) {
            const char *above = strrchr(rest, '/');
            snprintf(out, size, "%s", above ? above + 1 : rest);
            break;
        }
    }
    free(rest);
    return out;
}

/* metadata "monarch": {"enable": .., "num_iters": .., ...} */
static bool read_attention(const struct weights *fixture, struct attention_choice *out,
                           struct dn_error *err)
{
    const char *text = weights_metadata(fixture, "monarch");
    bool enable = false;
    *out = (struct attention_choice){ATTENTION_DENSE, 1, 1, 1, 1};
    if (!text)
        return true;
    json_t *json = dn_json_parse(text, strlen(text), 4096, "metadata monarch", err);
    const struct {
        const char *key;
        int64_t *out;
    } sizes[] = {{"num_iters", &out->num_iters},
                 {"f_tied", &out->f_tied},
                 {"h_reduce", &out->h_reduce},
                 {"w_reduce", &out->w_reduce}};
    struct dn_json_member m = {.object = json, .where = "metadata monarch", .key = "enable"};
    bool ok = json && dn_json_get_bool(m, &enable, err);
    for (size_t i = 0; ok && i < sizeof sizes / sizeof sizes[0]; i++) {
        m.key = sizes[i].key;
        ok = dn_json_get_int(m, 1, 1024, sizes[i].out, err);
    }
    if (enable)
        out->kind = ATTENTION_MONARCH;
    json_decref(json);
    return ok;
}

bool verify_model_context(struct verify_model *m, const struct weights *fixture, const char *name,
                          struct text_context **out, struct dn_error *err)
{
    struct verify_tensor t;
    *out = NULL;
    if (!verify_tensor_read(&t, fixture, 2, "%s", name))
        return dn_fail(err, DN_E_FORMAT, "tensor %s is missing", name);
    struct tensor host = tensor_over(t.data, DTYPE_F32, 2, t.shape);
    bool ok = text_context_new(m->transformer, &host, out, err);
    verify_tensor_done(&t);
    return ok;
}

const struct text_context *verify_model_named(const struct verify_model *m,
                                              const struct weights *fixture)
{
    const char *text = weights_metadata(fixture, "context");
    const char *name = text ? strrchr(text, ':') : NULL;
    return name && strcmp(name + 1, "uncond") == 0 ? m->uncond : m->cond;
}

static bool open_contexts(struct verify_model *m, const char *path, struct dn_error *err)
{
    struct weights *w = NULL;
    if (access(path, F_OK) != 0)
        return true;
    bool ok = weights_open(path, &w, err) && verify_model_context(m, w, "cond", &m->cond, err) &&
              verify_model_context(m, w, "uncond", &m->uncond, err);
    weights_close(w);
    return ok;
}

bool verify_model_open(struct verify_model *m, const struct verify_run *run,
                       const struct verify_file *file, const struct weights *fixture,
                       struct dn_error *err)
{
    const char *name = weights_metadata(fixture, "model");
    struct attention_choice choice;
    struct transformer_config config;
    struct weights *w = NULL;

    *m = (struct verify_model){0};
    if (!name || !*name || strchr(name, '/') || name[0] == '.')
        return dn_fail(err, DN_E_FORMAT, "the metadata names no model");
    char *folder = verify_sibling(file->path, "../dit");
    char *weights_path = dn_asprintf("%s/%s/diffusion_pytorch_model.safetensors", folder, name);
    char *config_path = dn_asprintf("%s/%s/config.json", folder, name);
    char *context_path = dn_asprintf("%s/%s/context.safetensors", folder, name);
    bool ok = read_attention(fixture, &choice, err) && weights_open(weights_path, &w, err) &&
              transformer_config_load(config_path, w, &config, err) &&
              transformer_open(run->ops, run->ex, w, &config, &m->transformer, err) &&
              open_contexts(m, context_path, err);
    if (ok) {
        m->attention = dn_calloc((size_t)config.layers, sizeof *m->attention);
        for (int64_t i = 0; i < config.layers; i++)
            m->attention[i] = choice;
    }
    weights_close(w);
    free(folder);
    free(weights_path);
    free(config_path);
    free(context_path);
    return ok;
}

void verify_model_done(struct verify_model *m)
{
    text_context_free(m->cond);
    text_context_free(m->uncond);
    transformer_free(m->transformer);
    free(m->attention);
    *m = (struct verify_model){0};
}

bool verify_pass(struct verify_model *m, struct transformer_pass *pass,
                 const struct tensor *latents, float *flow, struct dn_error *err)
{
    const struct ops *ops = transformer_ops(m->transformer);
    struct exec *ex = transformer_exec(m->transformer);
    struct tensor x = {0}, y = {0};
    struct tensor host = tensor_over(flow, DTYPE_F32, 4, latents->shape);
    pass->latents = &x;
    bool ok = ops->tensor_alloc(ex, &x, DTYPE_F32, 4, latents->shape, err) &&
              ops->tensor_alloc(ex, &y, DTYPE_F32, 4, latents->shape, err) &&
              ops->upload(ex, &x, latents, err) &&
              transformer_forward(m->transformer, pass, flow ? &y : NULL, err) &&
              (!flow || ops->download(ex, &host, &y, err));
    ops->tensor_free(ex, &x);
    ops->tensor_free(ex, &y);
    pass->latents = NULL;
    return ok;
}
