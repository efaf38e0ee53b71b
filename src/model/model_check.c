/* model_check: what a weights file is, and whether it and its neighbours fit. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/safetext.h"
#include "model/model_dir.h"
#include "model/text_encoder.h"
#include "model/tokenizer.h"
#include "model/transformer.h"
#include "model/vae.h"

/* What the parts of a model say about each other; 0: not known. */
struct sizes {
    int64_t text_dim, channels, text_len; /* transformer */
    int64_t encoder_dim, vocab;           /* text encoder */
    int64_t z;                            /* VAE */
    int64_t pieces;                       /* tokenizer */
};

/* Is one of these tensors there? names: NULL-terminated. */
static bool has_any(const struct weights *w, const char *const *names)
{
    for (; *names; names++)
        if (weights_find(w, *names))
            return true;
    return false;
}

static const char *const transformer_names[] = {"patch_embedding.weight", "head.head.weight",
                                                "blocks.0.self_attn.q.weight", NULL};
static const char *const text_names[] = {"token_embedding.weight", "shared.weight",
                                         "blocks.0.attn.q.weight", NULL};
static const char *const vae_names[] = {"decoder.conv1.weight", "encoder.conv1.weight", NULL};

static bool inspect_transformer(const struct weights *w, const char *config, struct sizes *sizes,
                                char *summary, size_t size, struct dn_error *err)
{
    struct transformer_config c = {0};
    if (!transformer_config_read_shapes(w, &c, err))
        return false;
    int64_t heads = 0;
    if (config) {
        if (!transformer_config_load(config, w, &c, err))
            return false;
        heads = c.heads;
    } else if (transformer_config_load(NULL, w, &c, NULL)) {
        heads = c.heads;
    }
    snprintf(summary, size, "dim %" PRId64 ", %" PRId64 " layers, ffn %" PRId64 ", text %" PRId64
             ", %" PRId64 " latent channels", c.dim, c.layers, c.ffn_dim, c.text_dim, c.channels);
    if (heads)
        snprintf(summary + strlen(summary), size - strlen(summary), ", %" PRId64 " heads", heads);
    sizes->text_dim = c.text_dim;
    sizes->channels = c.channels;
    sizes->text_len = config ? c.text_len : 0;
    return transformer_check(w, &c, err);
}

static bool inspect_text(const struct weights *w, const char *config, struct sizes *sizes,
                         char *summary, size_t size, struct dn_error *err)
{
    struct text_encoder_info info;
    (void)config;
    if (!text_encoder_inspect(w, &info, err))
        return false;
    snprintf(summary, size, "dim %" PRId64 ", %" PRId64 " heads, %" PRId64 " layers, ffn %" PRId64
             ", %" PRId64 " token rows", info.dim, info.heads, info.layers, info.ffn_dim,
             info.vocab);
    sizes->encoder_dim = info.dim;
    sizes->vocab = info.vocab;
    return true;
}

static bool inspect_vae(const struct weights *w, const char *config, struct sizes *sizes,
                        char *summary, size_t size, struct dn_error *err)
{
    struct vae_info info;
    (void)config;
    if (!vae_inspect(w, &info, err))
        return false;
    snprintf(summary, size, "base width %" PRId64 ", z %" PRId64 ", %" PRId64 " pixels and %" PRId64
             " frames a latent%s", info.base_width, info.z, info.spatial_factor,
             info.temporal_factor,
             info.has_encoder ? info.has_decoder ? "" : ", encoder only" : ", decoder only");
    sizes->z = info.z;
    return true;
}

/* Index: enum model_kind. */
static const struct kind {
    const char *name;
    const char *const *tensors;
    bool (*inspect)(const struct weights *w, const char *config, struct sizes *sizes,
                    char *summary, size_t size, struct dn_error *err);
} kinds[MODEL_KIND_COUNT] = {
    [MODEL_UNKNOWN] = {"unknown", NULL, NULL},
    [MODEL_TRANSFORMER] = {"transformer", transformer_names, inspect_transformer},
    [MODEL_TEXT_ENCODER] = {"text encoder", text_names, inspect_text},
    [MODEL_VAE] = {"VAE", vae_names, inspect_vae},
};

const char *model_kind_name(enum model_kind kind)
{
    return kinds[kind].name;
}

enum model_kind model_kind_of(const struct weights *w)
{
    for (int kind = 1; kind < MODEL_KIND_COUNT; kind++)
        if (has_any(w, kinds[kind].tensors))
            return (enum model_kind)kind;
    return MODEL_UNKNOWN;
}

static bool open_selected(const char *path, struct weights **w, struct dn_error *err)
{
    *w = NULL;
    if (weights_open(path, w, err) && weights_select(*w, true, err))
        return true;
    weights_close(*w);
    *w = NULL;
    return false;
}

bool model_describe(const char *path, struct model_description *out, struct dn_error *err)
{
    struct weights *w;
    struct sizes ignored = {0};
    *out = (struct model_description){0};
    if (!open_selected(path, &w, err))
        return false;
    out->kind = model_kind_of(w);
    out->format = weights_kind(w);
    out->tensors = weights_count(w);
    out->bytes = weights_file_bytes(w);
    out->has_ema = weights_has_ema(w);
    for (int64_t i = 0; i < weights_count(w); i++) {
        const struct weight_view *view = weights_at(w, i);
        out->parameters += view->count;
        out->by_dtype[view->dtype]++;
    }
    if (kinds[out->kind].inspect &&
        !kinds[out->kind].inspect(w, NULL, &ignored, out->summary, sizeof out->summary, NULL) &&
        !out->summary[0])
        snprintf(out->summary, sizeof out->summary, "tensors do not fit: see danaus model check");
    weights_close(w);
    return true;
}

/* Where findings go. */
struct findings {
    model_finding_fn *report;
    void *context;
    int64_t fatal;
};

static void found(struct findings *f, bool fatal, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void found(struct findings *f, bool fatal, const char *fmt, ...)
{
    char raw[1400], line[1400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(raw, sizeof raw, fmt, args);
    va_end(args);
    dn_safetext(line, sizeof line, raw, strlen(raw)); /* paths and names are outside text */
    f->fatal += fatal;
    f->report(f->context, fatal, line);
}

static void found_error(struct findings *f, const struct dn_error *err)
{
    found(f, true, "%s%s%s", err->message, err->hint[0] ? "; " : "", err->hint);
}

/* A file of the kind that it must be (MODEL_UNKNOWN: of any). */
static void check_file(struct findings *f, const char *path, enum model_kind must,
                       const char *config, bool deep, struct sizes *sizes)
{
    struct dn_error err = {0};
    struct weights *w;
    char summary[256] = "";
    if (!open_selected(path, &w, &err)) {
        found_error(f, &err);
        return;
    }
    enum model_kind kind = model_kind_of(w);
    bool ok = kind != MODEL_UNKNOWN && (must == MODEL_UNKNOWN || kind == must);
    if (!ok && kind == MODEL_UNKNOWN)
        dn_fail(&err, DN_E_MODEL,
                "%s is no transformer, text encoder or VAE that danaus knows (%" PRId64
                " tensors%s%s)", path, weights_count(w), weights_count(w) ? ", the first is " : "",
                weights_count(w) ? weights_at(w, 0)->name : "");
    else if (!ok)
        dn_fail(&err, DN_E_MODEL, "%s is a %s, but its place is the %s's", path,
                model_kind_name(kind), model_kind_name(must));
    ok = ok && kinds[kind].inspect(w, config, sizes, summary, sizeof summary, &err);
    ok = ok && (!deep || (weights_check_finite(w, &err) && weights_verify_crc(w, &err)));
    if (!ok)
        found_error(f, &err);
    weights_close(w);
}

int64_t model_file_check(const char *path, bool deep, model_finding_fn *report, void *context)
{
    struct findings f = {report, context, 0};
    struct sizes sizes = {0};
    struct model_dir dir;
    struct dn_error err = {0};
    if (!model_dir_open(path, NULL, &dir, &err))
        found_error(&f, &err);
    else
        check_file(&f, path, MODEL_UNKNOWN, dir.config, deep, &sizes);
    model_dir_done(&dir);
    return f.fatal;
}

static void check_tokenizer(struct findings *f, const struct model_dir *dir, struct sizes *sizes)
{
    struct dn_error err = {0};
    struct tokenizer *tokenizer = NULL;
    if (!tokenizer_open(dir->tokenizer_file, &tokenizer, &err)) {
        found_error(f, &err);
        return;
    }
    sizes->pieces = tokenizer_vocab_size(tokenizer);
    tokenizer_close(tokenizer);
}

/* Do the parts that are there fit one another? */
static void check_together(struct findings *f, const struct model_dir *dir, const struct sizes *s)
{
    if (s->text_dim && s->encoder_dim && s->text_dim != s->encoder_dim)
        found(f, true,
              "%s gives text rows of %" PRId64 ", but the transformer %s takes %" PRId64
              " (text_embedding.0.weight)",
              dir->text_encoder, s->encoder_dim, dir->transformer, s->text_dim);
    if (s->channels && s->z && s->channels != s->z)
        found(f, true,
              "%s has %" PRId64 " latent channels, but the transformer %s has %" PRId64
              " (patch_embedding.weight)",
              dir->vae, s->z, dir->transformer, s->channels);
    if (s->pieces && s->vocab && s->pieces > s->vocab)
        found(f, true, "%s has %" PRId64 " pieces, but the text encoder %s only %" PRId64 " rows",
              dir->tokenizer_file, s->pieces, dir->text_encoder, s->vocab);
    if (s->text_len > TOKENIZER_TEXT_LEN_MAX)
        found(f, true, "%s: text_len %" PRId64 " is more than danaus takes (%d)", dir->config,
              s->text_len, TOKENIZER_TEXT_LEN_MAX);
}

/* Missing parts are fatal, unless the folder holds nothing but one part (a folder of shards). */
static void check_missing(struct findings *f, const struct model_dir *dir)
{
    static const unsigned parts[] = {MODEL_NEEDS_TRANSFORMER, MODEL_NEEDS_TEXT, MODEL_NEEDS_VAE};
    int there = (dir->transformer != NULL) + (dir->text_encoder != NULL) + (dir->vae != NULL) +
                (dir->tokenizer_file != NULL);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct dn_error err = {0};
        if (!model_dir_require(dir, parts[i], &err))
            found(f, there != 1, "%s; %s", err.message, err.hint);
    }
}

int64_t model_dir_check(const struct model_dir *dir, bool deep, model_finding_fn *report,
                        void *context)
{
    struct findings f = {report, context, 0};
    struct sizes sizes = {0};
    check_missing(&f, dir);
    if (dir->transformer)
        check_file(&f, dir->transformer, MODEL_TRANSFORMER, dir->config, deep, &sizes);
    if (dir->transformer && !dir->config && !dir->is_checkpoint)
        found(&f, false, "%s: no config.json beside the transformer; heads of 128 are assumed",
              dir->root);
    if (dir->text_encoder)
        check_file(&f, dir->text_encoder, MODEL_TEXT_ENCODER, NULL, deep, &sizes);
    if (dir->vae)
        check_file(&f, dir->vae, MODEL_VAE, NULL, deep, &sizes);
    if (dir->tokenizer_file)
        check_tokenizer(&f, dir, &sizes);
    check_together(&f, dir, &sizes);
    return f.fatal;
}
