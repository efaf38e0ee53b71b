/* frame: see frame.h */
#include "ui/studio/frame.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

struct frame *frame_new(int width, int height)
{
    struct frame *f = dn_malloc(sizeof *f + dn_mul_or_abort((size_t)width * 3, (size_t)height));
    f->holders = 1;
    f->width = width;
    f->height = height;
    return f;
}

struct frame *frame_hold(struct frame *f)
{
    if (f)
        f->holders++;
    return f;
}

void frame_drop(struct frame **f)
{
    if (*f && --(*f)->holders == 0)
        free(*f);
    *f = NULL;
}

void playback_put(struct playback *p, int64_t number, struct frame *f, int64_t now_ms)
{
    enum { MOST = 1000000 };
    if (number < 0 || number >= MOST) {
        frame_drop(&f);
        return;
    }
    if (number >= p->capacity) {
        int64_t capacity = number * 2 + 64;
        p->frames = dn_realloc(p->frames, (size_t)capacity, sizeof *p->frames);
        for (int64_t i = p->capacity; i < capacity; i++)
            p->frames[i] = NULL;
        p->capacity = capacity;
    }
    if (p->growing && p->at + 1 >= p->count)
        p->next_ms = (double)now_ms; /* it stood and waited: that was not lateness */
    frame_drop(&p->frames[number]);
    p->frames[number] = f;
    p->count = number >= p->count ? number + 1 : p->count;
}

static double interval_ms(const struct playback *p)
{
    double rate = (p->fps > 0 ? p->fps : 16) * (p->speed > 0 ? p->speed : 1);
    return rate > 1000 ? 1 : 1000 / rate;
}

void playback_start(struct playback *p, int64_t now_ms)
{
    p->playing = true;
    p->next_ms = (double)now_ms + interval_ms(p);
}

/* The frame after number at; -1: it stays. */
static int64_t following(struct playback *p)
{
    if (p->backwards)
        return p->at > 0 ? p->at - 1 : (p->backwards = false, p->count > 1 ? 1 : -1);
    if (p->at + 1 < p->count)
        return p->at + 1;
    if (p->growing || p->count < 2 || p->loop == LOOP_OFF)
        return -1;
    if (p->loop == LOOP_ON)
        return 0;
    p->backwards = true;
    return p->at - 1;
}

bool playback_tick(struct playback *p, int64_t now_ms)
{
    double now = (double)now_ms;
    if (!p->playing || p->count == 0 || now < p->next_ms)
        return false;
    double step = interval_ms(p);
    int64_t before = p->at, late = (int64_t)((now - p->next_ms) / step);
    /* late frames are skipped, at most a second of them: then time itself was not ours */
    bool lost = (double)late * step > 1000;
    for (int64_t i = 0; i <= (lost ? 0 : late); i++) {
        int64_t next = following(p);
        if (next < 0) {
            p->playing = p->growing || p->loop != LOOP_OFF;
            break;
        }
        p->at = next;
    }
    p->next_ms = lost ? now + step : p->next_ms + (double)(late + 1) * step;
    return p->at != before;
}

int64_t playback_due(const struct playback *p)
{
    bool waits = p->growing && p->at + 1 >= p->count; /* for frames, not for time */
    return p->playing && p->count > 1 && !waits ? (int64_t)ceil(p->next_ms) : -1;
}

void playback_seek(struct playback *p, int64_t number, int64_t now_ms)
{
    number = number >= p->count ? p->count - 1 : number;
    p->at = number < 0 ? 0 : number;
    p->backwards = false;
    p->next_ms = (double)now_ms + interval_ms(p);
}

struct frame *playback_frame(const struct playback *p)
{
    for (int64_t i = p->at; i >= 0 && i < p->count; i--)
        if (p->frames[i])
            return p->frames[i];
    for (int64_t i = p->at; i < p->count; i++) /* it was joined in the middle */
        if (p->frames[i])
            return p->frames[i];
    return NULL;
}

int playback_samples(const struct playback *p, struct frame **out, int count)
{
    int found = 0;
    for (int i = 0; i < count; i++) {
        struct frame *f = p->count ? p->frames[p->count * i / count] : NULL;
        if (f && (found == 0 || out[found - 1] != f))
            out[found++] = f;
    }
    return found;
}

void playback_clear(struct playback *p)
{
    for (int64_t i = 0; i < p->count; i++)
        frame_drop(&p->frames[i]);
    free(p->frames);
    p->frames = NULL;
    p->count = p->capacity = p->at = 0;
    p->backwards = false;
}
