/* bench_clip: whole clips through the pipeline, cut into phases at its events. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "commands/bench.h"
#include "engine/frame_sink.h"

const char *const bench_phase_names[BENCH_PHASES] = {
    [BENCH_TEXT] = "text and buffers",
    [BENCH_DENOISE] = "denoising pass",
    [BENCH_DENOISE_LAST] = "denoising pass, last chunk",
    [BENCH_CACHE] = "cache pass",
    [BENCH_DECODE_FIRST] = "decode, first latent",
    [BENCH_DECODE] = "decode, later latent",
    [BENCH_ENCODE] = "encode to mp4",
    [BENCH_FINISH] = "finish the mp4",
};

void bench_samples_add(struct bench_samples *s, double seconds, double flops)
{
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 64;
        s->seconds = dn_realloc(s->seconds, (size_t)s->room, sizeof *s->seconds);
    }
    s->seconds[s->count++] = seconds;
    s->total += seconds;
    s->flops += flops;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_samples_sort(struct bench_samples *s)
{
    if (s->count)
        qsort(s->seconds, (size_t)s->count, sizeof *s->seconds, compare);
}

double bench_samples_best(const struct bench_samples *s)
{
    return s->count ? s->seconds[0] : 0;
}

double bench_samples_median(const struct bench_samples *s)
{
    return s->count ? s->seconds[s->count / 2] : 0;
}

/* One clip. Each event ends a phase that began at `mark`. */
struct clip {
    const struct bench_setup *setup;
    struct bench_clips *clips;
    struct frame_sink *sink; /* NULL: frames are thrown away */
    unsigned kinds;
    int64_t start, mark; /* ns */
    int64_t chunk_mark;  /* when the last chunk's latents came */
    int64_t frames;
    int64_t chunks, chunk;
    int64_t passes; /* of this chunk, whose products are not counted yet */
    int64_t latent_frames; /* of the last chunk */
    int64_t latent_end;
    double decoding; /* of a latent whose frames have not all come */
    double flops;    /* so far */
};

/* What is queued belongs to the phase that ends. A fault is told by the next operation. */
static void phase_ends(struct clip *c, enum bench_phase phase, double flops)
{
    struct dn_error err;
    if (!(c->kinds & BENCH_CLIP_PHASES))
        return;
    if (!c->setup->ops->sync(c->setup->ex, &err))
        return;
    int64_t now = dn_now_ns();
    bench_samples_add(&c->clips->phases[phase], (double)(now - c->mark) / 1e9, flops);
    c->mark = now;
}

static double since(int64_t mark)
{
    return (double)(dn_now_ns() - mark) / 1e9;
}

static enum bench_phase denoise_phase(const struct clip *c)
{
    return c->chunk + 1 == c->chunks ? BENCH_DENOISE_LAST : BENCH_DENOISE;
}

/* Products of a pass over the chunk that has just become latents. */
static double chunk_flops(const struct clip *c, bool cache)
{
    struct bench_pass pass = *c->setup->pass;
    int64_t window = c->setup->request->local_attn_size;
    pass.frames = c->latent_frames;
    pass.keys = window > 0 && window < c->latent_end ? window : c->latent_end;
    return bench_pass_flops(pipeline_transformer(c->setup->pipeline), &pass, cache);
}

static void on_started(void *user, const struct event_started *e)
{
    struct clip *c = user;
    c->chunks = e->chunks;
    phase_ends(c, BENCH_TEXT, 0);
}

static void on_step(void *user, const struct event_step *e)
{
    struct clip *c = user;
    if (e->step == e->steps) {
        double flops = chunk_flops(c, true);
        c->flops += flops;
        phase_ends(c, BENCH_CACHE, flops);
    } else if (e->step + 1 < e->steps) {
        c->passes++;
        phase_ends(c, denoise_phase(c), 0);
    } else {
        c->mark = dn_now_ns(); /* the last pass ended with its latents */
    }
}

/* The time from the latents of one chunk to those of the next: the least of all clips. */
static void chunk_ends(struct clip *c)
{
    struct bench_clips *all = c->clips;
    double seconds = since(c->chunk_mark);
    c->chunk_mark = dn_now_ns();
    if (c->kinds & BENCH_CLIP_WARM)
        return;
    if (c->chunk >= all->chunk_count) {
        all->chunks = dn_realloc(all->chunks, (size_t)(c->chunk + 1), sizeof *all->chunks);
        all->chunks[all->chunk_count++] = seconds;
    } else if (seconds < all->chunks[c->chunk]) {
        all->chunks[c->chunk] = seconds;
    }
}

static bool on_latents(void *user, const struct event_latents *e, struct dn_error *err)
{
    struct clip *c = user;
    (void)err;
    c->latent_frames = e->count;
    c->latent_end = e->start + e->count;
    double flops = (double)(c->passes + 1) * chunk_flops(c, false);
    c->flops += flops;
    phase_ends(c, denoise_phase(c), flops);
    chunk_ends(c);
    c->passes = 0;
    c->chunk++;
    return true;
}

/* A latent's frames may come in several events: one sample for all of them. */
static void decoded(struct clip *c, int64_t frames)
{
    const struct bench_shapes *s = c->setup->shapes;
    int64_t now = dn_now_ns(), group = pipeline_vae(c->setup->pipeline)->temporal_factor;
    c->decoding += (double)(now - c->mark) / 1e9;
    c->mark = now;
    if ((frames - 1) % group)
        return;
    double flops = frames == 1 ? s->decode_first_flops : s->decode_flops;
    c->flops += flops;
    if (c->kinds & BENCH_CLIP_PHASES)
        bench_samples_add(&c->clips->phases[frames == 1 ? BENCH_DECODE_FIRST : BENCH_DECODE],
                          c->decoding, flops);
    c->decoding = 0;
}

static bool on_frames(void *user, const struct event_frames *e, struct dn_error *err)
{
    struct clip *c = user;
    const unsigned counted = BENCH_CLIP_WHOLE | BENCH_CLIP_FRAMES;
    if (e->start == 0 && c->kinds & counted)
        bench_samples_add(&c->clips->first, since(c->start), 0);
    c->frames = e->start + e->count;
    decoded(c, c->frames);
    if (!c->sink)
        return true;
    bool ok = frame_sink_add(c->sink, e->rgb, e->values, e->count, err);
    phase_ends(c, BENCH_ENCODE, 0);
    return ok;
}

/* The clip is decoded: what is left is the file. */
static bool finish(struct clip *c, struct dn_error *err)
{
    int64_t bytes, frames;
    if (c->kinds & BENCH_CLIP_FRAMES)
        bench_samples_add(&c->clips->decoded, since(c->start), 0);
    if (c->kinds & BENCH_CLIP_WARM)
        c->clips->warm_up = since(c->start);
    c->clips->phase_clips += (c->kinds & BENCH_CLIP_PHASES) != 0;
    c->clips->frames = c->frames;
    if (c->kinds & BENCH_CLIP_PHASES) /* otherwise latents come while the next ones are made */
        c->clips->flops = c->flops;
    if (!c->sink)
        return true;
    c->mark = dn_now_ns();
    bool ok = frame_sink_finish(c->sink, &frames, &bytes, err);
    c->sink = NULL;
    phase_ends(c, BENCH_FINISH, 0);
    bench_samples_add(&c->clips->whole, since(c->start), 0);
    return ok;
}

bool bench_clip_run(const struct bench_setup *setup, unsigned kinds, struct bench_clips *clips,
                    struct dn_error *err)
{
    const struct request *r = setup->request;
    const struct frame_sink_options options = {.width = r->width, .height = r->height,
                                               .fps = r->fps, .quality = r->quality,
                                               .force = true,
                                               .background = job_queues(setup->ops)};
    struct clip c = {.setup = setup, .clips = clips, .kinds = kinds, .start = dn_now_ns()};
    const struct pipeline_events events = {.user = &c, .in_turn = kinds & BENCH_CLIP_PHASES,
                                           .started = on_started, .step = on_step,
                                           .latents = on_latents, .frames = on_frames};
    if (!pipeline_check(setup->pipeline, r, setup->inputs, err) ||
        (kinds & BENCH_CLIP_WHOLE && !frame_sink_open(setup->output, &options, &c.sink, err)))
        return false;
    c.mark = c.chunk_mark = dn_now_ns();
    bool ok = pipeline_run(setup->pipeline, r, setup->inputs, &events, setup->stop, err) &&
              finish(&c, err);
    frame_sink_abort(c.sink);
    return ok;
}

void bench_clips_done(struct bench_clips *clips)
{
    for (int i = 0; i < BENCH_PHASES; i++)
        free(clips->phases[i].seconds);
    free(clips->whole.seconds);
    free(clips->decoded.seconds);
    free(clips->chunks);
    free(clips->first.seconds);
}
