/* verify_model_e2e: one pass through a whole model directory: prompt -> ids -> context -> flow -> x0
 * -> pixels, each step on our own result of the step before. Folder NAME-e2e belongs to the model
 * directory NAME beside it; that directory itself is checked at its config.json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "commands/verify.h"
#include "commands/verify_tensors.h"
#include "model/model_dir.h"
#include "model/prompt_clean.h"
#include "model/text_encoder.h"
#include "model/tokenizer.h"
#include "model/transformer.h"
#include "model/vae.h"

/* float32 runs of the public code: 8e-7, 1.5e-6, 7e-6 */
#define CONTEXT_REL 4e-6
#define FLOW_REL 2e-5
#define PIXELS_REL 5e-5

static const char *const suffix = "-e2e";

static enum verify_claim claim(const struct verify_file *file)
{
    struct weights *w = NULL;
    enum verify_claim result = VERIFY_NOT_MINE;
    if (dn_ends_with(file->folder, suffix)) {
        if (weights_open(file->path, &w, NULL) && weights_find(w, "noise") &&
            weights_find(w, "flow") && weights_metadata(w, "prompt"))
            result = VERIFY_RUN;
        weights_close(w);
        return result;
    }
    char *config = verify_sibling(file->path, "config.json");
    bool may_be_model = access(config, R_OK) == 0;
    free(config);
    if (!may_be_model)
        return VERIFY_NOT_MINE;
    char *folder = verify_sibling(file->path, ".");
    struct model_dir dir;
    if (model_dir_open(folder, NULL, &dir, NULL) && dir.transformer && dir.text_encoder && dir.vae)
        result = strcmp(file->name, "config.json") == 0 ? VERIFY_RUN : VERIFY_SUPPORT;
    model_dir_done(&dir);
    free(folder);
    return result;
}

static void report(void *context, bool fatal, const char *line)
{
    struct verify_run *run = context;
    struct dn_error err;
    if (!fatal)
        return;
    dn_fail(&err, DN_E_MODEL, "%s", line);
    verify_error(run, "check", &err);
}

static void run_check(struct verify_run *run, const struct verify_file *file)
{
    char *folder = verify_sibling(file->path, ".");
    struct model_dir dir;
    struct dn_error err;
    if (!model_dir_open(folder, NULL, &dir, &err))
        verify_error(run, "model directory", &err);
    else
        verify_exact(run, "all parts are there and fit",
                     model_dir_check(&dir, true, report, run) == 0);
    model_dir_done(&dir);
    free(folder);
}

/* A pass and what it needs; each step's result feeds the next. */
struct pass {
    struct verify_run *run;
    const struct weights *fixture;
    struct model_dir dir;
    int64_t text_len, n; /* tokens, valid ones */
    int32_t *ids;        /* [text_len] */
    float *context;      /* [n, dim] */
    int64_t text_dim;
    float *x0; /* [frames, C, h, w] */
    struct verify_tensor noise, flow;
};

static bool need(struct verify_tensor *t, const struct pass *p, int ndim, const char *name,
                 struct dn_error *err)
{
    return verify_tensor_read(t, p->fixture, ndim, "%s", name) ||
           dn_fail(err, DN_E_FORMAT, "tensor %s is missing", name);
}

static bool same_integers(const struct verify_tensor *want, const int32_t *got, int64_t count)
{
    bool same = want->count == count;
    for (int64_t i = 0; same && i < count; i++)
        same = (int32_t)want->data[i] == got[i];
    return same;
}

static bool tokenize(struct pass *p, struct dn_error *err)
{
    struct tokenizer *tokenizer = NULL;
    struct strbuf cleaned = {0};
    struct verify_tensor ids = {0}, mask = {0};
    const char *prompt = weights_metadata(p->fixture, "prompt");
    bool ok = need(&ids, p, 1, "ids", err) && need(&mask, p, 1, "mask", err);
    p->text_len = ids.count;
    p->ids = dn_calloc((size_t)p->text_len + 1, sizeof *p->ids);
    int32_t *got_mask = dn_calloc((size_t)p->text_len + 1, sizeof *got_mask);
    ok = ok && prompt_clean(prompt, strlen(prompt), &cleaned, err) &&
         tokenizer_open(p->dir.tokenizer_file, &tokenizer, err) &&
         tokenizer_encode(tokenizer, strbuf_text(&cleaned), cleaned.length, p->text_len, p->ids,
                          got_mask, &p->n, err);
    if (ok) {
        verify_exact(p->run, "ids", same_integers(&ids, p->ids, p->text_len));
        verify_exact(p->run, "mask", same_integers(&mask, got_mask, p->text_len));
    }
    tokenizer_close(tokenizer);
    strbuf_done(&cleaned);
    free(got_mask);
    verify_tensor_done(&ids);
    verify_tensor_done(&mask);
    return ok;
}

static bool encode(struct pass *p, struct dn_error *err)
{
    const struct ops *ops = p->run->ops;
    struct weights *w = NULL;
    struct text_encoder *enc = NULL;
    struct tensor out = {0};
    struct verify_tensor want = {0};
    bool ok = need(&want, p, 2, "context", err) && weights_open(p->dir.text_encoder, &w, err) &&
              text_encoder_load(w, TEXT_ENCODER_AUTO, ops, p->run->ex, &enc, err);
    p->text_dim = ok ? text_encoder_get_info(enc)->dim : 0;
    if (ok && (want.shape[0] != p->n || want.shape[1] != p->text_dim))
        ok = dn_fail(err, DN_E_FORMAT, "context does not have the rows of the prompt");
    p->context = dn_malloc((size_t)(p->n * p->text_dim + 1) * sizeof *p->context);
    struct tensor host = tensor_over(p->context, DTYPE_F32, DIMS(p->n, p->text_dim));
    ok = ok && ops->tensor_alloc(p->run->ex, &out, DTYPE_F32, 2, host.shape, err) &&
         text_encoder_encode(enc, p->ids, p->n, &out, err) &&
         ops->download(p->run->ex, &host, &out, err);
    if (ok)
        verify_rel(p->run, "context", p->context, want.data, want.count, CONTEXT_REL);
    if (out.data)
        ops->tensor_free(p->run->ex, &out);
    text_encoder_free(enc);
    weights_close(w);
    verify_tensor_done(&want);
    return ok;
}

/* One forward pass of all frames at the fixture's timestep, into got like noise. */
static bool forward(struct pass *p, struct transformer *tr, float timestep, float *got,
                    struct dn_error *err)
{
    const struct ops *ops = p->run->ops;
    struct exec *ex = p->run->ex;
    struct text_context *context = NULL;
    struct kv_cache *cache = NULL;
    struct tensor latents = {0}, flow = {0};
    const int64_t *s = p->noise.shape, frames = s[0];
    struct tensor host = tensor_over(p->noise.data, DTYPE_F32, 4, s);
    struct tensor host_flow = tensor_over(got, DTYPE_F32, 4, s);
    struct tensor host_context = tensor_over(p->context, DTYPE_F32, DIMS(p->n, p->text_dim));
    float *timesteps = dn_malloc((size_t)frames * sizeof *timesteps);
    for (int64_t i = 0; i < frames; i++)
        timesteps[i] = timestep;
    bool ok = text_context_new(tr, &host_context, &context, err) &&
              transformer_cache_new(tr, s[2] / 2, s[3] / 2, frames, 0, &cache, err) &&
              ops->tensor_alloc(ex, &latents, DTYPE_F32, 4, s, err) &&
              ops->tensor_alloc(ex, &flow, DTYPE_F32, 4, s, err) &&
              ops->upload(ex, &latents, &host, err);
    const struct transformer_pass pass = {
        .latents = &latents, .timesteps = timesteps, .context = context, .cache = cache};
    ok = ok && transformer_forward(tr, &pass, &flow, err) &&
         ops->download(ex, &host_flow, &flow, err);
    if (latents.data)
        ops->tensor_free(ex, &latents);
    if (flow.data)
        ops->tensor_free(ex, &flow);
    kv_cache_free(cache);
    text_context_free(context);
    free(timesteps);
    return ok;
}

static bool denoise(struct pass *p, struct dn_error *err)
{
    struct weights *w = NULL;
    struct transformer *tr = NULL;
    struct transformer_config config;
    const char *text = weights_metadata(p->fixture, "timestep");
    const float timestep = text ? strtof(text, NULL) : 1000.0f;
    bool ok = need(&p->noise, p, 4, "noise", err) && need(&p->flow, p, 4, "flow", err) &&
              weights_open(p->dir.transformer, &w, err) && weights_select(w, true, err) &&
              transformer_config_load(p->dir.config, w, &config, err) &&
              transformer_open(p->run->ops, p->run->ex, w, &config, &tr, err);
    if (ok && (p->noise.shape[1] != config.channels || p->noise.count != p->flow.count))
        ok = dn_fail(err, DN_E_FORMAT, "noise and flow do not fit the transformer");
    float *got = dn_malloc((size_t)(p->noise.count + 1) * sizeof *got);
    ok = ok && forward(p, tr, timestep, got, err);
    if (ok) {
        struct verify_tensor want = {0};
        verify_rel(p->run, "flow", got, p->flow.data, p->flow.count, FLOW_REL);
        p->x0 = dn_malloc((size_t)p->noise.count * sizeof *p->x0);
        for (int64_t i = 0; i < p->noise.count; i++)
            p->x0[i] = (float)((double)p->noise.data[i] - timestep / 1000.0 * (double)got[i]);
        if (verify_tensor_read(&want, p->fixture, 4, "x0") && want.count == p->noise.count)
            verify_rel(p->run, "x0", p->x0, want.data, want.count, FLOW_REL);
        verify_tensor_done(&want);
    }
    free(got);
    transformer_free(tr);
    weights_close(w);
    return ok;
}

struct pixels {
    const struct vae_decoder *dec;
    float *data; /* [3, frames, height, width] */
    int64_t frames, height, width;
};

static bool collect(void *context, const struct tensor *video, int64_t first, struct dn_error *err)
{
    struct pixels *c = context;
    struct tensor host =
        vae_view_of_cthw(c->data, c->frames, first, video->shape[0], c->height, c->width);
    return vae_frames_download(c->dec, &host, video, err);
}

static bool decode(struct pass *p, struct dn_error *err)
{
    struct weights *w = NULL;
    struct vae *vae = NULL;
    struct vae_decoder *dec = NULL;
    struct verify_tensor want = {0};
    const int64_t *s = p->noise.shape;
    bool ok = need(&want, p, 4, "pixels_raw", err) && weights_open(p->dir.vae, &w, err) &&
              vae_load(w, VAE_DECODER, p->run->ops, p->run->ex, &vae, err) &&
              vae_decoder_new(vae, s[2], s[3], &dec, err);
    const struct vae_info *info = ok ? vae_get_info(vae) : NULL;
    struct pixels c = {.dec = dec};
    if (ok) {
        c.frames = vae_frames_of_latents(info, s[0]);
        c.height = s[2] * info->spatial_factor;
        c.width = s[3] * info->spatial_factor;
        if (want.count != 3 * c.frames * c.height * c.width || s[1] != info->z)
            ok = dn_fail(err, DN_E_FORMAT, "pixels_raw does not have the size of the latents");
    }
    c.data = dn_malloc((size_t)(want.count + 1) * sizeof *c.data);
    struct tensor latents = tensor_over(p->x0, DTYPE_F32, 4, s);
    ok = ok && vae_decoder_push_host(dec, &latents, collect, &c, err);
    if (ok)
        verify_rel(p->run, "pixels", c.data, want.data, want.count, PIXELS_REL);
    free(c.data);
    vae_decoder_free(dec);
    vae_free(vae);
    weights_close(w);
    verify_tensor_done(&want);
    return ok;
}

/* The model directory beside the fixture's folder; the caller frees. */
static char *directory_of(const struct verify_file *file)
{
    int length = (int)(strlen(file->folder) - strlen(suffix));
    char *relative = dn_asprintf("../%.*s", length, file->folder);
    char *path = verify_sibling(file->path, relative);
    free(relative);
    return path;
}

static void run_file(struct verify_run *run, const struct verify_file *file)
{
    struct dn_error err;
    struct weights *fixture = NULL;
    struct pass p = {.run = run};
    if (!dn_ends_with(file->folder, suffix)) {
        run_check(run, file);
        return;
    }
    char *root = directory_of(file);
    bool ok = weights_open(file->path, &fixture, &err);
    p.fixture = fixture;
    ok = ok && model_dir_open(root, NULL, &p.dir, &err) &&
         model_dir_require(&p.dir, MODEL_NEEDS_ALL, &err) && tokenize(&p, &err) &&
         encode(&p, &err) && denoise(&p, &err) && decode(&p, &err);
    if (!ok)
        verify_error(run, "", &err);
    model_dir_done(&p.dir);
    free(p.ids);
    free(p.context);
    free(p.x0);
    verify_tensor_done(&p.noise);
    verify_tensor_done(&p.flow);
    weights_close(fixture);
    free(root);
}

const struct verify_kind verify_model_e2e_entry = {
    .name = "model", .claim = claim, .run = run_file};
