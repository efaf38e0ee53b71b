/* verify_vae_modules: single layers of the autoencoder with their own weights, run through the same
 * chain as the real nets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "commands/verify_tensors.h"
#include "commands/verify_vae.h"
#include "model/model_weights.h"
#include "model/vae_blocks.h"

#define MODULE_MAX 3e-5 /* float32 runs of the public code: 6e-6 */
#define NAME_SIZE 96

/* A case being run. */
struct module {
    struct verify_run *run;
    const struct weights *fixture;
    const char *name;
    struct vae_backend backend;
    struct vae_chain *chain;
    struct vae_state *state;
};

/* [t, h, w, c] of the exec against want [c, t, h, w]. */
static bool compare(const struct module *m, const char *what, const struct tensor *got,
                    const struct verify_tensor *want, struct dn_error *err)
{
    const struct tensor shape = verify_as_thwc(want);
    for (int i = 0; i < 4; i++)
        if (got->ndim != 4 || got->shape[i] != shape.shape[i])
            return dn_fail(err, DN_E_FORMAT, "%s has another shape than the fixture", what);
    float *values = dn_malloc((size_t)want->count * sizeof *values);
    struct tensor host = shape;
    host.data = values;
    bool ok = m->backend.ops->download(m->backend.ex, &host, got, err);
    if (ok)
        verify_max(m->run, what, values, want->data, want->count, MODULE_MAX);
    free(values);
    return ok;
}

/* Takes the output slice by slice: y [n, h, w, c] behind those before. */
struct sink {
    const struct module *module;
    struct tensor output; /* like the whole y, in exec memory */
    int64_t frames;
};

static bool take_output(void *context, const struct tensor *y, struct dn_error *err)
{
    struct sink *s = context;
    const struct vae_backend *b = &s->module->backend;
    if (s->frames + y->shape[0] > s->output.shape[0] || y->shape[1] != s->output.shape[1] ||
        y->shape[2] != s->output.shape[2] || y->shape[3] != s->output.shape[3])
        return dn_fail(err, DN_E_FORMAT, "%s has another shape than the fixture", s->module->name);
    struct tensor to = tensor_slice(&s->output, s->frames, y->shape[0]);
    s->frames += y->shape[0];
    return b->ops->copy(b->ex, &to, y, err);
}

/* x [c, t, h, w] of the fixture as [t, h, w, c] in the exec's dtype; freed with tensor_free. */
static bool upload(const struct module *m, const struct verify_tensor *x, struct tensor *out,
                   struct dn_error *err)
{
    struct tensor host = verify_as_thwc(x);
    const struct vae_backend *b = &m->backend;
    return b->ops->tensor_alloc(b->ex, out, exec_dtype(b->ex), 4, host.shape, err) &&
           b->ops->upload(b->ex, out, &host, err);
}

/* The last frames of a window's history, put together, against want [c, n, h, w]. */
static bool compare_history(const struct module *m, const char *what,
                            const struct vae_window *window, const struct verify_tensor *want,
                            struct dn_error *err)
{
    const struct vae_backend *b = &m->backend;
    const struct tensor shape = verify_as_thwc(want);
    const int64_t n = shape.shape[0];
    struct tensor all = {0};
    bool ok = b->ops->tensor_alloc(b->ex, &all, exec_dtype(b->ex), 4, shape.shape, err);
    for (int64_t i = 0; ok && i < n; i++) {
        struct tensor from = vae_window_past(window, window->history - n + i);
        struct tensor to = tensor_slice(&all, i, 1);
        ok = b->ops->copy(b->ex, &to, &from, err);
    }
    ok = ok && compare(m, what, &all, want, err);
    b->ops->tensor_free(b->ex, &all);
    return ok;
}

/* The history of window j against NAME.call.{cache_after, cacheJ_after}. */
static bool compare_cache(const struct module *m, const char *call, int j, struct dn_error *err)
{
    const struct vae_window *window = &m->state->layers[0].window[j];
    struct verify_tensor want = {0};
    char what[NAME_SIZE + 32];
    bool ok = true;
    if (vae_window_buffer(window) &&
        (verify_tensor_read(&want, m->fixture, 4, "%s.%s.cache%d_after", m->name, call, j) ||
         verify_tensor_read(&want, m->fixture, 4, "%s.%s.cache_after", m->name, call))) {
        snprintf(what, sizeof what, "%s %s cache %d", m->name, call, j);
        ok = compare_history(m, what, window, &want, err);
    }
    verify_tensor_done(&want);
    return ok;
}

/* Puts the frames of a fixture [c, n, h, w] at the end of the history. */
static bool give_history(const struct module *m, const struct verify_tensor *cache,
                         struct dn_error *err)
{
    struct vae_window *window = &m->state->layers[0].window[0];
    struct tensor host = verify_as_thwc(cache);
    for (int64_t i = 0; i < host.shape[0]; i++) {
        struct tensor from = tensor_slice(&host, i, 1);
        struct tensor to = vae_window_past(window, window->history - host.shape[0] + i);
        if (!m->backend.ops->upload(m->backend.ex, &to, &from, err))
            return false;
    }
    return true;
}

/* One input through the layer: NAME.call.x -> NAME.call.y; call "" for a case without calls. */
static bool run_call(const struct module *m, const char *call, bool first, struct dn_error *err)
{
    struct verify_tensor x = {0}, want = {0}, cache = {0};
    struct tensor input = {0};
    char what[NAME_SIZE + 32], part[NAME_SIZE];
    snprintf(what, sizeof what, "%s%s%s", m->name, *call ? " " : "", call);
    snprintf(part, sizeof part, "%s%s", call, *call ? "." : "");
    bool ok = verify_tensor_read(&x, m->fixture, 4, "%s.%sx", m->name, part) &&
              verify_tensor_read(&want, m->fixture, 4, "%s.%sy", m->name, part);
    if (!ok)
        dn_fail(err, DN_E_FORMAT, "%s: x or y is missing", what);
    if (ok && verify_tensor_read(&cache, m->fixture, 4, "%s.%scache", m->name, part))
        ok = give_history(m, &cache, err);
    if (ok) {
        struct sink sink = {.module = m};
        m->state->first = first;
        ok = upload(m, &x, &input, err) && upload(m, &want, &sink.output, err) &&
             vae_state_run(m->state, &input, take_output, &sink, err);
        struct tensor got = ok ? tensor_slice(&sink.output, 0, sink.frames) : sink.output;
        ok = ok && compare(m, what, &got, &want, err) && compare_cache(m, call, 0, err) &&
             compare_cache(m, call, 1, err);
        if (sink.output.data)
            m->backend.ops->tensor_free(m->backend.ex, &sink.output);
    }
    if (input.data)
        m->backend.ops->tensor_free(m->backend.ex, &input);
    verify_tensor_done(&x);
    verify_tensor_done(&want);
    verify_tensor_done(&cache);
    return ok;
}

/* Largest number of frames and the size of any x of the case; whether its y is taller. */
static bool measure(const struct weights *fixture, const char *name, int64_t *frames, int64_t *h,
                    int64_t *w, bool *up)
{
    const size_t length = strlen(name);
    *frames = 0;
    for (int64_t i = 0; i < weights_count(fixture); i++) {
        const struct weight_view *v = weights_at(fixture, i);
        char y_name[2 * NAME_SIZE];
        if (strncmp(v->name, name, length) != 0 || v->name[length] != '.' ||
            !dn_ends_with(v->name, ".x") || v->ndim != 4 || strlen(v->name) >= sizeof y_name)
            continue;
        snprintf(y_name, sizeof y_name, "%.*s.y", (int)strlen(v->name) - 2, v->name);
        const struct weight_view *y = weights_find(fixture, y_name);
        *frames = v->shape[1] > *frames ? v->shape[1] : *frames;
        *h = v->shape[2];
        *w = v->shape[3];
        *up = y && y->shape[2] > *h;
    }
    return *frames > 0;
}

/* Runs all inputs of the case: calls that share a cache, inputs with their own, or one x. */
static bool run_inputs(const struct module *m, struct dn_error *err)
{
    char x_name[2 * NAME_SIZE], call[NAME_SIZE];
    const size_t length = strlen(m->name);
    snprintf(x_name, sizeof x_name, "%s.x", m->name);
    if (weights_find(m->fixture, x_name))
        return run_call(m, "", true, err);
    for (int k = 0;; k++) {
        snprintf(call, sizeof call, "call%d", k);
        snprintf(x_name, sizeof x_name, "%s.%s.x", m->name, call);
        if (!weights_find(m->fixture, x_name)) {
            if (k > 0)
                return true;
            break;
        }
        if (!run_call(m, call, k == 0, err))
            return false;
    }
    for (int64_t i = 0; i < weights_count(m->fixture); i++) {
        const char *tensor = weights_at(m->fixture, i)->name;
        if (strncmp(tensor, m->name, length) != 0 || tensor[length] != '.' ||
            !dn_ends_with(tensor, ".x"))
            continue;
        snprintf(call, sizeof call, "%.*s", (int)(strlen(tensor) - length - 3),
                 tensor + length + 1);
        if (!vae_state_reset(m->state, err) || !run_call(m, call, true, err))
            return false;
    }
    return true;
}

static bool run_layer_case(struct verify_run *run, const struct weights *fixture, const char *name,
                           struct dn_error *err)
{
    struct module m = {
        .run = run, .fixture = fixture, .name = name, .backend = {run->ops, run->ex}};
    int64_t frames, h = 0, w = 0;
    bool up = false;
    if (!measure(fixture, name, &frames, &h, &w, &up))
        return dn_fail(err, DN_E_FORMAT, "%s has no x", name);
    m.chain = dn_calloc(1, sizeof *m.chain);
    bool ok = vae_chain_add(m.chain, fixture, "", name, MODEL_ANY_SIZE, up, &m.backend, err) &&
              vae_state_new(m.chain, &m.backend, frames, h, w, &m.state, err) &&
              run_inputs(&m, err);
    vae_state_free(m.state);
    vae_chain_done(m.chain, &m.backend);
    free(m.chain);
    return ok;
}

/* A norm alone, x [n, c, h, w] or [n, c, t, h, w]: the rest of the axes is one axis of pixels. */
static bool run_norm_case(struct verify_run *run, const struct weights *fixture, const char *name,
                          struct dn_error *err)
{
    const struct vae_backend b = {run->ops, run->ex};
    struct module m = {.run = run, .fixture = fixture, .name = name, .backend = b};
    struct verify_tensor x = {0}, want = {0};
    struct tensor gamma = {0}, video = {0};
    char gamma_name[2 * NAME_SIZE];
    snprintf(gamma_name, sizeof gamma_name, "%s.gamma", name);
    bool ok = verify_tensor_read(&x, fixture, 0, "%s.x", name) &&
              verify_tensor_read(&want, fixture, 0, "%s.y", name) && x.ndim >= 3 &&
              x.count == want.count;
    if (!ok)
        dn_fail(err, DN_E_FORMAT, "%s: x or y is missing", name);
    for (int64_t i = 0; ok && i < x.shape[0]; i++) {
        const int64_t channels = x.shape[1], count = x.count / x.shape[0];
        /* one sample as [c, 1, 1, pixels] */
        struct verify_tensor one = {.data = x.data + i * count,
                                    .ndim = 4,
                                    .count = count,
                                    .shape = {channels, 1, 1, count / channels}};
        struct verify_tensor one_want = one;
        one_want.data = want.data + i * count;
        ok = model_weight_vector(fixture, gamma_name, channels, b.ops, b.ex, &gamma, err) &&
             upload(&m, &one, &video, err) &&
             b.ops->channel_norm(b.ex, &video, &video, &gamma, false, err) &&
             compare(&m, name, &video, &one_want, err);
        if (gamma.data)
            b.ops->tensor_free(b.ex, &gamma);
        if (video.data)
            b.ops->tensor_free(b.ex, &video);
    }
    verify_tensor_done(&x);
    verify_tensor_done(&want);
    return ok;
}

/* Has a case of this name been met among the tensors before i? */
static bool met_before(const struct weights *fixture, int64_t i, const char *name)
{
    const size_t length = strlen(name);
    for (int64_t j = 0; j < i; j++) {
        const char *other = weights_at(fixture, j)->name;
        if (strncmp(other, name, length) == 0 && other[length] == '.')
            return true;
    }
    return false;
}

void verify_vae_modules(struct verify_run *run, const struct weights *fixture)
{
    for (int64_t i = 0; i < weights_count(fixture); i++) {
        char name[NAME_SIZE / 4], gamma[NAME_SIZE];
        struct dn_error err;
        const char *tensor = weights_at(fixture, i)->name;
        const char *dot = strchr(tensor, '.');
        if (!dot || (size_t)(dot - tensor) >= sizeof name)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(dot - tensor), tensor);
        if (met_before(fixture, i, name))
            continue;
        snprintf(gamma, sizeof gamma, "%s.gamma", name);
        bool norm = weights_find(fixture, gamma) != NULL;
        if (!(norm ? run_norm_case : run_layer_case)(run, fixture, name, &err))
            verify_error(run, name, &err);
    }
}
