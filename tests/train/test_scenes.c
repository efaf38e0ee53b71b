/* scenes: what is drawn, said, held out and prescribed as latents. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "check.h"
#include "train/scene_latents.h"
#include "train/scenes.h"

enum { W = 160, H = 96 };

TEST(same_seed_same_scene)
{
    struct scene a, b;
    for (uint64_t seed = 0; seed < 100; seed++) {
        scene_random(seed, &a);
        scene_random(seed, &b);
        CHECK(memcmp(&a, &b, sizeof a) == 0);
    }
}

TEST(training_never_draws_a_heldout_combination)
{
    struct scene scene;
    for (uint64_t seed = 0; seed < 5000; seed++) {
        scene_random(seed, &scene);
        CHECK(!scene_is_heldout(&scene));
    }
    for (int32_t i = 0; i < 500; i++) {
        scene_heldout(i, &scene);
        CHECK(scene_is_heldout(&scene));
    }
}

TEST(scenes_cover_every_attribute)
{
    int shape[SHAPE_COUNT] = {0}, colour[COLOUR_COUNT] = {0}, motion[MOTION_COUNT] = {0};
    int ground[GROUND_COUNT] = {0}, twos = 0;
    struct scene scene;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        scene_random(seed, &scene);
        shape[scene.object[0].shape]++;
        colour[scene.object[0].colour]++;
        motion[scene.object[0].motion]++;
        ground[scene.background]++;
        twos += scene.count == 2;
        for (int i = 0; i < scene.count; i++)
            CHECK(scene_pair_ok(scene.object[i].colour, scene.background));
    }
    for (int i = 0; i < SHAPE_COUNT; i++)
        CHECK_MSG(shape[i] > 200, "shape %d came %d times", i, shape[i]);
    for (int i = 0; i < COLOUR_COUNT; i++)
        CHECK_MSG(colour[i] > 150, "colour %d came %d times", i, colour[i]);
    for (int i = 0; i < MOTION_COUNT; i++)
        CHECK_MSG(motion[i] > 200, "motion %d came %d times", i, motion[i]);
    for (int i = 0; i < GROUND_COUNT; i++)
        CHECK_MSG(ground[i] > 200, "background %d came %d times", i, ground[i]);
    CHECK_MSG(twos > 300, "two objects came %d times", twos);
}

TEST(objects_stay_in_the_picture)
{
    struct scene scene;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        scene_random(seed, &scene);
        for (int i = 0; i < scene.count; i++)
            for (int f = 0; f < SCENE_FRAMES; f += 8) {
                struct scene_place p = scene_object_place(&scene, i, f, W, H);
                float top = scene.count == 2 && i == 1 ? 0.5f * H : 0;
                float bottom = scene.count == 2 && i == 0 ? 0.5f * H : H;
                CHECK_MSG(p.y - 0.9f * p.radius >= top && p.y + 0.9f * p.radius <= bottom,
                          "seed %d frame %d: y %f radius %f", (int)seed, f, p.y, p.radius);
                CHECK(p.x - 0.9f * p.radius >= -2 && p.x + 0.9f * p.radius <= W + 2);
            }
    }
}

TEST(captions_differ_and_fit)
{
    struct scene scene;
    char a[256], b[256], small[8];
    int same = 0;
    for (uint32_t seed = 0; seed < 500; seed++) {
        scene_random(seed, &scene);
        scene_caption(&scene, 2 * seed, a, sizeof a, NULL);
        scene_caption(&scene, 2 * seed + 1, b, sizeof b, NULL);
        CHECK(a[0] && strlen(a) < sizeof a - 1);
        same += strcmp(a, b) == 0;
        scene_caption(&scene, seed, small, sizeof small, NULL);
        CHECK(strlen(small) < sizeof small);
    }
    CHECK_MSG(same < 25, "%d of 500 pairs of captions are equal", same);
}

TEST(captions_say_what_is_not_default)
{
    struct scene scene = {.background = GROUND_SUNSET, .count = 1};
    scene.object[0] = (struct scene_object){.shape = SHAPE_RING, .colour = COLOUR_GREEN,
                                            .motion = MOTION_UP, .size = SIZE_LARGE};
    for (uint32_t variant = 0; variant < 200; variant++) {
        char text[256];
        scene_caption(&scene, variant, text, sizeof text, NULL);
        CHECK_MSG(strstr(text, "green") || strstr(text, "Green") || strstr(text, "merald"), "%s",
                  text);
        CHECK_MSG(strstr(text, "sun") || strstr(text, "dusk") || strstr(text, "evening"), "%s",
                  text);
    }
}

/* Spans hold an object's own words and none of the other's. */
TEST(captions_tell_where_they_speak_of_an_object)
{
    struct scene scene = {.background = GROUND_NIGHT, .count = 2};
    scene.object[0] = (struct scene_object){
        .shape = SHAPE_TRIANGLE, .colour = COLOUR_PINK, .motion = MOTION_UP, .size = SIZE_LARGE};
    scene.object[1] = (struct scene_object){
        .shape = SHAPE_HEART, .colour = COLOUR_PURPLE, .motion = MOTION_LEFT, .size = SIZE_SMALL};
    for (uint32_t variant = 0; variant < 200; variant++) {
        char text[256], said[2][256];
        struct scene_span spans[SCENE_OBJECTS];
        scene_caption(&scene, variant, text, sizeof text, spans);
        for (int i = 0; i < 2; i++)
            snprintf(said[i], sizeof said[i], "%.*s", spans[i].end - spans[i].first,
                     text + spans[i].first);
        CHECK_MSG(strstr(said[0], "ink") && !strstr(said[0], "heart"), "%s", said[0]);
        CHECK_MSG(strstr(said[1], "heart") && !strstr(said[1], "ink"), "%s", said[1]);
    }
}

TEST(clip_is_its_frames)
{
    struct scene scene;
    scene_random(7, &scene);
    size_t size = (size_t)W * H * 3;
    uint8_t *clip = dn_malloc(3 * size), *frame = dn_malloc(size);
    scene_draw_clip(&scene, 40, 3, W, H, clip);
    for (int i = 0; i < 3; i++) {
        scene_draw_frame(&scene, 40 + i, W, H, frame);
        CHECK(memcmp(clip + (size_t)i * size, frame, size) == 0);
    }
    free(clip);
    free(frame);
}

/* The middle of a big disc has its colour; the background far away is untouched. */
TEST(disc_has_its_colour)
{
    struct scene scene = {.background = GROUND_CHECKER, .count = 1};
    scene.object[0] = (struct scene_object){.shape = SHAPE_CIRCLE, .colour = COLOUR_RED,
                                            .motion = MOTION_GROWING, .size = SIZE_LARGE,
                                            .across = 0.5f, .down = 0.5f};
    uint8_t *frame = dn_malloc((size_t)W * H * 3), *ground = dn_malloc((size_t)W * H * 3);
    scene_draw_frame(&scene, 80, W, H, frame);
    scene_draw_background(GROUND_CHECKER, W, H, ground);
    float rgb[3];
    scene_colour_rgb(COLOUR_RED, rgb);
    for (int c = 0; c < 3; c++)
        CHECK(frame[3 * (H / 2 * W + W / 2) + c] == (uint8_t)rgb[c]);
    CHECK(memcmp(frame, ground, 3 * W) == 0);
    free(frame);
    free(ground);
}

/* Distances are negative inside and grow with a slope of about one outside. */
TEST(shape_distances_are_distances)
{
    for (int shape = 0; shape < SHAPE_COUNT; shape++) {
        float outside = scene_shape_distance(shape, 40, 0, 10, 1);
        CHECK_MSG(outside > 20 && outside < 36, "shape %d: %f", shape, outside);
        bool inside = false;
        for (int i = 0; i < 100; i++)
            inside |= scene_shape_distance(shape, 0.2f * (float)(i % 10) * 5, (float)(i / 10),
                                           10, 1) < 0;
        CHECK(inside);
    }
}

TEST(latents_tell_the_distance)
{
    struct scene scene = {.background = GROUND_SKY, .count = 1};
    scene.object[0] = (struct scene_object){.shape = SHAPE_CIRCLE, .colour = COLOUR_BLUE,
                                            .motion = MOTION_RIGHT, .size = SIZE_LARGE,
                                            .across = 0.5f, .down = 0.5f};
    float out[11 * (H / 8) * (W / 8)];
    int cells = (H / 8) * (W / 8);
    scene_object_latent(&scene, 0, 10, W, H, out); /* frames 37..40: in the middle */
    int middle = 6 * (W / 8) + 10, corner = 0;
    CHECK_MSG(out[3 * cells + middle] < -4, "inside: %f", out[3 * cells + middle]);
    CHECK_MSG(out[3 * cells + corner] > 0.5f, "outside: %f", out[3 * cells + corner]);
    int right_edge = 6 * (W / 8) + 12; /* the disc comes nearer there */
    CHECK(out[7 * cells + right_edge] < 0);
}

TESTS(T(same_seed_same_scene), T(training_never_draws_a_heldout_combination),
      T(scenes_cover_every_attribute), T(objects_stay_in_the_picture), T(captions_differ_and_fit),
      T(captions_say_what_is_not_default), T(captions_tell_where_they_speak_of_an_object),
      T(clip_is_its_frames), T(disc_has_its_colour),
      T(shape_distances_are_distances), T(latents_tell_the_distance))
