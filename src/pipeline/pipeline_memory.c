/* pipeline_memory: what a clip will take of a device's memory, told before it begins: the clip is
 * gone through in the books of the execs (ops plan_begin), with the code that will run. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pipeline/pipeline_internal.h"

/* What is made for the plan alone. */
struct plan {
    const struct run *run;
    struct sampler_job job;
    struct text_context *own[4]; /* positive, negative; of a prompt that changes on the way */
};

/* As many rows as there can be, none of them zero. */
static bool longest_context(struct transformer *twin, struct text_context **out,
                            struct dn_error *err)
{
    const struct transformer_config *c = transformer_get_config(twin);
    float *rows =
        dn_calloc(dn_mul_or_abort((size_t)c->text_len, (size_t)c->text_dim), sizeof *rows);
    for (int64_t i = 0; i < c->text_len; i++)
        rows[i * c->text_dim] = 1;
    struct tensor host = tensor_over(rows, DTYPE_F32, DIMS(c->text_len, c->text_dim));
    bool ok = text_context_new(twin, &host, out, err);
    free(rows);
    return ok;
}

/* The context of a prompt: the one that is known, or one of its size; a prompt that has yet to be
 * encoded counts as the longest. */
static bool context(struct plan *plan, int which, const struct tensor *given,
                    const struct known_prompt *known, const char *prompt,
                    const struct text_context **out, struct dn_error *err)
{
    struct transformer *twin = plan->job.transformer;
    *out = known->context;
    if (!given->data && known->prompt && strcmp(known->prompt, prompt ? prompt : "") == 0)
        return true;
    bool ok = given->data ? text_context_new(twin, given, &plan->own[which], err)
                          : longest_context(twin, &plan->own[which], err);
    *out = plan->own[which];
    return ok;
}

/* A changed prompt has a context beside the first one's, and the numbers that it is made from. */
static bool contexts(struct plan *plan, struct dn_error *err)
{
    const struct request *r = plan->run->request;
    const struct pipeline_inputs *in = plan->run->in;
    const struct pipeline *p = plan->run->p;
    struct sampler_job *job = &plan->job;
    bool guided = job->sampler->uses_guidance && r->guidance != 1;
    return context(plan, 0, &in->context, &p->positive, r->prompt, &job->positive, err) &&
           (!guided ||
            context(plan, 1, &in->negative, &p->negative, r->negative, &job->negative, err)) &&
           (!r->prompt_changes[0] || (longest_context(job->transformer, &plan->own[2], err) &&
                                      longest_context(job->transformer, &plan->own[3], err)));
}

/* Encodes the frames that are given. */
static bool encode(const struct run *run, struct dn_error *err)
{
    const struct pipeline *p = run->p;
    struct vae_encoder *encoder = NULL;
    struct tensor latents = {0};
    if (!run->in->frames.data)
        return true;
    bool ok = vae_encoder_new(p->vae, run->request->height, run->request->width, &encoder, err) &&
              p->ops->tensor_alloc(p->decoder_ex, &latents, DTYPE_F32,
                                   DIMS(run->job.plan.given,
                                        transformer_get_config(p->transformer)->channels,
                                        run->job.height, run->job.width),
                                   err) &&
              vae_encoder_push(encoder, &run->in->frames, &latents, err);
    p->ops->tensor_free(p->decoder_ex, &latents);
    vae_encoder_free(encoder);
    return ok;
}

/* vae_frames_fn: as bytes on the host. */
static bool take_bytes(void *context, const struct tensor *video, int64_t first,
                       struct dn_error *err)
{
    const struct pipeline *p = context;
    (void)first;
    uint8_t *bytes = dn_malloc((size_t)tensor_count(video));
    struct tensor host = tensor_over(bytes, DTYPE_U8, video->ndim, video->shape);
    bool ok = p->ops->video_to_rgb8(p->decoder_ex, &host, video, err);
    free(bytes);
    return ok;
}

/* A decoder, unless there is one, and its first two latents. */
static bool decode(const struct run *run, int64_t *bytes, struct dn_error *err)
{
    struct pipeline *p = run->p;
    const int64_t frame = run->noise.frame_size, h = run->job.height, w = run->job.width;
    struct vae_decoder *decoder = NULL;
    if (p->decoder && p->decoder_height == h && p->decoder_width == w)
        return true;
    float *values = dn_calloc((size_t)(2 * frame), sizeof *values);
    struct tensor latents = tensor_over(values, DTYPE_F32, DIMS(2, frame / h / w, h, w));
    bool ok = vae_decoder_new(p->vae, h, w, &decoder, err) &&
              vae_decoder_push_host(decoder, &latents, take_bytes, p, err);
    *bytes = ok ? vae_decoder_bytes(decoder) : 0;
    vae_decoder_free(decoder);
    free(values);
    return ok;
}

static bool go_through(const struct run *run, int64_t *decoder_bytes, struct dn_error *err)
{
    struct plan plan = {.run = run, .job = run->job};
    plan.job.transformer = transformer_twin(run->p->transformer);
    bool ok = contexts(&plan, err) && encode(run, err) && decode(run, decoder_bytes, err) &&
              sampler_plan(&plan.job, err);
    for (int i = 0; i < 4; i++)
        text_context_free(plan.own[i]);
    transformer_twin_free(plan.job.transformer);
    return ok;
}

/* *known false: the backend's memory has no limit. */
static bool plan_memory(const struct run *run, bool *known, struct pipeline_memory *out,
                        struct dn_error *err)
{
    struct pipeline *p = run->p;
    struct exec_plan passes, decoding = {0};
    const int64_t tokens =
        run->job.height / TRANSFORMER_PATCH * (run->job.width / TRANSFORMER_PATCH);
    *out = (struct pipeline_memory){0};
    *known = p->ops->plan_begin(p->ex);
    if (!*known)
        return true;
    bool two = p->decoder_ex != p->ex;
    if (two)
        p->ops->plan_begin(p->decoder_ex);
    bool ok = go_through(run, &out->decoder, err);
    out->pass = transformer_pass_bytes(p->transformer, run->job.plan.block, tokens);
    if (two)
        p->ops->plan_end(p->decoder_ex, &decoding);
    p->ops->plan_end(p->ex, &passes);
    out->held = passes.held + decoding.held;
    out->more = passes.more + decoding.more;
    if (out->decoder && p->decoder) { /* makes room for the new one */
        out->decoder -= vae_decoder_bytes(p->decoder);
        out->more -= vae_decoder_bytes(p->decoder);
    }
    out->keys_values = sampler_cache_bytes(&run->job);
    out->scratch = passes.scratch + decoding.scratch;
    return ok;
}

bool pipeline_memory(struct pipeline *p, const struct request *r, const struct pipeline_inputs *in,
                     struct pipeline_memory *out, struct dn_error *err)
{
    struct run run = {.p = p, .request = r, .in = in};
    bool known;
    if (!pipeline_plan(&run, err) || !plan_memory(&run, &known, out, err))
        return false;
    return known || dn_fail(err, DN_E_UNSUPPORTED, "backend %s has no memory of its own to plan",
                            p->ops->name);
}

bool pipeline_fits(const struct run *run, struct dn_error *err)
{
    const double gib = 1073741824.0;
    struct pipeline_memory m;
    int64_t available;
    bool known;
    if (!run->p->ops->memory_free(run->p->ex, &available, err) ||
        !plan_memory(run, &known, &m, err))
        return false;
    if (!known || m.more <= available)
        return true;
    dn_fail(err, DN_E_MEMORY, "this clip needs %.2f GiB more, the GPU has %.2f GiB free",
            (double)m.more / gib, (double)available / gib);
    return dn_error_hint(err, "choose fewer frames, a smaller size or local_attn_size");
}
