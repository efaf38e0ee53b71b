/* scene_judge: does a clip show the scene that its prompt asked for?
 *
 * Looks at the pixels alone. The background is the nearest of the known ones; objects are what
 * differs from it; their colour is compared with the palette, their outline with the drawer's
 * silhouettes, their path and size over time with the eight motions. */
#ifndef DANAUS_TRAIN_SCENE_JUDGE_H
#define DANAUS_TRAIN_SCENE_JUDGE_H

#include "train/scenes.h"

/* What was seen; -1 where nothing could be made out. */
struct scene_verdict {
    int32_t background;
    int32_t colour[SCENE_OBJECTS], shape[SCENE_OBJECTS], motion[SCENE_OBJECTS];
    /* as expected, for every object of the scene */
    bool background_right, colour_right, shape_right, motion_right;
};

/* Judges frames of w x h, rgb [frames,h,w,3], against a scene. False when the clip is too short or
 * too small to judge (fewer than 33 frames, less than 64x48); *out is then all -1 and false. */
bool scene_judge_clip(const struct scene *expected, const uint8_t *rgb, int frames, int w, int h,
                      struct scene_verdict *out);

#endif
