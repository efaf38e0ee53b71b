/* pipeline_decode: latents to frames, in turn with the passes or on a thread beside them.
 *
 * The thread owns the decoder and its exec from start to finish of a run. Chunks wait for it in a
 * short queue: whoever makes them faster than they are decoded waits. Events of both threads share
 * a lock, so that no two are told at once. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pipeline/pipeline_internal.h"

enum { MOST_WAITING = 2 };

struct chunk_latents {
    int64_t start, count;
    float *values;
};

struct decoding {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct chunk_latents queue[MOST_WAITING]; /* oldest first */
    int waiting;
    bool ending, dropping; /* no more will come; what waits is thrown away */
    bool failed;
    struct dn_error error;
    struct run *run;
};

/* --- frames --- */

/* vae_frames_fn: hands decoded frames on, cut at the length that was asked for. */
static bool take_frames(void *context, const struct tensor *video, int64_t first,
                        struct dn_error *err)
{
    struct run *run = context;
    const struct pipeline_events *events = run->events;
    int64_t height = run->request->height, width = run->request->width;
    int64_t count = run->request->frames - first;
    if (count > video->shape[0])
        count = video->shape[0];
    if (count <= 0)
        return true;
    struct tensor part = tensor_slice(video, 0, count);
    struct event_frames e = {.start = first, .count = count, .width = width, .height = height};
    size_t pixels = dn_mul_or_abort((size_t)(count * height), (size_t)width * 3);
    if (count > run->buffer_frames) {
        run->buffer_frames = count;
        run->rgb = dn_realloc(run->rgb, pixels, 1);
        if (events->float_frames)
            run->values = dn_realloc(run->values, pixels, sizeof *run->values);
    }
    struct tensor bytes = tensor_over(run->rgb, DTYPE_U8, DIMS(count, height, width, 3));
    struct tensor floats = tensor_over(run->values, DTYPE_F32, DIMS(count, height, width, 3));
    e.rgb = run->rgb;
    e.values = run->values;
    if (!run->p->ops->video_to_rgb8(run->p->decoder_ex, &bytes, &part, err) ||
        (events->float_frames && !vae_frames_download(run->p->decoder, &floats, &part, err)))
        return false;
    e.seconds = pipeline_seconds(run);
    pipeline_lock(run);
    bool ok = !events->frames || events->frames(events->user, &e, err);
    pipeline_unlock(run);
    if (ok)
        run->frames_out = first + count;
    return ok;
}

static bool check_finite(const float *values, int64_t count, struct dn_error *err)
{
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            dn_fail(err, DN_E_MODEL, "the transformer made values that are not numbers");
            return dn_error_hint(err, "danaus model check looks for broken weights");
        }
    }
    return true;
}

/* Tells of a chunk's latents, decodes them and hands the frames on. */
static bool decode(struct run *run, const struct chunk_latents *chunk, struct dn_error *err)
{
    const struct pipeline_events *events = run->events;
    int64_t channels = transformer_get_config(run->p->transformer)->channels;
    struct event_latents e = {.start = chunk->start,
                              .count = chunk->count,
                              .channels = channels,
                              .height = run->job.height,
                              .width = run->job.width,
                              .values = chunk->values};
    if (!check_finite(chunk->values, chunk->count * run->noise.frame_size, err))
        return false;
    pipeline_lock(run);
    bool ok = !events->latents || events->latents(events->user, &e, err);
    pipeline_unlock(run);
    if (!ok)
        return false;
    run->latents_out = chunk->start + chunk->count;
    /* latents behind the last wanted frame are made with their chunk, but need no decoding */
    int64_t wanted = pipeline_latents_wanted(run) - chunk->start;
    if (wanted <= 0)
        return true;
    struct tensor latents =
        tensor_over(chunk->values, DTYPE_F32,
                    DIMS(wanted < e.count ? wanted : e.count, channels, e.height, e.width));
    return vae_decoder_push_host(run->p->decoder, &latents, take_frames, run, err);
}

/* --- the thread --- */

/* Waits for a chunk; false: there will be none. */
static bool take_chunk(struct decoding *d, struct chunk_latents *chunk)
{
    pthread_mutex_lock(&d->lock);
    while (d->waiting == 0 && !d->ending)
        pthread_cond_wait(&d->changed, &d->lock);
    bool any = d->waiting > 0 && !d->dropping;
    if (any) {
        *chunk = d->queue[0];
        d->waiting--;
        memmove(d->queue, d->queue + 1, (size_t)d->waiting * sizeof *d->queue);
        pthread_cond_broadcast(&d->changed);
    }
    pthread_mutex_unlock(&d->lock);
    return any;
}

static void *work(void *context)
{
    struct decoding *d = context;
    struct chunk_latents chunk;
    struct dn_error err = {0};
    bool ok = true;
    while (ok && take_chunk(d, &chunk)) {
        ok = decode(d->run, &chunk, &err);
        free(chunk.values);
    }
    pthread_mutex_lock(&d->lock);
    d->failed = !ok;
    d->error = err;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

bool pipeline_decoding_start(struct run *run, struct dn_error *err)
{
    if (run->p->decoder_ex == run->p->ex || run->events->in_turn)
        return true;
    struct decoding *d = dn_calloc(1, sizeof *d);
    d->run = run;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, NULL);
    pthread_mutex_init(&run->event_lock, NULL);
    run->decoding = d;
    if (pthread_create(&d->thread, NULL, work, d) == 0)
        return true;
    run->decoding = NULL;
    pthread_mutex_destroy(&run->event_lock);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d);
    return dn_fail(err, DN_E_MEMORY, "no thread to be had for decoding");
}

bool pipeline_hand_on(struct run *run, int64_t start, int64_t count, const float *values,
                      struct dn_error *err)
{
    struct decoding *d = run->decoding;
    struct chunk_latents chunk = {start, count, (float *)values};
    if (!d)
        return decode(run, &chunk, err);
    size_t size = dn_mul_or_abort((size_t)(count * run->noise.frame_size), sizeof *values);
    chunk.values = dn_malloc(size);
    memcpy(chunk.values, values, size);
    pthread_mutex_lock(&d->lock);
    while (d->waiting == MOST_WAITING && !d->failed)
        pthread_cond_wait(&d->changed, &d->lock);
    bool ok = !d->failed;
    if (ok)
        d->queue[d->waiting++] = chunk;
    else
        *err = d->error;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    if (!ok)
        free(chunk.values);
    return ok;
}

bool pipeline_decoding_finish(struct run *run, bool drop, struct dn_error *err)
{
    struct decoding *d = run->decoding;
    if (!d)
        return true;
    pthread_mutex_lock(&d->lock);
    d->ending = true;
    d->dropping = drop;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    run->decoding = NULL;
    bool ok = !d->failed;
    if (!ok)
        *err = d->error;
    for (int i = 0; i < d->waiting; i++)
        free(d->queue[i].values);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    pthread_mutex_destroy(&run->event_lock);
    free(d);
    return ok;
}

void pipeline_lock(struct run *run)
{
    if (run->decoding)
        pthread_mutex_lock(&run->event_lock);
}

void pipeline_unlock(struct run *run)
{
    if (run->decoding)
        pthread_mutex_unlock(&run->event_lock);
}
