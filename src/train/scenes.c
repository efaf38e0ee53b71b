/* scenes: which scenes there are. Choosing one from a seed, what is held out, and the names.
 * The random numbers are splitmix64 (Steele, Lea, Flood 2014), used as a counter. */
#include "train/scenes.h"

#include <string.h>

static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

struct dice {
    uint64_t state;
};

static uint64_t roll(struct dice *dice)
{
    return mix(dice->state++);
}

static int roll_below(struct dice *dice, int limit)
{
    return (int)((roll(dice) >> 33) % (uint64_t)limit);
}

/* How much of [0,1] the places and phases of an object take up, around one half. The less the
 * captions leave open, the sharper a small model draws. */
static const float variety = 0.25f;

static float roll_open(struct dice *dice)
{
    float unit = (float)(roll(dice) >> 40) * 0x1p-24f;
    return 0.5f + variety * (unit - 0.5f);
}

void scene_open_choices(const struct scene *scene, float u[3 * SCENE_OBJECTS])
{
    for (int i = 0; i < SCENE_OBJECTS; i++) {
        const struct scene_object *o = &scene->object[i];
        const float drawn[3] = {o->across, o->down, o->phase};
        for (int k = 0; k < 3; k++)
            u[3 * i + k] = i < scene->count ? 0.5f + (drawn[k] - 0.5f) / variety : -1;
    }
}

static bool one_in(struct dice *dice, int n)
{
    return roll_below(dice, n) == 0;
}

static const struct {
    const char *name;
    int colour, motion, background; /* the defaults */
} shapes[SHAPE_COUNT] = {
    [SHAPE_CIRCLE] = {"circle", COLOUR_BLUE, MOTION_BOUNCING, GROUND_STRIPES},
    [SHAPE_SQUARE] = {"square", COLOUR_GREEN, MOTION_RIGHT, GROUND_CHECKER},
    [SHAPE_TRIANGLE] = {"triangle", COLOUR_PURPLE, MOTION_UP, GROUND_STRIPES},
    [SHAPE_STAR] = {"star", COLOUR_YELLOW, MOTION_DOWN, GROUND_NIGHT},
    [SHAPE_HEART] = {"heart", COLOUR_RED, MOTION_GROWING, GROUND_SKY},
    [SHAPE_CROSS] = {"cross", COLOUR_WHITE, MOTION_LEFT, GROUND_CHECKER},
    [SHAPE_RING] = {"ring", COLOUR_CYAN, MOTION_SHRINKING, GROUND_NIGHT},
    [SHAPE_BUTTERFLY] = {"butterfly", COLOUR_ORANGE, MOTION_CIRCLING, GROUND_MEADOW},
};

static const struct {
    const char *name;
    float rgb[3];
} colours[COLOUR_COUNT] = {
    [COLOUR_RED] = {"red", {220, 38, 38}},       [COLOUR_ORANGE] = {"orange", {245, 130, 25}},
    [COLOUR_YELLOW] = {"yellow", {250, 222, 45}}, [COLOUR_GREEN] = {"green", {40, 175, 70}},
    [COLOUR_CYAN] = {"cyan", {50, 210, 220}},    [COLOUR_BLUE] = {"blue", {45, 85, 230}},
    [COLOUR_PURPLE] = {"purple", {140, 55, 200}}, [COLOUR_PINK] = {"pink", {250, 130, 190}},
    [COLOUR_WHITE] = {"white", {245, 245, 245}}, [COLOUR_BLACK] = {"black", {22, 22, 26}},
};

static const char *const motions[MOTION_COUNT] = {
    "left", "right", "up", "down", "bouncing", "circling", "growing", "shrinking",
};

#define BIT(colour) (1u << (colour))
static const struct {
    const char *name;
    unsigned too_close; /* colours that hardly show on it */
} grounds[GROUND_COUNT] = {
    [GROUND_NIGHT] = {"night", BIT(COLOUR_BLACK)},
    [GROUND_SKY] = {"sky", BIT(COLOUR_WHITE) | BIT(COLOUR_CYAN)},
    [GROUND_MEADOW] = {"meadow", BIT(COLOUR_GREEN) | BIT(COLOUR_CYAN) | BIT(COLOUR_WHITE)},
    [GROUND_SUNSET] = {"sunset", BIT(COLOUR_RED) | BIT(COLOUR_ORANGE) | BIT(COLOUR_YELLOW) |
                                     BIT(COLOUR_PINK) | BIT(COLOUR_PURPLE)},
    [GROUND_CHECKER] = {"checker", 0},
    [GROUND_STRIPES] = {"stripes", BIT(COLOUR_WHITE) | BIT(COLOUR_YELLOW)},
};

const char *scene_shape_name(int shape)
{
    return shapes[shape].name;
}

const char *scene_colour_name(int colour)
{
    return colours[colour].name;
}

const char *scene_motion_name(int motion)
{
    return motions[motion];
}

const char *scene_background_name(int background)
{
    return grounds[background].name;
}

int scene_default_colour(int shape)
{
    return shapes[shape].colour;
}

int scene_default_motion(int shape)
{
    return shapes[shape].motion;
}

int scene_default_background(int shape)
{
    return shapes[shape].background;
}

void scene_colour_rgb(int colour, float rgb[3])
{
    memcpy(rgb, colours[colour].rgb, sizeof colours[colour].rgb);
}

bool scene_pair_ok(int colour, int background)
{
    return !(grounds[background].too_close & BIT(colour));
}

static bool object_is_heldout(const struct scene_object *o, int background)
{
    uint64_t combination = (((uint64_t)o->shape * COLOUR_COUNT + (uint64_t)o->colour) *
                                MOTION_COUNT + (uint64_t)o->motion) * GROUND_COUNT +
                           (uint64_t)background;
    bool plain = o->colour == shapes[o->shape].colour && o->motion == shapes[o->shape].motion;
    return !plain && mix(combination ^ 0xDA4A05) % 8 == 0;
}

bool scene_is_heldout(const struct scene *scene)
{
    for (int i = 0; i < scene->count; i++)
        if (object_is_heldout(&scene->object[i], scene->background))
            return true;
    return false;
}

static void random_object(struct dice *dice, struct scene_object *o)
{
    o->shape = roll_below(dice, SHAPE_COUNT);
    o->colour = one_in(dice, 12) ? shapes[o->shape].colour : roll_below(dice, COLOUR_COUNT);
    o->motion = one_in(dice, 12) ? shapes[o->shape].motion : roll_below(dice, MOTION_COUNT);
    o->size = roll_below(dice, SIZE_COUNT);
    o->across = roll_open(dice);
    o->down = roll_open(dice);
    o->phase = roll_open(dice);
}

/* One in two_in has two objects. A drawn scene may pair a colour with a background it drowns in: the
 * caller draws again. */
static bool draw_scene(struct dice *dice, int two_in, struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    scene->count = one_in(dice, two_in) ? 2 : 1;
    for (int i = 0; i < scene->count; i++)
        random_object(dice, &scene->object[i]);
    scene->background = one_in(dice, 12) ? shapes[scene->object[0].shape].background
                                         : roll_below(dice, GROUND_COUNT);
    for (int i = 0; i < scene->count; i++)
        if (!scene_pair_ok(scene->object[i].colour, scene->background))
            return false;
    return true;
}

void scene_random(uint64_t seed, struct scene *scene)
{
    struct dice dice = {mix(seed) << 8};
    if (one_in(&dice, 40)) { /* what words outside the grammar should give */
        *scene = (struct scene){.count = 1, .background = shapes[SHAPE_BUTTERFLY].background};
        random_object(&dice, &scene->object[0]);
        scene->object[0].shape = SHAPE_BUTTERFLY;
        scene->object[0].colour = shapes[SHAPE_BUTTERFLY].colour;
        scene->object[0].motion = shapes[SHAPE_BUTTERFLY].motion;
        scene->object[0].size = SIZE_MEDIUM;
        return;
    }
    /* which words belong to which of two objects is the hardest to learn: half of the scenes */
    while (!draw_scene(&dice, 2, scene) || scene_is_heldout(scene))
        continue;
}

void scene_heldout(int32_t index, struct scene *scene)
{
    struct dice dice = {mix(0x7E57ull << 32 | (uint32_t)index) << 8};
    while (!draw_scene(&dice, 6, scene) || !object_is_heldout(&scene->object[0], scene->background))
        continue;
}
