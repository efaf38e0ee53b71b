/* latents_queue: see latents_queue.h */
#include "engine/latents_queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct part {
    struct part *next;
    int64_t frames;
    float values[];
};

struct latents_queue {
    struct clip_latents *file; /* the thread's, or the caller's where none could be had */
    int64_t frame_size;
    pthread_t thread;
    bool threaded;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct part *first, *last;
    int64_t safe;
    bool ending, failed;
    struct dn_error error; /* when failed */
};

/* The next part, NULL when the queue ends. */
static struct part *take(struct latents_queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (!q->first && !q->ending)
        pthread_cond_wait(&q->changed, &q->lock);
    struct part *part = q->first;
    if (part)
        q->first = part->next;
    pthread_mutex_unlock(&q->lock);
    return part;
}

static void write_part(struct latents_queue *q, const struct part *part)
{
    struct dn_error err;
    bool ok = !q->failed && clip_latents_append(q->file, part->values, part->frames, &err);
    pthread_mutex_lock(&q->lock);
    if (ok) {
        q->safe += part->frames;
    } else if (!q->failed) {
        q->failed = true;
        q->error = err;
    }
    pthread_mutex_unlock(&q->lock);
}

static void *work(void *context)
{
    struct latents_queue *q = context;
    for (struct part *part; (part = take(q)); free(part))
        write_part(q, part);
    return NULL;
}

struct latents_queue *latents_queue_start(struct clip_latents *file, int64_t frame_size)
{
    struct latents_queue *q = dn_calloc(1, sizeof *q);
    q->file = file;
    q->frame_size = frame_size;
    q->safe = clip_latents_frames(file);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->changed, NULL);
    q->threaded = pthread_create(&q->thread, NULL, work, q) == 0;
    return q;
}

static bool check(struct latents_queue *q, struct dn_error *err)
{
    pthread_mutex_lock(&q->lock);
    bool ok = !q->failed;
    if (!ok && err)
        *err = q->error;
    pthread_mutex_unlock(&q->lock);
    return ok;
}

bool latents_queue_add(struct latents_queue *q, const float *values, int64_t frames,
                       struct dn_error *err)
{
    size_t size = dn_mul_or_abort((size_t)(frames * q->frame_size), sizeof *values);
    struct part *part = dn_malloc(sizeof *part + size);
    part->next = NULL;
    part->frames = frames;
    memcpy(part->values, values, size);
    if (!q->threaded) {
        write_part(q, part);
        free(part);
        return check(q, err);
    }
    pthread_mutex_lock(&q->lock);
    if (q->first)
        q->last->next = part;
    else
        q->first = part;
    q->last = part;
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->lock);
    return check(q, err);
}

int64_t latents_queue_safe(struct latents_queue *q)
{
    pthread_mutex_lock(&q->lock);
    int64_t safe = q->safe;
    pthread_mutex_unlock(&q->lock);
    return safe;
}

bool latents_queue_stop(struct latents_queue *q, struct dn_error *err)
{
    if (!q)
        return true;
    pthread_mutex_lock(&q->lock);
    q->ending = true;
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->lock);
    if (q->threaded)
        pthread_join(q->thread, NULL);
    bool ok = check(q, err);
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->changed);
    free(q);
    return ok;
}
