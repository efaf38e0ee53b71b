/* verify_vae_trace: every layer of the decoder, latents fed one at a time, and the shapes of the
 * feature cache behind each. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "commands/verify_tensors.h"
#include "commands/verify_vae.h"
#include "model/vae_internal.h"

#define TRACE_REL 1e-5
#define TRACE_MAX 1e-4
#define MAX_STAGES 160

/* What came out of one stage for one latent; slices are appended as they come. */
struct stage {
    char name[48];
    float *values; /* [frames, h, w, c] */
    int64_t frames, h, w, c;
};

struct trace {
    const struct vae_backend *backend;
    struct stage stages[MAX_STAGES];
    int count;
};

static bool record(void *context, const char *layer, const struct tensor *y, struct dn_error *err)
{
    struct trace *trace = context;
    struct stage *stage = trace->stages;
    while (stage < trace->stages + trace->count && strcmp(stage->name, layer) != 0)
        stage++;
    if (stage == trace->stages + trace->count) {
        if (trace->count == MAX_STAGES)
            return dn_fail(err, DN_E_UNSUPPORTED, "more than %d layers in a trace", MAX_STAGES);
        *stage = (struct stage){.h = y->shape[1], .w = y->shape[2], .c = y->shape[3]};
        snprintf(stage->name, sizeof stage->name, "%s", layer);
        trace->count++;
    }
    const int64_t frame = stage->h * stage->w * stage->c;
    stage->values = dn_realloc(stage->values, (size_t)((stage->frames + y->shape[0]) * frame),
                               sizeof *stage->values);
    struct tensor host =
        tensor_over(stage->values + stage->frames * frame, DTYPE_F32, y->ndim, y->shape);
    stage->frames += y->shape[0];
    return trace->backend->ops->download(trace->backend->ex, &host, y, err);
}

static void trace_done(struct trace *trace)
{
    for (int i = 0; i < trace->count; i++)
        free(trace->stages[i].values);
    trace->count = 0;
}

/* Compares a stage with frames first.. of want [c, t, h, w]. */
static void compare_stage(struct verify_run *run, const char *what, const struct stage *stage,
                          const struct verify_tensor *want, int64_t first)
{
    const int64_t *s = want->shape, plane = s[2] * s[3];
    if (stage->c != s[0] || first + stage->frames > s[1] || stage->h != s[2] || stage->w != s[3]) {
        verify_exact(run, what, false);
        return;
    }
    const int64_t count = stage->frames * plane * stage->c;
    float *pair = dn_malloc((size_t)(2 * count) * sizeof *pair);
    int64_t i = 0;
    for (int64_t c = 0; c < s[0]; c++)
        for (int64_t t = 0; t < stage->frames; t++)
            for (int64_t p = 0; p < plane; p++, i++) {
                pair[i] = stage->values[(t * plane + p) * s[0] + c];
                pair[count + i] = want->data[(c * s[1] + first + t) * plane + p];
            }
    verify_rel(run, what, pair, pair + count, count, TRACE_REL);
    verify_max(run, what, pair, pair + count, count, TRACE_MAX);
    free(pair);
}

static void compare_latent(struct verify_run *run, const struct trace *trace,
                           const struct weights *fixture, int64_t latent)
{
    for (int i = 0; i < trace->count; i++) {
        const struct stage *stage = &trace->stages[i];
        struct verify_tensor want = {0};
        char what[96];
        snprintf(what, sizeof what, "latent %" PRId64 " %s", latent, stage->name);
        /* stages before the first layer are stored for the whole sequence */
        if (verify_tensor_read(&want, fixture, 4, "f%" PRId64 ".%s", latent, stage->name))
            compare_stage(run, what, stage, &want, 0);
        else if (verify_tensor_read(&want, fixture, 4, "%s", stage->name))
            compare_stage(run, what, stage, &want, latent);
        verify_tensor_done(&want);
    }
}

/* One slot a causal convolution, in the order of the layers, as the reference numbers them: "[c, n,
 * h, w]" with n frames known, "Rep" where only the marker of a first latent is left, "none" for the
 * slot that no layer uses. */
static char *cache_shapes(const struct vae_state *state, int64_t latent)
{
    struct strbuf text = {0};
    strbuf_append_text(&text, "[");
    for (int64_t i = 0; i < state->chain->count; i++)
        for (int j = 0; j < 2; j++) {
            const struct vae_window *window = &state->layers[i].window[j];
            if (!vae_window_buffer(window))
                continue;
            const int64_t *s = vae_window_buffer(window)->shape;
            if (latent == 0 && state->chain->layers[i].kind == VAE_LAYER_UPSAMPLE)
                strbuf_append_text(&text, "\"Rep\", ");
            else
                strbuf_printf(&text, "[%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 "], ", s[3],
                              window->filled, s[1], s[2]);
        }
    strbuf_append_text(&text, "\"none\"]");
    return strbuf_take(&text);
}

static void compare_cache(struct verify_run *run, const struct vae_state *state,
                          const struct weights *fixture, int64_t latent)
{
    char key[48];
    snprintf(key, sizeof key, "cache_after_latent%" PRId64, latent);
    const char *want = weights_metadata(fixture, key);
    if (!want)
        return;
    char *got = cache_shapes(state, latent);
    verify_exact(run, key, strcmp(got, want) == 0);
    free(got);
}

/* The trace has seen the frames as "head.2". */
static bool ignore_frames(void *context, const struct tensor *video, int64_t first,
                          struct dn_error *err)
{
    (void)context, (void)video, (void)first, (void)err;
    return true;
}

void verify_vae_trace(struct verify_run *run, struct vae *vae, const struct weights *fixture)
{
    struct verify_tensor z = {0};
    struct vae_decoder *dec = NULL;
    struct dn_error err;
    struct trace trace = {.backend = &vae->backend};
    bool ok = verify_tensor_read(&z, fixture, 4, "z") && z.shape[0] == vae_get_info(vae)->z;
    if (!ok)
        dn_fail(&err, DN_E_FORMAT, "z does not fit the VAE");
    ok = ok && vae_decoder_new(vae, z.shape[2], z.shape[3], &dec, &err);
    struct tensor latents = ok ? verify_as_tchw(&z) : (struct tensor){0};
    for (int64_t i = 0; ok && i < z.shape[1]; i++) {
        struct tensor one = tensor_slice(&latents, i, 1);
        vae_decoder_trace(dec, record, &trace);
        ok = vae_decoder_push_host(dec, &one, ignore_frames, NULL, &err);
        if (ok) {
            compare_latent(run, &trace, fixture, i);
            compare_cache(run, vae_decoder_state(dec), fixture, i);
        }
        trace_done(&trace);
    }
    if (!ok)
        verify_error(run, "", &err);
    vae_decoder_free(dec);
    verify_tensor_done(&z);
}
