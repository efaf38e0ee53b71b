/* The judge agrees with clean drawn clips and disagrees with wrong ones. */
#include <stdlib.h>

#include "base/mem.h"
#include "check.h"
#include "train/scene_judge.h"

enum { W = 160, H = 96, CLIPS = 60 };

struct count {
    int background, colour, shape, motion;
};

static void add(struct count *count, const struct scene_verdict *v)
{
    count->background += v->background_right;
    count->colour += v->colour_right;
    count->shape += v->shape_right;
    count->motion += v->motion_right;
}

/* Judges held-out scenes drawn at w x h, each against the scene `offset` places on in the list. */
static struct count judge_drawn(int offset, int w, int h)
{
    struct count count = {0};
    uint8_t *rgb = dn_malloc((size_t)SCENE_FRAMES * (size_t)w * (size_t)h * 3);
    for (int32_t i = 0; i < CLIPS; i++) {
        struct scene drawn, expected;
        struct scene_verdict verdict;
        scene_heldout(i, &drawn);
        scene_heldout(i + offset, &expected);
        scene_draw_clip(&drawn, 0, SCENE_FRAMES, w, h, rgb);
        CHECK(scene_judge_clip(&expected, rgb, SCENE_FRAMES, w, h, &verdict));
        add(&count, &verdict);
    }
    free(rgb);
    return count;
}

TEST(drawn_clips_are_right)
{
    struct count n = judge_drawn(0, W, H);
    CHECK_MSG(n.background == CLIPS, "background %d of %d", n.background, CLIPS);
    CHECK_MSG(n.colour >= CLIPS - 1, "colour %d of %d", n.colour, CLIPS);
    CHECK_MSG(n.shape >= CLIPS - 1, "shape %d of %d", n.shape, CLIPS);
    CHECK_MSG(n.motion >= CLIPS - 1, "motion %d of %d", n.motion, CLIPS);
}

TEST(other_clips_are_wrong)
{
    struct count n = judge_drawn(1, W, H);
    CHECK_MSG(n.background < CLIPS * 4 / 10, "background %d of %d", n.background, CLIPS);
    CHECK_MSG(n.colour < CLIPS * 3 / 10, "colour %d of %d", n.colour, CLIPS);
    CHECK_MSG(n.shape < CLIPS * 3 / 10, "shape %d of %d", n.shape, CLIPS);
    CHECK_MSG(n.motion < CLIPS * 3 / 10, "motion %d of %d", n.motion, CLIPS);
}

TEST(a_clip_backwards_moves_the_other_way)
{
    struct scene scene = {.background = GROUND_CHECKER, .count = 1};
    struct scene_verdict verdict;
    size_t size = (size_t)W * H * 3;
    uint8_t *rgb = dn_malloc(SCENE_FRAMES * size);
    static const int back[MOTION_COUNT] = {
        [MOTION_LEFT] = MOTION_RIGHT, [MOTION_RIGHT] = MOTION_LEFT,
        [MOTION_UP] = MOTION_DOWN, [MOTION_DOWN] = MOTION_UP,
        [MOTION_BOUNCING] = MOTION_BOUNCING, [MOTION_CIRCLING] = MOTION_CIRCLING,
        [MOTION_GROWING] = MOTION_SHRINKING, [MOTION_SHRINKING] = MOTION_GROWING,
    };
    for (int motion = 0; motion < MOTION_COUNT; motion++) {
        scene.object[0] = (struct scene_object){.shape = SHAPE_STAR, .colour = COLOUR_PINK,
                                                .motion = motion, .size = SIZE_MEDIUM,
                                                .across = 0.3f, .down = 0.6f, .phase = 0.2f};
        for (int f = 0; f < SCENE_FRAMES; f++)
            scene_draw_frame(&scene, SCENE_FRAMES - 1 - f, W, H, rgb + (size_t)f * size);
        CHECK(scene_judge_clip(&scene, rgb, SCENE_FRAMES, W, H, &verdict));
        CHECK_MSG(verdict.motion[0] == back[motion], "%s backwards is seen as %d",
                  scene_motion_name(motion), verdict.motion[0]);
    }
    free(rgb);
}

TEST(noise_and_grey_are_nothing)
{
    struct scene scene;
    struct scene_verdict verdict;
    size_t size = (size_t)SCENE_FRAMES * W * H * 3;
    uint8_t *rgb = dn_malloc(size);
    scene_heldout(3, &scene);
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++)
        rgb[i] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
    CHECK(scene_judge_clip(&scene, rgb, SCENE_FRAMES, W, H, &verdict));
    CHECK(!verdict.background_right && !verdict.shape_right && !verdict.motion_right);
    memset(rgb, 60, size);
    CHECK(scene_judge_clip(&scene, rgb, SCENE_FRAMES, W, H, &verdict));
    CHECK(!verdict.colour_right && !verdict.shape_right && !verdict.motion_right);
    CHECK(!scene_judge_clip(&scene, rgb, 10, W, H, &verdict));
    free(rgb);
}

TEST(an_empty_background_shows_no_object)
{
    struct scene scene;
    struct scene_verdict verdict;
    size_t size = (size_t)W * H * 3;
    uint8_t *rgb = dn_malloc(SCENE_FRAMES * size);
    scene_heldout(5, &scene);
    for (int f = 0; f < SCENE_FRAMES; f++)
        scene_draw_background(scene.background, W, H, rgb + (size_t)f * size);
    CHECK(scene_judge_clip(&scene, rgb, SCENE_FRAMES, W, H, &verdict));
    CHECK(verdict.background_right && !verdict.colour_right && !verdict.shape_right &&
          !verdict.motion_right);
    CHECK(verdict.shape[0] == -1 && verdict.motion[0] == -1 && verdict.colour[0] == -1);
    free(rgb);
}

TESTS(T(drawn_clips_are_right), T(other_clips_are_wrong),
      T(a_clip_backwards_moves_the_other_way), T(noise_and_grey_are_nothing),
      T(an_empty_background_shows_no_object))
