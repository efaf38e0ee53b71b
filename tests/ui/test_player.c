/* The player's parts that need no terminal: one clock for clips of different speeds and lengths, and
 * what is said of compared clips. */
#include <string.h>

#include "check.h"
#include "ui/studio/player.h"

static void add_side(struct player *p, double fps, int64_t frames)
{
    struct player_side *side = &p->sides[p->count++];
    side->playback.fps = fps;
    for (int64_t i = 0; i < frames; i++)
        playback_put(&side->playback, i, frame_new(2, 2), 0);
}

static void clear(struct player *p)
{
    for (int i = 0; i < p->count; i++)
        playback_clear(&p->sides[i].playback);
}

TEST(one_clock_for_all)
{
    struct player p = {.clock = {.speed = 1}};
    add_side(&p, 16, 21);
    add_side(&p, 8, 45); /* the longest: 5.625 s */
    add_side(&p, 24, 24); /* the fastest */
    player_set_clock(&p);
    CHECK(p.clock.fps == 24 && p.clock.count == 135);
    p.clock.at = 23;
    player_follow(&p);
    CHECK(p.sides[0].playback.at == 15 && p.sides[1].playback.at == 7 &&
          p.sides[2].playback.at == 23);
    p.clock.at = 134; /* the shorter ones keep their last frame */
    player_follow(&p);
    CHECK(p.sides[0].playback.at == 20 && p.sides[1].playback.at == 44 &&
          p.sides[2].playback.at == 23);
    CHECK(player_frame_of(&p, &p.sides[0], 134) >= p.sides[0].playback.count);
    /* there and back: to the time of a frame, which shows that frame */
    for (int i = 0; i < p.count; i++)
        for (int64_t n = 0; n < p.sides[i].playback.count; n++)
            CHECK(player_frame_of(&p, &p.sides[i], player_tick_of(&p, &p.sides[i], n)) == n);
    clear(&p);
}

/* A clip that comes later may be faster: the moment stays. */
TEST(the_moment_stays)
{
    struct player p = {.clock = {.speed = 1}};
    add_side(&p, 16, 32);
    player_set_clock(&p);
    CHECK(p.clock.fps == 16 && p.clock.count == 32);
    p.clock.at = 16;
    add_side(&p, 24, 24);
    player_set_clock(&p);
    CHECK(p.clock.fps == 24 && p.clock.count == 48 && p.clock.at == 24);
    clear(&p);
    p = (struct player){.clock = {.speed = 1}};
    player_set_clock(&p); /* nothing at all */
    CHECK(p.clock.count == 0 && p.clock.at == 0);
}

static void label(struct player_side *sides, int count, const char *const *prompts,
                  const uint64_t *seeds, const char *const *requests)
{
    memset(sides, 0, (size_t)count * sizeof *sides);
    for (int i = 0; i < count; i++)
        sides[i].clip = (struct clip){.prompt = prompts[i], .seed = seeds[i], .width = 16 * (i + 1),
                                      .height = 16, .frames = 5, .fps = 16,
                                      .request_json = requests ? requests[i] : ""};
    sides_label(sides, count);
}

TEST(labels_say_what_differs)
{
    struct player_side s[4];
    static const char *const plain[] = {"{}", "{}", "{}"};
    label(s, 2, (const char *[]){"a red fox in snow", "a grey fox in snow"}, (uint64_t[]){1, 1}, plain);
    CHECK_STR(s[0].label, "a red..");
    CHECK_STR(s[1].label, "a grey..");
    label(s, 2, (const char *[]){"a fox", "a fox in snow"}, (uint64_t[]){1, 2}, plain);
    CHECK_STR(s[0].label, "seed 1  a fox");
    CHECK_STR(s[1].label, "seed 2  a fox in snow");
    label(s, 2, (const char *[]){"a small fox", "a small fox in snow"}, (uint64_t[]){1, 2}, plain);
    CHECK_STR(s[0].label, "seed 1  ..");
    CHECK_STR(s[1].label, "seed 2  ..in snow");
    label(s, 3, (const char *[]){"x", "x", "x"}, (uint64_t[]){1, 1, 1},
          (const char *[]){"{\"shift\":5}", "{\"shift\":3.5}", "{\"shift\":5,\"frames\":81}"});
    CHECK_STR(s[0].label, "shift 5");
    CHECK_STR(s[1].label, "shift 3.5");
    label(s, 2, (const char *[]){"x", "x"}, (uint64_t[]){1, 1}, plain);
    CHECK_STR(s[0].label, "the same settings");
    label(s, 2, (const char *[]){"", "   "}, (uint64_t[]){1, 1}, NULL); /* imported: no request */
    CHECK(strstr(s[0].label, "size 16x16") && strstr(s[1].label, "size 32x16"));
}

TESTS(T(one_clock_for_all), T(the_moment_stays), T(labels_say_what_differs))
