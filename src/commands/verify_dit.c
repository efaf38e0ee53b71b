/* verify_dit: passes of the transformer.
 *   x, t, flow                       bidirectional, [B, C, F, H, W], with dbg.* intermediate
 * results the same with num_frame_per_block    causal without a cache, t [1, F] x_noisy, x_clean,
 * t_noisy, ...   chunk after chunk with a cache, [T, C, H, W] noise, sigmas, flow_cond_step0 guided
 * multi-step sampling, [T, C, H, W] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "commands/verify_model.h"
#include "commands/verify_tensors.h"
#include "pipeline/solver.h"

#define FLOW_REL 1e-5
#define GUIDED_REL 2e-5
#define TIME_REL 1e-6
#define MAX_CHUNKS 4096

/* What a run shares; fixture tensors are read by name as they are needed. */
struct dit {
    struct verify_run *run;
    const struct weights *fixture;
    struct verify_model model;
};

static bool need(struct verify_tensor *t, const struct dit *d, const char *name, int ndim,
                 struct dn_error *err)
{
    return verify_tensor_read(t, d->fixture, ndim, "%s", name) ||
           dn_fail(err, DN_E_FORMAT, "tensor %s is missing or has not %d dimensions", name, ndim);
}

/* Sample b of [B, C, F, H, W] as [F, C, H, W], a view. */
static struct tensor sample(const struct verify_tensor *t, int64_t b)
{
    struct verify_tensor one = *t;
    one.ndim = 4;
    one.count = t->count / t->shape[0];
    one.data = t->data + b * one.count;
    memmove(one.shape, t->shape + 1, 4 * sizeof one.shape[0]);
    return verify_as_tchw(&one);
}

/* A [C, F, H, W] view's values in [F, C, H, W] order; the caller frees. */
static float *contiguous(const struct tensor *v)
{
    const int64_t *n = v->shape, *s = v->stride;
    float *out = dn_malloc((size_t)tensor_count(v) * sizeof *out);
    for (int64_t f = 0, i = 0; f < n[0]; f++)
        for (int64_t c = 0; c < n[1]; c++)
            for (int64_t p = 0; p < n[2] * n[3]; p++)
                out[i++] = ((const float *)v->data)[f * s[0] + c * s[1] + p];
    return out;
}

static void compare_flow(struct dit *d, const char *what, const float *got,
                         const struct tensor *want)
{
    float *values = contiguous(want);
    verify_rel(d->run, what, got, values, tensor_count(want), FLOW_REL);
    free(values);
}

/* --- intermediate results --- */

struct dbg {
    struct dit *dit;
    int64_t sample;
};

static bool compare_trace(void *user, const char *name, int64_t layer, const struct tensor *t,
                          struct dn_error *err)
{
    struct dbg *g = user;
    struct dit *d = g->dit;
    char key[64], what[96];
    if (strcmp(name, "block") == 0)
        snprintf(key, sizeof key, "dbg.block%lld", (long long)layer);
    else if (strcmp(name, "self_attn") == 0 || strcmp(name, "cross_attn") == 0 ||
             strcmp(name, "ffn") == 0)
        snprintf(key, sizeof key, "dbg.block%lld_%s", (long long)layer, name);
    else
        snprintf(key, sizeof key, "dbg.%s", name);
    struct verify_tensor want;
    if (!verify_tensor_read(&want, d->fixture, 0, "%s", key))
        return true;
    int64_t count = tensor_count(t), per_sample = want.count / want.shape[0];
    float *got = dn_malloc((size_t)count * sizeof *got);
    struct tensor host = tensor_over(got, DTYPE_F32, t->ndim, t->shape);
    bool ok = d->run->ops->download(d->run->ex, &host, t, err);
    snprintf(what, sizeof what, "sample %lld %s", (long long)g->sample, key);
    /* rows of the context that repeat the padding are kept once */
    bool whole = count == per_sample || (strcmp(name, "context") == 0 && count < per_sample);
    if (ok && whole)
        verify_rel(d->run, what, got, want.data + g->sample * per_sample, count, FLOW_REL);
    else if (ok)
        verify_exact(d->run, what, false);
    free(got);
    verify_tensor_done(&want);
    return ok;
}

/* --- bidirectional --- */

static bool run_bidirectional(struct dit *d, struct dn_error *err)
{
    struct verify_tensor x, t, flow;
    bool ok = need(&x, d, "x", 5, err) & need(&t, d, "t", 1, err) & need(&flow, d, "flow", 5, err);
    if (ok && (t.count != x.shape[0] || flow.count != x.count))
        ok = dn_fail(err, DN_E_FORMAT, "x, t and flow do not belong together");
    for (int64_t b = 0; ok && b < x.shape[0]; b++) {
        struct tensor latents = sample(&x, b), want = sample(&flow, b);
        int64_t frames = latents.shape[0];
        float *timesteps = dn_malloc((size_t)frames * sizeof *timesteps);
        float *got = dn_malloc((size_t)tensor_count(&latents) * sizeof *got);
        struct dbg dbg = {.dit = d, .sample = b};
        struct transformer_trace trace = {.user = &dbg, .tensor = compare_trace};
        char what[64];
        for (int64_t f = 0; f < frames; f++)
            timesteps[f] = t.data[b];
        struct transformer_pass pass = {.timesteps = timesteps,
                                        .context = b == 0 ? d->model.cond : d->model.uncond,
                                        .attention = d->model.attention,
                                        .trace = &trace};
        ok = verify_pass(&d->model, &pass, &latents, got, err);
        snprintf(what, sizeof what, "sample %lld flow", (long long)b);
        if (ok)
            compare_flow(d, what, got, &want);
        free(got);
        free(timesteps);
    }
    verify_tensor_done(&x);
    verify_tensor_done(&t);
    verify_tensor_done(&flow);
    return ok;
}

/* --- causal without a cache --- */

static bool run_without_cache(struct dit *d, struct dn_error *err)
{
    struct verify_tensor x, t, flow;
    bool ok = need(&x, d, "x", 5, err) & need(&t, d, "t", 2, err) & need(&flow, d, "flow", 5, err);
    if (ok && (t.count != x.shape[0] * x.shape[2] || flow.count != x.count))
        ok = dn_fail(err, DN_E_FORMAT, "x, t and flow do not belong together");
    for (int64_t b = 0; ok && b < x.shape[0]; b++) {
        struct tensor latents = sample(&x, b), want = sample(&flow, b);
        float *got = dn_malloc((size_t)tensor_count(&latents) * sizeof *got);
        struct transformer_pass pass = {
            .timesteps = t.data + b * x.shape[2],
            .context = b == 0 ? verify_model_named(&d->model, d->fixture) : d->model.uncond,
            .attention = d->model.attention,
            .block_frames = (int64_t)verify_number(d->fixture, "num_frame_per_block", 1),
            .first_alone = verify_truth(d->fixture, "independent_first_frame"),
            .window = (int64_t)verify_number(d->fixture, "local_attn_size", -1)};
        ok = verify_pass(&d->model, &pass, &latents, got, err);
        if (ok)
            compare_flow(d, "flow", got, &want);
        free(got);
    }
    verify_tensor_done(&x);
    verify_tensor_done(&t);
    verify_tensor_done(&flow);
    return ok;
}

/* --- causal with a cache --- */

static bool compare_cache(struct dit *d, const struct kv_cache *cache, const char *prefix,
                          struct dn_error *err)
{
    for (int64_t layer = 0; layer < cache->sizes.layers; layer++) {
        struct verify_tensor want;
        char what[32];
        snprintf(what, sizeof what, "%s.%lld", prefix, (long long)layer);
        if (!verify_tensor_read(&want, d->fixture, 3, "%s", what))
            continue;
        struct tensor t = prefix[0] == 'k' ? kv_cache_keys(cache, layer, 0, cache->filled)
                                           : kv_cache_values(cache, layer, 0, cache->filled);
        float *got = dn_malloc((size_t)tensor_count(&t) * sizeof *got);
        struct tensor host = tensor_over(got, DTYPE_F32, t.ndim, t.shape);
        bool ok = d->run->ops->download(d->run->ex, &host, &t, err);
        if (ok && tensor_count(&t) == want.count)
            verify_rel(d->run, what, got, want.data, want.count, FLOW_REL);
        else if (ok)
            verify_exact(d->run, what, false);
        free(got);
        verify_tensor_done(&want);
        if (!ok)
            return false;
    }
    return true;
}

struct kv_tensors {
    struct verify_tensor x_noisy, x_clean, t_noisy, flow_noisy, flow_clean;
    float *noisy, *clean; /* results */
};

static bool run_chunks(struct dit *d, struct kv_tensors *k, struct kv_cache *cache,
                       struct dn_error *err)
{
    int64_t *chunks = dn_calloc(MAX_CHUNKS, sizeof *chunks);
    int64_t count = verify_numbers(d->fixture, "chunks", chunks, MAX_CHUNKS), start = 0;
    int64_t total = k->x_noisy.shape[0], frame = k->x_noisy.count / total;
    float *zeros = dn_calloc((size_t)total, sizeof *zeros);
    bool ok = true;
    for (int64_t i = 0; ok && i < count; i++) {
        int64_t n = chunks[i];
        if (n < 1 || start + n > total) {
            ok = dn_fail(err, DN_E_FORMAT, "the chunks do not add up to %lld frames",
                         (long long)total);
            break;
        }
        struct tensor noisy = tensor_over(k->x_noisy.data, DTYPE_F32, 4, k->x_noisy.shape);
        struct tensor clean = tensor_over(k->x_clean.data, DTYPE_F32, 4, k->x_clean.shape);
        noisy = tensor_slice(&noisy, start, n);
        clean = tensor_slice(&clean, start, n);
        struct transformer_pass pass = {.timesteps = k->t_noisy.data + start,
                                        .context = verify_model_named(&d->model, d->fixture),
                                        .attention = d->model.attention,
                                        .start_frame = start,
                                        .cache = cache};
        ok = verify_pass(&d->model, &pass, &noisy, k->noisy + start * frame, err);
        pass.timesteps = zeros;
        ok = ok && verify_pass(&d->model, &pass, &clean, k->clean + start * frame, err);
        start += n;
    }
    free(chunks);
    free(zeros);
    return ok;
}

static bool run_with_cache(struct dit *d, struct dn_error *err)
{
    struct kv_tensors k;
    struct kv_cache *cache = NULL;
    bool ok = need(&k.x_noisy, d, "x_noisy", 4, err) & need(&k.x_clean, d, "x_clean", 4, err) &
              need(&k.t_noisy, d, "t_noisy", 1, err) &
              need(&k.flow_noisy, d, "flow_noisy", 4, err) &
              need(&k.flow_clean, d, "flow_clean", 4, err);
    int64_t count = k.x_noisy.count, frames = k.x_noisy.shape[0];
    if (ok && (k.x_clean.count != count || k.flow_noisy.count != count ||
               k.flow_clean.count != count || k.t_noisy.count != frames))
        ok = dn_fail(err, DN_E_FORMAT, "the tensors do not belong together");
    k.noisy = dn_calloc((size_t)count, sizeof *k.noisy);
    k.clean = dn_calloc((size_t)count, sizeof *k.clean);
    int64_t window = (int64_t)verify_number(d->fixture, "local_attn_size", -1);
    int64_t sink = (int64_t)verify_number(d->fixture, "sink_size", 0);
    ok = ok &&
         transformer_cache_new(d->model.transformer, k.x_noisy.shape[2] / 2, k.x_noisy.shape[3] / 2,
                               window > 0 ? window : frames, sink, &cache, err) &&
         run_chunks(d, &k, cache, err);
    if (ok) {
        verify_rel(d->run, "flow_noisy", k.noisy, k.flow_noisy.data, count, FLOW_REL);
        verify_rel(d->run, "flow_clean", k.clean, k.flow_clean.data, count, FLOW_REL);
        ok = compare_cache(d, cache, "kcache", err) && compare_cache(d, cache, "vcache", err);
    }
    kv_cache_free(cache);
    free(k.noisy);
    free(k.clean);
    verify_tensor_done(&k.x_noisy);
    verify_tensor_done(&k.x_clean);
    verify_tensor_done(&k.t_noisy);
    verify_tensor_done(&k.flow_noisy);
    verify_tensor_done(&k.flow_clean);
    return ok;
}

/* --- guided sampling, step by step --- */

struct guided {
    struct verify_tensor noise, timesteps, sigmas, after, cond0, uncond0;
    struct tensor x, cond, uncond; /* exec memory */
    float *host, *per_frame;
};

static bool flow_of(struct dit *d, struct guided *g, float t, const struct text_context *context,
                    const struct tensor *flow, struct dn_error *err)
{
    for (int64_t f = 0; f < g->noise.shape[0]; f++)
        g->per_frame[f] = t;
    struct transformer_pass pass = {.latents = &g->x,
                                    .timesteps = g->per_frame,
                                    .context = context,
                                    .attention = d->model.attention};
    return transformer_forward(d->model.transformer, &pass, flow, err);
}

static bool compare_device(struct dit *d, struct guided *g, const char *what,
                           const struct tensor *t, const float *want, double tolerance,
                           struct dn_error *err)
{
    struct tensor host = tensor_over(g->host, DTYPE_F32, t->ndim, t->shape);
    if (!d->run->ops->download(d->run->ex, &host, t, err))
        return false;
    verify_rel(d->run, what, g->host, want, g->noise.count, tolerance);
    return true;
}

static bool guided_step(struct dit *d, struct guided *g, struct solver *solver, int64_t step,
                        struct dn_error *err)
{
    float t = solver_timestep(solver);
    float guide = (float)verify_number(d->fixture, "guide_scale", 1);
    char what[48];
    if (!flow_of(d, g, t, d->model.cond, &g->cond, err) ||
        !flow_of(d, g, t, d->model.uncond, &g->uncond, err))
        return false;
    if (step == 0 && g->cond0.data && g->uncond0.data &&
        (!compare_device(d, g, "flow_cond_step0", &g->cond, g->cond0.data, FLOW_REL, err) ||
         !compare_device(d, g, "flow_uncond_step0", &g->uncond, g->uncond0.data, FLOW_REL, err)))
        return false;
    snprintf(what, sizeof what, "latents after step %lld", (long long)step);
    return d->run->ops->axpby(d->run->ex, &g->cond, guide, &g->cond, 1 - guide, &g->uncond, err) &&
           solver_step(solver, &g->x, &g->cond, err) &&
           compare_device(d, g, what, &g->x, g->after.data + step * g->noise.count, GUIDED_REL,
                          err);
}

static bool guided_steps(struct dit *d, struct guided *g, struct dn_error *err)
{
    const struct ops *ops = d->run->ops;
    struct exec *ex = d->run->ex;
    int64_t steps = g->timesteps.count;
    struct tensor noise = tensor_over(g->noise.data, DTYPE_F32, 4, g->noise.shape);
    struct solver *solver = NULL;
    bool ok = ops->tensor_alloc(ex, &g->x, DTYPE_F32, 4, noise.shape, err) &&
              ops->tensor_alloc(ex, &g->cond, DTYPE_F32, 4, noise.shape, err) &&
              ops->tensor_alloc(ex, &g->uncond, DTYPE_F32, 4, noise.shape, err) &&
              ops->upload(ex, &g->x, &noise, err) &&
              solver_new(&solver_unipc_entry, ops, ex, &noise,
                         verify_number(d->fixture, "shift", 5), steps, &solver, err);
    if (ok) {
        verify_max(d->run, "timesteps", solver->timesteps, g->timesteps.data, steps, 0);
        verify_max(d->run, "sigmas", solver->sigmas, g->sigmas.data, steps + 1, 6e-8);
    }
    for (int64_t i = 0; ok && i < steps; i++)
        ok = guided_step(d, g, solver, i, err);
    solver_free(solver);
    ops->tensor_free(ex, &g->x);
    ops->tensor_free(ex, &g->cond);
    ops->tensor_free(ex, &g->uncond);
    return ok;
}

static bool run_guided(struct dit *d, struct dn_error *err)
{
    struct guided g = {0};
    bool ok = need(&g.noise, d, "noise", 4, err) & need(&g.timesteps, d, "timesteps", 1, err) &
              need(&g.sigmas, d, "sigmas", 1, err) &
              need(&g.after, d, "latents_after_step", 5, err);
    if (ok && (g.after.count != g.noise.count * g.timesteps.count ||
               g.sigmas.count != g.timesteps.count + 1))
        ok = dn_fail(err, DN_E_FORMAT, "the tensors do not belong together");
    if (verify_tensor_read(&g.cond0, d->fixture, 4, "flow_cond_step0") &&
        g.cond0.count != g.noise.count)
        verify_tensor_done(&g.cond0);
    if (verify_tensor_read(&g.uncond0, d->fixture, 4, "flow_uncond_step0") &&
        g.uncond0.count != g.noise.count)
        verify_tensor_done(&g.uncond0);
    g.host = dn_calloc((size_t)g.noise.count + 1, sizeof *g.host);
    g.per_frame = dn_calloc((size_t)g.noise.shape[0] + 1, sizeof *g.per_frame);
    ok = ok && guided_steps(d, &g, err);
    free(g.host);
    free(g.per_frame);
    verify_tensor_done(&g.noise);
    verify_tensor_done(&g.timesteps);
    verify_tensor_done(&g.sigmas);
    verify_tensor_done(&g.after);
    verify_tensor_done(&g.cond0);
    verify_tensor_done(&g.uncond0);
    return ok;
}

/* --- the kind --- */

static const struct {
    const char *tensors[3]; /* that the fixture has */
    const char *metadata;   /* that it has too, or NULL */
    bool (*run)(struct dit *d, struct dn_error *err);
} forms[] = {
    {{"x_noisy", "x_clean", "flow_noisy"}, NULL, run_with_cache},
    {{"noise", "sigmas", "latents_after_step"}, NULL, run_guided},
    {{"x", "t", "flow"}, "num_frame_per_block", run_without_cache},
    {{"x", "t", "flow"}, NULL, run_bidirectional},
};

static bool (*form_of(const struct weights *w))(struct dit *, struct dn_error *)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        bool fits = !forms[i].metadata || weights_metadata(w, forms[i].metadata);
        for (int k = 0; fits && k < 3; k++)
            fits = weights_find(w, forms[i].tensors[k]) != NULL;
        if (fits && weights_metadata(w, "model"))
            return forms[i].run;
    }
    return NULL;
}

/* A model's folder lies in dit/ and is read by the fixtures beside it. */
static bool is_model_file(const struct verify_file *file)
{
    char above[32];
    return strcmp(verify_folder_name(file->path, 1, above, sizeof above), "dit") == 0 &&
           (strcmp(file->name, "config.json") == 0 ||
            strcmp(file->name, "context.safetensors") == 0 ||
            strcmp(file->name, "diffusion_pytorch_model.safetensors") == 0);
}

static enum verify_claim claim(const struct verify_file *file)
{
    char folder[32];
    struct weights *w;
    if (is_model_file(file))
        return VERIFY_SUPPORT;
    if (strcmp(verify_folder_name(file->path, 0, folder, sizeof folder), "dit") != 0 ||
        !dn_ends_with(file->name, ".safetensors") || !weights_open(file->path, &w, NULL))
        return VERIFY_NOT_MINE;
    bool mine = form_of(w) != NULL;
    weights_close(w);
    return mine ? VERIFY_RUN : VERIFY_NOT_MINE;
}

static void run_dit(struct verify_run *run, const struct verify_file *file)
{
    struct dit d = {.run = run};
    struct weights *w = NULL;
    struct dn_error err;
    bool ok = weights_open(file->path, &w, &err);
    d.fixture = w;
    ok = ok && verify_model_open(&d.model, run, file, w, &err);
    if (ok && (!d.model.cond || !d.model.uncond))
        ok = dn_fail(&err, DN_E_FORMAT, "the model has no context.safetensors");
    ok = ok && form_of(w)(&d, &err);
    if (!ok)
        verify_error(run, "pass", &err);
    verify_model_done(&d.model);
    weights_close(w);
}

const struct verify_kind verify_dit_entry = {.name = "dit", .claim = claim, .run = run_dit};
