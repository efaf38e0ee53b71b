/* clip_maker: see clip_maker.h */
#include "commands/clip_maker.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/recipe.h"
#include "engine/frame_sink.h"
#include "engine/output_file.h"
#include "format/safetensors_write.h"

struct run {
    struct clip_maker *maker;
    const struct request *request;
    struct frame_sink *sink;
    struct event_finished finished;
    double first_seconds;
    float *latents; /* [latent_count, channels, h, w] */
    int64_t latent_count, channels, h, w;
    char *recipe;
    uint8_t *rgb; /* [rgb_frames, height, width, 3], when they are to be shown */
    int64_t rgb_frames;
};

static void on_started(void *user, const struct event_started *e)
{
    struct run *run = user;
    progress_started(run->maker->progress, e);
}

static void on_step(void *user, const struct event_step *e)
{
    struct run *run = user;
    progress_step(run->maker->progress, e);
}

static bool on_latents(void *user, const struct event_latents *e, struct dn_error *err)
{
    struct run *run = user;
    (void)err;
    progress_latents(run->maker->progress, e);
    if (!run->request->save_latents)
        return true;
    int64_t frame = e->channels * e->height * e->width;
    run->channels = e->channels;
    run->h = e->height;
    run->w = e->width;
    run->latents = dn_realloc(run->latents, (size_t)((e->start + e->count) * frame), sizeof(float));
    memcpy(run->latents + e->start * frame, e->values, (size_t)(e->count * frame) * sizeof(float));
    run->latent_count = e->start + e->count;
    return true;
}

static void keep_rgb(struct run *run, const struct event_frames *e)
{
    size_t frame = (size_t)(e->width * e->height * 3);
    run->rgb = dn_realloc(run->rgb, (size_t)(run->rgb_frames + e->count), frame);
    memcpy(run->rgb + (size_t)run->rgb_frames * frame, e->rgb, (size_t)e->count * frame);
    run->rgb_frames += e->count;
}

static bool on_frames(void *user, const struct event_frames *e, struct dn_error *err)
{
    struct run *run = user;
    if (e->start == 0)
        run->first_seconds = e->seconds;
    if (run->maker->show && e->rgb)
        keep_rgb(run, e);
    progress_frames(run->maker->progress, e);
    return !run->sink || frame_sink_add(run->sink, e->rgb, e->values, e->count, err);
}

static void on_finished(void *user, const struct event_finished *e)
{
    struct run *run = user;
    run->finished = *e;
}

static bool open_outputs(struct run *run, struct dn_error *err)
{
    const struct request *r = run->request;
    const struct frame_sink_options options = {
        .width = r->width, .height = r->height, .fps = r->fps, .quality = r->quality,
        .force = r->force, .recipe = r->embed_recipe ? run->recipe : NULL,
        .title = r->embed_recipe && r->prompt[0] ? r->prompt : NULL,
        .background = run->maker->background};
    return (!r->save_latents || output_file_check(r->save_latents, r->force, err)) &&
           (!r->output || frame_sink_open(r->output, &options, &run->sink, err));
}

static bool write_latents(struct run *run, struct dn_error *err)
{
    int64_t shape[4] = {run->latent_count, run->channels, run->h, run->w};
    struct safetensors_writer *w = safetensors_writer_new();
    if (run->request->embed_recipe)
        safetensors_writer_metadata(w, "recipe", run->recipe);
    safetensors_writer_tensor(w, "latents", DTYPE_F32, 4, shape, run->latents);
    bool ok = safetensors_writer_finish(w, run->request->save_latents, run->request->force, err);
    safetensors_writer_free(w);
    return ok;
}

/* Publishes what there is, also of a clip that was stopped or failed on the way. */
static bool close_outputs(struct run *run, struct dn_error *err)
{
    const struct request *r = run->request;
    struct progress_result result = {.prompt = r->prompt, .seed = r->seed,
                                     .seconds = run->finished.seconds,
                                     .first_seconds = run->first_seconds,
                                     .complete = run->finished.complete};
    result.latents = run->latent_count;
    bool ok = true;
    result.frames = run->finished.frames;
    if (run->sink) {
        ok = frame_sink_finish(run->sink, &result.frames, &result.bytes, err);
        run->sink = NULL;
        if (ok && result.frames)
            result.path = r->output;
    }
    if (r->save_latents && run->latent_count) {
        struct dn_error other;
        bool written = write_latents(run, ok ? err : &other);
        result.latents_path = written ? r->save_latents : NULL;
        ok = ok && written;
    }
    if (ok && run->rgb_frames)
        ok = run->maker->show(r, run->rgb, run->rgb_frames, err);
    if (result.path || result.latents_path || !r->output)
        progress_finished(run->maker->progress, &result);
    return ok;
}

bool clip_maker_run(struct clip_maker *maker, const struct request *r,
                    const struct pipeline_inputs *in, struct dn_error *err)
{
    struct run run = {.maker = maker, .request = r, .recipe = recipe_make(maker->model_name, maker->model_sha256, r)};
    struct pipeline_events events = {
        .user = &run, .float_frames = r->output && frame_sink_wants_float(r->output),
        .started = on_started, .step = on_step, .latents = on_latents, .frames = on_frames,
        .finished = on_finished};
    bool ok = pipeline_check(maker->pipeline, r, in, err) && open_outputs(&run, err);
    if (ok) {
        ok = pipeline_run(maker->pipeline, r, in, &events, maker->stop, err);
        progress_clear(maker->progress);
        struct dn_error closing;
        bool cancelled = !ok && err->code == DN_E_CANCELLED;
        if (ok || cancelled) {
            if (!close_outputs(&run, &closing)) {
                *err = closing;
                ok = false;
            }
        }
    }
    frame_sink_abort(run.sink);
    free(run.latents);
    free(run.recipe);
    free(run.rgb);
    return ok;
}
