/* frame_queue: see frame_queue.h. A list under one lock; the thread that adds and the one that
 * encodes wait for each other on one condition. */
#include "engine/frame_queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MOST_BYTES ((size_t)256 << 20) /* in the queue: 213 frames of 832x480 */

struct item {
    struct item *next;
    int64_t count;
    uint8_t *rgb;
};

struct frame_queue {
    struct media_writer *media; /* the thread's */
    size_t frame_bytes;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under lock */
    struct item *first, **last;
    size_t bytes;
    bool closing, drop, failed;
    struct dn_error err; /* of failed */
};

static void item_free(struct item *item)
{
    free(item->rgb);
    free(item);
}

/* The next item, or NULL at the end. */
static struct item *take(struct frame_queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (!q->first && !q->closing)
        pthread_cond_wait(&q->changed, &q->lock);
    struct item *item = q->first;
    if (item) {
        q->first = item->next;
        if (!q->first)
            q->last = &q->first;
    }
    pthread_mutex_unlock(&q->lock);
    return item;
}

static void *work(void *context)
{
    struct frame_queue *q = context;
    for (struct item *item = take(q); item; item = take(q)) {
        struct dn_error err;
        pthread_mutex_lock(&q->lock);
        bool skip = q->failed || q->drop;
        pthread_mutex_unlock(&q->lock);
        bool ok = skip || media_writer_add(q->media, item->rgb, item->count, &err);
        pthread_mutex_lock(&q->lock);
        q->bytes -= (size_t)item->count * q->frame_bytes;
        if (!ok) {
            q->failed = true;
            q->err = err;
        }
        pthread_cond_broadcast(&q->changed);
        pthread_mutex_unlock(&q->lock);
        item_free(item);
    }
    return NULL;
}

struct frame_queue *frame_queue_start(struct media_writer *media, size_t frame_bytes)
{
    struct frame_queue *q = dn_calloc(1, sizeof *q);
    q->media = media;
    q->frame_bytes = frame_bytes;
    q->last = &q->first;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->changed, NULL);
    if (pthread_create(&q->thread, NULL, work, q) == 0)
        return q;
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
    free(q);
    return NULL;
}

bool frame_queue_add(struct frame_queue *q, const uint8_t *rgb, int64_t count,
                     struct dn_error *err)
{
    size_t bytes = dn_mul_or_abort((size_t)count, q->frame_bytes);
    struct item *item = dn_calloc(1, sizeof *item);
    item->count = count;
    item->rgb = dn_malloc(bytes);
    memcpy(item->rgb, rgb, bytes);
    pthread_mutex_lock(&q->lock);
    while (q->first && q->bytes + bytes > MOST_BYTES && !q->failed)
        pthread_cond_wait(&q->changed, &q->lock);
    bool ok = !q->failed;
    if (ok) {
        *q->last = item;
        q->last = &item->next;
        q->bytes += bytes;
        pthread_cond_broadcast(&q->changed);
    } else if (err) {
        *err = q->err;
    }
    pthread_mutex_unlock(&q->lock);
    if (!ok)
        item_free(item);
    return ok;
}

bool frame_queue_stop(struct frame_queue *q, bool drop, struct dn_error *err)
{
    if (!q)
        return true;
    pthread_mutex_lock(&q->lock);
    q->closing = true;
    q->drop = drop;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    pthread_join(q->thread, NULL);
    assert(!q->first);
    bool ok = !q->failed;
    if (!ok && err)
        *err = q->err;
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
    free(q);
    return ok;
}
