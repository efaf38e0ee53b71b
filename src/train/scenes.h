/* scenes: small drawn worlds that the demo model learns and is judged by.
 *
 * A scene is plain data: a background and one or two coloured shapes that move. Everything a frame
 * shows follows from the scene and the frame number, so the same code makes training clips, their
 * captions and the silhouettes that the judge compares with. Lengths are given in picture heights,
 * so a scene can be drawn at any size; a clip is SCENE_FRAMES frames at 16 a second. Nothing here
 * keeps state: every function may be called from any thread. */
#ifndef DANAUS_TRAIN_SCENES_H
#define DANAUS_TRAIN_SCENES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCENE_FRAMES = 81, SCENE_OBJECTS = 2 };

enum scene_shape {
    SHAPE_CIRCLE, SHAPE_SQUARE, SHAPE_TRIANGLE, SHAPE_STAR,
    SHAPE_HEART, SHAPE_CROSS, SHAPE_RING, SHAPE_BUTTERFLY, SHAPE_COUNT
};
enum scene_colour {
    COLOUR_RED, COLOUR_ORANGE, COLOUR_YELLOW, COLOUR_GREEN, COLOUR_CYAN,
    COLOUR_BLUE, COLOUR_PURPLE, COLOUR_PINK, COLOUR_WHITE, COLOUR_BLACK, COLOUR_COUNT
};
enum scene_motion {
    MOTION_LEFT, MOTION_RIGHT, MOTION_UP, MOTION_DOWN,
    MOTION_BOUNCING, MOTION_CIRCLING, MOTION_GROWING, MOTION_SHRINKING, MOTION_COUNT
};
enum scene_background {
    GROUND_NIGHT, GROUND_SKY, GROUND_MEADOW, GROUND_SUNSET, GROUND_CHECKER, GROUND_STRIPES,
    GROUND_COUNT
};
enum scene_size { SIZE_SMALL, SIZE_MEDIUM, SIZE_LARGE, SIZE_COUNT };

struct scene_object {
    int32_t shape, colour, motion, size; /* the enums above */
    /* What a caption never tells, each in [0,1]: place across, place down, point in the cycle of
     * a bouncing or circling motion. */
    float across, down, phase;
};

struct scene {
    int32_t background;
    int32_t count; /* objects: 1, or 2 with object[0] in the upper and object[1] in the lower half */
    struct scene_object object[SCENE_OBJECTS];
};

/* Where an object is in one frame: centre and radius in pixels. */
struct scene_place {
    float x, y, radius;
};

/* Fills *scene from a seed; never a held-out combination (see scene_is_heldout). */
void scene_random(uint64_t seed, struct scene *scene);

/* The index-th scene of the quality list: its first object is a held-out combination. */
void scene_heldout(int32_t index, struct scene *scene);

/* One in eight combinations of shape, colour, motion and background is never trained on. True when
 * one of the scene's objects is such a combination. */
bool scene_is_heldout(const struct scene *scene);

/* True when the colour stands out from the background; scenes use only such pairs. */
bool scene_pair_ok(int colour, int background);

/* across, down and phase of each object, spread evenly over [0,1]; -1 where there is no
 * object. */
void scene_open_choices(const struct scene *scene, float u[3 * SCENE_OBJECTS]);

/* What is taken for granted when a caption does not say it. */
int scene_default_colour(int shape);
int scene_default_motion(int shape);
int scene_default_background(int shape);

/* Bytes first..end-1 of a caption; both 0 where it says nothing of the object. */
struct scene_span {
    int32_t first, end;
};

/* Writes caption number `variant` (any value; each gives its own wording) as NUL-terminated ASCII,
 * cut to size. A caption leaves out an attribute only if the scene has its default. spans (may be
 * NULL): where it speaks of each object. */
void scene_caption(const struct scene *scene, uint32_t variant, char *text, size_t size,
                   struct scene_span spans[SCENE_OBJECTS]);

/* The plain words of the enums, for reports. */
const char *scene_shape_name(int shape);
const char *scene_colour_name(int colour);
const char *scene_motion_name(int motion);
const char *scene_background_name(int background);

/* rgb of a colour, 0..255. */
void scene_colour_rgb(int colour, float rgb[3]);

/* Where object `index` is in frame `frame` of a w x h picture. */
struct scene_place scene_object_place(const struct scene *scene, int index, int frame, int w,
                                      int h);

/* How far the wings are open in a frame, (0,1]; only the butterfly uses it. */
float scene_wings(int frame);

/* Signed distance in pixels from (x,y), relative to the centre, to a shape's edge; negative
 * inside. */
float scene_shape_distance(int shape, float x, float y, float radius, float wings);

/* Width of the rim inside an object's edge, in pixels of a picture of height h. */
float scene_rim(float radius, int h);

/* The same for the part inside the rim (and beside the butterfly's body) that has the colour. */
float scene_fill_distance(int shape, float x, float y, float radius, float wings, int h);

/* Draws the background alone: rgb [h,w,3]. */
void scene_draw_background(int background, int w, int h, uint8_t *rgb);

/* Draws one frame, or frames first..first+count-1: rgb [h,w,3] or [count,h,w,3]. */
void scene_draw_frame(const struct scene *scene, int frame, int w, int h, uint8_t *rgb);
void scene_draw_clip(const struct scene *scene, int first, int count, int w, int h, uint8_t *rgb);

#endif
