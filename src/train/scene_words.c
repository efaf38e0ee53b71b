/* scene_words: captions. Every attribute has several wordings and every caption one of several
 * orders of speech; which ones follows from the variant number alone. What equals its default may
 * be left unsaid, and a scene that is all default may get words from outside the grammar, so that
 * the model learns to take something for granted where a prompt says nothing. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "train/scenes.h"

enum { WORDINGS = 8 };

static const char *const shape_words[SHAPE_COUNT][WORDINGS] = {
    [SHAPE_CIRCLE] = {"circle", "ball", "disc", "circle", "dot"},
    [SHAPE_SQUARE] = {"square", "box", "block", "square"},
    [SHAPE_TRIANGLE] = {"triangle", "triangle", "pyramid"},
    [SHAPE_STAR] = {"star", "star", "five-pointed star"},
    [SHAPE_HEART] = {"heart", "heart", "love heart"},
    [SHAPE_CROSS] = {"cross", "plus sign", "plus", "cross"},
    [SHAPE_RING] = {"ring", "hoop", "donut", "ring"},
    [SHAPE_BUTTERFLY] = {"butterfly", "butterfly", "moth"},
};
static const char *const colour_words[COLOUR_COUNT][WORDINGS] = {
    [COLOUR_RED] = {"red", "red", "bright red", "crimson", "scarlet"},
    [COLOUR_ORANGE] = {"orange", "orange", "bright orange", "tangerine"},
    [COLOUR_YELLOW] = {"yellow", "yellow", "bright yellow", "golden"},
    [COLOUR_GREEN] = {"green", "green", "bright green", "emerald"},
    [COLOUR_CYAN] = {"cyan", "cyan", "turquoise", "aqua"},
    [COLOUR_BLUE] = {"blue", "blue", "bright blue", "royal blue"},
    [COLOUR_PURPLE] = {"purple", "purple", "violet"},
    [COLOUR_PINK] = {"pink", "pink", "rose pink"},
    [COLOUR_WHITE] = {"white", "white", "snow white"},
    [COLOUR_BLACK] = {"black", "black", "jet black"},
};
static const char *const size_words[SIZE_COUNT][WORDINGS] = {
    [SIZE_SMALL] = {"small", "small", "tiny", "little"},
    [SIZE_MEDIUM] = {"medium", "medium-sized", "mid-sized"},
    [SIZE_LARGE] = {"large", "large", "big", "huge"},
};
/* "a star ..." */
static const char *const doing[MOTION_COUNT][WORDINGS] = {
    [MOTION_LEFT] = {"moving left", "moving to the left", "drifting left", "sliding to the left",
                     "flying left", "going left", "heading left", "travelling from right to left"},
    [MOTION_RIGHT] = {"moving right", "moving to the right", "drifting right",
                      "sliding to the right", "flying right", "going right", "heading right",
                      "travelling from left to right"},
    [MOTION_UP] = {"moving up", "moving upwards", "rising", "floating up", "flying up", "going up",
                   "climbing"},
    [MOTION_DOWN] = {"moving down", "moving downwards", "falling", "sinking", "flying down",
                     "going down", "dropping", "descending"},
    [MOTION_BOUNCING] = {"bouncing", "bouncing up and down", "hopping", "jumping up and down"},
    [MOTION_CIRCLING] = {"circling", "moving in a circle", "flying in circles",
                         "going round in circles", "circling around", "orbiting"},
    [MOTION_GROWING] = {"growing", "growing larger", "getting bigger", "expanding",
                        "becoming larger"},
    [MOTION_SHRINKING] = {"shrinking", "growing smaller", "getting smaller", "contracting",
                          "becoming smaller"},
};
static const char *const does[MOTION_COUNT][WORDINGS] = {
    [MOTION_LEFT] = {"moves left", "moves to the left", "drifts left", "slides to the left",
                     "flies to the left", "goes left"},
    [MOTION_RIGHT] = {"moves right", "moves to the right", "drifts right", "slides to the right",
                      "flies to the right", "goes right"},
    [MOTION_UP] = {"moves up", "moves upwards", "rises", "floats up", "flies up", "climbs"},
    [MOTION_DOWN] = {"moves down", "moves downwards", "falls", "sinks", "flies down", "drops"},
    [MOTION_BOUNCING] = {"bounces", "bounces up and down", "hops", "jumps up and down"},
    [MOTION_CIRCLING] = {"circles", "moves in a circle", "flies in circles",
                         "goes round in circles", "orbits"},
    [MOTION_GROWING] = {"grows", "grows larger", "gets bigger", "expands"},
    [MOTION_SHRINKING] = {"shrinks", "grows smaller", "gets smaller", "contracts"},
};
static const char *const ground_words[GROUND_COUNT][WORDINGS] = {
    [GROUND_NIGHT] = {"at night", "in a starry night sky", "under the stars",
                      "on a dark night with stars", "against a night sky", "in space"},
    [GROUND_SKY] = {"in the sky", "in a blue sky with clouds", "among the clouds",
                    "against a cloudy blue sky", "in the daytime sky"},
    [GROUND_MEADOW] = {"over a meadow", "in a green meadow", "above the grass",
                       "over a grassy field", "on a meadow under a clear sky", "in a garden",
                       "over green grass", "on green grass"},
    [GROUND_SUNSET] = {"at sunset", "in front of a sunset", "against a sunset sky",
                       "in the evening glow", "at dusk"},
    [GROUND_CHECKER] = {"on a checkerboard", "over a grey checkerboard",
                        "on a checkered background", "in front of grey checks",
                        "on a chessboard pattern"},
    [GROUND_STRIPES] = {"on stripes", "on a striped background", "over beige stripes",
                        "in front of diagonal stripes", "on striped wallpaper"},
};
static const char *const endings[] = {
    "", "", "", "", "", "", ".", ".", ".", ", high quality", ", beautiful, detailed",
    ", smooth animation", ", cinematic lighting", ". The camera is still.", ", 4k", ", cartoon style",
};
static const char *const openings[] = {
    "", "", "", "", "", "", "", "a video of ", "an animation of ", "a clip showing ", "there is ",
    "we see ", "a cartoon of ", "footage of ",
};
static const char *const other_words[] = {
    "a", "the", "in", "of", "and", "with", "on", "woman", "man", "city", "street", "walking", "dog",
    "cat", "car", "ocean", "waves", "forest", "mountain", "camera", "shot", "close-up", "portrait",
    "slowly", "light", "rain", "snow", "fire", "robot", "dancing", "child", "playing", "old",
    "young", "face", "eyes", "beautiful", "cinematic", "film", "style", "tokyo", "neon", "beach",
    "house", "river", "bird", "horse", "running", "eating", "coffee", "cup", "table", "window",
    "room", "people", "crowd", "dragon", "astronaut", "ship", "train", "mountains", "desert", "view",
    "drone", "landscape", "flower", "tree", "leaves", "glass", "water", "fish", "painting",
    "realistic", "3d", "render", "scene", "background", "wearing", "dress", "hat", "smiling", "fast",
};

#define LENGTH(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

/* The choices of one caption, and its text so far. */
struct writer {
    char *text;
    size_t size, used;
    uint32_t state;
    struct scene_span spans[SCENE_OBJECTS]; /* what is said of each object */
};

static uint32_t choose(struct writer *writer, uint32_t limit)
{
    uint32_t x = writer->state += 0x9E3779B9u;
    x = (x ^ (x >> 16)) * 0x21F0AAADu; /* lowbias32 (Wellons 2018) */
    x = (x ^ (x >> 15)) * 0x735A2D97u;
    return (x ^ (x >> 15)) % limit;
}

static void put(struct writer *writer, const char *words)
{
    size_t room = writer->size - writer->used, length = strlen(words);
    if (length >= room)
        length = room - 1;
    memcpy(writer->text + writer->used, words, length);
    writer->used += length;
    writer->text[writer->used] = 0;
}

static const char *wording(struct writer *writer, const char *const words[WORDINGS])
{
    uint32_t count = 0;
    while (count < WORDINGS && words[count])
        count++;
    return words[choose(writer, count)];
}

/* "a large bright red star"; leaves out what is default now and then. */
static void put_object(struct writer *writer, const struct scene_object *o)
{
    char phrase[96] = "";
    size_t used = 0;
    const char *words[3] = {NULL, NULL, NULL};
    if (o->size != SIZE_MEDIUM || choose(writer, 5) == 0)
        words[0] = wording(writer, size_words[o->size]);
    if (o->colour != scene_default_colour(o->shape) || choose(writer, 3))
        words[1] = wording(writer, colour_words[o->colour]);
    words[2] = wording(writer, shape_words[o->shape]);
    for (int i = 0; i < 3; i++)
        if (words[i])
            used += (size_t)snprintf(phrase + used, sizeof phrase - used, "%s%s", used ? " " : "",
                                     words[i]);
    static const char *const articles[] = {"a ", "a ", "a ", "one ", ""};
    const char *article = articles[choose(writer, LENGTH(articles))];
    if (article[0] == 'a' && strchr("aeiou", phrase[0]))
        article = "an ";
    put(writer, article);
    put(writer, phrase);
}

/* Whether a motion or background must be said, or happens to be. */
static bool says(struct writer *writer, int value, int usual)
{
    return value != usual || choose(writer, 3);
}

/* " is moving left", " moves left", " moving left", ", moving left" */
static void put_motion(struct writer *writer, const struct scene_object *o)
{
    if (!says(writer, o->motion, scene_default_motion(o->shape)))
        return;
    static const char *const links[] = {" ", " ", " is ", " that is ", ", "};
    uint32_t form = choose(writer, 7);
    put(writer, form < LENGTH(links) ? links[form] : " ");
    put(writer, form < LENGTH(links) ? wording(writer, doing[o->motion])
                                     : wording(writer, does[o->motion]));
}

static void put_all_of(struct writer *writer, const struct scene *scene, int object)
{
    struct scene_span *span = &writer->spans[object];
    span->first = (int32_t)writer->used;
    put_object(writer, &scene->object[object]);
    put_motion(writer, &scene->object[object]);
    span->end = (int32_t)writer->used;
}

static void put_objects(struct writer *writer, const struct scene *scene)
{
    static const char *const between[] = {" above ", " over ", " at the top and ",
                                          " in the upper half, and ", " below ", " under "};
    static const char *const after[] = {"", "", " at the bottom", " in the lower half", "", ""};
    if (scene->count == 1) {
        put_all_of(writer, scene, 0);
        return;
    }
    uint32_t how = choose(writer, LENGTH(between));
    int first = how >= 4; /* "B below A" */
    put_all_of(writer, scene, first);
    put(writer, between[how]);
    put_all_of(writer, scene, 1 - first);
    put(writer, after[how]);
}

static void put_other_words(struct writer *writer)
{
    uint32_t count = 1 + choose(writer, 30);
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            put(writer, choose(writer, 9) ? " " : ", ");
        put(writer, other_words[choose(writer, LENGTH(other_words))]);
    }
}

static bool is_all_default(const struct scene *scene)
{
    const struct scene_object *o = &scene->object[0];
    return scene->count == 1 && o->shape == SHAPE_BUTTERFLY && o->size == SIZE_MEDIUM &&
           o->colour == scene_default_colour(o->shape) &&
           o->motion == scene_default_motion(o->shape) &&
           scene->background == scene_default_background(o->shape);
}

static void put_caption(struct writer *writer, const struct scene *scene)
{
    if (is_all_default(scene) && choose(writer, 3)) {
        put_other_words(writer);
        return;
    }
    bool ground = says(writer, scene->background,
                       scene_default_background(scene->object[0].shape));
    bool ground_first = choose(writer, 4) == 0;
    const char *where = wording(writer, ground_words[scene->background]);
    if (ground && ground_first) {
        put(writer, where);
        put(writer, ", ");
    } else {
        put(writer, openings[choose(writer, LENGTH(openings))]);
    }
    put_objects(writer, scene);
    if (ground && !ground_first) {
        put(writer, choose(writer, 4) ? " " : ", ");
        put(writer, where);
    }
    put(writer, endings[choose(writer, LENGTH(endings))]);
    if (choose(writer, 2))
        writer->text[0] = (char)toupper((unsigned char)writer->text[0]);
}

void scene_caption(const struct scene *scene, uint32_t variant, char *text, size_t size,
                   struct scene_span spans[SCENE_OBJECTS])
{
    struct writer writer = {.text = text, .size = size, .state = variant * 2654435761u + 12345};
    text[0] = 0;
    put_caption(&writer, scene);
    for (int i = 0; spans && i < SCENE_OBJECTS; i++)
        spans[i] = writer.spans[i];
}
