/* worker_clip: one clip from the engine's order to files, told as it goes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/prompt_changes.h"
#include "config/recipe.h"
#include "engine/worker_files.h"
#include "engine/worker_internal.h"
#include "store/media_import.h"

struct run {
    struct worker *worker;
    const json_t *order;
    int64_t job;
    struct request request;
    struct pipeline_inputs inputs;
    struct media_frames *image;
    char *recipe;
    struct clip_output *output;
    struct event_started started;
    struct event_finished finished;
    int64_t *chunk_ends; /* [chunks_made] latents up to the end of each */
    int64_t chunks_made, chunks_told;
    double load_seconds, first_seconds;
    bool steered; /* its files are to be written again, with the recipe as it is now */
    bool quiet;   /* they are being written again: nobody is told */
};

static json_t *message_of(const struct run *run, enum message_type type)
{
    json_t *message = protocol_new(type);
    json_object_set_new(message, "job", json_integer(run->job));
    return message;
}

static void set_int(json_t *message, const char *key, int64_t value)
{
    json_object_set_new(message, key, json_integer(value));
}

/* --- events --- */

/* A ring for frames of another size than before goes to the engine at once. */
static void fit_ring(struct run *run)
{
    struct worker *w = run->worker;
    const struct event_started *e = &run->started;
    struct dn_error err;
    struct frame_ring_info info = w->ring ? frame_ring_info(w->ring) : (struct frame_ring_info){0};
    if (info.width == e->width && info.height == e->height)
        return;
    frame_ring_free(w->ring);
    if (!frame_ring_create(e->width, e->height, &w->ring, &err)) {
        dn_warn("no live frames: %s", err.message);
        return;
    }
    info = frame_ring_info(w->ring);
    json_t *message = protocol_new(MESSAGE_RING);
    set_int(message, "width", info.width);
    set_int(message, "height", info.height);
    set_int(message, "slots", info.slots);
    worker_tell_fd(w, message, frame_ring_fd(w->ring));
}

/* Chunks are of one length but for the first. */
static struct worker_place place_of(const struct run *run, int64_t chunk)
{
    const struct event_started *e = &run->started;
    int64_t block = run->request.frames_per_block, rest = (e->chunks - 1) * block;
    int64_t latents = chunk ? e->latents - rest + (chunk - 1) * block : 0;
    int64_t each = e->latents > 1 ? (e->frames_whole - 1) / (e->latents - 1) : 1;
    return (struct worker_place){.chunk = chunk, .chunks = e->chunks,
                                 .frame = latents ? 1 + (latents - 1) * each : 0};
}

/* A chunk is begun; it may be the first with another prompt. */
static void on_chunk(void *user, int64_t chunk)
{
    struct run *run = user;
    struct request *r = &run->request;
    struct worker_place next = place_of(run, chunk + 1);
    char *prompt = run->quiet ? NULL : worker_begins_chunk(&next);
    if (!prompt)
        return;
    char *changes = prompt_changes_add(r->prompt_changes, chunk, prompt);
    free(r->prompt_changes);
    r->prompt_changes = changes;
    run->steered = true;
    free(prompt);
}

static void on_started(void *user, const struct event_started *e)
{
    struct run *run = user;
    const struct worker_model *model = &run->worker->model;
    if (run->quiet)
        return;
    run->started = *e;
    fit_ring(run);
    struct worker_place next = place_of(run, e->done_chunks);
    worker_begins(&next);
    json_t *message = message_of(run, MESSAGE_STARTED);
    json_object_set_new(message, "sampler", json_string(e->sampler));
    set_int(message, "width", e->width);
    set_int(message, "height", e->height);
    set_int(message, "frames", e->frames);
    set_int(message, "chunks", e->chunks);
    set_int(message, "chunks_done", e->done_chunks);
    set_int(message, "latents", e->latents);
    set_int(message, "steps", e->steps_total);
    json_object_set_new(message, "backend", json_string(model->ops->name));
    json_object_set_new(message, "model", json_string(model->name));
    json_object_set_new(message, "model_sha256", json_string(model->sha256));
    worker_tell(run->worker, message);
}

/* Chunks that have come to be safe on disk since the last time. */
static void tell_chunks(struct run *run)
{
    int64_t safe = clip_output_safe(run->output);
    while (run->chunks_told < run->chunks_made && run->chunk_ends[run->chunks_told] <= safe) {
        int64_t i = run->chunks_told++, start = i ? run->chunk_ends[i - 1] : 0;
        if (i + 1 < run->started.done_chunks)
            continue; /* it was told when it was made */
        json_t *message = message_of(run, MESSAGE_CHUNK);
        set_int(message, "start", start);
        set_int(message, "count", run->chunk_ends[i] - start);
        set_int(message, "chunks_done", i + 1);
        worker_tell(run->worker, message);
    }
}

static void on_step(void *user, const struct event_step *e)
{
    struct run *run = user;
    if (run->quiet)
        return;
    tell_chunks(run);
    json_t *message = message_of(run, MESSAGE_STEP);
    set_int(message, "chunk", e->chunk);
    set_int(message, "step", e->step);
    set_int(message, "steps", e->steps);
    set_int(message, "done", e->done);
    set_int(message, "total", e->total);
    json_object_set_new(message, "seconds", json_real(e->seconds));
    worker_tell(run->worker, message);
}

static bool on_latents(void *user, const struct event_latents *e, struct dn_error *err)
{
    struct run *run = user;
    if (!clip_output_latents(run->output, e, run->started.latents, err))
        return false;
    if (run->quiet)
        return true;
    run->chunk_ends =
        dn_realloc(run->chunk_ends, (size_t)run->chunks_made + 1, sizeof *run->chunk_ends);
    run->chunk_ends[run->chunks_made++] = e->start + e->count;
    return true;
}

static bool on_frames(void *user, const struct event_frames *e, struct dn_error *err)
{
    struct run *run = user;
    struct frame_ring *ring = run->worker->ring;
    if (run->quiet)
        return clip_output_frames(run->output, e, run->started.frames, err);
    if (e->start == 0)
        run->first_seconds = e->seconds;
    tell_chunks(run);
    for (int64_t i = 0; ring && i < e->count; i++)
        frame_ring_publish(ring, run->job, e->start + i, e->rgb + i * e->width * e->height * 3);
    json_t *message = message_of(run, MESSAGE_FRAMES);
    set_int(message, "start", e->start);
    set_int(message, "count", e->count);
    json_object_set_new(message, "seconds", json_real(e->seconds));
    worker_tell(run->worker, message); /* before the encoder: it is seen sooner */
    return clip_output_frames(run->output, e, run->started.frames, err);
}

static void on_finished(void *user, const struct event_finished *e)
{
    struct run *run = user;
    double before = run->finished.seconds; /* 0 but when the files are written again */
    run->finished = *e;
    run->finished.seconds += before;
}

/* --- preparing --- */

static bool read_order(struct run *run, struct dn_error *err)
{
    char *text = json_dumps(json_object_get(run->order, "request"), JSON_COMPACT);
    bool ok = text ? request_from_json(&run->request, text, err) &&
                         request_validate(&run->request, err)
                   : dn_fail(err, DN_E_FORMAT, "the order has no request");
    free(text);
    return ok;
}

static bool read_inputs(struct run *run, struct dn_error *err)
{
    const struct request *r = &run->request;
    const struct media_import_options options = {.max_frames = 1, .width = (int)r->width,
                                                 .height = (int)r->height};
    if (!pipeline_inputs_load(r, &run->inputs, err))
        return false;
    if (!r->image)
        return true;
    if (!media_import(r->image, &options, &run->image, err))
        return false;
    int64_t shape[4] = {run->image->count, run->image->height, run->image->width, 3};
    run->inputs.frames = tensor_over(run->image->rgb24, DTYPE_U8, 4, shape);
    return true;
}

/* Latents of this clip from before a stop or a kill; or, at its first start, the parent's. */
static bool read_made(struct run *run, struct dn_error *err)
{
    int64_t shape[4], frames;
    struct dn_error ignored;
    const char *parent = protocol_text(run->order, "parent_latents");
    const float *made = clip_output_made(run->output, shape, &ignored);
    if (!made && parent) {
        if (!pipeline_chunk_start(run->worker->model.pipeline, &run->request, &run->inputs,
                                  protocol_int(run->order, "parent_chunk", 0), &frames, err) ||
            !clip_output_begin_like(run->output, parent, frames, err))
            return false;
        made = clip_output_made(run->output, shape, &ignored);
    }
    if (made)
        run->inputs.made = tensor_over((void *)made, DTYPE_F32, 4, shape);
    return true;
}

static bool open_output(struct run *run, struct dn_error *err)
{
    struct worker_model *model = &run->worker->model;
    struct clip_output_options options = {.request = &run->request,
                                          .folder = protocol_text(run->order, "folder"),
                                          .again = protocol_int(run->order, "attempt", 1) > 1};
    free(run->recipe);
    run->recipe = recipe_make(model->name, model->sha256, &run->request);
    options.recipe = run->request.embed_recipe ? run->recipe : NULL;
    options.background = strcmp(model->ops->name, "cpu") != 0;
    return clip_output_open(&options, &run->output, err) && read_made(run, err) &&
           pipeline_check(model->pipeline, &run->request, &run->inputs, err);
}

static bool prepare(struct run *run, struct dn_error *err)
{
    struct worker_model *model = &run->worker->model;
    int64_t start_ns = dn_now_ns();
    if (!read_order(run, err) || !worker_model_fit(model, &run->request, &run->worker->options, err))
        return false;
    run->load_seconds = (double)(dn_now_ns() - start_ns) / 1e9;
    return read_inputs(run, err) &&
           pipeline_check(model->pipeline, &run->request, &run->inputs, err) &&
           open_output(run, err);
}

/* --- the end --- */

static void tell_end(struct run *run, const char *type, json_t *files)
{
    json_t *timings = json_pack("{s:f, s:f, s:f, s:I}", "seconds", run->finished.seconds,
                                "first_frame_seconds", run->first_seconds, "load_seconds",
                                run->load_seconds, "chunks_resumed",
                                (json_int_t)run->started.done_chunks);
    json_t *message = json_pack("{s:s, s:I, s:I, s:o, s:O}", "type", type, "job",
                                (json_int_t)run->job, "frames", (json_int_t)run->finished.frames,
                                "timings", timings, "files", files);
    worker_tell(run->worker, message);
}

static void tell_failed(struct run *run, const struct dn_error *err)
{
    char *text = dn_error_text(err);
    worker_tell(run->worker, json_pack("{s:s, s:I, s:s, s:s}", "type", "failed", "job",
                                       (json_int_t)run->job, "code", dn_code_name(err->code),
                                       "message", text));
    free(text);
}

static bool make(struct run *run, struct dn_error *err)
{
    struct worker *w = run->worker;
    struct pipeline_events events = {.user = run,
                                     .float_frames = clip_output_wants_float(run->output),
                                     .started = on_started, .chunk = on_chunk, .step = on_step,
                                     .latents = on_latents, .frames = on_frames,
                                     .finished = on_finished};
    return pipeline_run(w->model.pipeline, &run->request, &run->inputs, &events, &w->stop, err);
}

/* The files of a steered clip were begun with the recipe of before: they are written once more from
 * the latents, and are then those of a clip that was asked for so from the start. */
static bool write_again(struct run *run, struct dn_error *err)
{
    clip_output_close(run->output);
    run->output = NULL;
    run->inputs.made = (struct tensor){0};
    run->quiet = true;
    return open_output(run, err) && make(run, err);
}

static void run_done(struct run *run)
{
    clip_output_close(run->output);
    pipeline_inputs_done(&run->inputs);
    media_frames_free(run->image);
    request_done(&run->request);
    free(run->recipe);
    free(run->chunk_ends);
}

bool worker_clip(struct worker *w, const json_t *order, struct dn_error *err)
{
    struct run run = {.worker = w, .order = order, .job = protocol_int(order, "job", 0)};
    json_t *files = NULL;
    request_init(&run.request);
    bool ok = prepare(&run, err), made = ok && make(&run, err);
    if (made && run.steered)
        made = write_again(&run, err);
    bool stopped = w->stop != WORKER_GO && !made && (!ok || err->code == DN_E_CANCELLED);
    bool usable = true;
    if (made || (stopped && w->stop == WORKER_CANCEL && run.output)) {
        bool kept = clip_output_finish(run.output, made, &files, err);
        tell_chunks(&run);
        if (kept)
            tell_end(&run, made ? "done" : "stopped", files);
        else
            tell_failed(&run, err);
    } else if (stopped) {
        files = json_array();
        tell_end(&run, "stopped", files);
    } else {
        /* what a device has lost it does not find again in this process */
        usable = err->code != DN_E_BACKEND || !ok;
        if (usable)
            tell_failed(&run, err);
    }
    json_decref(files);
    run_done(&run);
    return usable;
}
