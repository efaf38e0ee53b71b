/* transformer_config: see transformer_config.h. Keys: config.json of Wan2.1-T2V-1.3B. */
#include "model/transformer_config.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "model/model_weights.h"

#define MAX_WIDTH (1 << 20)
#define MAX_LAYERS 1024
#define PUBLIC_HEAD_DIM 128

/* One more than the highest N of all tensors blocks.N.*; 0 without any. */
static int64_t count_layers(const struct weights *w)
{
    int64_t layers = 0;
    for (int64_t i = 0; i < weights_count(w); i++) {
        const char *name = weights_at(w, i)->name;
        if (strncmp(name, "blocks.", 7) != 0)
            continue;
        int64_t n = 0;
        const char *p = name + 7;
        while (*p >= '0' && *p <= '9' && n < MAX_LAYERS)
            n = n * 10 + (*p++ - '0');
        if (*p == '.' && p > name + 7 && n + 1 > layers)
            layers = n + 1;
    }
    return layers;
}

bool transformer_config_read_shapes(const struct weights *w, struct transformer_config *c,
                                    struct dn_error *err)
{
    const int64_t any2[] = {MODEL_ANY_SIZE, MODEL_ANY_SIZE};
    const int64_t patch[] = {MODEL_ANY_SIZE, MODEL_ANY_SIZE, 1, TRANSFORMER_PATCH,
                             TRANSFORMER_PATCH};
    const struct weight_view *v;

    if (weights_find(w, "img_emb.proj.0.weight") ||
        weights_find(w, "blocks.0.cross_attn.k_img.weight"))
        return dn_fail(err, DN_E_UNSUPPORTED,
                       "%s: an image-to-video transformer with image embeddings; only the "
                       "text-to-video form is known",
                       weights_path(w));
    if (!(v = model_weight_need(w, "patch_embedding.weight", 5, patch, err)))
        return false;
    c->dim = v->shape[0];
    c->channels = v->shape[1];
    if (!(v = model_weight_need(w, "text_embedding.0.weight", 2, any2, err)))
        return false;
    c->text_dim = v->shape[1];
    if (!(v = model_weight_need(w, "time_embedding.0.weight", 2, any2, err)))
        return false;
    c->freq_dim = v->shape[1];
    if (!(v = model_weight_need(w, "blocks.0.ffn.0.weight", 2, any2, err)))
        return false;
    c->ffn_dim = v->shape[0];
    c->layers = count_layers(w);
    if (c->layers > MAX_LAYERS || c->dim > MAX_WIDTH || c->ffn_dim > MAX_WIDTH ||
        c->freq_dim > MAX_WIDTH || c->text_dim > MAX_WIDTH || c->channels > 4096)
        return dn_fail(err, DN_E_MODEL,
                       "%s: sizes out of range: dim %" PRId64 ", ffn %" PRId64 ", layers %" PRId64,
                       weights_path(w), c->dim, c->ffn_dim, c->layers);
    if (c->freq_dim % 2)
        return dn_fail(err, DN_E_MODEL,
                       "%s: time_embedding.0.weight has %" PRId64 " columns, needs an even number",
                       weights_path(w), c->freq_dim);
    return true;
}

/* A key of config.json that a shape tells too: both must agree. */
static bool agree(const json_t *json, const char *path, const char *key, int64_t shape,
                  struct dn_error *err)
{
    int64_t value = shape;
    struct dn_json_member m = {.object = json, .where = path, .key = key, .required = false};
    if (!dn_json_get_int(m, 1, MAX_WIDTH, &value, err))
        return false;
    if (value != shape)
        return dn_fail(err, DN_E_MODEL, "%s: %s is %" PRId64 ", but the weights have %" PRId64,
                       path, key, value, shape);
    return true;
}

static bool read_json(const json_t *json, const char *path, struct transformer_config *c,
                      struct dn_error *err)
{
    const char *type = "t2v";
    struct dn_json_member m = {.object = json, .where = path, .key = "model_type"};
    if (!dn_json_get_string(m, &type, err))
        return false;
    if (strcmp(type, "t2v") != 0)
        return dn_fail(err, DN_E_UNSUPPORTED, "%s: model_type is %s, only t2v is known", path,
                       type);
    m.key = "num_heads";
    m.required = true;
    if (!dn_json_get_int(m, 1, 4096, &c->heads, err))
        return false;
    m.required = false;
    m.key = "text_len";
    if (!dn_json_get_int(m, 1, 65536, &c->text_len, err))
        return false;
    m.key = "eps";
    if (!dn_json_get_double(m, 0, 1, &c->eps, err))
        return false;
    return agree(json, path, "dim", c->dim, err) && agree(json, path, "ffn_dim", c->ffn_dim, err) &&
           agree(json, path, "freq_dim", c->freq_dim, err) &&
           agree(json, path, "text_dim", c->text_dim, err) &&
           agree(json, path, "num_layers", c->layers, err) &&
           agree(json, path, "in_dim", c->channels, err) &&
           agree(json, path, "out_dim", c->channels, err);
}

bool transformer_config_load(const char *path, const struct weights *w,
                             struct transformer_config *out, struct dn_error *err)
{
    struct transformer_config c = {.text_len = TRANSFORMER_TEXT_LEN, .eps = 1e-6};
    if (!transformer_config_read_shapes(w, &c, err))
        return false;
    if (path) {
        json_t *json = dn_json_load(path, DN_JSON_MAX_CONFIG, err);
        bool ok = json && (json_is_object(json) ||
                           dn_fail(err, DN_E_FORMAT, "%s: not a JSON object", path));
        ok = ok && read_json(json, path, &c, err);
        json_decref(json);
        if (!ok)
            return false;
    } else if (c.dim % PUBLIC_HEAD_DIM == 0) {
        c.heads = c.dim / PUBLIC_HEAD_DIM;
    } else {
        dn_fail(err, DN_E_MODEL, "%s: num_heads cannot be told from the weights (dim %" PRId64 ")",
                weights_path(w), c.dim);
        return dn_error_hint(err, "put the model's config.json beside the weights");
    }
    if (c.dim % c.heads || c.dim / c.heads % 2)
        return dn_fail(err, DN_E_MODEL,
                       "%s: dim %" PRId64 " does not split into %" PRId64 " heads of even width",
                       path ? path : weights_path(w), c.dim, c.heads);
    *out = c;
    return true;
}
