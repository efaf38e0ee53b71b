/* pipeline_load: a pipeline from a model directory, and the contexts of its prompts. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/weights.h"
#include "model/model_weights.h"
#include "pipeline/pipeline_internal.h"

/* Weights of a device, of which nothing is on its way yet. */
static bool check_memory(const struct pipeline *p, const struct weights *w,
                         const struct transformer_config *config, struct dn_error *err)
{
    const double gib = 1073741824.0;
    int64_t available;
    if (!p->ops->memory_free(p->ex, &available, err))
        return false;
    double size = (double)dtype_size(exec_dtype(p->ex));
    double needed = (double)model_weight_parameters(w, "") * size;
    if (exec_fp8(p->ex))
        needed -= (double)transformer_narrow_parameters(config) * (size - 1);
    if (needed <= (double)available)
        return true;
    return dn_fail(err, DN_E_MEMORY, "%s needs %.1f GiB of GPU memory, %.1f GiB are free",
                   weights_path(w), needed / gib, (double)available / gib);
}

static bool load_transformer(struct pipeline *p, const struct model_dir *dir, bool use_ema,
                             struct dn_error *err)
{
    struct weights *w = NULL;
    struct transformer_config config;
    bool ok = weights_open(dir->transformer, &w, err) && weights_select(w, use_ema, err) &&
              transformer_config_load(dir->config, w, &config, err) &&
              check_memory(p, w, &config, err) &&
              transformer_open(p->ops, p->ex, w, &config, &p->transformer, err);
    if (!ok && dir->is_checkpoint)
        dn_error_while(err, "loading the checkpoint %s", dir->transformer);
    weights_close(w);
    return ok;
}

static bool load_vae(struct pipeline *p, const struct model_dir *dir, bool encoder,
                     struct dn_error *err)
{
    struct weights *w = NULL;
    bool ok = weights_open(dir->vae, &w, err) &&
              vae_load(w, encoder ? VAE_BOTH : VAE_DECODER, p->ops, p->decoder_ex, &p->vae, err);
    weights_close(w);
    return ok;
}

/* Parts of different models may lie in one folder. */
static bool check_fit(const struct pipeline *p, const struct model_dir *dir, struct dn_error *err)
{
    const struct transformer_config *c = transformer_get_config(p->transformer);
    const struct vae_info *vae = vae_get_info(p->vae);
    if (vae->z != c->channels)
        return dn_fail(err, DN_E_MODEL,
                       "%s has latents of %" PRId64 " channels, but %s of %" PRId64, dir->vae,
                       vae->z, dir->transformer, c->channels);
    if (p->text && prompt_encoder_dim(p->text) != c->text_dim)
        return dn_fail(
            err, DN_E_MODEL, "%s makes context rows of %" PRId64 ", but %s takes %" PRId64,
            dir->text_encoder, prompt_encoder_dim(p->text), dir->transformer, c->text_dim);
    return true;
}

/* Decoding runs beside the passes where the backend can do both at once. */
static bool open_beside(struct pipeline *p, struct dn_error *err)
{
    if (!p->ops->open_beside(p->ex, &p->decoder_ex, err))
        return false;
    p->owns_decoder_ex = p->decoder_ex != NULL;
    if (!p->decoder_ex)
        p->decoder_ex = p->ex;
    return true;
}

bool pipeline_open(const struct model_dir *dir, const struct pipeline_needs *needs,
                   const struct ops *ops, struct exec *ex, struct pipeline **out,
                   struct dn_error *err)
{
    *out = NULL;
    if (!model_dir_require(dir, MODEL_NEEDS_TRANSFORMER | MODEL_NEEDS_VAE, err))
        return false;
    struct pipeline *p = dn_calloc(1, sizeof *p);
    p->ops = ops;
    p->ex = ex;
    bool ok = open_beside(p, err) && load_transformer(p, dir, needs->use_ema, err) &&
              load_vae(p, dir, needs->encoder, err) &&
              (!needs->text || prompt_encoder_open(dir, ops, ex, &p->text, err)) &&
              check_fit(p, dir, err);
    if (!ok) {
        pipeline_close(p);
        return false;
    }
    *out = p;
    return true;
}

static void forget(struct known_prompt *known)
{
    text_context_free(known->context);
    free(known->prompt);
    *known = (struct known_prompt){0};
}

void pipeline_close(struct pipeline *p)
{
    if (!p)
        return;
    forget(&p->positive);
    forget(&p->negative);
    vae_decoder_free(p->decoder);
    vae_free(p->vae);
    prompt_encoder_close(p->text);
    transformer_free(p->transformer);
    if (p->owns_decoder_ex)
        p->ops->close(p->decoder_ex);
    free(p);
}

const struct transformer_config *pipeline_transformer(const struct pipeline *p)
{
    return transformer_get_config(p->transformer);
}

const struct vae_info *pipeline_vae(const struct pipeline *p)
{
    return vae_get_info(p->vae);
}

/* The context of a prompt, encoded unless it was the last one. */
static const struct text_context *context_of(struct pipeline *p, struct known_prompt *known,
                                             const char *prompt, struct dn_error *err)
{
    struct prompt_context encoded;
    if (known->prompt && strcmp(known->prompt, prompt) == 0)
        return known->context;
    forget(known);
    if (!p->text) {
        dn_fail(err, DN_E_ARG, "a prompt is to be encoded, but no text encoder was loaded");
        return NULL;
    }
    if (!prompt_encoder_encode(p->text, prompt, pipeline_transformer(p)->text_len, &encoded, err))
        return NULL;
    struct tensor rows = tensor_over(encoded.rows, DTYPE_F32, DIMS(encoded.valid, encoded.dim));
    if (text_context_new(p->transformer, &rows, &known->context, err))
        known->prompt = dn_strdup(prompt);
    prompt_context_done(&encoded);
    return known->context;
}

bool pipeline_contexts(struct run *run, struct dn_error *err)
{
    struct pipeline *p = run->p;
    const struct request *r = run->request;
    const struct pipeline_inputs *in = run->in;
    if (in->context.data) {
        if (!text_context_new(p->transformer, &in->context, &run->own_positive, err))
            return false;
        run->job.positive = run->own_positive;
    } else {
        run->job.positive = context_of(p, &p->positive, r->prompt ? r->prompt : "", err);
    }
    if (!run->job.positive || !run->job.sampler->uses_guidance || r->guidance == 1)
        return run->job.positive != NULL;
    if (in->negative.data) {
        if (!text_context_new(p->transformer, &in->negative, &run->own_negative, err))
            return false;
        run->job.negative = run->own_negative;
    } else if (in->context.data && !p->text) {
        dn_fail(err, DN_E_ARG, "guidance %g needs a context of the negative prompt", r->guidance);
        return dn_error_hint(err, "put a tensor called negative beside context, or use guidance 1");
    } else {
        run->job.negative = context_of(p, &p->negative, r->negative ? r->negative : "", err);
    }
    return run->job.negative != NULL;
}

static bool choose_dtype(const char *name, const struct ops *ops, enum dtype *out,
                         struct dn_error *err)
{
    static const struct {
        const char *name;
        enum dtype dtype;
    } names[] = {{"f32", DTYPE_F32}, {"bf16", DTYPE_BF16}};
    *out = ops->best_dtype();
    if (strcmp(name, "auto") == 0)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i].name) == 0) {
            *out = names[i].dtype;
            return true;
        }
    return dn_fail(err, DN_E_ARG, "dtype %s is not one of auto, f32, bf16", name);
}

bool pipeline_exec_options(const struct request *r, const struct ops *ops, struct exec_options *out,
                           struct dn_error *err)
{
    *out = (struct exec_options){.threads = (int)r->threads, .fp8 = strcmp(r->linear, "fp8") == 0};
    return choose_dtype(r->dtype, ops, &out->dtype, err);
}
