/* player_time: moving in the clip's time: pause, step, scrub, speed, a range. */
#include <stdlib.h>

#include "ui/studio/player.h"

void player_seek(struct studio *s, int64_t frame)
{
    struct player *p = player_get(s);
    playback_seek(&p->sides[0].playback, frame, s->now_ms);
    player_follow(p);
}

void player_step(struct studio *s, int64_t by)
{
    struct playback *b = &player_get(s)->sides[0].playback;
    b->playing = false;
    player_seek(s, b->at + by);
}

void player_do_pause(struct studio *s, const char *argument)
{
    struct player *p = player_get(s);
    struct playback *b = &p->sides[0].playback;
    (void)argument;
    p->rounds_until_ms = s->now_ms + PLAYER_ROUNDS_MS;
    if (b->playing) {
        b->playing = false;
        return;
    }
    if (b->loop == LOOP_OFF && b->at + 1 >= b->count)
        player_seek(s, 0);
    playback_start(b, s->now_ms);
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
    player_seek(s, player_get(s)->sides[0].playback.at + by);
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
    player_seek(s, player_get(s)->sides[0].playback.count - 1);
}

void player_do_chunk_back(struct studio *s, const char *argument)
{
    const struct player_side *side = &player_get(s)->sides[0];
    int64_t at = side->playback.at, chunk = side_chunk_at(side, at);
    (void)argument;
    player_seek(s, side_chunk_start(side, at > side_chunk_start(side, chunk) || chunk == 0 ? chunk : chunk - 1));
}

void player_do_chunk_forward(struct studio *s, const char *argument)
{
    const struct player_side *side = &player_get(s)->sides[0];
    (void)argument;
    player_seek(s, side_chunk_start(side, side_chunk_at(side, side->playback.at) + 1));
}

void player_do_frame(struct studio *s, const char *argument)
{
    if (argument)
        player_seek(s, strtoll(argument, NULL, 10) - 1);
}

static void speed(struct studio *s, double factor)
{
    struct playback *b = &player_get(s)->sides[0].playback;
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
    struct playback *b = &player_get(s)->sides[0].playback;
    (void)argument;
    b->loop = (enum loop_mode)((b->loop + 1) % 3);
}

void player_do_mark(struct studio *s, const char *argument)
{
    struct player *p = player_get(s);
    int64_t at = p->sides[0].playback.at;
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
                (long long)at + 1);
}
