/* server_peers: what goes to clients, and how little of it a slow one gets. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/server_internal.h"
#include "store/thumbnail.h"

void peer_free(struct server *s, struct peer *p)
{
    struct peer **link = &s->peers;
    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
    s->peer_count--;
    channel_done(&p->channel);
    free(p->watched);
    free(p);
}

void peer_close_soon(struct peer *p)
{
    p->closing = true;
    p->closing_ms = dn_now_ms();
}

/* Too much waits for it: it does not read. What it was told so far is all it gets. */
static bool overflows(struct peer *p)
{
    if (channel_queued(&p->channel) <= REPLY_QUEUE)
        return false;
    if (!p->closing)
        dn_warn("client %s does not read what it is sent and is dropped", p->name);
    p->channel.ended = true;
    peer_close_soon(p);
    return true;
}

void peer_reply(struct peer *p, const json_t *id, json_t *reply)
{
    if (id)
        json_object_set(reply, "id", (json_t *)id);
    channel_send(&p->channel, reply, -1);
    overflows(p);
}

bool peer_watches(const struct peer *p, int64_t job)
{
    if (p->watches_all)
        return true;
    for (size_t i = 0; i < p->watched_count; i++)
        if (p->watched[i] == job)
            return true;
    return false;
}

static void send_lost(struct peer *p)
{
    json_t *message = protocol_new(MESSAGE_LOST);
    json_object_set_new(message, "events", json_integer(p->lost));
    p->lost = 0;
    channel_send(&p->channel, message, -1);
}

/* message is borrowed; fd -1 = none goes along */
static void send_event(struct peer *p, json_t *message, bool lasting, int fd)
{
    if (p->closing)
        return;
    if (!lasting && channel_queued(&p->channel) > EVENT_QUEUE) {
        p->lost++;
        return;
    }
    if (p->lost && channel_queued(&p->channel) == 0)
        send_lost(p);
    channel_send(&p->channel, json_incref(message), fd);
    overflows(p);
}

void server_tell(struct server *s, int64_t job, json_t *message, bool lasting)
{
    for (struct peer *p = s->peers; p; p = p->next)
        if (peer_watches(p, job))
            send_event(p, message, lasting, -1);
    json_decref(message);
}

void server_tell_ring(struct server *s, struct worker_slot *w)
{
    for (struct peer *p = s->peers; p; p = p->next)
        if (p->mode == FRAMES_SHARED)
            send_event(p, w->ring_message, true, w->ring_fd);
}

/* --- catching up --- */

static void tell_running(struct server *s, struct peer *p, int64_t job)
{
    for (int i = 0; i < s->worker_count; i++) {
        struct worker_slot *w = &s->workers[i];
        if (p->mode == FRAMES_SHARED && w->ring_message)
            send_event(p, w->ring_message, true, w->ring_fd);
        if (w->job && w->started && (job == 0 || w->job == job))
            send_event(p, w->started, true, -1);
    }
}

static void tell_states(struct server *s, struct peer *p)
{
    struct job_list list = {0};
    struct dn_error err;
    unsigned waiting = 1u << JOB_QUEUED | 1u << JOB_PAUSED | 1u << JOB_RUNNING;
    if (!catalog_list_jobs(s->catalog, waiting, 1000, &list, &err))
        dn_warn("%s", err.message);
    for (size_t i = 0; i < list.count; i++) {
        json_t *job = job_describe(s, list.items[i].id, &err);
        if (job)
            send_event(p, job, true, -1);
        json_decref(job);
    }
    job_list_done(&list);
}

void peer_catch_up(struct server *s, struct peer *p, int64_t job)
{
    struct dn_error err;
    if (job) {
        json_t *message = job_describe(s, job, &err);
        if (message)
            send_event(p, message, true, -1);
        json_decref(message);
    } else {
        tell_states(s, p);
    }
    tell_running(s, p, job);
}

/* --- small pictures --- */

/* The newest frame of job as an image event; NULL when there is none to be had. */
static json_t *make_image(struct worker_slot *w, int64_t job, int max_px)
{
    struct frame_ring_info info = frame_ring_info(w->ring);
    uint8_t *rgb = dn_malloc((size_t)(info.width * info.height * 3)), *jpeg = NULL;
    int64_t frame, bytes = 0;
    struct dn_error err;
    json_t *message = NULL;
    if (frame_ring_newest(w->ring, job, &frame, rgb) &&
        thumbnail_jpeg(rgb, (int)info.width, (int)info.height, max_px, 6, &jpeg, &bytes, &err)) {
        char *text = dn_base64(jpeg, (size_t)bytes);
        message = protocol_new(MESSAGE_IMAGE);
        json_object_set_new(message, "job", json_integer(job));
        json_object_set_new(message, "frame", json_integer(frame));
        json_object_set_new(message, "format", json_string("jpeg"));
        json_object_set_new(message, "data", json_string(text));
        free(text);
        free(jpeg);
    }
    free(rgb);
    return message;
}

void server_tell_images(struct server *s, struct worker_slot *w, int64_t job)
{
    int64_t now = dn_now_ms();
    json_t *image = NULL;
    int made_px = 0; /* clients that ask for the same size share one picture */
    for (struct peer *p = s->peers; p; p = p->next) {
        if (p->mode != FRAMES_JPEG || !peer_watches(p, job) || now - p->image_ms < IMAGE_MS ||
            channel_queued(&p->channel) > EVENT_QUEUE / 4 || !w->ring)
            continue;
        if (made_px != p->image_px) {
            json_decref(image);
            image = make_image(w, job, p->image_px);
            made_px = p->image_px;
        }
        p->image_ms = now;
        if (image)
            send_event(p, image, false, -1);
    }
    json_decref(image);
}
