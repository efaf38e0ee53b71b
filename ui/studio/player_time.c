/* player_time: moving in the clip's time: pause, step, scrub, speed, a range. */
#include <math.h>
#include <stdlib.h>

#include "ui/studio/player.h"

void player_set_clock(struct player *p)
{
    struct playback *c = &p->clock;
    double seconds = 0, moment = c->fps > 0 ? (double)c->at / c->fps : 0;
    c->fps = 0;
    for (int i = 0; i < p->count; i++) {
        const struct playback *b = &p->sides[i].playback;
        double fps = b->fps > 0 ? b->fps : 16, length = (double)b->count / fps;
        c->fps = b->count && fps > c->fps ? fps : c->fps;
        seconds = length > seconds ? length : seconds;
    }
    c->count = (int64_t)ceil(seconds * c->fps - 1e-6);
    c->at = (int64_t)floor(moment * c->fps + 1e-6);
    c->at = c->at >= c->count ? (c->count > 0 ? c->count - 1 : 0) : c->at;
    player_follow(p);
}

static double ratio(const struct player *p, const struct player_side *side)
{
    double fps = side->playback.fps > 0 ? side->playback.fps : 16;
    return p->clock.fps > 0 ? fps / p->clock.fps : 1;
}

int64_t player_frame_of(const struct player *p, const struct player_side *side, int64_t tick)
{
    return (int64_t)floor((double)tick * ratio(p, side) + 1e-6);
}

int64_t player_tick_of(const struct player *p, const struct player_side *side, int64_t frame)
{
    return (int64_t)ceil((double)frame / ratio(p, side) - 1e-6);
}

void player_follow(struct player *p)
{
    for (int i = 0; i < p->count; i++) {
        struct playback *b = &p->sides[i].playback;
        int64_t at = player_frame_of(p, &p->sides[i], p->clock.at);
        b->at = at < b->count ? at : b->count > 0 ? b->count - 1 : 0;
    }
}

void player_seek(struct studio *s, int64_t tick)
{
    struct player *p = player_get(s);
    playback_seek(&p->clock, tick, s->now_ms);
    player_follow(p);
}

void player_step(struct studio *s, int64_t by)
{
    struct playback *c = &player_get(s)->clock;
    c->playing = false;
    player_seek(s, c->at + by);
}

void player_do_pause(struct studio *s, const char *argument)
{
    struct player *p = player_get(s);
    struct playback *c = &p->clock;
    (void)argument;
    p->rounds_until_ms = s->now_ms + PLAYER_ROUNDS_MS;
    if (c->playing || p->waiting) {
        c->playing = p->waiting = false;
        return;
    }
    if (c->loop == LOOP_OFF && c->at + 1 >= c->count)
        player_seek(s, 0);
    playback_start(c, s->now_ms);
}

void player_do_step_back(struct studio *s, const char *argument)
{
    (void)argument;
    player_step(s, -1);
}

void player_do_step(struct studio *s, const char *argument)
{
    (void)argument;
    player_step(s, 1);
}

static void jump(struct studio *s, int64_t by)
{
    player_seek(s, player_get(s)->clock.at + by);
}

void player_do_back(struct studio *s, const char *argument)
{
    (void)argument;
    jump(s, -10);
}

void player_do_forward(struct studio *s, const char *argument)
{
    (void)argument;
    jump(s, 10);
}

void player_do_first(struct studio *s, const char *argument)
{
    (void)argument;
    player_seek(s, 0);
}

void player_do_last(struct studio *s, const char *argument)
{
    (void)argument;
    player_seek(s, player_get(s)->clock.count - 1);
}

/* To where a chunk of the clip that keys mean begins. */
static void seek_chunk(struct studio *s, int64_t chunk)
{
    struct player *p = player_get(s);
    player_seek(s, player_tick_of(p, player_side(p), side_chunk_start(player_side(p), chunk)));
}

void player_do_chunk_back(struct studio *s, const char *argument)
{
    const struct player_side *side = player_side(player_get(s));
    int64_t at = side->playback.at, chunk = side_chunk_at(side, at);
    (void)argument;
    seek_chunk(s, at > side_chunk_start(side, chunk) || chunk == 0 ? chunk : chunk - 1);
}

void player_do_chunk_forward(struct studio *s, const char *argument)
{
    const struct player_side *side = player_side(player_get(s));
    (void)argument;
    seek_chunk(s, side_chunk_at(side, side->playback.at) + 1);
}

void player_do_frame(struct studio *s, const char *argument)
{
    struct player *p = player_get(s);
    if (argument)
        player_seek(s, player_tick_of(p, player_side(p), strtoll(argument, NULL, 10) - 1));
}

static void speed(struct studio *s, double factor)
{
    struct playback *b = &player_get(s)->clock;
    double wanted = b->speed * factor;
    b->speed = wanted < 0.125 ? 0.125 : wanted > 8 ? 8 : wanted;
}

void player_do_slower(struct studio *s, const char *argument)
{
    (void)argument;
    speed(s, 0.5);
}

void player_do_faster(struct studio *s, const char *argument)
{
    (void)argument;
    speed(s, 2);
}

void player_do_loop(struct studio *s, const char *argument)
{
    struct playback *b = &player_get(s)->clock;
    (void)argument;
    b->loop = (enum loop_mode)((b->loop + 1) % 3);
}

void player_do_mark(struct studio *s, const char *argument)
{
    struct player *p = player_get(s);
    int64_t at = p->clock.at;
    (void)argument;
    if (p->mark_in < 0 || p->mark_out >= 0) {
        p->mark_in = at;
        p->mark_out = -1;
    } else {
        p->mark_out = at > p->mark_in ? at : p->mark_in;
        p->mark_in = at < p->mark_in ? at : p->mark_in;
    }
    studio_tell(s, ROLE_TEXT, p->mark_out < 0 ? "from frame %lld; m again sets the end"
                                              : "to frame %lld; o exports what lies between",
                (long long)player_frame_of(p, player_side(p), at) + 1);
}
