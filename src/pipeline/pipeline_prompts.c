/* pipeline_prompts: a clip whose prompt changes on the way: which context a chunk is made with.
 *
 * A change takes over at its chunk, or over `transition` chunks in equal parts: its n-th chunk (from
 * 1) has n / (transition + 1) of the new prompt's rows and the rest of what went before, which may
 * itself have been on its way. So a chunk's context follows from the list of changes alone, however
 * the clip was made: at once, steered, or after a kill. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/prompt_changes.h"
#include "pipeline/pipeline_internal.h"

static int64_t text_len(const struct run *run)
{
    return transformer_get_config(run->p->transformer)->text_len;
}

static int64_t text_dim(const struct run *run)
{
    return transformer_get_config(run->p->transformer)->text_dim;
}

bool pipeline_check_changes(const struct run *run, struct dn_error *err)
{
    const char *text = run->request->prompt_changes;
    struct prompt_change c = {0};
    int64_t chunks = chunk_plan_count(&run->job.plan);
    if (!prompt_changes_next(&text, &c))
        return true;
    if (!run->job.sampler->is_causal(run->request)) {
        dn_fail(err, DN_E_ARG, "prompt-changes: %s makes the clip as a whole, not chunk by chunk",
                run->job.sampler->name);
        return dn_error_hint(err, "use the sampler self_forcing");
    }
    if (!run->p->text)
        return dn_fail(err, DN_E_ARG, "prompt-changes: no text encoder was loaded");
    while (prompt_changes_next(&text, &c))
        ;
    return c.chunk < chunks ||
           dn_fail(err, DN_E_ARG,
                   "prompt-changes: there is no chunk %" PRId64 ", the clip's chunks are 0 to %" PRId64,
                   c.chunk, chunks - 1);
}

/* --- rows --- */

static struct prompt_rows *find(const struct run *run, const char *prompt, size_t length)
{
    for (int64_t i = 0; i < run->prompt_count; i++)
        if (strlen(run->prompts[i].prompt) == length &&
            memcmp(run->prompts[i].prompt, prompt, length) == 0)
            return &run->prompts[i];
    return NULL;
}

static struct prompt_rows *encode(struct run *run, const char *prompt, size_t length,
                                  struct dn_error *err)
{
    struct prompt_rows *known = find(run, prompt, length);
    struct prompt_context encoded;
    if (known)
        return known;
    char *copy = dn_strndup(prompt, length);
    if (!prompt_encoder_encode(run->p->text, copy, text_len(run), &encoded, err)) {
        free(copy);
        return NULL;
    }
    run->prompts = dn_realloc(run->prompts, (size_t)run->prompt_count + 1, sizeof *run->prompts);
    known = &run->prompts[run->prompt_count++];
    *known = (struct prompt_rows){.prompt = copy, .rows = encoded.rows, .valid = encoded.valid};
    encoded.rows = NULL;
    prompt_context_done(&encoded);
    return known;
}

/* rows [text_len, text_dim] = (1 - part) * rows + part * prompt's */
static bool mix_in(struct run *run, const char *prompt, size_t length, float part, float *rows,
                   struct dn_error *err)
{
    int64_t count = text_len(run) * text_dim(run);
    const struct prompt_rows *p = encode(run, prompt, length, err);
    if (!p)
        return false;
    for (int64_t i = 0; i < count; i++) {
        float value = i < p->valid * text_dim(run) ? p->rows[i] : 0;
        rows[i] = part == 1 ? value : (1 - part) * rows[i] + part * value;
    }
    return true;
}

/* Of the prompt that the clip begins with. */
static bool first_rows(struct run *run, float *rows, struct dn_error *err)
{
    const struct tensor *given = &run->in->context;
    if (!given->data)
        return mix_in(run, run->request->prompt, strlen(run->request->prompt), 1, rows, err);
    memcpy(rows, given->data, (size_t)(given->shape[0] * given->shape[1]) * sizeof *rows);
    return true;
}

/* rows, which are zero, become those of a chunk. *changed: other ones than the first prompt's. */
static bool rows_at(struct run *run, int64_t chunk, float *rows, bool *changed,
                    struct dn_error *err)
{
    const char *text = run->request->prompt_changes;
    int64_t transition = run->request->transition;
    struct prompt_change c, next = {0};
    *changed = prompt_changes_next(&text, &c) && c.chunk <= chunk;
    if (!*changed)
        return true;
    if (transition && !first_rows(run, rows, err))
        return false;
    for (bool more = true; more; c = next) {
        more = prompt_changes_next(&text, &next) && next.chunk <= chunk;
        int64_t made = (more ? next.chunk : chunk + 1) - c.chunk; /* chunks since the change */
        float part = made > transition ? 1 : (float)made / (float)(transition + 1);
        if (!mix_in(run, c.prompt, c.length, part, rows, err))
            return false;
    }
    return true;
}

bool pipeline_context_at(void *user, int64_t chunk, bool begins, const struct text_context **out,
                         struct dn_error *err)
{
    struct run *run = user;
    bool changed;
    size_t count = (size_t)(text_len(run) * text_dim(run));
    pipeline_lock(run);
    if (begins && run->events->chunk)
        run->events->chunk(run->events->user, chunk);
    pipeline_unlock(run);
    *out = run->job.positive;
    if (!run->request->prompt_changes[0])
        return true;
    float *rows = dn_calloc(count, sizeof *rows);
    bool ok = rows_at(run, chunk, rows, &changed, err);
    if (ok && changed && (!run->changed || memcmp(rows, run->changed_rows, count * sizeof *rows))) {
        struct tensor host = tensor_over(rows, DTYPE_F32, DIMS(text_len(run), text_dim(run)));
        text_context_free(run->changed);
        run->changed = NULL;
        free(run->changed_rows);
        run->changed_rows = rows;
        rows = NULL;
        ok = text_context_new(run->p->transformer, &host, &run->changed, err);
    }
    free(rows);
    if (ok && changed)
        *out = run->changed;
    return ok;
}

void pipeline_prompts_done(struct run *run)
{
    for (int64_t i = 0; i < run->prompt_count; i++) {
        free(run->prompts[i].prompt);
        free(run->prompts[i].rows);
    }
    free(run->prompts);
    text_context_free(run->changed);
    free(run->changed_rows);
}
